//! What one run knows of a figure: its value, its samples, and what those are worth.

use std::borrow::Cow;

use super::Figure;
use crate::measure::intervals::{quantile_ranks_worth, wilson_worth};
use crate::measure::{Dependence, Recording, Trend, span_of};
use crate::outcome::{Outcome, OutcomeCounts};
use crate::tags::{Selector, TagKey};
use crate::units::Nanos;

/// One recording, as the figures are drawn from it.
pub(super) struct Known<'a> {
    recording: &'a Recording,
    /// Response times of accepted arrivals: to three digits where their slice was
    /// kept, else as the seconds keep them.
    accepted: Cow<'a, Trend>,
    /// How its arrivals ended.
    ends: OutcomeCounts,
}

impl<'a> Known<'a> {
    pub(super) fn of(recording: &'a Recording) -> Self {
        let accepted = Selector::all().with(TagKey::Outcome, Outcome::Accepted.name());
        let accepted = match recording.slice(&accepted) {
            Some(slice) => Cow::Borrowed(&slice.response_time),
            None => Cow::Owned(by_the_second(recording)),
        };
        let mut ends = OutcomeCounts::default();
        recording.timeline.bins.iter().for_each(|bin| ends.merge(&bin.outcomes));
        Self { recording, accepted, ends }
    }

    /// How many bins it has.
    pub(super) fn bins(&self) -> usize {
        self.recording.timeline.bins.len()
    }

    /// How many seconds.
    pub(super) fn seconds(&self) -> u64 {
        self.bins() as u64 * u64::from(self.recording.timeline.width.max(1))
    }

    /// How many samples `figure` rests on.
    pub(super) fn samples(&self, figure: Figure) -> u64 {
        match figure.quantile() {
            Some(_) => self.accepted.count(),
            None => part_of(figure, &self.ends).1,
        }
    }

    /// The figure: milliseconds or a share; `None` where there is no sample.
    pub(super) fn value(&self, figure: Figure) -> Option<f64> {
        if let Some(quantile) = figure.quantile() {
            return self.accepted.quantile(quantile).map(Nanos::as_millis_f64);
        }
        let (part, whole) = part_of(figure, &self.ends);
        (whole > 0).then(|| part as f64 / whole as f64)
    }

    /// What its seconds tell of the figure's samples.
    pub(super) fn dependence(&self, figure: Figure) -> Dependence {
        match figure.quantile() {
            Some(quantile) => Dependence::of_quantile(self.recording, &Selector::all(), quantile),
            None => {
                Dependence::of_rate(self.recording, &Selector::all(), |ends| part_of(figure, ends))
            }
        }
    }

    /// The figure's interval, its samples counting as `evidence` independent ones.
    pub(super) fn interval(
        &self,
        figure: Figure,
        evidence: f64,
        confidence: f64,
    ) -> Option<(f64, f64)> {
        let Some(quantile) = figure.quantile() else {
            let (part, whole) = part_of(figure, &self.ends);
            return wilson_worth(part, whole, evidence, confidence);
        };
        let n = self.accepted.count();
        let (low, high) = quantile_ranks_worth(n, evidence, quantile, confidence)?;
        let at = |rank| self.accepted.order_statistic(rank).map(Nanos::as_millis_f64);
        Some((at(low)?, at(high)?))
    }
}

/// Numerator and denominator of a rate.
fn part_of(figure: Figure, ends: &OutcomeCounts) -> (u64, u64) {
    let limited = ends.get(Outcome::RateLimited);
    match figure {
        Figure::SuccessRate => (ends.get(Outcome::Accepted), ends.total() - limited),
        _ => (limited, ends.sent()),
    }
}

/// Response times as the seconds keep them, each in the middle of its bucket.
fn by_the_second(recording: &Recording) -> Trend {
    let mut trend = Trend::default();
    for (bucket, n) in recording.timeline.bins.iter().flat_map(|bin| &bin.response) {
        trend.record_many(span_of(bucket), u64::from(n));
    }
    trend
}
