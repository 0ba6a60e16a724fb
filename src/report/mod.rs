//! Renders a `SuiteReport` as text in each format; never writes.

/// Appends formatted text to a `String`, which can't err.
macro_rules! add {
    ($to:expr, $($text:tt)*) => {{
        use std::fmt::Write as _;
        let _ = write!($to, $($text)*);
    }};
}

mod chart;
mod check_text;
mod comment;
mod compare;
mod document;
pub mod escape;
mod explain;
mod figures;
mod hgrm;
mod history_text;
mod html;
mod json;
mod junit;
mod k6_json;
mod load_gate;
mod markdown;
mod past;
mod plan_text;
mod shard_text;
mod sparkline;
mod table;
mod text;
mod words;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

pub use check_text::{check_notice, check_text};
pub use comment::{COMMENT_BUDGET, Masthead, OLD_BASELINE, comment};
pub use compare::{compare_html, compare_text};
pub use explain::{Explanation, explain, explain_text};
pub use figures::wanted_selectors;
pub use hgrm::hgrm;
pub use history_text::history_text;
pub use html::report_html;
pub use json::{suite_json, write_suite_json};
pub use junit::junit;
pub use k6_json::k6_json;
pub use markdown::{SUMMARY_BUDGET, baseline_md, markdown};
pub use past::EarlierRuns;
pub use plan_text::{creation_line, plan_dressed, plan_lines, plan_text};
pub use shard_text::{shard_markdown, shard_text};
pub use sparkline::sparkline;
pub use table::fold_lines;
pub use text::{Style, scenario_text, summary_text};

use crate::scenario::catalogue;
use crate::series::{Common, Dialect, exposition, of_suite};
use crate::suite::{ScenarioReport, SuiteReport};

/// Every file of a run: name (without folder) and content, made one after another, so
/// that no more than one of them is held. The same report always gives the same bytes.
pub fn files<'a>(
    report: &'a SuiteReport,
    past: impl Into<EarlierRuns<'a>>,
) -> impl Iterator<Item = (String, String)> + 'a {
    type Page<'a> = (String, Box<dyn FnOnce() -> String + 'a>);
    let past = past.into();
    let stamp = report.started_at.file_stem();
    let of_scenario = move |scenario: &'a ScenarioReport| -> [Page<'a>; 3] {
        let id = scenario.plan.scenario;
        [
            (
                format!("{id}-{stamp}.txt"),
                Box::new(move || scenario_text(report, scenario, Style::PLAIN)),
            ),
            (format!("{id}-results.json"), Box::new(move || k6_json(report, scenario))),
            (format!("{id}.hgrm"), Box::new(move || hgrm(scenario))),
        ]
    };
    let page = |name: &str, make: Box<dyn FnOnce() -> String + 'a>| (name.to_owned(), make);
    // First what all the rest can be made from again, should the disk be full.
    let first = page("suite.json", Box::new(move || suite_json(report)));
    let mut rest = vec![
        page("junit.xml", Box::new(move || junit(report))),
        page("summary.md", Box::new(move || markdown(report, past, SUMMARY_BUDGET))),
        page("report.html", Box::new(move || report_html(report, past))),
        page("baseline.md", Box::new(move || baseline_md(report, past))),
        page("metrics.prom", Box::new(move || metrics_prom(report))),
    ];
    rest.extend(past.history.map(|history| page("history.json", Box::new(|| history.json()))));
    let each = report.scenarios.iter().flat_map(of_scenario);
    std::iter::once(first).chain(each).chain(rest).map(|(name, make)| (name, make()))
}

/// The end state as `OpenMetrics` text.
fn metrics_prom(report: &SuiteReport) -> String {
    let mut common = Common::of(&report.environment.name, &report.profile, &report.run_id);
    common.shard = report.shard.as_ref().map(|part| part.shard.to_string());
    exposition(&of_suite(report, &common), Dialect::OpenMetrics)
}

/// The names of [`files`] that don't carry a time: what an earlier run may have left.
#[must_use]
pub fn fixed_names() -> Vec<String> {
    let each = catalogue::names()
        .into_iter()
        .flat_map(|id| [format!("{id}-results.json"), format!("{id}.hgrm")]);
    let suite = [
        "junit.xml",
        "summary.md",
        "report.html",
        "baseline.md",
        "history.json",
        "metrics.prom",
        "suite.json",
    ];
    each.chain(suite.map(str::to_owned)).collect()
}
