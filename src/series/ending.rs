//! Draws the series that a run ends with: thresholds, verdicts, and what run it was.

use super::draw::of_recording;
use super::types::{Common, Family, Kind, Series};
use crate::gate::{FindingVerdict, VerdictKind};
use crate::suite::{ScenarioReport, SuiteReport};

const THRESHOLD: Family = Family::new(
    "loadgate_threshold",
    Kind::Gauge,
    "",
    "What a threshold observed, in its own unit: milliseconds, shares, counts.",
);
const THRESHOLD_OK: Family = Family::new(
    "loadgate_threshold_ok",
    Kind::Gauge,
    "",
    "Whether a threshold is met: 1 yes, 0 no, 0.5 inconclusive.",
);
const VERDICT: Family = Family::new(
    "loadgate_verdict",
    Kind::Gauge,
    "",
    "A scenario's verdict: 1 pass, 0 fail, 0.5 inconclusive or skipped.",
);
const SUITE_VERDICT: Family = Family::new(
    "loadgate_suite_verdict",
    Kind::Gauge,
    "",
    "The whole run's verdict: 1 pass, 0 fail, 0.5 inconclusive.",
);
const RUN_INFO: Family =
    Family::new("loadgate_run_info", Kind::Gauge, "", "What run it was; always 1.");

/// Everything that a run ended with: each scenario's series as measured in the end, its
/// thresholds and its verdict, and the run's.
#[must_use]
pub fn of_suite(report: &SuiteReport, common: &Common) -> Vec<Series> {
    let mut series: Vec<Series> =
        report.scenarios.iter().flat_map(|scenario| of_scenario(scenario, common)).collect();
    series.push(common.number(&SUITE_VERDICT, &[], worth(report.verdict)));
    let commit = report.context.commit.as_deref().unwrap_or("");
    let about =
        [("run_id", report.run_id.as_str()), ("version", &report.tool_version), ("commit", commit)];
    series.push(common.number(&RUN_INFO, &about, 1.0));
    series
}

fn of_scenario(report: &ScenarioReport, common: &Common) -> Vec<Series> {
    let name = report.plan.scenario.to_string();
    let scenario = ("scenario", name.as_str());
    let recording = &report.recording;
    let mut series = of_recording(&report.plan, recording, None, 0, common);
    for finding in &report.verdict.findings {
        let Some(threshold) = &finding.threshold else { continue };
        let text = format!("{} {}", threshold.key, threshold.expression);
        let labels = [scenario, ("threshold", text.as_str())];
        if let Some(observed) = threshold.observed {
            series.push(common.number(&THRESHOLD, &labels, observed));
        }
        let ok = match finding.verdict {
            FindingVerdict::Pass => 1.0,
            FindingVerdict::Fail => 0.0,
            _ => 0.5,
        };
        series.push(common.number(&THRESHOLD_OK, &labels, ok));
    }
    series.push(common.number(&VERDICT, &[scenario], worth(report.verdict.kind)));
    series
}

const fn worth(kind: VerdictKind) -> f64 {
    match kind {
        VerdictKind::Pass => 1.0,
        VerdictKind::Fail => 0.0,
        VerdictKind::Inconclusive | VerdictKind::Skipped => 0.5,
    }
}
