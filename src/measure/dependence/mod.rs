//! How many independent samples the samples of a run are worth: what neighbouring seconds tell of each other.
//!
//! A queue that fills slows many requests in a row, so that n samples say less
//! than n independent ones. Per second, the samples beyond a value are counted
//! and compared with their share; the long-run variance of that series, divided
//! by what independent samples would have, is the design effect, and n divided
//! by it is the effective sample size (Kish 1965; for quantiles Woodruff 1952).
//! docs/intervals.md shows what this covers, and how the figures here were chosen.

mod series;
#[cfg(test)]
mod tests;

use statrs::distribution::{ContinuousCDF, StudentsT};

use self::series::{Histogram, Series, Shown};
use super::intervals::normal_quantile;
use super::{Recording, Stratum, strata};
use crate::outcome::OutcomeCounts;
use crate::tags::Selector;

pub use self::series::FEWEST_BINS;

/// Quantiles whose series lend their memory to one further out, where a series
/// of its own has few counts.
const LENDERS: [f64; 3] = [0.5, 0.75, 0.9];

/// The quantile of the response times that shows a queue.
const QUEUE: f64 = 0.9;

/// A rate that rests on fewer independent events is less certain than its interval,
/// where neighbours resemble each other (docs/intervals.md).
const FEWEST_BUNCHES: f64 = 20.0;

/// What is known of the dependence of a run's samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dependence {
    /// The design effect: n samples are worth n / this (at least 1).
    effect: f64,
    /// How far the series is believed: 0 (no sign of dependence) to 1.
    belief: f64,
    /// Degrees of freedom behind the effect.
    freedom: f64,
    /// Samples of the series it was found in.
    samples: f64,
    /// Whether there were seconds enough to tell.
    pub told: bool,
    /// Of a rate: whether what it counts is so rare, among samples that depend, that
    /// how it bunches isn't known.
    pub rare: bool,
}

impl Dependence {
    /// Samples taken as independent: nothing speaks against it, or nothing can.
    #[must_use]
    pub const fn none(told: bool) -> Self {
        Self { effect: 1.0, belief: 0.0, freedom: f64::INFINITY, samples: 0.0, told, rare: false }
    }

    fn told_by(shown: Option<Shown>) -> Self {
        let Some(Shown { effect, belief, freedom, samples }) = shown else {
            return Self::none(true);
        };
        Self { effect, belief, freedom, samples, told: true, rare: false }
    }

    /// How many independent samples `n` of them are worth: at most `n`. A part of
    /// the samples, spread over the same seconds, depends less than the whole.
    #[must_use]
    pub fn worth(&self, n: f64) -> f64 {
        if self.samples <= 0.0 {
            return n;
        }
        n / (1.0 + (self.effect - 1.0) * (n / self.samples).min(1.0))
    }

    /// What an interval with `confidence` may rest on: what `n` samples are worth, less
    /// what the effect itself may be wrong by (Student's factor).
    #[must_use]
    pub fn evidence(&self, n: f64, confidence: f64) -> f64 {
        let worth = self.worth(n);
        if self.belief <= 0.0 {
            return worth;
        }
        let tail = f64::midpoint(1.0, confidence);
        let Ok(student) = StudentsT::new(0.0, 1.0, self.freedom) else { return worth };
        let factor = student.inverse_cdf(tail) / normal_quantile(tail);
        worth / (1.0 + (factor * factor - 1.0) * self.belief)
    }

    /// This and `other`, of two runs that are compared: both are given the mean of what
    /// they show, since a stall that one of them happened to meet could have met the
    /// other.
    #[must_use]
    pub fn paired(self, other: Self) -> (Self, Self) {
        let stronger = if self.effect >= other.effect { self } else { other };
        let both = Self { effect: f64::midpoint(self.effect, other.effect), ..stronger };
        (Self { told: self.told, ..both }, Self { told: other.told, ..both })
    }

    /// The dependence of accepted arrivals' response times about their
    /// `quantile` (0 to 1), in the stages that `selector` asks for.
    #[must_use]
    pub fn of_quantile(recording: &Recording, selector: &Selector, quantile: f64) -> Self {
        let strata = strata(recording, selector);
        if too_short(&strata) {
            return Self::none(false);
        }
        let histogram = Histogram::of(recording, &strata);
        let edge = |q| histogram.edge(q);
        let Some(own) = edge(quantile) else { return Self::none(true) };
        let lenders: Vec<(f64, u16)> =
            LENDERS.into_iter().filter_map(|q| Some((q, edge(q)?))).collect();
        let edges = lenders.iter().map(|(_, edge)| *edge).chain([own]);
        let mut series = histogram.beyond(&edges.collect::<Vec<u16>>());
        let own = series.pop().and_then(|counts| Series::new(&strata, &counts));
        let lenders: Vec<(f64, Series)> = lenders
            .into_iter()
            .zip(series)
            .filter_map(|((q, _), counts)| Some((q, Series::new(&strata, &counts)?)))
            .collect();
        Self::told_by(own.and_then(|own| own.dependence(&lenders, quantile)))
    }

    /// The dependence of a rate: `count` tells of one bin's ends how many failed
    /// and how many there were.
    #[must_use]
    pub fn of_rate(
        recording: &Recording,
        selector: &Selector,
        count: impl Fn(&OutcomeCounts) -> (u64, u64),
    ) -> Self {
        let strata = strata(recording, selector);
        if too_short(&strata) {
            return Self::none(false);
        }
        let bins = strata.iter().flat_map(|s| &recording.timeline.bins[s.bins.clone()]);
        let counts: Vec<(f64, f64)> = bins
            .map(|bin| {
                let (failed, all) = count(&bin.outcomes);
                (failed as f64, all as f64)
            })
            .collect();
        let Some(own) = Series::new(&strata, &counts) else { return Self::none(true) };
        let told = Self::told_by(own.dependence(&[], 0.0));
        // What times the answers take tells of a queue before failures do.
        let depends =
            || told.belief > 0.0 || Self::of_quantile(recording, selector, QUEUE).belief >= 0.5;
        Self { rare: own.rare() / told.effect < FEWEST_BUNCHES && depends(), ..told }
    }
}

fn too_short(strata: &[Stratum]) -> bool {
    strata.iter().map(|stratum| stratum.bins.len()).sum::<usize>() < FEWEST_BINS
}
