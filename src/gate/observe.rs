//! The value of a metric in a recording, with its interval and the samples it rests on.

use super::{Drawn, Method, Metric};
use crate::measure::intervals::{lowest_rank_worth, quantile_ranks_worth, wilson_worth};
use crate::measure::{Dependence, Recording, Trend};
use crate::tags::Selector;
use crate::units::Nanos;

/// A metric's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// Milliseconds, a fraction, a count, a count per second, or in the unit of a resource.
    pub value: f64,
    /// Its confidence interval, where the method has one.
    pub interval: Option<(f64, f64)>,
    /// The samples it rests on.
    pub samples: u64,
    /// How many independent ones they are worth; `None` of a counter.
    pub worth: Option<f64>,
    /// Of a quantile: its lower bound, which may stand alone.
    pub at_least: Option<f64>,
    /// Whether the run was long enough to tell.
    pub told: bool,
    /// Of a rate: whether what it counts is too rare to know how it bunches.
    pub rare: bool,
}

impl Observed {
    /// A value without an interval.
    const fn plain(value: f64) -> Self {
        Self {
            value,
            interval: None,
            samples: 0,
            worth: None,
            at_least: None,
            told: true,
            rare: false,
        }
    }
}

/// The value of `method` of `metric` over the samples that `selector` picks, with an
/// interval of `confidence`; `None` when there are none, or when the recording
/// didn't keep that slice.
#[must_use]
pub fn observe(
    metric: Metric,
    method: Method,
    selector: &Selector,
    recording: &Recording,
    confidence: f64,
) -> Option<Observed> {
    let drawn = metric.draw(selector, recording)?;
    let value = drawn.value(method, recording)?;
    Some(match drawn {
        Drawn::Counter(samples) => Observed { samples, ..Observed::plain(value) },
        Drawn::Gauge(resource) => Observed { samples: resource.count(), ..Observed::plain(value) },
        Drawn::Trend(trend) => {
            let samples = trend.count();
            let dependence = match method.quantile() {
                // Only response times are kept by the second: what they tell goes
                // for every span of the same answers.
                Some(q) if !metric.is_of_generator() => {
                    Dependence::of_quantile(recording, selector, q)
                }
                _ => Dependence::none(true),
            };
            let worth = dependence.worth(samples as f64);
            let evidence = dependence.evidence(samples as f64, confidence);
            let interval = spread(trend, method, evidence, confidence);
            let lowest =
                method.quantile().and_then(|q| lowest_rank_worth(samples, evidence, q, confidence));
            let at_least = lowest.and_then(|rank| trend.order_statistic(rank));
            Observed {
                interval,
                samples,
                worth: Some(worth),
                at_least: at_least.map(Nanos::as_millis_f64),
                told: dependence.told,
                ..Observed::plain(value)
            }
        }
        Drawn::Rate { hits, of, arrivals } => {
            let dependence = Dependence::of_rate(recording, selector, |ends| metric.fate(ends));
            let independent = arrivals.clamp(1, of) as f64;
            let evidence = dependence.evidence(independent, confidence);
            Observed {
                interval: wilson_worth(hits, of, evidence, confidence),
                samples: of,
                worth: Some(dependence.worth(independent)),
                told: dependence.told,
                rare: dependence.rare,
                ..Observed::plain(value)
            }
        }
    })
}

impl Drawn<'_> {
    /// What `method` takes of it: milliseconds, a fraction, a count, or a count per
    /// second of load; `None` where the load lasted no time, or its kind hasn't that
    /// method.
    #[must_use]
    pub fn value(self, method: Method, recording: &Recording) -> Option<f64> {
        let ms = |span: Nanos| span.as_millis_f64();
        match (self, method) {
            (Self::Counter(count), Method::Count) => Some(count as f64),
            (Self::Counter(count), Method::Rate) => {
                let seconds = recording.duration.as_secs_f64();
                (seconds > 0.0).then(|| count as f64 / seconds)
            }
            (Self::Rate { hits, of, .. }, Method::Rate) => Some(hits as f64 / of as f64),
            (Self::Trend(trend), Method::Avg) => Some(trend.mean()? / 1e6),
            (Self::Trend(trend), Method::Min) => trend.min().map(ms),
            (Self::Trend(trend), Method::Max) => trend.max().map(ms),
            (Self::Gauge(resource), Method::Avg) => resource.mean(),
            (Self::Gauge(resource), Method::Min) => resource.quantile(0.0),
            (Self::Gauge(resource), Method::Max) => resource.quantile(1.0),
            (Self::Gauge(resource), _) => resource.quantile(method.quantile()?),
            (Self::Trend(trend), _) => trend.quantile(method.quantile()?).map(ms),
            _ => None,
        }
    }
}

/// The interval of the quantile that `method` asks for, in milliseconds.
fn spread(trend: &Trend, method: Method, evidence: f64, confidence: f64) -> Option<(f64, f64)> {
    let n = trend.count();
    let (low, high) = quantile_ranks_worth(n, evidence, method.quantile()?, confidence)?;
    let at = |rank| trend.order_statistic(rank).map(Nanos::as_millis_f64);
    Some((at(low)?, at(high)?))
}
