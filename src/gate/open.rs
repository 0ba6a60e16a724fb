//! Which thresholds a run leaves open: what more load of the same kind could decide.

use super::{About, Criteria, FindingVerdict, evaluate};
use crate::measure::Recording;

/// The most looks at a run whose hold may go on: the error is shared out over them.
pub const LOOKS: u32 = 3;

/// The thresholds that `recording` leaves open, by name: their interval straddles the
/// bound, or the samples are worth too few. None where something else fails already:
/// more load would change nothing.
#[must_use]
pub fn open(
    criteria: &Criteria,
    recording: &Recording,
    baseline: Option<&Recording>,
) -> Vec<String> {
    let findings = evaluate(criteria, recording, baseline).findings;
    let is_close = |finding: &super::Finding| {
        finding.threshold.as_ref().is_some_and(|threshold| threshold.close)
    };
    let fails = |f: &&super::Finding| f.verdict == FindingVerdict::Fail && !is_close(f);
    if findings.iter().any(|finding| fails(&finding)) {
        return Vec::new();
    }
    let is_open = |finding: &super::Finding| {
        let too_few = finding.verdict == FindingVerdict::Inconclusive
            && finding
                .threshold
                .as_ref()
                .is_some_and(|t| t.observed.is_some() && t.bound.is_some());
        finding.about == About::Threshold && (is_close(finding) || too_few)
    };
    findings.into_iter().filter(is_open).map(|finding| finding.name).collect()
}
