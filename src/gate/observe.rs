//! The value of a metric in a recording, with its interval and the samples it rests on.

use super::{Method, Metric, MetricKind};
use crate::measure::intervals::{CONFIDENCE, quantile_ranks, wilson};
use crate::measure::{Recording, Slice, Trend};
use crate::outcome::Outcome;
use crate::tags::{Selector, TagKey};

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
    let slice = recording.slice(&metric.narrow(selector))?;
    match metric.kind() {
        MetricKind::Trend => of_trend(trend(metric, slice), method),
        MetricKind::Rate => of_rate(metric, slice),
        MetricKind::Counter | MetricKind::Gauge => {
            if nothing_to_count(selector, recording) {
                return None;
            }
            of_counter(count(metric, selector, slice), method, recording)
        }
    }
}

/// Whether no traffic at all has what `selector` asks for apart from how it ended:
/// counting none of that would say nothing. None of a certain status or outcome is
/// a count like any other.
fn nothing_to_count(selector: &Selector, recording: &Recording) -> bool {
    let ends = [TagKey::Outcome, TagKey::Status, TagKey::ExpectedResponse];
    let base = selector
        .iter()
        .filter(|(key, _)| !ends.contains(key))
        .fold(Selector::all(), |base, (key, value)| base.with(key, value));
    let empty = |slice: &Slice| slice.requests == 0 && slice.outcomes.total() == 0;
    empty(recording.total()) || recording.slice(&base).is_some_and(empty)
}

fn trend(metric: Metric, slice: &Slice) -> &Trend {
    match metric {
        Metric::ResponseTime => &slice.response_time,
        Metric::HttpReqWaiting => &slice.waiting,
        Metric::ScheduleLag => &slice.lag,
        _ => &slice.service_time,
    }
}

fn of_trend(trend: &Trend, method: Method) -> Option<Observed> {
    let samples = trend.count();
    let ms = |span: crate::units::Nanos| span.as_millis_f64();
    let interval = method.quantile().and_then(|q| {
        let (low, high) = quantile_ranks(samples, q, CONFIDENCE)?;
        Some((ms(trend.order_statistic(low)?), ms(trend.order_statistic(high)?)))
    });
    let value = match method {
        Method::Avg => trend.mean()? / 1e6,
        Method::Min => ms(trend.min()?),
        Method::Max => ms(trend.max()?),
        _ => ms(trend.quantile(method.quantile()?)?),
    };
    Some(Observed { value, interval, samples })
}

fn of_rate(metric: Metric, slice: &Slice) -> Option<Observed> {
    let judged = slice.outcomes.total() - slice.outcomes.get(Outcome::RateLimited);
    let accepted = slice.outcomes.get(Outcome::Accepted);
    let (hits, samples) = match metric {
        Metric::Checks => (slice.checks_passed, slice.checks_passed + slice.checks_failed),
        Metric::HttpReqFailed => (slice.failed, slice.outcomes.sent()),
        Metric::Errors => (judged - accepted, judged),
        _ => (accepted, judged),
    };
    let interval = wilson(hits, samples, CONFIDENCE)?;
    Some(Observed { value: hits as f64 / samples as f64, interval: Some(interval), samples })
}

fn count(metric: Metric, selector: &Selector, slice: &Slice) -> u64 {
    match metric {
        // An answer brings each provider's credentials once.
        Metric::CredentialsByProvider if selector.get(TagKey::Provider).is_some() => {
            slice.outcomes.get(Outcome::Accepted)
        }
        Metric::HttpReqs => slice.requests,
        Metric::Iterations => slice.outcomes.sent(),
        Metric::DroppedIterations => slice.outcomes.get(Outcome::Dropped),
        Metric::RateLimitHits => slice.rate_limit_hits,
        Metric::CredentialsByProvider => slice.items,
        Metric::DataSent => slice.bytes_sent,
        Metric::DataReceived => slice.bytes_received,
        _ => slice.outcomes.get(Outcome::Accepted),
    }
}

fn of_counter(count: u64, method: Method, recording: &Recording) -> Option<Observed> {
    let value = match method {
        Method::Rate => {
            let seconds = recording.duration.as_secs_f64();
            if seconds <= 0.0 {
                return None;
            }
            count as f64 / seconds
        }
        _ => count as f64,
    };
    Some(Observed { value, interval: None, samples: count })
}
