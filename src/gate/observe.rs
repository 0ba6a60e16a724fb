//! The value of a metric in a recording, with its interval and the samples it rests on.

use super::{Drawn, Method, Metric};
use crate::measure::intervals::{CONFIDENCE, quantile_ranks, wilson};
use crate::measure::{Recording, Trend};
use crate::tags::Selector;
use crate::units::Nanos;

/// A metric's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// Milliseconds, a fraction, a count, or a count per second.
    pub value: f64,
    /// Its 95 % confidence interval, where the method has one.
    pub interval: Option<(f64, f64)>,
    /// The samples it rests on.
    pub samples: u64,
}

/// The value of `method` of `metric` over the samples that `selector` picks;
/// `None` when there are none, or when the recording didn't keep that slice.
#[must_use]
pub fn observe(
    metric: Metric,
    method: Method,
    selector: &Selector,
    recording: &Recording,
) -> Option<Observed> {
    let drawn = metric.draw(selector, recording)?;
    let value = drawn.value(method, recording)?;
    let (interval, samples) = match drawn {
        Drawn::Trend(trend) => (spread(trend, method), trend.count()),
        Drawn::Rate { hits, of } => (wilson(hits, of, CONFIDENCE), of),
        Drawn::Counter(count) => (None, count),
    };
    Some(Observed { value, interval, samples })
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
            (Self::Rate { hits, of }, Method::Rate) => Some(hits as f64 / of as f64),
            (Self::Trend(trend), Method::Avg) => Some(trend.mean()? / 1e6),
            (Self::Trend(trend), Method::Min) => trend.min().map(ms),
            (Self::Trend(trend), Method::Max) => trend.max().map(ms),
            (Self::Trend(trend), _) => trend.quantile(method.quantile()?).map(ms),
            _ => None,
        }
    }
}

/// The 95 % interval of the quantile that `method` asks for, in milliseconds.
fn spread(trend: &Trend, method: Method) -> Option<(f64, f64)> {
    let (low, high) = quantile_ranks(trend.count(), method.quantile()?, CONFIDENCE)?;
    let at = |rank| trend.order_statistic(rank).map(Nanos::as_millis_f64);
    Some((at(low)?, at(high)?))
}
