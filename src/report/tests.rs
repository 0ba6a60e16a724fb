//! Every format over whole runs: what people read as snapshots, what machines
//! read through real parsers.

mod junit;
mod pages;
mod same;

use super::*;
use crate::gate::VerdictKind;
use crate::suite::parse_suite;
use crate::units::Nanos;
use serde_json::Value;

fn only(report: &crate::suite::SuiteReport) -> &crate::suite::ScenarioReport {
    report.scenarios.last().expect("has a scenario")
}

#[test]
fn the_closing_summaries_read_well() {
    for (name, report) in fixtures::all() {
        insta::assert_snapshot!(format!("text_{name}"), summary_text(&report, Style::PLAIN));
    }
}

#[test]
fn the_other_formats_are_as_kept() {
    for (name, report) in fixtures::all().into_iter().take(3) {
        insta::assert_snapshot!(format!("k6_{name}"), k6_json(&report, only(&report)));
        insta::assert_snapshot!(format!("junit_{name}"), junit(&report));
    }
}

#[test]
fn colours_are_only_there_when_asked_for() {
    for (_, report) in fixtures::all() {
        assert!(!summary_text(&report, Style::PLAIN).contains('\u{1b}'));
        let dressed = summary_text(&report, Style { color: true, ..Style::PLAIN });
        assert!(dressed.contains("\u{1b}["));
    }
}

#[test]
fn traces_of_the_slowest_and_of_what_failed_stand_in_report_and_comment() {
    let (slowest, failed) =
        ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7a3ce929d0e0e4736");
    let mut report = fixtures::full(true);
    let recording = &mut report.scenarios[0].recording;
    recording.slowest = vec![crate::measure::Slow {
        arrival: 7,
        at: Nanos::from_secs(3),
        response_time: Nanos::from_secs(2),
        trace: Some(slowest.to_owned()),
    }];
    recording.excerpts[0].trace = Some(failed.to_owned());
    for text in [report_html(&report, None), comment(&report, None, Masthead::default())] {
        assert!(text.contains(slowest) && text.contains(failed));
    }
}

#[test]
fn the_count_beside_a_table_is_that_of_its_rows() {
    let mut seen = 0;
    for (name, report) in fixtures::all() {
        let html = report_html(&report, None);
        for part in html.split("Thresholds</h3> <span class=\"quiet\">").skip(1) {
            let (count, rest) = part.split_once('<').expect("a page");
            let body = rest.split("<tbody>").nth(1).and_then(|body| body.split("</tbody>").next());
            let rows = body.expect("a table").matches("<tr").count();
            assert_eq!(count, rows.to_string(), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn a_refusal_is_called_by_the_status_that_is_declared() {
    let mut report = fixtures::full(true);
    for scenario in &mut report.scenarios {
        let limits = [&mut scenario.plan.criteria.limit, &mut scenario.verdict.limiter.declared];
        limits.into_iter().flatten().for_each(|limit| limit.status = 503);
    }
    let comment_text = comment(&report, None, Masthead::default());
    assert!(comment_text.contains("| 503 / predicted |"), "{comment_text}");
    let summary = summary_text(&report, Style::PLAIN);
    assert!(
        summary.contains("503 observed") || report_html(&report, None).contains("503 observed")
    );
    let texts = files(&report, None).map(|(_, text)| text).chain([
        comment_text,
        summary,
        markdown(&report, None, usize::MAX),
        explain_text(&explain(&report), Style::PLAIN),
    ]);
    for text in texts {
        for word in ["429 observed", "observed 429", "predicted 429", "of 429", "with 429", "429 /"]
        {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
    // Beside one that refuses by another status, the column is of neither.
    report.scenarios[0].verdict.limiter.declared = None;
    let other = fixtures::full(true).scenarios.remove(0);
    report.scenarios.push(other);
    assert!(comment(&report, None, Masthead::default()).contains("| refused / predicted |"));
}

#[test]
fn the_first_line_is_the_verdict() {
    for (_, report) in fixtures::all() {
        let text = summary_text(&report, Style::PLAIN);
        let first = text.lines().next().unwrap_or_default();
        assert_eq!(first, escape::one_line(&report.headline));
    }
}

#[test]
fn no_fixture_contradicts_itself() {
    for report in [fixtures::pass(), fixtures::interrupted(), fixtures::full(true)] {
        let page = report_html(&report, None);
        for scenario in &report.scenarios {
            let judged = scenario.verdict.findings.iter().filter_map(|f| f.threshold.as_ref());
            let mut judged = judged.filter(|threshold| threshold.key == fixtures::P95_KEY);
            let told = judged.next().and_then(|threshold| threshold.observed);
            let p95 = figures::accepted(&scenario.recording).response_time.quantile(0.95);
            assert_eq!(told, p95.map(Nanos::as_millis_f64), "{}", report.headline);
            assert!(page.contains(&crate::units::millis(told.unwrap_or(0.0))));
            let bins = &scenario.recording.timeline.bins;
            let ended: u64 = bins.iter().map(|bin| bin.outcomes.total()).sum();
            assert_eq!(ended, scenario.recording.total().outcomes.total());
        }
    }
    assert_eq!(fixtures::full(false).verdict, VerdictKind::Pass);
    assert_eq!(fixtures::full(true).verdict, VerdictKind::Fail);
}

#[test]
fn the_numbers_that_scripts_ask_for_are_numbers_or_not_there() {
    for (name, report) in fixtures::all() {
        for scenario in &report.scenarios {
            let value: Value = serde_json::from_str(&k6_json(&report, scenario)).expect("is JSON");
            let total = scenario.recording.total();
            let (sent, answered) = (total.requests > 0, !total.response_time.is_empty());
            for (path, observed) in [
                ("/metrics/http_reqs/values/count", sent),
                ("/metrics/http_reqs/values/rate", sent),
                ("/metrics/http_req_duration/values/p(95)", answered),
                ("/metrics/errors/values/rate", total.success_rate().is_some()),
                ("/metrics/rate_limit_hits/values/count", sent),
                ("/metrics/response_time/values/p(99)", answered),
                ("/load_gate/outcomes/dropped", true),
                ("/load_gate/generator/schedule_lag_ms/p99", true),
            ] {
                let at = value.pointer(path);
                assert_eq!(at.is_some_and(Value::is_number), observed, "{name} {path}: {at:?}");
                assert_eq!(at.is_some(), observed, "{name} {path}: {at:?}");
            }
            let ok = format!("/metrics/{}/thresholds/p(95)<2000/ok", fixtures::P95_KEY);
            if answered {
                assert!(value.pointer(&ok).is_some_and(Value::is_boolean), "{name} {ok}");
            }
        }
    }
}

#[test]
fn a_threshold_on_nothing_has_nulls_and_is_not_ok() {
    let report = fixtures::skipped();
    let scenario = report.scenarios.iter().find(|s| !s.plan.criteria.thresholds.is_empty());
    let mut scenario = scenario.expect("has thresholds").clone();
    let (criteria, recording) = (&scenario.plan.criteria, &mut scenario.recording);
    recording.slices.values_mut().for_each(|slice| *slice = crate::measure::Slice::default());
    recording.checks = vec![crate::measure::CheckCount {
        name: "never got so far".to_owned(),
        passes: 0,
        fails: 0,
    }];
    scenario.verdict = crate::gate::evaluate(criteria, recording, None);
    let value: Value = serde_json::from_str(&k6_json(&report, &scenario)).expect("is JSON");
    let metrics = value["metrics"].as_object().expect("metrics");
    let named: Vec<_> = scenario.plan.criteria.thresholds.iter().map(|t| t.key.clone()).collect();
    assert_eq!(metrics.keys().filter(|key| !named.contains(key)).count(), 0, "{metrics:?}");
    for key in named {
        let values = metrics[&key]["values"].as_object().expect("values");
        assert!(!values.is_empty() && values.values().all(Value::is_null), "{key}: {values:?}");
        let judged = metrics[&key]["thresholds"].as_object().expect("thresholds");
        assert!(judged.values().all(|t| t["ok"] == Value::Bool(false)), "{key}: {judged:?}");
    }
    assert_eq!(value["root_group"]["checks"], serde_json::json!([]));
    assert_eq!(value["load_gate"]["checks"], serde_json::json!([]));
}

#[test]
fn the_old_baseline_is_red_by_its_numbers() {
    let report = fixtures::old_baseline();
    let value: Value = serde_json::from_str(&k6_json(&report, only(&report))).expect("is JSON");
    assert_eq!(value.pointer("/load_gate/verdict"), Some(&Value::from("fail")));
    assert_eq!(value.pointer("/load_gate/outcomes/rate_limited"), Some(&Value::from(364_635)));
    assert_eq!(value.pointer("/metrics/rate_limit_hits/values/count"), Some(&Value::from(364_635)));
    assert_eq!(value.pointer("/metrics/errors/values/rate"), Some(&Value::from(1.0)));
    assert_eq!(value.pointer("/load_gate/rate_limit/inferred/limit"), Some(&Value::Null));
}

#[test]
fn suite_json_survives_the_round_trip() {
    for (name, report) in fixtures::all() {
        let text = suite_json(&report);
        let read = parse_suite(&text).expect(name);
        let again = suite_json(&read);
        let differs = text.bytes().zip(again.bytes()).position(|(a, b)| a != b);
        let at = differs.unwrap_or(0);
        let near =
            |t: &str| t.get(at.saturating_sub(80)..(at + 80).min(t.len())).map(str::to_owned);
        assert_eq!((differs, near(&text)), (None, near(&again)), "{name}");
        assert_eq!(again.len(), text.len(), "{name}");
    }
}

#[test]
fn report_dir_makes_the_same_bytes_again() {
    for (name, report) in fixtures::all() {
        let first: Vec<_> = files(&report, None).collect();
        let read = parse_suite(&suite_json(&report)).expect(name);
        assert!(first.into_iter().eq(files(&read, None)), "{name}");
    }
}

#[test]
fn markdown_fits_its_budget_and_is_inert() {
    let baseline = fixtures::pass();
    for (name, report) in fixtures::all() {
        for budget in [2_000, 4_000, COMMENT_BUDGET, SUMMARY_BUDGET] {
            let text = markdown(&report, Some(&baseline), budget);
            assert!(text.len() <= budget, "{name}: {}", text.len());
            assert!(text.starts_with("**"), "{name}");
            for bad in ["<script", "@everyone", "](javascript", "<!--", "\n::", "http://evil.test"]
            {
                assert!(!text.contains(bad), "{name}: {bad}");
            }
        }
        let html = report_html(&report, Some(&baseline));
        for bad in ["<script", "href=\"javascript", "<!-- "] {
            assert!(!html.contains(bad), "{name}: {bad}");
        }
    }
}

/// A baseline four days older than the runs, in which p95 was lower.
fn old_baseline_of_pass() -> crate::suite::SuiteReport {
    let mut baseline = fixtures::pass();
    baseline.started_at.unix_millis -= 4 * 24 * 3_600_000;
    baseline
}

#[test]
fn the_comment_is_short_inert_and_says_a_thing_once() {
    let baseline = old_baseline_of_pass();
    for (name, report) in fixtures::all() {
        for past in [None, Some(&baseline)] {
            let text = comment(&report, past, Masthead::default());
            assert!(text.len() <= COMMENT_BUDGET, "{name}: {}", text.len());
            for bad in ["<script", "@everyone", "](javascript", "<!--", "\n::", "http://evil.test"]
            {
                assert!(!text.contains(bad), "{name}: {bad}");
            }
            let shown = text.split("<details>").next().unwrap_or_default();
            let lines = shown.lines().filter(|line| !line.is_empty() && !line.starts_with("| "));
            if report.verdict == crate::gate::VerdictKind::Pass {
                assert_eq!(lines.count(), 2, "{shown}");
            }
            if report.scenarios.iter().all(|s| s.recording.total().outcomes.sent() == 0) {
                assert!(!text.contains('✅'), "{name}: {text}");
            }
        }
        let past = (name == "pass").then_some(&baseline);
        insta::assert_snapshot!(
            format!("comment_{name}"),
            comment(&report, past, Masthead::default())
        );
    }
}

#[test]
fn the_comment_s_reason_ends_at_a_word() {
    let mut report = fixtures::old_baseline();
    report.headline = format!("fail: {}", "a reason of many words ".repeat(20));
    let text =
        comment(&report, None, Masthead { name: Some("staging / full"), ..Masthead::default() });
    let first = text.lines().next().expect("a line");
    assert!(first.starts_with("❌ **fail** · load-gate · `staging / full` · a reason"), "{first}");
    assert!(first.ends_with("words…") || first.ends_with("of…"), "{first}");
    assert!(first.chars().count() < 200, "{first}");
}

#[test]
fn the_pages_are_as_kept() {
    let baseline = fixtures::pass();
    for (name, report) in fixtures::all() {
        let text = markdown(&report, Some(&baseline), COMMENT_BUDGET);
        insta::assert_snapshot!(format!("markdown_{name}"), text);
    }
    for (name, report) in fixtures::all().into_iter().take(2) {
        insta::assert_snapshot!(format!("baseline_{name}"), baseline_md(&report, None));
    }
}

/// Every figure that stands in a table of the document, as its cells have it.
fn figures_of(document: &document::Document) -> Vec<String> {
    use document::{Block, Dress, Level};
    let mut figures = Vec::new();
    for section in document.chapters.iter().flat_map(|chapter| &chapter.sections) {
        for block in section.blocks_at(Level::Glance..=Level::Detail) {
            let Block::Table(table) = block else { continue };
            let cells = table.rows.iter().flat_map(|row| &row.cells);
            let cells = cells.filter(|cell| cell.dress == Dress::Figure && cell.text != "–");
            figures.extend(cells.map(|cell| cell.text.clone()));
        }
    }
    figures
}

#[test]
fn the_same_figure_is_the_same_text_in_every_format() {
    for (name, report) in fixtures::all() {
        let report = parse_suite(&suite_json(&report)).expect(name);
        let style = Style { width: 400, ..Style::PLAIN };
        let plain = |text: String| text.replace("<wbr>", "").replace("&lt;", "<");
        let formats = [
            ("text", plain(summary_text(&report, style))),
            ("markdown", plain(markdown(&report, None, SUMMARY_BUDGET))),
            ("baseline.md", plain(baseline_md(&report, None))),
            ("html", plain(report_html(&report, None))),
        ];
        let figures = figures_of(&document::Document::new(&report, None));
        for (format, text) in &formats {
            for figure in &figures {
                assert!(text.contains(figure.as_str()), "{name}: {figure} isn't in {format}");
            }
        }
    }
}

#[test]
fn the_closing_summary_of_a_pass_fits_one_screen() {
    let short = Style::PLAIN.verbose(false);
    for (name, report) in fixtures::all() {
        let text = summary_text(&report, short);
        insta::assert_snapshot!(format!("summary_{name}"), text);
    }
    let text = summary_text(&fixtures::pass(), short);
    assert!(text.lines().count() <= 24, "{text}");
    for line in summary_text(&fixtures::hostile(), Style { width: 60, ..short }).lines().skip(1) {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn a_verdict_is_explained_finding_by_finding() {
    for (name, report) in fixtures::all() {
        let explanation = explain(&report);
        assert_eq!(explanation.exit_code, report.verdict.exit_code());
        let told =
            |s: &explain::ScenarioExplanation| !s.findings.is_empty() || !s.reasons.is_empty();
        let blamed = explanation.scenarios.iter().any(told);
        assert_eq!(blamed, report.verdict != VerdictKind::Pass, "{name}");
        assert!(!explain_text(&explanation, Style::PLAIN).contains('\u{1b}'));
        if ["old_baseline", "skipped"].contains(&name) {
            insta::assert_snapshot!(
                format!("explain_{name}"),
                explain_text(&explanation, Style::PLAIN)
            );
        }
    }
    let json = serde_json::to_value(explain(&fixtures::old_baseline())).expect("serialises");
    assert_eq!(json.pointer("/schema_version"), Some(&Value::from(1)));
    assert_eq!(json.pointer("/scenarios/0/findings/0/verdict"), Some(&Value::from("fail")));
}

#[test]
fn the_page_says_when_a_bound_was_first_crossed() {
    let mut report = fixtures::pass();
    for bin in &mut report.scenarios[0].recording.timeline.bins[12..15] {
        let slow = crate::measure::bucket_of(crate::units::Nanos::from_secs(3));
        bin.response = [(slow, 16)].into_iter().collect();
    }
    let html = report_html(&report, None);
    assert!(html.contains("p(95) over 2.00 s from 0:12 to 0:15"));
    assert!(!report_html(&fixtures::pass(), None).contains("over 2.00 s from"));
}

/// For `tests/pages/check.mjs`, which opens them in a browser.
#[test]
#[ignore = "writes pages for the browser"]
fn pages_are_written_for_the_browser() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    std::fs::create_dir_all(&dir).expect("can be made");
    let write =
        |name: String, text: &str| std::fs::write(dir.join(name), text).expect("is written");
    let mut runs = fixtures::all();
    let (base, new) = (fixtures::full(false), fixtures::full(true));
    runs.extend([("full", base.clone()), ("full_slow", new.clone())]);
    for (name, report) in runs {
        let baseline = name.starts_with("full").then_some(&base);
        write(format!("{name}.html"), &report_html(&report, baseline));
        write(format!("{name}.suite.json"), &suite_json(&report));
    }
    let comparison = crate::suite::compare_suites(&base, &new, true).expect("compares");
    write("compare.html".to_owned(), &compare_html(&comparison, &base, &new));
}

#[test]
fn a_scenario_that_sent_nothing_has_no_green_tick() {
    use crate::measure::Ended;
    use crate::units::Nanos;
    let reason = || "because".to_owned();
    for how in [
        Ended::Completed,
        Ended::Running,
        Ended::Misconfigured { advice: reason() },
        Ended::Unreachable { reason: reason() },
        Ended::Interrupted { after: Nanos::ZERO },
        Ended::Aborted { after: Nanos::ZERO, reason: reason() },
        Ended::Skipped { reason: reason() },
    ] {
        let report = fixtures::sent_nothing(how.clone());
        assert_ne!(report.verdict, VerdictKind::Pass, "{how:?}");
        for text in [
            comment(&report, None, Masthead::default()),
            markdown(&report, None, SUMMARY_BUDGET),
            summary_text(&report, Style { verbose: true, ..Style::PLAIN }),
        ] {
            let ticks: Vec<&str> = text
                .lines()
                .filter(|line| line.contains('✅') || line.contains("  pass "))
                .collect();
            assert!(ticks.is_empty(), "{how:?}: {ticks:?}");
        }
    }
}
