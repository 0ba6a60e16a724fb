//! One threshold: what of which samples is compared with what.

use serde::{Deserialize, Serialize};

use super::method::{Method, Operator};
use super::metric::Metric;
use crate::tags::Selector;
use crate::units::Nanos;

/// What the observed value is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// A number: milliseconds, a fraction or a count.
    Fixed(f64),
    /// That many times the baseline's value.
    TimesBaseline(f64),
}

/// One threshold in k6's grammar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// The metric.
    pub metric: Metric,
    /// Which samples.
    pub selector: Selector,
    /// What of them.
    pub method: Method,
    /// How it is compared.
    pub operator: Operator,
    /// With what.
    pub bound: Bound,
    /// The key as the user wrote it: `response_time{outcome:accepted}`.
    pub key: String,
    /// The expression as the user wrote it: `p(95)<2000`.
    pub expression: String,
    /// Whether its failure ends the run.
    pub abort_on_fail: bool,
    /// How long after the start of the load it is first looked at for that.
    pub delay_abort_eval: Nanos,
    /// Of one that is relative to a baseline: that one's value, as the run had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
}
