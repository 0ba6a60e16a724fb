//! A recording's seconds, laid out for resampling: how much each figure varies.

use std::ops::Range;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::Figure;
use crate::measure::{BUCKET_LN_WIDTH, Recording, block_length, resample, span_of};
use crate::outcome::Outcome;
use crate::tags::{Selector, TagKey};
use crate::units::Nanos;

/// How often each run is drawn anew. The standard error of the standard error
/// is then a twentieth of it.
const RESAMPLES: u32 = 200;
/// Shorter stages are drawn together with their neighbours.
const SHORTEST_STRATUM: usize = 10;

/// The seconds (bins) of one recording.
pub(super) struct Seconds {
    /// Width of a bin, in seconds.
    width: u32,
    /// Response times of accepted arrivals: bucket (counted from `lowest`) and count.
    response: Vec<Vec<(usize, u32)>>,
    /// The lowest bucket of any bin.
    lowest: u16,
    /// How many buckets there are from the lowest to the highest.
    buckets: usize,
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
        let response = timeline.bins.iter().map(|bin| {
            bin.response.iter().map(|(bucket, n)| (usize::from(bucket - lowest), *n)).collect()
        });
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
            response: response.collect(),
            lowest,
            buckets: usize::from(highest - lowest) + 1,
            counts: counts.collect(),
            strata: strata(recording),
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
            let histogram = self.histogram(&once);
            self.ln_quantile(&histogram, quantile).map(|ln| ln.exp() / 1e6)
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

    fn histogram(&self, drawn: &[u32]) -> Vec<u64> {
        let mut histogram = vec![0; self.buckets];
        for (times, response) in drawn.iter().zip(&self.response) {
            if *times > 0 {
                for (bucket, n) in response {
                    histogram[*bucket] += u64::from(*times) * u64::from(*n);
                }
            }
        }
        histogram
    }

    /// The logarithm of a quantile in nanoseconds, interpolated within its bucket.
    fn ln_quantile(&self, histogram: &[u64], quantile: f64) -> Option<f64> {
        let total: u64 = histogram.iter().sum();
        let rank = quantile * total as f64;
        let mut seen = 0.0;
        for (bucket, n) in histogram.iter().enumerate().filter(|(_, n)| **n > 0) {
            let n = *n as f64;
            if seen + n >= rank {
                let middle = span_of(self.lowest.saturating_add(bucket as u16)).0 as f64;
                return Some(middle.ln() + ((rank - seen) / n - 0.5) * BUCKET_LN_WIDTH);
            }
            seen += n;
        }
        None
    }

    /// How much every figure varies from one drawing of the run to the next.
    pub(super) fn spread(&self, seed: u64) -> Spreads {
        let mut rng = StdRng::seed_from_u64(seed);
        let quantiles = || Figure::ALL.into_iter().filter(|figure| figure.quantile().is_some());
        let histogram = self.histogram(&vec![1; self.len()]);
        let block = quantiles()
            .filter_map(|figure| self.beyond(&histogram, figure.quantile()?))
            .map(|series| block_length(&self.without_level(series)))
            .max()
            .unwrap_or(1);
        let mut by_figure = [Spread::default(); 6];
        let mut drawings: [Vec<f64>; 6] = Default::default();
        for _ in 0..RESAMPLES {
            let histogram = self.histogram(&resample(&self.strata, block, &mut rng));
            for figure in quantiles() {
                let ln = figure.quantile().and_then(|q| self.ln_quantile(&histogram, q));
                drawings[figure as usize].extend(ln);
            }
        }
        for figure in quantiles() {
            by_figure[figure as usize] = self.summary(&drawings[figure as usize], block);
        }
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
        Spread { error: variance.sqrt(), freedom: (blocks - self.strata.len() as f64).max(1.0) }
    }

    /// Per second, how many more samples lie beyond the quantile than should:
    /// what decides how much the quantile moves.
    fn beyond(&self, histogram: &[u64], quantile: f64) -> Option<Vec<f64>> {
        let total: u64 = histogram.iter().sum();
        let mut seen = 0;
        let at = histogram.iter().position(|n| {
            seen += n;
            seen as f64 >= quantile * total as f64 && total > 0
        })?;
        let share = histogram[at + 1..].iter().sum::<u64>() as f64 / total as f64;
        let series = self.response.iter().map(|response| {
            let (mut all, mut beyond) = (0.0, 0.0);
            for (bucket, n) in response {
                all += f64::from(*n);
                beyond += if *bucket > at { f64::from(*n) } else { 0.0 };
            }
            beyond - share * all
        });
        Some(series.collect())
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

/// The bins of every stage; short stages share a stratum with a neighbour.
fn strata(recording: &Recording) -> Vec<Range<usize>> {
    let bins = recording.timeline.bins.len();
    let width = u64::from(recording.timeline.width.max(1)) * 1_000_000_000;
    let mut strata = Vec::new();
    let mut start = 0;
    for stage in &recording.stages {
        let end = usize::try_from(stage.end.0.div_ceil(width)).unwrap_or(bins).min(bins);
        let long_enough = |n: Option<usize>| n.is_some_and(|n| n >= SHORTEST_STRATUM);
        if long_enough(end.checked_sub(start)) && long_enough(bins.checked_sub(end)) {
            strata.push(start..end);
            start = end;
        }
    }
    strata.push(start..bins);
    strata
}
