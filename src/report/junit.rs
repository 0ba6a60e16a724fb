//! junit.xml: one suite a scenario, one for rate limits, one for the generator.

use quick_xml::Writer;
use quick_xml::events::{BytesCData, BytesDecl, Event};

use super::document::shard_lines;
use crate::gate::{About, Finding, FindingVerdict, VerdictKind};
use crate::measure::Recording;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units::{self, Timestamp};

/// The most characters of one text: what a viewer can still show.
const MOST_TEXT: usize = 20_000;

/// A suite of cases.
struct Suite {
    name: String,
    started_at: Timestamp,
    cases: Vec<Case>,
    system_out: String,
}

/// A case: what is asserted, and what became of it.
struct Case {
    class: String,
    name: String,
    verdict: FindingVerdict,
    message: String,
    text: String,
    /// How long it took, in seconds with at most three decimals.
    time: String,
}

/// The run as JUnit XML. A finding that fails is a `failure`, an inconclusive
/// one an `error`, one that wasn't exercised `skipped` with its reason; so that
/// the file is red exactly when the run isn't a pass.
#[must_use]
pub fn junit(report: &SuiteReport) -> String {
    let mut suites: Vec<Suite> =
        report.scenarios.iter().map(|scenario| scenario_suite(report, scenario)).collect();
    suites.push(shared_suite(report, "rate limits", |about| matches!(about, About::Limiter(_))));
    suites.push(generator_suite(report));
    let mut writer = Writer::new(Vec::new());
    // Writing to memory can't fail.
    let _ = write(&mut writer, &suites);
    let mut text = String::from_utf8_lossy(&writer.into_inner()).into_owned();
    text.push('\n');
    text
}

fn scenario_suite(report: &SuiteReport, scenario: &ScenarioReport) -> Suite {
    let recording = &scenario.recording;
    let own = |about: About| !matches!(about, About::Limiter(_) | About::Generator);
    let mut cases = cases(scenario, own);
    agree(report, scenario, &mut cases);
    if cases.is_empty() {
        cases.push(case(scenario, "the scenario runs", FindingVerdict::Pass, "", ""));
    }
    // The whole scenario's time stands at its first case: a threshold takes none.
    if let Some(first) = cases.first_mut() {
        first.time = seconds(recording);
    }
    Suite {
        name: scenario.plan.scenario.name().to_owned(),
        started_at: recording.started_at,
        cases,
        system_out: system_out(report, Some(scenario)),
    }
}

/// A suite that the scenarios share: each case's name begins with its scenario's,
/// for many readers tell cases apart by the name alone.
fn shared_suite(report: &SuiteReport, name: &str, own: fn(About) -> bool) -> Suite {
    let mut shared = Vec::new();
    for scenario in &report.scenarios {
        let named = |case: Case| {
            let name = format!("{}: {}", scenario.plan.scenario, case.name);
            Case { name, ..case }
        };
        shared.extend(cases(scenario, own).into_iter().map(named));
    }
    Suite {
        name: name.to_owned(),
        started_at: report.started_at,
        cases: shared,
        system_out: system_out(report, None),
    }
}

/// The generator's findings, and what concerns no scenario alone.
fn generator_suite(report: &SuiteReport) -> Suite {
    let mut suite = shared_suite(report, "generator", |about| about == About::Generator);
    let judged: Vec<VerdictKind> =
        report.scenarios.iter().map(|scenario| effective(report, scenario)).collect();
    let worst = judged.iter().max().copied().unwrap_or(VerdictKind::Pass);
    if report.verdict > worst {
        let verdict = match report.verdict {
            VerdictKind::Fail => FindingVerdict::Fail,
            _ => FindingVerdict::Inconclusive,
        };
        let text = report.notices.join("\n");
        suite.cases.push(Case {
            class: "load-gate.run".to_owned(),
            name: "the run as a whole".to_owned(),
            verdict,
            message: report.headline.clone(),
            text,
            time: "0".to_owned(),
        });
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
fn agree(report: &SuiteReport, scenario: &ScenarioReport, cases: &mut Vec<Case>) {
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

fn cases(scenario: &ScenarioReport, own: impl Fn(About) -> bool) -> Vec<Case> {
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
) -> Case {
    Case {
        class: format!("load-gate.{}", scenario.plan.scenario),
        name: name.to_owned(),
        verdict,
        message: message.to_owned(),
        text: text.to_owned(),
        time: "0".to_owned(),
    }
}

/// Tests, failures, errors and skipped ones.
fn totals<'a>(cases: impl Iterator<Item = &'a Case>) -> [(&'static str, String); 4] {
    let mut counts = [("tests", 0_u64), ("failures", 0), ("errors", 0), ("skipped", 0)];
    for case in cases {
        counts[0].1 += 1;
        match case.verdict {
            FindingVerdict::Fail => counts[1].1 += 1,
            FindingVerdict::Inconclusive => counts[2].1 += 1,
            FindingVerdict::Skipped => counts[3].1 += 1,
            FindingVerdict::Pass | FindingVerdict::Info => {}
        }
    }
    counts.map(|(name, n)| (name, n.to_string()))
}

/// Writes what the schema of Jenkins' xUnit plugin (junit-10) allows, and no more:
/// `testsuites` has totals, but none of the skipped.
fn write(writer: &mut Writer<Vec<u8>>, suites: &[Suite]) -> std::io::Result<()> {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let all = totals(suites.iter().flat_map(|suite| &suite.cases));
    let all = all.iter().filter(|(name, _)| *name != "skipped");
    let attributes = all.map(|(name, n)| (*name, n.as_str()));
    writer
        .create_element("testsuites")
        .with_attribute(("name", "load-gate"))
        .with_attributes(attributes)
        .write_inner_content(|writer| {
            suites.iter().enumerate().try_for_each(|(id, suite)| write_suite(writer, id, suite))
        })?;
    Ok(())
}

fn write_suite(writer: &mut Writer<Vec<u8>>, id: usize, suite: &Suite) -> std::io::Result<()> {
    let totals = totals(suite.cases.iter());
    let started_at = suite.started_at.rfc3339();
    let to_the_second = started_at.split('.').next().unwrap_or(&started_at);
    let started_at = format!("{to_the_second}Z");
    let id = id.to_string();
    let time = suite.cases.first().map_or("0", |case| case.time.as_str());
    writer
        .create_element("testsuite")
        .with_attributes([
            ("id", id.as_str()),
            ("name", &attribute(&suite.name)),
            ("package", "load-gate"),
        ])
        .with_attributes(totals.iter().map(|(name, n)| (*name, n.as_str())))
        .with_attributes([("hostname", "localhost"), ("timestamp", &started_at), ("time", time)])
        .write_inner_content(|writer| {
            suite.cases.iter().try_for_each(|case| write_case(writer, case))?;
            let out = writer.create_element("system-out");
            out.write_cdata_content(BytesCData::new(&suite.system_out)).map(|_| ())
        })?;
    Ok(())
}

fn write_case(writer: &mut Writer<Vec<u8>>, case: &Case) -> std::io::Result<()> {
    let (message, text) = (attribute(&case.message), xml_text(&case.text));
    let told = |writer: &mut Writer<Vec<u8>>, element: &'static str, kind: &str| {
        let element = writer.create_element(element);
        let element = element.with_attributes([("type", kind), ("message", message.as_str())]);
        if text.is_empty() {
            element.write_empty()
        } else {
            element.write_cdata_content(BytesCData::new(&text))
        }
        .map(|_| ())
    };
    let quiet = matches!(case.verdict, FindingVerdict::Pass | FindingVerdict::Info);
    let element = writer.create_element("testcase").with_attributes([
        ("name", attribute(&case.name).as_str()),
        ("time", &case.time),
        ("classname", &attribute(&case.class)),
    ]);
    if quiet && text.is_empty() {
        return element.write_empty().map(|_| ());
    }
    element.write_inner_content(|writer| match case.verdict {
        FindingVerdict::Fail => told(writer, "failure", "fail"),
        FindingVerdict::Inconclusive => told(writer, "error", "inconclusive"),
        FindingVerdict::Skipped => told(writer, "skipped", "skipped"),
        FindingVerdict::Pass | FindingVerdict::Info => {
            let out = writer.create_element("system-out");
            out.write_cdata_content(BytesCData::new(&text)).map(|_| ())
        }
    })?;
    Ok(())
}

/// What the run was, as key=value.
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
    for caveat in &report.caveats {
        add!(text, "caveat={}\n", attribute(caveat));
    }
    for (key, value) in &context.facts {
        add!(text, "fact.{}={}\n", attribute(key), attribute(value));
    }
    for (shard, did) in scenario.map(shard_lines).unwrap_or_default() {
        add!(text, "shard.{shard}={did}\n");
    }
    xml_text(&text)
}

/// The time a scenario took, in seconds; the schema allows three decimals.
fn seconds(recording: &Recording) -> String {
    let millis = (recording.load_offset + recording.duration).0 / 1_000_000;
    format!("{}.{:03}", millis / 1000, millis % 1000)
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
