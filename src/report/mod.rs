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
pub use json::{ReadError, read_header, read_suite, suite_json};
pub use junit::junit;
pub use k6_json::k6_json;
pub use markdown::{SUMMARY_BUDGET, baseline_md, markdown};
pub use past::EarlierRuns;
pub use plan_text::{creation_line, plan_lines, plan_text};
pub use shard_text::{shard_markdown, shard_text};
pub use sparkline::sparkline;
pub use text::{Style, scenario_text, summary_text};

use crate::scenario::catalogue;
use crate::series::{Common, Dialect, exposition, of_suite};
use crate::suite::SuiteReport;

/// Every file of a run: name (without folder) and content, suite.json last, so
/// that where it is, the others are. The same report always gives the same bytes.
#[must_use]
pub fn files<'a>(report: &SuiteReport, past: impl Into<EarlierRuns<'a>>) -> Vec<(String, String)> {
    let past = past.into();
    // First what all the rest can be made from again, should the disk be full.
    let mut files = vec![("suite.json".to_owned(), suite_json(report))];
    let stamp = report.started_at.file_stem();
    for scenario in &report.scenarios {
        let id = scenario.plan.scenario;
        files.push((format!("{id}-{stamp}.txt"), scenario_text(report, scenario, Style::PLAIN)));
        files.push((format!("{id}-results.json"), k6_json(report, scenario)));
        files.push((format!("{id}.hgrm"), hgrm(scenario)));
    }
    files.push(("junit.xml".to_owned(), junit(report)));
    files.push(("summary.md".to_owned(), markdown(report, past, SUMMARY_BUDGET)));
    files.push(("report.html".to_owned(), report_html(report, past)));
    files.push(("baseline.md".to_owned(), baseline_md(report, past)));
    files.extend(past.history.map(|history| ("history.json".to_owned(), history.json())));
    files.push(("metrics.prom".to_owned(), metrics_prom(report)));
    files
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
