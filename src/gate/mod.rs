//! What must be true: criteria against a recording give findings and a verdict.

mod verdict;

pub use verdict::{
    About, Bound, Criteria, Finding, FindingVerdict, GeneratorBounds, LimiterReport, Method,
    Metric, MetricKind, Operator, Threshold, ThresholdResult, Verdict, VerdictKind,
};
