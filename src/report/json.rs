//! suite.json: a `SuiteReport` as JSON.

use crate::suite::SuiteReport;

/// `report` as suite.json: one line (it is for machines, and large), fields in
/// the order of their types. The same report always gives the same bytes.
#[must_use]
pub fn suite_json(report: &SuiteReport) -> String {
    // Plain data with text keys: serialising it can't err.
    let mut text = serde_json::to_string(report).unwrap_or_default();
    text.push('\n');
    text
}
