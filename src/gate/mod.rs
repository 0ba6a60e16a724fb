//! What must be true: criteria against a recording give findings and a verdict.

mod clusters;
mod decision;
mod enough;
mod evaluate;
mod failures;
mod generator;
mod grammar;
mod late;
mod limiter;
mod method;
mod metric;
mod metrics;
mod observe;
mod result;
mod shards;
mod stalls;
mod suite;
#[cfg(test)]
mod tests;
mod threshold;
mod thresholds;
mod verdict;
mod whole_run;

pub use decision::{Decide, Decision};
pub use enough::{too_rare, too_short};
pub use evaluate::{breached_now, evaluate, required_selectors, still_open};
pub use grammar::{ThresholdError, parse_threshold};
pub use method::{Method, MetricKind, Operator};
pub use metric::{Basis, Drawn, Metric, RESOURCE_NAME, Unit};
pub use observe::{Observed, observe};
pub use result::{ThresholdResult, rests_on};
pub use shards::ALL_SHARDS;
pub use suite::suite;
pub use threshold::{Bound, Threshold};
pub use verdict::{
    About, Criteria, Finding, FindingVerdict, GeneratorBounds, LimiterReport, Verdict, VerdictKind,
};

use metric::{MetricRow, Reading, Samples};
