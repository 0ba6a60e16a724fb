//! What must be true: criteria against a recording give findings and a verdict.

mod verdict;

pub use verdict::{
    About, Bound, Criteria, Finding, FindingVerdict, GeneratorBounds, LimiterReport, Method,
    Metric, MetricKind, Operator, Threshold, ThresholdResult, Verdict, VerdictKind,
};
/// stub
pub fn required_selectors(
    criteria: &Criteria,
) -> std::collections::BTreeSet<crate::tags::Selector> {
    criteria.thresholds.iter().map(|t| t.selector.clone()).collect()
}
/// stub
pub fn breached_now(
    _c: &Criteria,
    _r: &crate::measure::Recording,
    _e: crate::units::Nanos,
) -> Option<String> {
    None
}
