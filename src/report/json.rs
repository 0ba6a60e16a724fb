//! suite.json: a `SuiteReport` as JSON.

use std::io::{self, Write};

use crate::suite::SuiteReport;

/// `report` as suite.json: one line (it is for machines, and large), fields in
/// the order of their types. The same report always gives the same bytes.
#[must_use]
pub fn suite_json(report: &SuiteReport) -> String {
    let mut text = Vec::new();
    // Plain data with text keys, into memory: that can't err.
    let _ = write_suite_json(report, &mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// The same, piece by piece: what is saved again and again is never whole in memory.
///
/// # Errors
/// Those of `to`.
pub fn write_suite_json(report: &SuiteReport, mut to: impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut to, report)?;
    to.write_all(b"\n")
}
