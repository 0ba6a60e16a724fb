//! The figures that every report shows, taken from a recording in one place.

use std::borrow::Cow;

use crate::ids::ScenarioId;
use crate::measure::{Recording, Second, Slice, Trend, span_of};
use crate::outcome::Outcome;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::tags::{Selector, TagKey};
use crate::units::{self, Nanos};

/// The quantiles that tables show, with their names.
pub(super) const QUANTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// Every selector that reports ask a recording for, beside those of thresholds;
/// `labels` are the scenario's, for the sub-metrics of its custom counters.
#[must_use]
pub fn wanted_selectors(labels: &[crate::tags::Label]) -> Vec<Selector> {
    let mut wanted = vec![Selector::all()];
    wanted.extend(Outcome::ALL.map(outcome));
    for kind in ["hold", "ramp"] {
        wanted.push(Selector::all().with(TagKey::Stage, kind));
        for which in [Outcome::Accepted, Outcome::RateLimited] {
            wanted.push(outcome(which).with(TagKey::Stage, kind));
        }
    }
    wanted.extend(
        labels.iter().map(|label| outcome(Outcome::Accepted).with(label.key, label.value.clone())),
    );
    wanted
}

/// The selector of one outcome.
pub(super) fn outcome(outcome: Outcome) -> Selector {
    Selector::all().with(TagKey::Outcome, outcome.name())
}

/// The slice of `selector`, empty where it wasn't kept.
pub(super) fn slice<'a>(recording: &'a Recording, selector: &Selector) -> Cow<'a, Slice> {
    recording.slice(selector).map_or_else(|| Cow::Owned(Slice::default()), Cow::Borrowed)
}

/// The slice of accepted arrivals.
pub(super) fn accepted(recording: &Recording) -> Cow<'_, Slice> {
    slice(recording, &outcome(Outcome::Accepted))
}

/// The slice of `which` arrivals in `hold` or `ramp` stages.
pub(super) fn in_stages<'a>(
    recording: &'a Recording,
    which: Outcome,
    kind: &str,
) -> Cow<'a, Slice> {
    slice(recording, &outcome(which).with(TagKey::Stage, kind))
}

/// A quantile in words, `–` where there is none.
pub(super) fn quantile(trend: &Trend, q: f64) -> String {
    trend.quantile(q).map_or_else(|| "–".to_owned(), units::span)
}

/// The latency rows of a scenario: name and trend, empty ones left out.
pub(super) fn latency_rows(recording: &Recording) -> Vec<(&'static str, Trend)> {
    let accepted = accepted(recording);
    let refused = slice(recording, &outcome(Outcome::RateLimited));
    let rows = [
        ("response time, accepted", accepted.response_time.clone()),
        ("  in hold stages", in_stages(recording, Outcome::Accepted, "hold").response_time.clone()),
        ("  in ramps", in_stages(recording, Outcome::Accepted, "ramp").response_time.clone()),
        ("service time, accepted", accepted.service_time.clone()),
        ("  of it waiting", accepted.waiting.clone()),
        ("response time, refused", refused.response_time.clone()),
        ("schedule lag in holds", recording.generator.lag_hold.clone()),
    ];
    rows.into_iter().filter(|(_, trend)| !trend.is_empty()).collect()
}

/// Arrivals per second over the load; 0 where it lasted no time.
pub(super) fn achieved_rate(recording: &Recording) -> f64 {
    per_second(recording, recording.generator.sent)
}

/// `n` per second of load; 0 where it lasted no time.
pub(super) fn per_second(recording: &Recording, n: u64) -> f64 {
    let seconds = recording.duration.as_secs_f64();
    if seconds > 0.0 { n as f64 / seconds } else { 0.0 }
}

/// The response time of accepted arrivals at `quantile`, bin by bin, in
/// milliseconds; `None` where nothing was accepted.
pub(super) fn per_bin(recording: &Recording, quantile: f64) -> Vec<Option<f64>> {
    recording.timeline.bins.iter().map(|bin| bin_quantile(bin, quantile)).collect()
}

/// The response time of a bin's accepted arrivals at `quantile`, in milliseconds.
pub(super) fn bin_quantile(bin: &Second, quantile: f64) -> Option<f64> {
    let [value] = bin_quantiles(bin, [quantile]);
    value
}

/// The same at several, ascending.
pub(super) fn bin_quantiles<const N: usize>(bin: &Second, all: [f64; N]) -> [Option<f64>; N] {
    let total = bin.response.total();
    let mut buckets = bin.response.iter();
    let (mut seen, mut last) = (0, None);
    all.map(|quantile| {
        let rank = ((quantile * total as f64 - 1e-9).ceil() as u64).max(1);
        while seen < rank {
            let (bucket, n) = buckets.next()?;
            seen += u64::from(n);
            last = Some(bucket);
        }
        last.map(|bucket| span_of(bucket).as_millis_f64())
    })
}

/// When a quantile of single seconds first stood over a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Breach {
    pub(super) from: Nanos,
    pub(super) to: Nanos,
    /// Arrivals that were sent a second in that time.
    pub(super) rate: f64,
    /// Seconds afterwards in which it stood over it again.
    pub(super) later: u64,
}

/// When the response time at `quantile` first stood over `bound`, in milliseconds.
pub(super) fn breach(recording: &Recording, quantile: f64, bound: f64) -> Option<Breach> {
    let timeline = &recording.timeline;
    let width = u64::from(timeline.width.max(1));
    let over: Vec<bool> = per_bin(recording, quantile)
        .into_iter()
        .map(|value| value.is_some_and(|value| value > bound))
        .collect();
    let first = over.iter().position(|over| *over)?;
    let length = over.get(first..)?.iter().take_while(|over| **over).count();
    let all = over.iter().filter(|over| **over).count();
    let sent: u64 =
        timeline.bins.iter().skip(first).take(length).map(|bin| u64::from(bin.sent)).sum();
    let seconds = |bins: usize| bins as u64 * width;
    Some(Breach {
        from: Nanos::from_secs(seconds(first)),
        to: Nanos::from_secs(seconds(first + length)),
        rate: sent as f64 / seconds(length) as f64,
        later: seconds(all - length),
    })
}

/// The scenarios, the worst verdict first, else in the order they ran.
pub(super) fn worst_first(report: &SuiteReport) -> Vec<&ScenarioReport> {
    let mut scenarios: Vec<_> = report.scenarios.iter().collect();
    scenarios.sort_by_key(|scenario| std::cmp::Reverse(scenario.verdict.kind));
    scenarios
}

/// The same scenario in another run.
pub(super) fn of(report: Option<&SuiteReport>, id: ScenarioId) -> Option<&ScenarioReport> {
    report?.scenario(id)
}
