//! What must be true: criteria against a recording give findings and a verdict.

mod compare;
mod verdict;

pub use compare::{
    Call, Change, Comparison, Figure, FigureComparison, LimiterChange, Side, compare_scenario,
    figures_to_compare,
};
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
/// stub
pub fn evaluate(_c: &Criteria, r: &crate::measure::Recording, _b: Option<&crate::measure::Recording>) -> Verdict {
    Verdict { scenario: r.scenario, kind: VerdictKind::Pass, reasons: vec![], findings: vec![], clusters: vec![], limiter: LimiterReport { declared: None, predicted_hits: None, observed_hits: 0, inferred: crate::limits::Inference { algorithm: crate::limits::Algorithm::Unknown, limit: None, window_s: None, why: String::new() }, rules: vec![] } }
}
/// stub
pub fn suite(_v: &[Verdict], _a: bool) -> (VerdictKind, String) { (VerdictKind::Pass, "pass".into()) }
