//! What must be true: criteria against a recording give findings and a verdict.

mod clusters;
mod evaluate;
mod generator;
mod grammar;
mod limiter;
mod met;
mod metric;
mod observe;
mod slow;
mod suite;
#[cfg(test)]
mod tests;
mod thresholds;
mod verdict;
mod whole;

pub use evaluate::{breached_now, evaluate, required_selectors};
pub use grammar::{ThresholdError, parse_threshold};
pub use observe::{Observed, observe};
pub use suite::suite;
pub use verdict::{
    About, Bound, Criteria, Finding, FindingVerdict, GeneratorBounds, LimiterReport, Method,
    Metric, MetricKind, Operator, Threshold, ThresholdResult, Verdict, VerdictKind,
};
