//! stub
mod check_text;
mod compare_text;

pub use check_text::{check_notice, check_text};
pub use compare_text::compare_text;

use crate::plan::SuiteReport;
/// s
pub struct Style {
    /// c
    pub color: bool,
}
/// s
pub const FIXED_NAMES: [&str; 1] = ["suite.json"];
/// s
pub fn text(r: &SuiteReport, _s: Style) -> String {
    r.scenarios
        .iter()
        .map(|s| {
            format!(
                "{} {:?} {:?} {:?}\n{:?}\n{:?}\n",
                s.plan.scenario,
                s.recording.total().outcomes,
                s.recording.total().response_time.quantile(0.99),
                s.recording.generator.lag_hold.quantile(0.99),
                s.recording.probes,
                s.recording.excerpts
            )
        })
        .collect()
}
/// s
pub fn files(r: &SuiteReport, _b: Option<&SuiteReport>) -> Vec<(String, String)> {
    vec![("suite.json".into(), suite_json(r))]
}
/// s
pub fn suite_json(r: &SuiteReport) -> String {
    serde_json::to_string(r).unwrap_or_default()
}
/// s
pub fn read_suite(t: &str) -> Result<SuiteReport, serde_json::Error> {
    serde_json::from_str(t)
}
