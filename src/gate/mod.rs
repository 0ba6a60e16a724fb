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
