//! A recording's seconds, laid out for resampling: how much each figure varies.

use std::ops::Range;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Figure;
use crate::measure::{BUCKET_LN_WIDTH, Recording, block_length, resample, span_of, strata};
use crate::outcome::Outcome;
use crate::tags::{Selector, TagKey};
use crate::units::Nanos;

/// How often each run is drawn anew: the standard error of the standard error
/// is then a twentieth of it.
const RESAMPLES: u32 = 200;

/// The seconds (bins) of one recording.
pub(super) struct Seconds {
    /// Width of a bin, in seconds.
    width: u32,
    /// `at_most[b][i]`: accepted arrivals of bin i whose response time is in
    /// bucket `lowest` + b or a lower one. By bucket first: a drawing is a dot product.
    at_most: Vec<Vec<u32>>,
    /// The lowest bucket of any bin.
    lowest: u16,
    /// Accepted, judged (arrivals − rate limited), rate limited, sent.
    counts: Vec<[u32; 4]>,
    /// Stages long enough to be drawn by themselves.
    strata: Vec<Range<usize>>,
}

/// How much a figure of one run varies.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    /// Its standard error: of the logarithm of a quantile, of a rate itself.
    pub(super) error: f64,
    /// Degrees of freedom behind it.
    pub(super) freedom: f64,
}

/// How much every figure of one run varies.
pub(super) struct Spreads {
    by_figure: [Spread; 6],
    /// Bins drawn together for the quantiles.
    block: usize,
}

impl Spreads {
    pub(super) fn of(&self, figure: Figure) -> Spread {
        self.by_figure[figure as usize]
    }
}

impl Seconds {
    pub(super) fn of(recording: &Recording) -> Self {
        let timeline = &recording.timeline;
        let used = || timeline.bins.iter().flat_map(|bin| bin.response.keys().copied());
        let lowest = used().min().unwrap_or(0);
        let highest = used().max().unwrap_or(0);
        let bins = timeline.bins.len();
        let mut at_most = Vec::with_capacity(usize::from(highest - lowest) + 1);
        let mut so_far = vec![0; bins];
        for bucket in lowest..=highest {
            for (count, bin) in so_far.iter_mut().zip(&timeline.bins) {
                *count += bin.response.get(&bucket).copied().unwrap_or(0);
            }
            at_most.push(so_far.clone());
        }
        let counts = timeline.bins.iter().map(|bin| {
            let count = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
            let limited = bin.outcomes.get(Outcome::RateLimited);
            [
                count(bin.outcomes.get(Outcome::Accepted)),
                count(bin.outcomes.total() - limited),
                count(limited),
                count(bin.outcomes.sent()),
            ]
        });
        Self {
            width: timeline.width.max(1),
            at_most,
            lowest,
            counts: counts.collect(),
            strata: strata(recording, &Selector::all()).into_iter().map(|s| s.bins).collect(),
        }
    }

    /// How many bins.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// How many seconds.
    pub(super) fn seconds(&self) -> u64 {
        self.len() as u64 * u64::from(self.width)
    }

    /// How many seconds were drawn together.
    pub(super) fn block_seconds(&self, spreads: &Spreads) -> u64 {
        spreads.block as u64 * u64::from(self.width)
    }

    /// How many samples `figure` rests on.
    pub(super) fn samples(&self, figure: Figure) -> u64 {
        let column = match figure {
            Figure::SuccessRate => 1,
            Figure::RateLimited => 3,
            _ => 0,
        };
        self.counts.iter().map(|counts| u64::from(counts[column])).sum()
    }

    /// The figure: of a quantile the value every other report shows, where its
    /// slice was kept, else what the per-second histograms say.
    pub(super) fn value(&self, figure: Figure, recording: &Recording) -> Option<f64> {
        let once = vec![1; self.len()];
        let Some(quantile) = figure.quantile() else { return self.rate(figure, &once) };
        let accepted = Selector::all().with(TagKey::Outcome, Outcome::Accepted.name());
        let exact = recording.slice(&accepted).and_then(|s| s.response_time.quantile(quantile));
        exact.map(Nanos::as_millis_f64).or_else(|| {
            let (bucket, _) = self.bucket_at(&once, quantile, 0)?;
            self.ln_quantile(&once, quantile, bucket).map(|ln| ln.exp() / 1e6)
        })
    }

    fn rate(&self, figure: Figure, drawn: &[u32]) -> Option<f64> {
        let (part, whole) = if figure == Figure::SuccessRate { (0, 1) } else { (2, 3) };
        let (mut above, mut below) = (0u64, 0u64);
        for (times, counts) in drawn.iter().zip(&self.counts) {
            above += u64::from(*times) * u64::from(counts[part]);
            below += u64::from(*times) * u64::from(counts[whole]);
        }
        (below > 0).then(|| above as f64 / below as f64)
    }

    /// Accepted arrivals of a drawing up to and including bucket `lowest` + `bucket`.
    fn up_to(&self, drawn: &[u32], bucket: usize) -> u64 {
        let row = self.at_most.get(bucket).map_or(&[][..], Vec::as_slice);
        drawn.iter().zip(row).map(|(times, n)| u64::from(*times) * u64::from(*n)).sum()
    }

    /// The bucket that a quantile of a drawing falls into, looked for from
    /// `near`, and the rank it is to have; `None` where nothing was accepted.
    fn bucket_at(&self, drawn: &[u32], quantile: f64, near: usize) -> Option<(usize, f64)> {
        let last = self.at_most.len().checked_sub(1)?;
        let rank = quantile * self.up_to(drawn, last) as f64;
        let mut bucket = near.min(last);
        while bucket < last && (self.up_to(drawn, bucket) as f64) < rank {
            bucket += 1;
        }
        while bucket > 0 && self.up_to(drawn, bucket - 1) as f64 >= rank {
            bucket -= 1;
        }
        (rank > 0.0).then_some((bucket, rank))
    }

    /// The logarithm of a quantile in nanoseconds, interpolated within its bucket.
    fn ln_quantile(&self, drawn: &[u32], quantile: f64, near: usize) -> Option<f64> {
        let (bucket, rank) = self.bucket_at(drawn, quantile, near)?;
        let below = if bucket == 0 { 0 } else { self.up_to(drawn, bucket - 1) };
        let within = self.up_to(drawn, bucket).saturating_sub(below).max(1) as f64;
        let middle = span_of(self.lowest.saturating_add(bucket as u16)).0 as f64;
        Some(middle.ln() + ((rank - below as f64) / within - 0.5) * BUCKET_LN_WIDTH)
    }

    /// How much every figure varies from one drawing of the run to the next.
    pub(super) fn spread(&self, seed: u64) -> Spreads {
        let mut rng = StdRng::seed_from_u64(seed);
        let once = vec![1; self.len()];
        // Each quantile with its bucket in the run as it was.
        let quantiles: Vec<(Figure, f64, usize)> = Figure::ALL
            .into_iter()
            .filter_map(|figure| figure.quantile().map(|quantile| (figure, quantile)))
            .filter_map(|(figure, q)| Some((figure, q, self.bucket_at(&once, q, 0)?.0)))
            .collect();
        let memory = |(_, _, bucket): &(Figure, f64, usize)| {
            block_length(&self.without_level(self.beyond(*bucket)))
        };
        let block = quantiles.iter().map(memory).max().unwrap_or(1);
        let mut drawings: [Vec<f64>; 6] = Default::default();
        for _ in 0..RESAMPLES {
            let drawn = resample(&self.strata, block, &mut rng);
            for (figure, quantile, bucket) in &quantiles {
                drawings[*figure as usize].extend(self.ln_quantile(&drawn, *quantile, *bucket));
            }
        }
        let mut by_figure = drawings.map(|drawn| self.summary(&drawn, block));
        for figure in [Figure::SuccessRate, Figure::RateLimited] {
            let block = block_length(&self.without_level(self.off_rate(figure)));
            let drawn = (0..RESAMPLES)
                .filter_map(|_| self.rate(figure, &resample(&self.strata, block, &mut rng)))
                .collect::<Vec<f64>>();
            by_figure[figure as usize] = self.summary(&drawn, block);
        }
        Spreads { by_figure, block }
    }

    fn summary(&self, drawn: &[f64], block: usize) -> Spread {
        let n = drawn.len().max(2) as f64;
        let mean = drawn.iter().sum::<f64>() / n;
        let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let blocks = self.len() as f64 / block as f64;
        let freedom = (blocks - self.strata.len() as f64).max(1.0);
        // Blocks vary about the mean of the blocks at hand, not about the true one.
        let error = (variance * blocks / freedom).sqrt();
        // The drawings are a sample themselves: their number bounds the certainty too.
        Spread { error, freedom: (freedom.recip() + (n - 1.0).recip()).recip().max(1.0) }
    }

    /// Per second, how many more samples lie beyond `bucket` than their share:
    /// what decides how much the quantile moves.
    fn beyond(&self, bucket: usize) -> Vec<f64> {
        let (Some(row), Some(all)) = (self.at_most.get(bucket), self.at_most.last()) else {
            return Vec::new();
        };
        let sum = |row: &[u32]| row.iter().map(|n| f64::from(*n)).sum::<f64>();
        let share = sum(row) / sum(all).max(1.0);
        all.iter().zip(row).map(|(all, n)| share * f64::from(*all) - f64::from(*n)).collect()
    }

    /// Per second, how far the numerator of a rate is off its share.
    fn off_rate(&self, figure: Figure) -> Vec<f64> {
        let (part, whole) = if figure == Figure::SuccessRate { (0, 1) } else { (2, 3) };
        let rate = self.rate(figure, &vec![1; self.len()]).unwrap_or(0.0);
        self.counts.iter().map(|c| f64::from(c[part]) - rate * f64::from(c[whole])).collect()
    }

    /// The series without what its stages explain.
    fn without_level(&self, mut series: Vec<f64>) -> Vec<f64> {
        for stratum in &self.strata {
            let seconds = &mut series[stratum.clone()];
            let mean = seconds.iter().sum::<f64>() / seconds.len().max(1) as f64;
            for second in seconds {
                *second -= mean;
            }
        }
        series
    }
}
