//! What a threshold can rest on before anything is sent: samples, the narrowest interval, and whether anything could meet it.

use serde::Serialize;

use crate::gate::{Basis, Bound, Method, MetricKind, Operator, Threshold};
use crate::limits::Prediction;
use crate::measure::intervals::{min_samples, quantile_ranks, wilson};
use crate::tags::TagKey;

/// The confidence of every interval.
const CONFIDENCE: f64 = 0.95;

/// What a plan gives thresholds to rest on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Supply {
    /// Arrivals.
    pub(super) arrivals: u64,
    /// Requests of any kind, at most.
    pub(super) requests: u64,
    /// Arrivals that a correct limiter admits, at least and at most.
    pub(super) admitted: (u64, u64),
    /// What all requests must give; `None`: no limit.
    pub(super) prediction: Option<Prediction>,
}

/// A threshold before the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outlook {
    /// The key as the user wrote it.
    pub metric: String,
    /// The expression as the user wrote it.
    pub expression: String,
    /// The fewest and the most samples it will rest on when the target answers
    /// everything as it should; `None`: the selector decides.
    pub samples: Option<(u64, u64)>,
    /// How many samples a one-sided 95 % upper bound needs; `None`: no quantile.
    pub needed: Option<u64>,
    /// The narrowest 95 % interval it can have: of a quantile, from which to
    /// which percentile; of a rate, by how much it is off at the bound.
    pub interval: Option<Interval>,
    /// Why no target can meet it; `None`: one can.
    pub impossible: Option<String>,
}

/// The narrowest interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// From which to which percentile of the samples (0 to 100).
    Percentiles(f64, f64),
    /// Half its width, as a share (0 to 1).
    PlusMinus(f64),
}

/// The outlook of one threshold.
pub(super) fn outlook(threshold: &Threshold, supply: &Supply) -> Outlook {
    let samples = samples(threshold, supply);
    // What the service's monitoring will say rests on its own samples.
    let gauge = threshold.metric.kind() == MetricKind::Gauge;
    let quantile = quantile(threshold.method).filter(|_| !gauge);
    let needed = quantile.map(|q| min_samples(q, CONFIDENCE));
    let most = samples.map(|samples| samples.1);
    let interval = most.and_then(|n| interval(threshold, quantile, n));
    let impossible = starved(most, needed).or_else(|| out_of_reach(threshold, supply));
    Outlook {
        metric: threshold.key.clone(),
        expression: threshold.expression.clone(),
        samples,
        needed,
        interval,
        impossible,
    }
}

fn quantile(method: Method) -> Option<f64> {
    match method {
        Method::Med => Some(0.5),
        Method::Percentile(p) if p < 100.0 => Some(p / 100.0),
        _ => None,
    }
}

/// How many samples there will be; a selector beyond the outcome leaves the
/// whole as the upper end.
fn samples(threshold: &Threshold, supply: &Supply) -> Option<(u64, u64)> {
    let metric = threshold.metric;
    if matches!(metric.kind(), MetricKind::Counter | MetricKind::Gauge) {
        return None;
    }
    let refused = (supply.arrivals - supply.admitted.1, supply.arrivals - supply.admitted.0);
    let all = match threshold.selector.get(TagKey::Outcome) {
        Some("rate_limited") => refused,
        Some("accepted") => supply.admitted,
        Some(_) => return None,
        None if metric.basis() == Basis::Admitted => supply.admitted,
        None => (supply.arrivals, supply.arrivals),
    };
    let narrower = threshold.selector.iter().any(|(key, _)| key != TagKey::Outcome);
    Some(if narrower { (0, all.1) } else { all })
}

fn interval(threshold: &Threshold, quantile: Option<f64>, n: u64) -> Option<Interval> {
    if let Some(q) = quantile {
        let (low, high) = quantile_ranks(n, q, CONFIDENCE)?;
        let percentile = |rank: u64| rank as f64 / n as f64 * 100.0;
        return Some(Interval::Percentiles(percentile(low), percentile(high)));
    }
    let Bound::Fixed(bound) = threshold.bound else { return None };
    if threshold.metric.kind() != MetricKind::Rate || n == 0 {
        return None;
    }
    let hits = (bound.clamp(0.0, 1.0) * n as f64).round() as u64;
    let (low, high) = wilson(hits, n, CONFIDENCE)?;
    Some(Interval::PlusMinus((high - low) / 2.0))
}

/// Too few samples, whatever the target does.
fn starved(most: Option<u64>, needed: Option<u64>) -> Option<String> {
    let (most, needed) = (most?, needed?);
    let count = crate::units::count;
    (most < needed).then(|| {
        format!("it needs {} samples, and at most {} can come", count(needed), count(most))
    })
}

/// Whether no value that the metric can take meets the bound.
fn out_of_reach(threshold: &Threshold, supply: &Supply) -> Option<String> {
    let Bound::Fixed(bound) = threshold.bound else { return None };
    let (low, high) = range(threshold, supply)?;
    let met = match threshold.operator {
        Operator::Less => low < bound,
        Operator::LessOrEqual => low <= bound,
        Operator::Greater => high > bound,
        Operator::GreaterOrEqual => high >= bound,
        Operator::Equal => (low..=high).contains(&bound),
        Operator::NotEqual => low != high || low != bound,
    };
    let number = crate::units::number;
    (!met).then(|| {
        if high.is_finite() {
            format!("it can only be between {} and {}", number(low), number(high))
        } else {
            format!("it can't be below {}", number(low))
        }
    })
}

/// The lowest and highest value that a metric can take under this plan.
fn range(threshold: &Threshold, supply: &Supply) -> Option<(f64, f64)> {
    match threshold.metric.kind() {
        MetricKind::Trend => return Some((0.0, f64::INFINITY)),
        MetricKind::Rate => return Some((0.0, 1.0)),
        MetricKind::Gauge => return None,
        MetricKind::Counter if threshold.method != Method::Count => return None,
        MetricKind::Counter => {}
    }
    let all = threshold.selector.is_all();
    match threshold.metric.basis() {
        Basis::Admitted => Some((0.0, supply.admitted.1 as f64)),
        Basis::Arrivals => Some((0.0, supply.arrivals as f64)),
        Basis::Requests if all => Some((0.0, supply.requests as f64)),
        // A target may be worse than declared, never rightly below the fewest.
        Basis::Refusals if all => supply.prediction.map(|p| (p.hits_low as f64, f64::INFINITY)),
        Basis::Requests | Basis::Refusals | Basis::Unknown => None,
    }
}
