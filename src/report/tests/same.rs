//! The same figure is the same text in every format: what any of them says with a unit, the page
//! says letter by letter.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

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

/// Every run but the hostile one, each scenario by itself, and its page: no figure of another
/// one can stand in for a wrong one.
fn alone() -> &'static [(&'static str, SuiteReport, String)] {
    static ALONE: OnceLock<Vec<(&str, SuiteReport, String)>> = OnceLock::new();
    ALONE.get_or_init(|| {
        let mut runs = fixtures::all();
        runs.extend([("full", fixtures::full(false)), ("full_slow", fixtures::full(true))]);
        let mut alone = Vec::new();
        for (name, report) in runs.into_iter().filter(|(name, _)| *name != "hostile") {
            let mut report = parse_suite(&suite_json(&report)).expect(name);
            for scenario in std::mem::take(&mut report.scenarios) {
                let (verdict, headline) =
                    crate::gate::suite(std::slice::from_ref(&scenario.verdict), false);
                let scenarios = vec![scenario];
                let only = SuiteReport { verdict, headline, scenarios, ..report.clone() };
                let page = report_html(&only, None);
                alone.push((name, only, page));
            }
        }
        alone
    })
}

#[test]
fn what_any_format_says_the_page_says_letter_by_letter() {
    let mut wrong = Vec::new();
    for (name, report, page) in alone() {
        let mut known = figures_in(page);
        known.extend(figures_in(&bounds(report)));
        for (format, text) in formats(report) {
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
    let pass = fixtures::pass();
    let page = report_html(&pass, None);
    for (name, report, page) in
        [("pass", pass, page.as_str()), ("full_slow", fixtures::full(true), fixtures::full_page())]
    {
        let known = figures_in(page);
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

/// Where a cell stands: section, row and column, as a page names them.
type Place = [String; 3];

/// Columns that say which row it is.
const NAMING: [&str; 9] =
    ["metric", "wanted", "rule", "outcome", "probe", "resource", "shard", "stage", "from"];

/// The rows of a table, by their places; the first of `rows` has the columns' names.
fn placed(section: &str, rows: &[Vec<String>], into: &mut BTreeMap<Place, String>) {
    let Some((head, rows)) = rows.split_first() else { return };
    let names = |c: usize| c == 0 && head[0].is_empty() || NAMING.contains(&head[c].as_str());
    for row in rows.iter().filter(|row| row.len() == head.len()) {
        let (named, said): (Vec<usize>, Vec<usize>) = (0..head.len()).partition(|c| names(*c));
        let name: Vec<&str> = named.iter().map(|c| row[*c].as_str()).collect();
        for c in said {
            let place = [section.to_owned(), name.join(" "), head[c].clone()];
            into.insert(place, row[c].clone());
        }
    }
}

/// A cell without what only dresses it.
fn bare(cell: &str) -> String {
    let cell = plain(&cell.replace("<wbr>", "")).replace(['`', '\\', '█'], "");
    let cell = cell.replace("&lt;", "<").replace("&gt;", ">");
    cell.trim_start_matches(|c: char| !c.is_ascii() && !c.is_alphabetic() || c == ' ')
        .trim()
        .to_owned()
}

/// What the tables of a page's only chapter say.
fn tables_of_page(html: &str) -> BTreeMap<Place, String> {
    let mut found = BTreeMap::new();
    let chapter = html.split("<section class=\"chapter\" aria-labelledby").nth(1);
    let chapter = chapter.and_then(|rest| rest.split("</section>").next()).unwrap_or_default();
    for part in chapter.split("<h3>").skip(1) {
        let (title, part) = part.split_once("</h3>").expect("a title");
        // Those of charts are made from what the charts are made from.
        let (part, _) = part.split_once("<figure class=\"chart\"").unwrap_or((part, ""));
        for table in part.split("<table").skip(1) {
            let table = table.split("</table>").next().unwrap_or_default();
            let rows = table.split("<tr>").skip(1).map(|row| {
                let row = row.split("</thead>").next().unwrap_or_default().replace("<th", "<td");
                let cells = row.split("<td").skip(1).map(|cell| bare(&format!("<td{cell}")));
                cells.collect::<Vec<_>>()
            });
            let mut rows: Vec<_> = rows.collect();
            if !table.contains("<thead>") {
                rows.insert(0, vec![String::new(); rows[0].len()]);
            }
            placed(&title.to_lowercase(), &rows, &mut found);
        }
    }
    found
}

/// What the tables of the job's summary say of its only scenario.
fn tables_of_summary(markdown: &str) -> BTreeMap<Place, String> {
    let mut found = BTreeMap::new();
    for part in markdown.split("\n#### ").skip(1) {
        let part = part.split("\n### ").next().unwrap_or_default();
        let (title, part) = part.split_once('\n').expect("a title");
        for table in part.split("\n\n") {
            let rows =
                table.lines().filter(|line| line.starts_with('|') && !line.contains("| ---"));
            let rows = rows.map(|row| {
                let row = row.trim_start_matches("| ").trim_end_matches('|');
                row.split(" | ").map(bare).collect::<Vec<_>>()
            });
            placed(&title.to_lowercase(), &rows.collect::<Vec<_>>(), &mut found);
        }
    }
    found
}

/// Places that two formats share at which they don't say the same, and how many they share.
fn differing(
    one: &BTreeMap<Place, String>,
    other: &BTreeMap<Place, String>,
) -> (Vec<String>, usize) {
    let shared = one.iter().filter_map(|(place, said)| Some((place, said, other.get(place)?)));
    let shared: Vec<_> = shared.collect();
    let differ = shared.iter().filter(|(_, one, other)| one != other);
    (differ.map(|differs| format!("{differs:?}")).collect(), shared.len())
}

#[test]
fn the_same_place_has_the_same_text_in_page_summary_and_terminal() {
    for (name, report, page) in alone() {
        let page = tables_of_page(page);
        let summary = tables_of_summary(&markdown(report, None, SUMMARY_BUDGET));
        let (differ, shared) = differing(&page, &summary);
        assert!(differ.is_empty(), "{name}: {}", differ.join("\n"));
        let sent = report.scenarios[0].recording.total().outcomes.total() > 0;
        assert_eq!(
            shared >= 30,
            sent,
            "{name}: {shared} shared of {} and {}",
            page.len(),
            summary.len()
        );
        // A row of the terminal has its cells two spaces apart, in the page's order.
        let text = summary_text(report, Style { width: 400, ..Style::PLAIN });
        let rows: Vec<Vec<&str>> = text
            .lines()
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect();
        for ([section, row, column], said) in &summary {
            let at_all = !said.is_empty() && !section.starts_with("nights");
            let there = |cells: &&Vec<&str>| {
                row.split("  ").all(|name| {
                    cells.iter().any(|cell| name.starts_with(cell) || row.contains(cell))
                }) && cells.iter().any(|cell| cell.eq_ignore_ascii_case(said))
            };
            assert!(
                !at_all || rows.iter().any(|cells| there(&cells)),
                "{name}: {section}, {row}, {column}: {said}"
            );
        }
    }
}

#[test]
fn figures_that_change_places_are_found() {
    let report = fixtures::pass();
    let page = report_html(&report, None);
    let summary = markdown(&report, None, SUMMARY_BUDGET);
    let swapped =
        summary.replace("63.3 ms", "?").replace("58.7 ms", "63.3 ms").replace('?', "58.7 ms");
    assert_eq!(figures_in(&swapped), figures_in(&summary));
    let (differ, _) = differing(&tables_of_page(&page), &tables_of_summary(&swapped));
    assert!(differ.len() >= 2, "{differ:?}");
}
