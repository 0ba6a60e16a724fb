//! The limiter's rules against the ledgers.

use super::{About, Criteria, Finding, FindingVerdict, LimiterReport};
use crate::limits::{Algorithm, Inference};
use crate::measure::Recording;

/// Declared, predicted, observed, inferred, rule by rule.
pub(super) fn judge(criteria: &Criteria, recording: &Recording) -> LimiterReport {
    LimiterReport {
        declared: criteria.limit,
        predicted_hits: criteria.prediction.map(|p| (p.hits_low, p.hits_high)),
        observed_hits: recording.total().rate_limit_hits,
        inferred: Inference {
            algorithm: Algorithm::Unknown,
            limit: None,
            window_s: None,
            why: String::new(),
        },
        rules: Vec::new(),
    }
}

/// The rules as findings.
pub(super) fn findings(_report: &LimiterReport, _criteria: &Criteria) -> Vec<Finding> {
    let _ = (About::Run, FindingVerdict::Info);
    Vec::new()
}
