//! Whether a run gave enough to decide a threshold, and how long one would have to be that does.

use super::observe::Observed;
use super::{MetricKind, Operator, Threshold, ThresholdResult};
use crate::measure::intervals::min_samples;
use crate::measure::{Recording, dependence};
use crate::units::{self, Nanos};

/// A run this many times as long is no advice.
const MOST_TIMES: f64 = 1000.0;

/// Why `observed` can't support what the threshold asks for; `None`: it can.
///
/// A quantile needs as many independent samples as give it an upper bound at all.
/// Where the samples are many and worth few, a lower bound that breaks the
/// threshold is evidence all the same.
pub(super) fn too_little(
    threshold: &Threshold,
    recording: &Recording,
    observed: &Observed,
    bound: f64,
    confidence: f64,
) -> Option<String> {
    if threshold.metric.kind() != MetricKind::Trend {
        return None;
    }
    let needed = threshold.method.quantile().map_or(1, |q| min_samples(q, confidence));
    let method = threshold.method;
    if observed.samples < needed {
        let longer = lasting(recording, needed as f64 / observed.samples as f64);
        let longer = longer.map_or(String::new(), |run| format!(": at this rate {run}"));
        return Some(format!(
            "{} samples can't support {method}, {needed} are needed{longer}",
            observed.samples
        ));
    }
    let worth = observed.worth.filter(|worth| *worth < needed as f64)?;
    let from_above = matches!(threshold.operator, Operator::Less | Operator::LessOrEqual);
    let broken = |low| from_above && !threshold.operator.holds(low, bound);
    if observed.at_least.is_some_and(broken) {
        return None;
    }
    let longer = lasting(recording, needed as f64 / worth.max(1e-3));
    let longer = longer.map_or(String::new(), |run| format!(": {run} would decide"));
    Some(format!(
        "{} can't support {method}, {needed} independent samples are needed{longer}",
        super::rests_on(observed.samples, Some(worth.floor() as u64))
    ))
}

/// How long a run would decide a threshold whose interval straddles `bound`, if the
/// figure stays: the interval narrows with the root of the time.
pub(super) fn to_decide(recording: &Recording, observed: &Observed, bound: f64) -> Option<String> {
    let times = narrow_enough(observed.value, observed.interval?, bound)?;
    lasting(recording, times).map(|run| format!("{run} would decide"))
}

/// How many times as long a run leaves `bound` outside of the interval of `value`.
fn narrow_enough(value: f64, (low, high): (f64, f64), bound: f64) -> Option<f64> {
    let side = if bound > value { high - value } else { value - low };
    let off = (bound - value).abs();
    (off > 0.0).then(|| (side / off).powi(2).max(1.1))
}

impl ThresholdResult {
    /// How many times as long a run would settle it, if its figures stay; `None` where it
    /// is settled, or where that can't be told. `confidence` is the gate's own, which one
    /// look's may exceed.
    #[must_use]
    pub fn times_longer(&self, confidence: f64) -> Option<f64> {
        let (value, bound) = (self.observed?, self.bound?);
        let worth = self.worth.unwrap_or(self.samples).min(self.samples);
        let needed = self.method.quantile().map_or(1, |q| min_samples(q, confidence));
        let times = if worth < needed {
            needed as f64 / worth as f64
        } else {
            let interval = self.interval.filter(|(low, high)| *low <= bound && bound <= *high)?;
            narrow_enough(value, interval, bound)?
        };
        (times.is_finite() && times < MOST_TIMES).then_some(times)
    }
}

/// `a run of about 12m`, that many times as long as this one.
fn lasting(recording: &Recording, times: f64) -> Option<String> {
    let long_enough = times.is_finite() && times < MOST_TIMES;
    if !long_enough || recording.duration == Nanos::ZERO {
        return None;
    }
    let lasting = Nanos::from_secs_f64(recording.duration.as_secs_f64() * times);
    Some(format!("a run of about {lasting}"))
}

/// What to know of the interval of a rate that counts too little.
#[must_use]
pub fn too_rare() -> String {
    "neighbours resemble each other, and what this rate counts is rare: it is less certain than its interval says; run for longer".to_owned()
}

/// What to know of an interval whose run was too short.
#[must_use]
pub fn too_short() -> String {
    format!(
        "under {} s: too short to tell whether neighbours resemble each other",
        units::count(dependence::FEWEST_BINS as u64)
    )
}
