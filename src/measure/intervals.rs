//! Confidence intervals that assume nothing about the distribution, only so many independent samples.

use statrs::distribution::{Beta, ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

/// The confidence that reports use.
pub const CONFIDENCE: f64 = 0.95;

/// The ranks (from 1) of the narrowest pair of order statistics that covers the
/// `q`-quantile (0 < q < 1) with at least `confidence`; `None` when `n` samples
/// allow no such pair.
///
/// The number of samples below the quantile is binomial(n, q), so the pair of
/// ranks (l, u) covers it with probability P(l ≤ B < u), whatever the
/// distribution (David and Nagaraja, *Order Statistics*, 3rd ed., 7.1). The
/// binomial has one mode, so growing the window from there, always to the
/// likelier side, finds the narrowest.
#[must_use]
pub fn quantile_ranks(n: u64, q: f64, confidence: f64) -> Option<(u64, u64)> {
    if n < 2 || !(q > 0.0 && q < 1.0) {
        return None;
    }
    let size = n as f64;
    let mode = (((size + 1.0) * q).floor() as u64).clamp(1, n - 1);
    let up = |k: u64| (size - k as f64) / (k as f64 + 1.0) * q / (1.0 - q);
    let at_mode = log_binomial(n, mode, q).exp();
    let (mut low, mut high) = (mode, mode);
    let mut covered = at_mode;
    let mut below = if mode > 1 { at_mode / up(mode - 1) } else { 0.0 };
    let mut above = if mode < n - 1 { at_mode * up(mode) } else { 0.0 };
    while covered < confidence {
        if below <= 0.0 && above <= 0.0 {
            return None;
        }
        if above >= below {
            high += 1;
            covered += above;
            above = if high < n - 1 { above * up(high) } else { 0.0 };
        } else {
            low -= 1;
            covered += below;
            below = if low > 1 { below / up(low - 1) } else { 0.0 };
        }
    }
    Some((low, high + 1))
}

/// The ranks (from 1) that bound the `q`-quantile (0 < q < 1) of `n` samples that
/// count as `evidence` independent ones, which need not be a whole number; `None` where
/// there is no such pair.
///
/// Exact binomial bounds at the evidence (Clopper and Pearson 1934; Woodruff 1952
/// for quantiles), as shares of the samples at hand; never narrower than
/// [`quantile_ranks`] of `n`.
#[must_use]
pub fn quantile_ranks_worth(n: u64, evidence: f64, q: f64, confidence: f64) -> Option<(u64, u64)> {
    let (low, high) = quantile_ranks(n, q, confidence)?;
    let size = n as f64;
    if evidence >= size {
        return Some((low, high));
    }
    let tail = (1.0 - confidence) / 2.0;
    let (hits, misses) = (q * evidence, (1.0 - q) * evidence);
    let lowest = lowest_rank_worth(n, evidence, q, confidence)?;
    let share_high = Beta::new(hits + 1.0, misses).ok()?.inverse_cdf(1.0 - tail);
    let above = (1.0 - share_high) * size;
    if above.is_nan() || above < 0.5 {
        return None;
    }
    let highest = ((share_high * size).ceil() + 1.0) as u64;
    Some((low.min(lowest), high.max(highest.min(n))))
}

/// The lower of those two ranks, which there is even where `evidence` is too little
/// for the upper one; `None` for no sample at all.
#[must_use]
pub fn lowest_rank_worth(n: u64, evidence: f64, q: f64, confidence: f64) -> Option<u64> {
    if n == 0 || evidence <= 0.0 || !(q > 0.0 && q < 1.0) {
        return None;
    }
    let (hits, misses) = (q * evidence, (1.0 - q) * evidence);
    let share = Beta::new(hits, misses + 1.0).ok()?.inverse_cdf((1.0 - confidence) / 2.0);
    Some(((share * n as f64).floor() as u64).clamp(1, n))
}

fn log_binomial(n: u64, k: u64, q: f64) -> f64 {
    let (size, hits) = (n as f64, k as f64);
    ln_gamma(size + 1.0) - ln_gamma(hits + 1.0) - ln_gamma(size - hits + 1.0)
        + hits * q.ln()
        + (size - hits) * (1.0 - q).ln()
}

/// The fewest samples that give the `q`-quantile (0 < q < 1) a one-sided upper
/// bound with `confidence`: the largest sample is one with probability 1 − qⁿ.
/// With 95 %: p50 5, p90 29, p95 59, p99 299.
#[must_use]
pub fn min_samples(q: f64, confidence: f64) -> u64 {
    if q >= 1.0 {
        return 1;
    }
    ((1.0 - confidence).ln() / q.ln()).ceil().max(1.0) as u64
}

/// Wilson's score interval of a share of `hits` in `n` (E. B. Wilson, JASA 22,
/// 1927); `None` for `n` = 0.
#[must_use]
pub fn wilson(hits: u64, n: u64, confidence: f64) -> Option<(f64, f64)> {
    wilson_worth(hits, n, n as f64, confidence)
}

/// Wilson's interval of a share of `hits` in `n` that count as `evidence`
/// independent ones; `None` for `n` = 0.
#[must_use]
pub fn wilson_worth(hits: u64, n: u64, evidence: f64, confidence: f64) -> Option<(f64, f64)> {
    if n == 0 {
        return None;
    }
    let (size, share) =
        (evidence.clamp(f64::MIN_POSITIVE, n as f64), hits.min(n) as f64 / n as f64);
    let z = normal_quantile(f64::midpoint(1.0, confidence));
    let shrink = 1.0 + z * z / size;
    let centre = (share + z * z / (2.0 * size)) / shrink;
    let spread = z / shrink * (share * (1.0 - share) / size + z * z / (4.0 * size * size)).sqrt();
    // At the ends the formula is exact; rounding isn't.
    let low = if hits == 0 { 0.0 } else { (centre - spread).max(0.0) };
    let high = if hits >= n { 1.0 } else { (centre + spread).min(1.0) };
    Some((low, high))
}

/// The standard normal distribution's quantile.
#[must_use]
pub fn normal_quantile(share: f64) -> f64 {
    Normal::standard().inverse_cdf(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P(B < k) for k from 0 to n + 1, summed term by term in a way of its own:
    /// from the top, where a high quantile's terms don't vanish.
    fn below(n: u64, q: f64) -> Vec<f64> {
        let mut terms = vec![q.powi(i32::try_from(n).expect("small"))];
        for k in (0..n).rev() {
            let last = terms[terms.len() - 1];
            terms.push(last * (k + 1) as f64 / (n - k) as f64 * (1.0 - q) / q);
        }
        let mut sums = vec![0.0];
        for term in terms.into_iter().rev() {
            sums.push(sums[sums.len() - 1] + term);
        }
        sums
    }

    #[test]
    fn the_ranks_cover_and_no_narrower_pair_does() {
        for n in [2, 5, 10, 59, 100, 299, 500] {
            for q in [0.5, 0.9, 0.95, 0.99] {
                let sums = below(n, q);
                let coverage = |low: u64, high: u64| sums[high as usize] - sums[low as usize];
                let best = (1..n)
                    .flat_map(|low| (low + 1..=n).map(move |high| (low, high)))
                    .filter(|(low, high)| coverage(*low, *high) >= 0.95)
                    .map(|(low, high)| high - low)
                    .min();
                let found = quantile_ranks(n, q, 0.95);
                assert_eq!(found.map(|(low, high)| high - low), best, "n {n}, q {q}");
                if let Some((low, high)) = found {
                    assert!(coverage(low, high) >= 0.95);
                }
            }
        }
    }

    #[test]
    fn a_million_samples_are_no_trouble() {
        let (low, high) = quantile_ranks(1_000_000, 0.95, 0.95).expect("plenty");
        // 1.96 × √(n q (1 − q)) = 427 on either side.
        assert!(
            low.abs_diff(950_000 - 427) < 5 && high.abs_diff(950_000 + 427) < 5,
            "{low} {high}"
        );
    }

    #[test]
    fn the_fewest_samples_are_designs() {
        let fewest: Vec<_> = [0.5, 0.9, 0.95, 0.99].map(|q| min_samples(q, 0.95)).into();
        assert_eq!(fewest, [5, 29, 59, 299]);
        assert_eq!(min_samples(1.0, 0.95), 1);
    }

    #[test]
    fn wilson_has_its_known_values() {
        // Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        for (hits, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (l, h) = wilson(hits, n, 0.95).expect("samples");
            assert!((l - low).abs() < 1e-4 && (h - high).abs() < 1e-4, "{hits}/{n}: {l} {h}");
        }
        assert_eq!(wilson(0, 0, 0.95), None);
        assert_eq!(wilson(5, 5, 0.95).map(|(_, high)| high), Some(1.0));
    }

    #[test]
    fn whole_evidence_is_todays_interval_and_none_is_none() {
        assert_eq!(
            quantile_ranks_worth(1000, 1000.0, 0.95, 0.95),
            quantile_ranks(1000, 0.95, 0.95)
        );
        assert_eq!(quantile_ranks_worth(6000, 3.0, 0.95, 0.95), None);
        // Clopper and Pearson's bounds at 210: 0.911 and 0.975.
        let (low, high) = quantile_ranks_worth(6000, 210.0, 0.95, 0.95).expect("enough");
        assert!(low.abs_diff(5466) < 15 && high.abs_diff(5852) < 15, "{low} {high}");
        assert_eq!(wilson_worth(95, 100, 100.0, 0.95), wilson(95, 100, 0.95));
        assert_eq!(wilson_worth(0, 0, 5.0, 0.95), None);
    }

    proptest::proptest! {
        #[test]
        fn less_evidence_never_narrows(
            n in 2u64..100_000, less in 0.0..1.0, lesser in 0.0..1.0,
            q in proptest::sample::select(vec![0.01, 0.5, 0.9, 0.95, 0.99]), share in 0.0..=1.0,
        ) {
            let (more, less) = (less * n as f64, less * lesser * n as f64);
            let at = |evidence: f64| quantile_ranks_worth(n, evidence, q, 0.95);
            if let Some((low, high)) = at(less) {
                let (inner_low, inner_high) = at(more).expect("more evidence has bounds too");
                proptest::prop_assert!(low <= inner_low && inner_high <= high);
                let rank = (q * n as f64 - 1e-9).ceil().max(1.0) as u64;
                proptest::prop_assert!(low <= rank && rank <= high, "{low} {rank} {high}");
            }
            let hits = (share * n as f64) as u64;
            let rate = |evidence: f64| wilson_worth(hits, n, evidence, 0.95).expect("samples");
            let (outer, inner) = (rate(less), rate(more));
            proptest::prop_assert!(outer.0 <= inner.0 && inner.1 <= outer.1);
            let share = hits as f64 / n as f64;
            proptest::prop_assert!(inner.0 <= share && share <= inner.1);
            let bolder = wilson_worth(hits, n, more, 0.8).expect("samples");
            proptest::prop_assert!(inner.0 <= bolder.0 && bolder.1 <= inner.1);
        }
    }
}
