//! Moving-block bootstrap of a per-second series: how much a figure would vary if the run were made again.
//!
//! Requests of one second share their fate, and neighbouring seconds resemble
//! each other, so whole seconds are drawn, in blocks of neighbours (Künsch 1989).
//! The length of a block is chosen from the series itself (Politis and White
//! 2004, corrected by Patton, Politis and White 2009).

use std::ops::Range;

use rand::{Rng, RngExt};

/// The shortest block of a series of eighteen values and more: a weak memory often
/// goes unseen in a short series, and too short a block takes noise for a
/// difference while a little too long a one costs next to nothing. Shorter
/// series can't afford it: they would have hardly a block to draw.
const SHORTEST_BLOCK: usize = 3;

/// The block length for `series` (one figure a second): 3 (of fewer than
/// eighteen figures 1 or 2) where neighbours seem unrelated, longer the longer they
/// remember; at most a third of the series.
///
/// `series` should be free of any trend that the plan explains.
#[must_use]
pub fn block_length(series: &[f64]) -> usize {
    let n = series.len();
    let shortest = SHORTEST_BLOCK.min(n / 6).max(1);
    if n < 4 {
        return shortest;
    }
    let mean = series.iter().sum::<f64>() / n as f64;
    let centred: Vec<f64> = series.iter().map(|y| y - mean).collect();
    let covariance = |lag: usize| -> f64 {
        centred.iter().zip(&centred[lag.min(n)..]).map(|(a, b)| a * b).sum::<f64>() / n as f64
    };
    let variance = covariance(0);
    if variance <= f64::EPSILON * mean.abs() || variance <= 0.0 {
        return shortest;
    }
    let quiet_lags = (n as f64).log10().sqrt().ceil().max(5.0) as usize;
    let highest = ((n as f64).sqrt().ceil() as usize + quiet_lags).min(n - 1);
    let correlation: Vec<f64> = (0..=highest).map(|lag| covariance(lag) / variance).collect();
    let noise = 2.0 * ((n as f64).log10() / n as f64).sqrt();
    let remembered = last_lag_that_matters(&correlation, quiet_lags, noise);
    if remembered == 0 {
        return shortest;
    }
    // The flat-top window reaches twice as far as the memory.
    let reach = (2 * remembered).min(highest);
    let (mut slope, mut level) = (0.0, 1.0);
    for (lag, rho) in correlation.iter().enumerate().take(reach + 1).skip(1) {
        let x = lag as f64 / reach as f64;
        let weight = if x <= 0.5 { 1.0 } else { 2.0 * (1.0 - x) };
        slope += 2.0 * weight * lag as f64 * rho;
        level += 2.0 * weight * rho;
    }
    let spread = 4.0 / 3.0 * level * level;
    if spread <= f64::EPSILON {
        return shortest;
    }
    let length = (2.0 * slope * slope / spread * n as f64).cbrt();
    let longest = (3.0 * (n as f64).sqrt()).min(n as f64 / 3.0);
    (1.5 * length).ceil().min(longest.floor()).max(shortest as f64) as usize
}

/// The smallest lag after which `quiet` correlations in a row are within `noise`.
fn last_lag_that_matters(correlation: &[f64], quiet: usize, noise: f64) -> usize {
    let mut run = 0;
    for (lag, rho) in correlation.iter().enumerate().skip(1) {
        if rho.abs() < noise {
            run += 1;
            if run == quiet {
                return lag - quiet;
            }
        } else {
            run = 0;
        }
    }
    correlation.len().saturating_sub(1 + run)
}

/// Draws a run of as many seconds as there are: how often each second was drawn.
///
/// Blocks of `block` neighbouring seconds are drawn with replacement within
/// each of `strata` (the stages: a ramp's seconds never stand for a hold's); the
/// last block of a stratum is cut to fit. Seconds outside the strata get 0.
pub fn resample(strata: &[Range<usize>], block: usize, rng: &mut impl Rng) -> Vec<u32> {
    let seconds = strata.iter().map(|stratum| stratum.end).max().unwrap_or(0);
    let mut drawn = vec![0; seconds];
    for stratum in strata.iter().filter(|stratum| !stratum.is_empty()) {
        let block = block.clamp(1, stratum.len());
        let mut left = stratum.len();
        while left > 0 {
            let start = rng.random_range(stratum.start..=stratum.end - block);
            let length = block.min(left);
            for count in &mut drawn[start..start + length] {
                *count += 1;
            }
            left -= length;
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    /// An AR(1) series with memory `rho` and uniform shocks.
    fn remembering(rho: f64, n: usize, seed: u64) -> Vec<f64> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut y = 0.0;
        (0..n)
            .map(|_| {
                y = rho * y + rng.random_range(-1.0..1.0);
                y
            })
            .collect()
    }

    #[test]
    fn blocks_grow_with_the_memory_of_the_series() {
        let typical = |rho| {
            let mut lengths: Vec<usize> =
                (0..21).map(|seed| block_length(&remembering(rho, 300, seed))).collect();
            lengths.sort_unstable();
            lengths[10]
        };
        let (none, some, much) = (typical(0.0), typical(0.6), typical(0.9));
        assert_eq!(none, 3);
        assert!((5..=20).contains(&some), "{some}");
        assert!(much > some, "{much}");
    }

    #[test]
    fn a_series_without_variation_needs_no_blocks() {
        assert_eq!(block_length(&[]), 1);
        assert_eq!(block_length(&[1.0; 50]), 3);
        assert_eq!(block_length(&[0.0, 1.0, 0.0]), 1);
    }

    #[test]
    fn the_spread_of_the_mean_is_that_of_a_remembering_series() {
        // AR(1) with ρ = 0.6: the mean varies (1 + ρ) / (1 − ρ) = 4 times as
        // much as that of independent values of the same variance.
        let (mut seen, mut naive) = (0.0, 0.0);
        for seed in 0..20 {
            let series = remembering(0.6, 400, seed);
            let mut rng = StdRng::seed_from_u64(seed);
            let block = block_length(&series);
            let whole = 0..series.len();
            let all = std::slice::from_ref(&whole);
            let means: Vec<f64> = (0..200)
                .map(|_| {
                    let drawn = resample(all, block, &mut rng);
                    drawn.iter().zip(&series).map(|(n, y)| f64::from(*n) * y).sum::<f64>() / 400.0
                })
                .collect();
            seen += variance(&means);
            naive += variance(&series) / 400.0;
        }
        let factor = seen / naive;
        assert!((2.5..5.0).contains(&factor), "{factor}");
    }

    fn variance(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64
    }

    proptest! {
        #[test]
        fn every_stratum_keeps_its_length(
            lengths in prop::collection::vec(0usize..40, 1..5),
            block in 1usize..50,
            seed: u64,
        ) {
            let mut strata = Vec::new();
            let mut start = 0;
            for length in lengths {
                strata.push(start..start + length);
                start += length;
            }
            let drawn = resample(&strata, block, &mut StdRng::seed_from_u64(seed));
            for stratum in strata {
                let sum: u32 = drawn[stratum.clone()].iter().sum();
                prop_assert_eq!(sum as usize, stratum.len());
            }
        }

        #[test]
        fn a_block_is_at_least_one_second_and_at_most_a_third(
            series in prop::collection::vec(-1e9f64..1e9, 0..200),
        ) {
            let length = block_length(&series);
            prop_assert!(length >= 1);
            prop_assert!(length <= (series.len() / 3).max(1));
        }
    }
}
