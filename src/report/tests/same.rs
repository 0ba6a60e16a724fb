//! The same figure is the same text in every format: what any of them says with a unit, the page
//! says letter by letter.

use std::collections::BTreeSet;

use super::*;
use crate::suite::SuiteReport;

/// Units that figures are said with.
const UNITS: [&str; 12] = ["ns", "µs", "ms", "s", "m", "h", "%", "/s", "B", "KiB", "MiB", "GiB"];

/// A text of any format as its reader has it.
fn plain(text: &str) -> String {
    let mut read = String::new();
    let mut in_tag = false;
    for (at, c) in text.char_indices() {
        // A bound that is wanted (`< 2.00 s`) begins none.
        let next = text.get(at + 1..).and_then(|rest| rest.chars().next());
        let begins = next.is_some_and(|next| next.is_ascii_alphabetic() || "/!?".contains(next));
        match c {
            '<' if begins => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                read.push(' ');
            }
            _ if in_tag => {}
            _ => read.push(c),
        }
    }
    ["&nbsp;", "&#160;", "\u{a0}", "&amp;nbsp;"]
        .iter()
        .fold(read, |text, nbsp| text.replace(nbsp, " "))
}

/// The figures of a text: numbers with a unit, and counts with their thousands set apart.
fn figures_in(text: &str) -> BTreeSet<String> {
    let text = plain(text);
    let mut found = BTreeSet::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        // A digit in a word is no figure: p95, lg-5f3a, 2025-10-30.
        let before = rest.get(..at).and_then(|before| before.chars().next_back());
        let from = rest.get(at..).unwrap_or_default();
        let end = from.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',');
        let (number, after) = from.split_at(end.unwrap_or(from.len()));
        let number_text = number.trim_end_matches(['.', ',']);
        let word = before.is_some_and(|c| c.is_alphanumeric() || "-_.:".contains(c));
        let apart = after.strip_prefix(' ').unwrap_or(after);
        let ends = |unit: &&&str| {
            apart
                .strip_prefix(**unit)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
        };
        let unit = UNITS.iter().filter(ends).max_by_key(|unit| unit.len());
        if !word && number_text.len() == number.len() {
            match unit {
                Some(&"m" | &"h") => {}
                Some(unit) => drop(found.insert(format!("{number_text} {unit}"))),
                None if number_text.contains(',') => drop(found.insert(number_text.to_owned())),
                None => {}
            }
        }
        rest = after;
    }
    found
}

fn formats(report: &SuiteReport) -> Vec<(&'static str, String)> {
    let style = Style { width: 400, ..Style::PLAIN };
    let explained = explain(report);
    vec![
        ("summary of the terminal", summary_text(report, style.verbose(false))),
        ("summary of the terminal, -v", summary_text(report, style.verbose(true))),
        ("step summary", markdown(report, None, SUMMARY_BUDGET)),
        ("comment", comment(report, None, Masthead::default())),
        ("baseline.md", baseline_md(report, None)),
        ("JUnit", junit(report)),
        ("explain", explain_text(&explained, style)),
        ("explain --json", serde_json::to_string(&explained).expect("serialises")),
    ]
}

/// What was wanted, as it is said: the page has it as it was written.
fn bounds(report: &SuiteReport) -> String {
    let findings = report.scenarios.iter().flat_map(|scenario| &scenario.verdict.findings);
    let judged = findings.filter_map(|finding| finding.threshold.as_ref());
    judged.filter_map(|t| Some(t.say(t.bound?))).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_any_format_says_the_page_says_letter_by_letter() {
    let mut wrong = Vec::new();
    let mut runs = fixtures::all();
    runs.extend([("full", fixtures::full(false)), ("full_slow", fixtures::full(true))]);
    for (name, report) in runs.into_iter().filter(|(name, _)| *name != "hostile") {
        let report = parse_suite(&suite_json(&report)).expect(name);
        let mut known = figures_in(&report_html(&report, None));
        known.extend(figures_in(&bounds(&report)));
        for (format, text) in formats(&report) {
            let strange: Vec<String> = figures_in(&text).difference(&known).cloned().collect();
            if !strange.is_empty() {
                wrong.push(format!("{name}: {format} says {strange:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_scripts_read_is_what_people_read() {
    for (name, report) in [("pass", fixtures::pass()), ("full_slow", fixtures::full(true))] {
        let known = figures_in(&report_html(&report, None));
        for scenario in &report.scenarios {
            let value: Value = serde_json::from_str(&k6_json(&report, scenario)).expect("is JSON");
            let at = |path: &str| value.pointer(path).and_then(Value::as_f64).expect("a number");
            let said = [
                crate::units::millis(at(
                    "/metrics/http_req_duration{expected_response:true}/values/p(95)",
                )),
                crate::units::percent(1.0 - at("/metrics/errors/values/rate")),
                crate::units::rate(at("/load_gate/generator/achieved_rate")),
            ];
            for figure in said {
                let figure = figure.replace("/s", " /s");
                assert!(known.contains(&figure), "{name}: {figure} of k6's JSON isn't on the page");
            }
        }
    }
}

#[test]
fn a_row_of_the_comment_has_the_figures_of_its_scenario() {
    for report in [fixtures::pass(), fixtures::full(true)] {
        let text = plain(&comment(&report, None, Masthead::default()));
        for scenario in &report.scenarios {
            let name = format!("| {} |", scenario.plan.scenario);
            let row = text.lines().find(|line| line.starts_with(&name)).expect("a row");
            let (rate, _) = scenario.recording.total().success_rate().expect("a rate");
            let p95 = figures::accepted(&scenario.recording).response_time.quantile(0.95);
            let hits = crate::units::count(scenario.verdict.limiter.observed_hits);
            for said in [crate::units::percent(rate), crate::units::span(p95.expect("one")), hits] {
                assert!(row.contains(&said), "{said}: {row}");
            }
        }
    }
}
