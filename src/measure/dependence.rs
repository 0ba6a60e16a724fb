//! How many independent samples the samples of a run are worth: what neighbouring seconds tell of each other.
//!
//! A queue that fills slows many requests in a row, so that n samples say less
//! than n independent ones. Per second, the samples beyond a value are counted
//! and compared with their share; the long-run variance of that series, divided
//! by what independent samples would have, is the design effect, and n divided
//! by it is the effective sample size (Kish 1965; for quantiles Woodruff 1952).
//! docs/intervals.md shows what this covers, and how the figures here were chosen.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::intervals::normal_quantile;
use super::{Recording, Second, Stratum, strata};
use crate::outcome::OutcomeCounts;
use crate::tags::Selector;

/// With fewer bins nobody can tell whether neighbours resemble each other.
pub const FEWEST_BINS: usize = 20;
/// Quantiles whose series lend their memory to one further out, where a series
/// of its own has few counts.
const LENDERS: [f64; 3] = [0.5, 0.75, 0.9];
/// The highest correlation of neighbouring bins that a short series can tell.
const MOST_CORRELATED: f64 = 0.95;
/// A series' excess variance below this share of the independent one is noise.
const LEAST_EXCESS: f64 = 0.15;

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
}

impl Dependence {
    /// Samples taken as independent: nothing speaks against it, or nothing can.
    #[must_use]
    pub const fn none(told: bool) -> Self {
        Self { effect: 1.0, belief: 0.0, freedom: f64::INFINITY, samples: 0.0, told }
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
        own.map_or(Self::none(true), |own| own.dependence(&lenders, quantile))
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
        Series::new(&strata, &counts).map_or(Self::none(true), |own| own.dependence(&[], 0.0))
    }
}

fn too_short(strata: &[Stratum]) -> bool {
    strata.iter().map(|stratum| stratum.bins.len()).sum::<usize>() < FEWEST_BINS
}

/// The response times of the bins of some strata.
struct Histogram<'a> {
    bins: Vec<&'a Second>,
    /// By bucket.
    counts: Vec<u64>,
}

impl<'a> Histogram<'a> {
    fn of(recording: &'a Recording, strata: &[Stratum]) -> Self {
        let bins: Vec<&Second> =
            strata.iter().flat_map(|s| &recording.timeline.bins[s.bins.clone()]).collect();
        let highest = bins.iter().filter_map(|bin| bin.response.keys().next_back()).max();
        let mut counts = vec![0; highest.map_or(0, |bucket| usize::from(*bucket) + 1)];
        for (bucket, n) in bins.iter().flat_map(|bin| &bin.response) {
            counts[usize::from(*bucket)] += u64::from(*n);
        }
        Self { bins, counts }
    }

    /// The bucket from which on samples lie beyond `quantile`: the one it falls into or
    /// the next, whichever edge is nearer to the quantile. `None` where all lies on one
    /// side.
    fn edge(&self, quantile: f64) -> Option<u16> {
        let all: u64 = self.counts.iter().sum();
        let rank = (quantile * all as f64 - 1e-9).ceil();
        let mut below = 0;
        let (mut edge, mut off) = (None, f64::INFINITY);
        for (bucket, n) in (0..).zip(&self.counts).filter(|(_, n)| **n > 0) {
            // The edge under this bucket.
            let distance = (below as f64 - quantile * all as f64).abs();
            if below > 0 && distance < off {
                (edge, off) = (Some(bucket), distance);
            }
            if below as f64 >= rank {
                break;
            }
            below += n;
        }
        edge
    }

    /// For every edge, how many samples of each bin lie beyond it, and how many
    /// there are.
    fn beyond(&self, edges: &[u16]) -> Vec<Vec<(f64, f64)>> {
        let mut series = vec![Vec::with_capacity(self.bins.len()); edges.len()];
        for bin in &self.bins {
            let all: u32 = bin.response.values().sum();
            for (counts, edge) in series.iter_mut().zip(edges) {
                let beyond: u32 = bin.response.range(edge..).map(|(_, n)| n).sum();
                counts.push((f64::from(beyond), f64::from(all)));
            }
        }
        series
    }
}

/// Per bin, how many more samples lie beyond a value than their share.
struct Series {
    /// The excess, without what the plan's stages explain.
    excess: Vec<f64>,
    /// The share beyond.
    share: f64,
    /// The samples.
    samples: f64,
    /// Variance of a bin's count if samples were independent.
    independent: f64,
    /// Variance of a bin's count.
    variance: f64,
    /// Covariance of neighbouring bins.
    lagged: f64,
}

impl Series {
    /// The series of `counts`: a bin's samples beyond and all of them, the bins in the
    /// order of `strata`. `None` where all lies on one side.
    fn new(strata: &[Stratum], counts: &[(f64, f64)]) -> Option<Self> {
        let mut excess = Vec::with_capacity(counts.len());
        let (mut beyond, mut samples) = (0.0, 0.0);
        let mut rest = counts;
        for stratum in strata {
            let (counts, later) = rest.split_at_checked(stratum.bins.len())?;
            rest = later;
            let sum = counts.iter().fold((0.0, 0.0), |sum, c| (sum.0 + c.0, sum.1 + c.1));
            let share = if sum.1 > 0.0 { sum.0 / sum.1 } else { 0.0 };
            let mut own: Vec<f64> = counts.iter().map(|(e, n)| e - share * n).collect();
            if stratum.ramp {
                without_line(&mut own);
            }
            excess.extend(own);
            beyond += sum.0;
            samples += sum.1;
        }
        let share = beyond / samples.max(1.0);
        if share <= 0.0 || share >= 1.0 {
            return None;
        }
        let independent = samples / excess.len() as f64 * share * (1.0 - share);
        let (variance, lagged) = (covariance(&excess, 0), covariance(&excess, 1));
        Some(Self { excess, share, samples, independent, variance, lagged })
    }

    fn bins(&self) -> f64 {
        self.excess.len() as f64
    }

    /// Signs of dependence in standard deviations: the largest of four, on scales
    /// from one bin to the whole run.
    fn signs(&self) -> f64 {
        let (t, b) = (self.bins(), self.independent);
        let over = (self.variance / b - 1.0 + 1.0 / t) * (t / (2.0 + 1.0 / b)).sqrt();
        let neighbours = (self.lagged / b + 1.0 / t) * t.sqrt();
        let four: f64 = (1..=4).map(|lag| covariance(&self.excess, lag)).sum();
        let four = (four / b + 4.0 / t) * (t / 4.0).sqrt();
        // The squares of six waves have a long tail: a little less than their size.
        let slow = (self.slow(6) / b - 1.0) * 3f64.sqrt() / 1.2;
        over.max(neighbours).max(four).max(slow)
    }

    /// The long-run variance by the `waves` slowest cosines (Müller 2007).
    fn slow(&self, waves: u32) -> f64 {
        let t = self.bins();
        let wave = |j: u32| {
            let step = std::f64::consts::PI * f64::from(j) / t;
            let at = |(i, z): (usize, &f64)| z * (step * (i as f64 + 0.5)).cos();
            self.excess.iter().enumerate().map(at).sum::<f64>()
        };
        (1..=waves).map(|j| wave(j).powi(2)).sum::<f64>() * 2.0 / t / f64::from(waves)
    }

    /// Correlation of neighbouring bins of what exceeds independent samples'
    /// variance; `None` where nothing does.
    fn memory(&self) -> Option<f64> {
        let t = self.bins();
        let excess = self.variance * t / (t - 1.0) - self.independent;
        (excess > LEAST_EXCESS * self.independent).then(|| unbiased(self.lagged / excess, t))
    }

    /// The largest of three estimates of the design effect: the slowest waves, a
    /// first-order autoregression of the counts, and one of what exceeds independent
    /// samples, with the memory that any series shows.
    fn effect(&self, memory: f64, waves: u32) -> f64 {
        let t = self.bins();
        let own = if self.variance > 0.0 {
            unbiased(self.lagged / self.variance, t).clamp(0.0, MOST_CORRELATED)
        } else {
            0.0
        };
        let long_run = |r: f64| (1.0 + r) / (1.0 - r);
        let excess = (self.variance * t / (t - 1.0) - self.independent).max(0.0);
        let largest = self
            .slow(waves)
            .max(self.variance * long_run(own))
            .max(self.independent + excess * long_run(memory));
        (largest / self.independent).max(1.0)
    }

    fn dependence(&self, lenders: &[(f64, Self)], quantile: f64) -> Dependence {
        let t = self.bins();
        let rare = self.samples * self.share.min(1.0 - self.share);
        // The fewer the counts, the longer the tails of the signs.
        let suspicious = 2.0 + 0.7 * (60.0 / rare).min(1.0);
        let signs = lenders.iter().map(|(_, series)| series.signs()).fold(self.signs(), f64::max);
        let belief = ((signs - suspicious) / 2.0).clamp(0.0, 1.0);
        if belief <= 0.0 {
            return Dependence::none(true);
        }
        let waves = (0.41 * t.powf(2.0 / 3.0)).floor().clamp(2.0, 8.0) as u32;
        let all = lenders.iter().map(|(_, series)| series).chain([self]);
        let memory = all.filter_map(Self::memory).fold(0.0, f64::max).clamp(0.0, MOST_CORRELATED);
        let own = self.effect(memory, waves);
        let nearer = lenders
            .iter()
            .filter(|(q, _)| *q < quantile)
            .map(|(_, series)| series.effect(memory, waves))
            .fold(1.0, f64::max);
        // Where few independent samples lie beyond, a run may not have met the worst
        // yet: it then lends what the nearer quantiles show, and half as much again.
        let beyond = self.samples / own.max(nearer) * self.share;
        let effect = own.max(nearer * (1.0 + 0.5 * (6.0 / beyond).min(1.0)));
        Dependence {
            effect: 1.0 + (effect - 1.0) * belief,
            belief,
            freedom: f64::from(waves),
            samples: self.samples,
            told: true,
        }
    }
}

/// A lag-1 correlation without the bias of a series of `bins` values (Kendall 1954).
fn unbiased(correlation: f64, bins: f64) -> f64 {
    correlation + (1.0 + 3.0 * correlation) / bins
}

fn covariance(series: &[f64], lag: usize) -> f64 {
    let later = series.get(lag..).unwrap_or_default();
    series.iter().zip(later).map(|(a, b)| a * b).sum::<f64>() / series.len().max(1) as f64
}

/// Takes the straight line out of a ramp: its level moves with its rate.
fn without_line(series: &mut [f64]) {
    let centre = (series.len() as f64 - 1.0) / 2.0;
    let at = |i: usize| i as f64 - centre;
    let (mut square, mut product) = (0.0, 0.0);
    for (i, z) in series.iter().enumerate() {
        square += at(i) * at(i);
        product += at(i) * z;
    }
    if square > 0.0 {
        let slope = product / square;
        series.iter_mut().enumerate().for_each(|(i, z)| *z -= slope * at(i));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::ids::ScenarioId;
    use crate::measure::{Ended, Timeline};
    use crate::outcome::Outcome;
    use crate::units::{Nanos, Timestamp};

    fn of(timeline: Timeline) -> Recording {
        let mut recording = Recording::empty(
            ScenarioId::fixed("webhook"),
            Timestamp { unix_millis: 0 },
            Ended::Completed,
        );
        recording.timeline = timeline;
        recording
    }

    /// `seconds` of fifty arrivals each, whose seconds share `fate` of their spread
    /// with each other and remember `rho` of it.
    fn run(seconds: u64, fate: f64, rho: f64, seed: u64) -> Timeline {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut timeline = Timeline::default();
        let mut level = 0.0;
        for second in 0..seconds {
            level = rho * level + (1.0 - rho * rho).sqrt() * rng.random_range(-1.7..1.7);
            for i in 0..50 {
                let spread: f64 = rng.random_range(-1.7..1.7);
                let ms = 20.0 * (0.6 * (fate.sqrt() * level + (1.0 - fate).sqrt() * spread)).exp();
                let due = Nanos::from_secs(second) + Nanos::from_millis(20 * i);
                let failed = ms > 40.0;
                let end = if failed { Outcome::ServerError } else { Outcome::Accepted };
                timeline.ended(due, end, Nanos::from_secs_f64(ms / 1e3));
            }
        }
        timeline
    }

    fn p90(timeline: Timeline) -> Dependence {
        Dependence::of_quantile(&of(timeline), &Selector::all(), 0.9)
    }

    fn failures(ends: &OutcomeCounts) -> (u64, u64) {
        (ends.get(Outcome::ServerError), ends.total())
    }

    #[test]
    fn independent_samples_are_worth_their_number() {
        let worth: f64 = (0..40).map(|seed| p90(run(120, 0.0, 0.0, seed)).worth(6000.0)).sum();
        assert!(worth / 40.0 > 5500.0, "{worth}");
    }

    #[test]
    fn seconds_that_share_their_fate_are_worth_less_and_a_part_of_them_less_so() {
        let dependence = p90(run(120, 0.3, 0.8, 1));
        assert!((20.0..600.0).contains(&dependence.worth(6000.0)), "{dependence:?}");
        assert!(dependence.evidence(6000.0, 0.95) < dependence.worth(6000.0));
        assert!(dependence.worth(300.0) / 300.0 > dependence.worth(6000.0) / 6000.0);
        let rate = Dependence::of_rate(&of(run(120, 0.3, 0.8, 1)), &Selector::all(), failures);
        assert!(rate.worth(6000.0) < 1500.0, "{rate:?}");
    }

    #[test]
    fn what_one_of_two_runs_shows_holds_for_both() {
        let (quiet, shared) = (p90(run(120, 0.0, 0.0, 1)), p90(run(120, 0.3, 0.8, 1)));
        let (a, b) = quiet.paired(shared);
        assert_eq!((b, a), shared.paired(quiet));
        assert_eq!(a.worth(6000.0), b.worth(6000.0));
        assert!(a.worth(6000.0) > shared.worth(6000.0) && a.worth(6000.0) < 2000.0, "{a:?}");
        assert_eq!(quiet.paired(quiet).0, quiet);
    }

    #[test]
    fn a_short_run_cannot_tell_and_a_steady_one_has_nothing_to_tell() {
        assert_eq!(p90(run(19, 0.3, 0.8, 1)), Dependence::none(false));
        let mut steady = Timeline::default();
        for second in 0..60 {
            for _ in 0..10 {
                steady.ended(Nanos::from_secs(second), Outcome::Accepted, Nanos::from_millis(5));
            }
        }
        assert_eq!(p90(steady.clone()), Dependence::none(true));
        let rate = Dependence::of_rate(&of(steady), &Selector::all(), failures);
        assert_eq!(rate, Dependence::none(true));
        assert_eq!(p90(Timeline::default()), Dependence::none(false));
    }

    #[test]
    fn a_level_that_a_ramp_explains_is_no_dependence() {
        use crate::measure::{StageKind, StageRecord};
        let mut recording = of(run(0, 0.0, 0.0, 0));
        let mut rng = StdRng::seed_from_u64(3);
        for second in 0..60 {
            for _ in 0..50 {
                let ms = (10.0 + second as f64 / 10.0) * rng.random_range(0.5..1.5);
                let due = Nanos::from_secs(second);
                recording.timeline.ended(due, Outcome::Accepted, Nanos::from_secs_f64(ms / 1e3));
            }
        }
        let flat = Dependence::of_quantile(&recording, &Selector::all(), 0.9);
        recording.stages.push(StageRecord {
            number: 1,
            kind: StageKind::Ramp,
            start: Nanos::ZERO,
            end: Nanos::from_secs(60),
            target: 50.0,
            planned: 3000,
            sent_within: 3000,
            dropped: 0,
        });
        let ramp = Dependence::of_quantile(&recording, &Selector::all(), 0.9);
        assert!(ramp.worth(3000.0) > 4.0 * flat.worth(3000.0), "{ramp:?} {flat:?}");
    }

    proptest! {
        #[test]
        fn worth_is_between_one_sample_s_and_all_and_grows_with_them(
            seconds in 0u64..90, fate in 0.0..1.0, rho in 0.0..0.99, seed: u64,
            n in 1.0..1e7, more in 1.0..3.0,
        ) {
            let dependence = p90(run(seconds, fate, rho, seed));
            let worth = dependence.worth(n);
            prop_assert!(worth > 0.0 && worth <= n);
            prop_assert!(dependence.worth(n * more) >= worth);
            let mut least = f64::INFINITY;
            for confidence in [0.8, 0.95, 0.99] {
                let evidence = dependence.evidence(n, confidence);
                prop_assert!(evidence > 0.0 && evidence <= worth && evidence <= least);
                least = evidence;
            }
        }

        #[test]
        fn shards_of_one_run_tell_what_the_run_tells(fate in 0.0..1.0, seed: u64) {
            let (left, right) = (run(40, fate, 0.5, seed), run(40, fate, 0.5, !seed));
            let mut merged = left.clone();
            merged.merge(&right);
            let mut other = right;
            other.merge(&left);
            prop_assert_eq!(p90(merged), p90(other));
        }
    }
}
