//! How the samples of a run's bins vary, and what that says of their dependence.

use super::super::{Recording, Second, Stratum};

/// With fewer bins nobody can tell whether neighbours resemble each other.
pub const FEWEST_BINS: usize = 20;
/// The highest correlation of neighbouring bins that a short series can tell.
const MOST_CORRELATED: f64 = 0.95;
/// A series' excess variance below this share of the independent one is noise.
const LEAST_EXCESS: f64 = 0.15;
/// Degrees of freedom a wave: one wave has one, and the largest of several estimates
/// errs upwards, so that it needs less room than that leaves.
const FREEDOM: f64 = 3.0;

/// The response times of the bins of some strata.
pub(super) struct Histogram<'a> {
    bins: Vec<&'a Second>,
    /// By bucket.
    counts: Vec<u64>,
}

impl<'a> Histogram<'a> {
    pub(super) fn of(recording: &'a Recording, strata: &[Stratum]) -> Self {
        let bins: Vec<&Second> =
            strata.iter().flat_map(|s| &recording.timeline.bins[s.bins.clone()]).collect();
        let highest = bins.iter().filter_map(|bin| bin.response.highest()).max();
        let mut counts = vec![0; highest.map_or(0, |bucket| usize::from(bucket) + 1)];
        for (bucket, n) in bins.iter().flat_map(|bin| &bin.response) {
            counts[usize::from(bucket)] += u64::from(n);
        }
        Self { bins, counts }
    }

    /// The bucket from which on samples lie beyond `quantile`: the one it falls into or
    /// the next, whichever edge is nearer to the quantile. `None` where all lies on one
    /// side.
    pub(super) fn edge(&self, quantile: f64) -> Option<u16> {
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
    pub(super) fn beyond(&self, edges: &[u16]) -> Vec<Vec<(f64, f64)>> {
        let mut series = vec![Vec::with_capacity(self.bins.len()); edges.len()];
        for bin in &self.bins {
            let all = bin.response.total();
            for (counts, edge) in series.iter_mut().zip(edges) {
                let beyond = bin.response.iter().filter(|(bucket, _)| bucket >= edge);
                let beyond: u64 = beyond.map(|(_, n)| u64::from(n)).sum();
                counts.push((beyond as f64, all as f64));
            }
        }
        series
    }
}

/// What a series shows of the dependence of its samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shown {
    /// The design effect: n samples are worth n / this (at least 1).
    pub(super) effect: f64,
    /// How far the series is believed: above 0 (no sign of dependence), at most 1.
    pub(super) belief: f64,
    /// Degrees of freedom behind the effect.
    pub(super) freedom: f64,
    /// Samples of the series it was found in.
    pub(super) samples: f64,
}

/// Per bin, how many more samples lie beyond a value than their share.
pub(super) struct Series {
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
    pub(super) fn new(strata: &[Stratum], counts: &[(f64, f64)]) -> Option<Self> {
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
                without_curve(&mut own);
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

    /// How many samples lie on the side that has fewer.
    pub(super) fn rare(&self) -> f64 {
        self.samples * self.share.min(1.0 - self.share)
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

    /// What it shows of dependence, with the series of other quantiles; `None`: nothing.
    pub(super) fn dependence(&self, lenders: &[(f64, Self)], quantile: f64) -> Option<Shown> {
        let t = self.bins();
        let rare = self.rare();
        // The fewer the counts, the longer the tails of the signs.
        let suspicious = 2.0 + 0.7 * (60.0 / rare).min(1.0);
        let signs = lenders.iter().map(|(_, series)| series.signs()).fold(self.signs(), f64::max);
        let belief = ((signs - suspicious) / 2.0).clamp(0.0, 1.0);
        if belief <= 0.0 {
            return None;
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
        Some(Shown {
            effect: 1.0 + (effect - 1.0) * belief,
            belief,
            freedom: FREEDOM * f64::from(waves),
            samples: self.samples,
        })
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

/// Takes out of a ramp what a curve of the third degree explains (of a short one: a
/// straight line): its level moves with its rate.
fn without_curve(series: &mut [f64]) {
    let degree = if series.len() < FEWEST_BINS { 1 } else { 3 };
    let half = (series.len() as f64 / 2.0).max(0.5);
    // Powers, each made orthogonal to those before it.
    let mut basis: Vec<Vec<f64>> = Vec::new();
    for power in 0..=degree {
        let at = |i: usize| ((i as f64 + 0.5) / half - 1.0).powi(power);
        let mut next: Vec<f64> = (0..series.len()).map(at).collect();
        for earlier in &basis {
            take_out(&mut next, earlier);
        }
        take_out(series, &next);
        basis.push(next);
    }
}

/// Takes out of `series` what is along `direction`.
fn take_out(series: &mut [f64], direction: &[f64]) {
    let along = |a: &[f64]| a.iter().zip(direction).map(|(a, b)| a * b).sum::<f64>();
    let square = along(direction);
    if square > 1e-9 {
        let share = along(series) / square;
        series.iter_mut().zip(direction).for_each(|(z, d)| *z -= share * d);
    }
}
