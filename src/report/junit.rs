//! junit.xml: one suite a scenario, one for rate limits, one for the generator.

use junit_report::{Duration, OffsetDateTime, ReportBuilder, TestCase, TestCaseBuilder, TestSuite};

use crate::gate::{About, Finding, FindingVerdict, VerdictKind};
use crate::measure::Recording;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units::{self, Timestamp};

/// The most characters of one text: what a viewer can still show.
const MOST_TEXT: usize = 20_000;

/// The run as JUnit XML. A finding that fails is a `failure`, an inconclusive
/// one an `error`, one that wasn't exercised `skipped` with its reason; so that
/// the file is red exactly when the run isn't a pass.
#[must_use]
pub fn junit(report: &SuiteReport) -> String {
    let mut builder = ReportBuilder::new();
    for scenario in &report.scenarios {
        builder.add_testsuite(scenario_suite(report, scenario));
    }
    builder.add_testsuite(shared_suite(report, "rate limits", |about| {
        matches!(about, About::Limiter(_))
    }));
    builder.add_testsuite(generator_suite(report));
    let mut bytes = Vec::new();
    // Writing to memory fails only where a timestamp can't be written, and those are checked.
    let _ = builder.build().write_xml(&mut bytes);
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    text.push('\n');
    text
}

fn scenario_suite(report: &SuiteReport, scenario: &ScenarioReport) -> TestSuite {
    let recording = &scenario.recording;
    let own = |about: About| !matches!(about, About::Limiter(_) | About::Generator);
    let mut cases = cases(scenario, own);
    agree(report, scenario, &mut cases);
    if cases.is_empty() {
        cases.push(case(scenario, "the scenario runs", FindingVerdict::Pass, "", ""));
    }
    // The whole scenario's time stands at its first case: a threshold takes none.
    if let Some(first) = cases.first_mut() {
        first.time = duration(recording);
    }
    suite(
        report,
        scenario.plan.scenario.name(),
        recording.started_at,
        cases,
        system_out(report, Some(scenario)),
    )
}

fn shared_suite(report: &SuiteReport, name: &str, own: fn(About) -> bool) -> TestSuite {
    let cases = report.scenarios.iter().flat_map(|scenario| cases(scenario, own)).collect();
    suite(report, name, report.started_at, cases, system_out(report, None))
}

/// The generator's findings, and what concerns no scenario alone.
fn generator_suite(report: &SuiteReport) -> TestSuite {
    let mut suite = shared_suite(report, "generator", |about| about == About::Generator);
    let judged: Vec<VerdictKind> =
        report.scenarios.iter().map(|scenario| effective(report, scenario)).collect();
    let worst = judged.iter().max().copied().unwrap_or(VerdictKind::Pass);
    if report.verdict > worst {
        let verdict = match report.verdict {
            VerdictKind::Fail => FindingVerdict::Fail,
            _ => FindingVerdict::Inconclusive,
        };
        let mut case =
            build("the run as a whole", verdict, &report.headline, &report.notices.join("\n"));
        case.set_classname("load-gate.run");
        suite.add_testcase(case);
    }
    suite
}

/// What a scenario adds to the suite's verdict.
fn effective(report: &SuiteReport, scenario: &ScenarioReport) -> VerdictKind {
    match scenario.verdict.kind {
        VerdictKind::Skipped if report.allow_skip => VerdictKind::Pass,
        VerdictKind::Skipped => VerdictKind::Inconclusive,
        kind => kind,
    }
}

/// Adds the case without which failures and errors would say something else
/// than the scenario's verdict.
fn agree(report: &SuiteReport, scenario: &ScenarioReport, cases: &mut Vec<TestCase>) {
    let verdict = &scenario.verdict;
    let has = |wanted: FindingVerdict| verdict.findings.iter().any(|f| f.verdict == wanted);
    let why = || verdict.reasons.join("\n");
    let worst = verdict.reasons.first().map_or("no reason is recorded", String::as_str);
    if verdict.kind == VerdictKind::Skipped && !has(FindingVerdict::Skipped) {
        cases.push(case(scenario, "the scenario is run", FindingVerdict::Skipped, worst, ""));
    }
    let missing = match effective(report, scenario) {
        VerdictKind::Fail if !has(FindingVerdict::Fail) => FindingVerdict::Fail,
        VerdictKind::Inconclusive if !has(FindingVerdict::Inconclusive) => {
            FindingVerdict::Inconclusive
        }
        _ => return,
    };
    let name = if verdict.kind == VerdictKind::Skipped {
        "a skipped scenario needs --allow-skip"
    } else {
        "the scenario's verdict is pass"
    };
    cases.push(case(scenario, name, missing, worst, &why()));
}

fn cases(scenario: &ScenarioReport, own: impl Fn(About) -> bool) -> Vec<TestCase> {
    let findings = scenario.verdict.findings.iter().filter(|finding| own(finding.about));
    findings
        .map(|finding| {
            let text = evidence(scenario, finding);
            case(scenario, &finding.name, finding.verdict, &finding.message, &text)
        })
        .collect()
}

/// The evidence of a finding and, where it fails, the first offending answers.
fn evidence(scenario: &ScenarioReport, finding: &Finding) -> String {
    let mut lines = vec![finding.message.clone()];
    lines.extend(finding.evidence.iter().cloned());
    if let Some(t) = &finding.threshold {
        lines.push(format!("samples={}", t.samples));
        if let Some(worth) = t.worth {
            lines.push(format!("worth={worth}"));
        }
        if let Some((low, high)) = t.interval {
            let shown = |v| t.say(v);
            let confidence = units::number((t.confidence * 1e4).round() / 1e2);
            lines.push(format!("interval_{confidence}={} to {}", shown(low), shown(high)));
        }
        if t.close {
            lines.push("close: the interval straddles the bound".to_owned());
        }
    }
    if matches!(finding.verdict, FindingVerdict::Fail | FindingVerdict::Inconclusive)
        && !matches!(finding.about, About::Limiter(_) | About::Generator)
    {
        lines.extend(scenario.recording.excerpts.iter().take(3).map(|e| {
            format!(
                "{} × {} (status {}), first at arrival {}: {}",
                units::count(e.count),
                e.outcome,
                e.status,
                e.arrival,
                e.text
            )
        }));
    }
    lines.join("\n")
}

fn case(
    scenario: &ScenarioReport,
    name: &str,
    verdict: FindingVerdict,
    message: &str,
    text: &str,
) -> TestCase {
    let mut case = build(name, verdict, message, text);
    case.set_classname(&format!("load-gate.{}", scenario.plan.scenario));
    case
}

fn build(name: &str, verdict: FindingVerdict, message: &str, text: &str) -> TestCase {
    let (name, message, text) = (attribute(name), attribute(message), xml_text(text));
    let zero = Duration::ZERO;
    match verdict {
        FindingVerdict::Fail => {
            TestCaseBuilder::failure(&name, zero, "fail", &message).set_trace(&text).build()
        }
        FindingVerdict::Inconclusive => {
            TestCaseBuilder::error(&name, zero, "inconclusive", &message).set_trace(&text).build()
        }
        FindingVerdict::Skipped => TestCase::skipped_with_cause(&name, "skipped", &message),
        FindingVerdict::Pass | FindingVerdict::Info => {
            let mut case = TestCase::success(&name, zero);
            if !text.is_empty() {
                case.set_system_out(&text);
            }
            case
        }
    }
}

fn suite(
    report: &SuiteReport,
    name: &str,
    started_at: Timestamp,
    cases: Vec<TestCase>,
    system_out: String,
) -> TestSuite {
    // Built by its fields: `TestSuite::new` would read the clock.
    TestSuite {
        name: name.to_owned(),
        package: "load-gate".to_owned(),
        timestamp: moment(started_at, report.started_at),
        hostname: "localhost".to_owned(),
        testcases: cases,
        system_out: Some(system_out),
        system_err: None,
    }
}

/// junit-report knows no properties: they stand here as key=value.
fn system_out(report: &SuiteReport, scenario: Option<&ScenarioReport>) -> String {
    let context = &report.context;
    let mut pairs = vec![
        ("environment", report.environment.name.clone()),
        ("url", report.environment.url.clone()),
        ("profile", report.profile.clone()),
        ("seed", report.seed.to_string()),
        ("run_id", report.run_id.clone()),
        ("tool_version", report.tool_version.clone()),
        ("verdict", scenario.map_or(report.verdict, |s| s.verdict.kind).to_string()),
        ("headline", report.headline.clone()),
    ];
    let optional = [
        ("tool_commit", &report.tool_commit),
        ("commit", &context.commit),
        ("run_url", &context.run_url),
        ("repository", &context.repository),
    ];
    pairs.extend(optional.into_iter().filter_map(|(key, value)| Some((key, value.clone()?))));
    let mut text = String::new();
    for (key, value) in &pairs {
        add!(text, "{key}={}\n", attribute(value));
    }
    for (key, value) in &context.facts {
        add!(text, "fact.{}={}\n", attribute(key), attribute(value));
    }
    xml_text(&text)
}

/// The time a scenario took. The common schema allows three decimals, and
/// junit-report prints a double: the milliseconds are rounded down until it
/// prints no more than three.
fn duration(recording: &Recording) -> Duration {
    let millis = (recording.load_offset + recording.duration).0 / 1_000_000;
    let millis = i64::try_from(millis).unwrap_or(0).min(1_000_000_000_000);
    let short = |ms: &i64| {
        let text = Duration::milliseconds(*ms).as_seconds_f64().to_string();
        text.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 3)
    };
    let found = (0..1000).map(|less| (millis - less).max(0)).find(short);
    Duration::milliseconds(found.unwrap_or(0))
}

/// A moment junit-report can write (years 0 to 9999), to the second.
fn moment(at: Timestamp, otherwise: Timestamp) -> OffsetDateTime {
    let read = |t: Timestamp| OffsetDateTime::from_unix_timestamp(t.unix_millis.div_euclid(1000));
    let good = |t: &OffsetDateTime| (1..=9999).contains(&t.year());
    read(at)
        .ok()
        .filter(good)
        .or_else(|| read(otherwise).ok().filter(good))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `text` with nothing that XML 1.0 forbids and nothing that ends a CDATA
/// section, at most [`MOST_TEXT`] characters.
fn xml_text(text: &str) -> String {
    let mut clean: String = text.chars().filter(|c| is_xml(*c)).take(MOST_TEXT).collect();
    if text.len() > MOST_TEXT && text.chars().count() > MOST_TEXT {
        clean.push('…');
    }
    // A blank keeps the words readable and needs no second CDATA section.
    clean.replace("]]>", "]] >").trim_end().to_owned()
}

/// The same on one line, for attributes (where white space is folded anyway).
fn attribute(text: &str) -> String {
    xml_text(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// XML 1.0's `Char`, without the C1 controls and the marks that reorder text.
const fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
