//! suite.json: a `SuiteReport` as JSON, and back, whoever wrote it.

use crate::suite::{SCHEMA_VERSION, ShardHeader, SuiteReport};

/// The largest suite.json that is read: 64 MiB.
const MOST_BYTES: usize = 64 << 20;

/// Why a text is no suite.json.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is absurdly large.
    #[error("it has {0} bytes, over 64 MiB: no run of load-gate writes that")]
    TooLarge(usize),
    /// A newer load-gate wrote it.
    #[error(
        "it has schema version {found}, this load-gate reads up to {SCHEMA_VERSION}: take a newer load-gate"
    )]
    Newer {
        /// Its version.
        found: u64,
    },
    /// It isn't JSON, or not of that shape.
    #[error("it is not a suite.json: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Its parts contradict each other.
    #[error("it contradicts itself: {0}")]
    Inconsistent(String),
}

/// `report` as suite.json: one line (it is for machines, and large), fields in
/// the order of their types. The same report always gives the same bytes.
#[must_use]
pub fn suite_json(report: &SuiteReport) -> String {
    // Plain data with text keys: serialising it can't err.
    let mut text = serde_json::to_string(report).unwrap_or_default();
    text.push('\n');
    text
}

#[derive(serde::Deserialize)]
struct Version {
    schema_version: u64,
}

/// Reads what a suite.json says of itself, and leaves the rest.
///
/// # Errors
/// It is too large, of a newer form, or no suite.json.
pub fn read_header(text: &str) -> Result<ShardHeader, ReadError> {
    right_form(text)?;
    Ok(serde_json::from_str(text)?)
}

fn right_form(text: &str) -> Result<(), ReadError> {
    if text.len() > MOST_BYTES {
        return Err(ReadError::TooLarge(text.len()));
    }
    let version: Version = serde_json::from_str(text)?;
    if version.schema_version > u64::from(SCHEMA_VERSION) {
        return Err(ReadError::Newer { found: version.schema_version });
    }
    Ok(())
}

/// Reads suite.json, which may come from anybody (a fork's artifact): a higher
/// schema version, a wrong shape or parts that contradict each other are errors.
pub fn read_suite(text: &str) -> Result<SuiteReport, ReadError> {
    right_form(text)?;
    let report: SuiteReport = serde_json::from_str(text)?;
    consistent(&report)?;
    Ok(report)
}

fn consistent(report: &SuiteReport) -> Result<(), ReadError> {
    let mut seen = std::collections::BTreeSet::new();
    for scenario in &report.scenarios {
        let id = scenario.plan.scenario;
        let no = |what: &str| Err(ReadError::Inconsistent(format!("{what} of {id}")));
        if !seen.insert(id) {
            return no("there are two reports");
        }
        if scenario.recording.scenario != id || scenario.verdict.scenario != id {
            return no("plan, recording and verdict are not all");
        }
        if scenario.recording.timeline.width == 0 {
            return no("the timeline's bins have no width: that");
        }
        if scenario.recording.timeline.bins.len() > 3600 {
            return no("the timeline has more than 3600 bins: that");
        }
        // Counts that add up to nonsense would make every sum after them one.
        let slices = scenario.recording.slices.values();
        let bins = scenario.recording.timeline.bins.iter().map(|bin| &bin.outcomes);
        for counts in slices.map(|slice| &slice.outcomes).chain(bins) {
            let sum = counts.iter().try_fold(0_u64, |sum, (_, n)| sum.checked_add(n));
            if sum.is_none_or(|sum| sum > 1 << 52) {
                return no("outcomes overflow: that");
            }
        }
    }
    if report.verdict == crate::gate::VerdictKind::Skipped {
        return Err(ReadError::Inconsistent("a suite's verdict is never `skipped`".to_owned()));
    }
    Ok(())
}
