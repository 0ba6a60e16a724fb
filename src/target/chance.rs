//! Chance that a seed decides: the same requests in the same order meet the same luck.

use crate::units::Nanos;

/// The longest an answer is ever held back by a latency distribution.
const LONGEST: f64 = 600.0;

/// A number in `[0, 1)` that `words` alone decide (splitmix64, Steele et al. 2014, over each word).
pub(super) fn uniform(words: &[u64]) -> f64 {
    (bits(words) >> 11) as f64 / (1u64 << 53) as f64
}

/// 64 bits that `words` alone decide.
pub(super) fn bits(words: &[u64]) -> u64 {
    words.iter().fold(0x51ed_270b_5f6d_93c1, |state, word| {
        let mut z = (state ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// How long the server takes over an answer, beyond the work itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Latency {
    /// Always that long.
    Fixed(Nanos),
    /// Evenly between the two.
    Uniform(Nanos, Nanos),
    /// Log-normal: its median, and the standard deviation of its logarithm.
    LogNormal(Nanos, f64),
    /// Pareto: its least value, and its shape (the smaller, the longer the tail).
    Pareto(Nanos, f64),
}

impl Latency {
    /// The latency at two independent numbers of `[0, 1)`; at most ten minutes.
    pub(super) fn sample(self, u: f64, v: f64) -> Nanos {
        let seconds = match self {
            Self::Fixed(span) => return span,
            Self::Uniform(from, to) => from.as_secs_f64() + u * (to - from).as_secs_f64(),
            Self::LogNormal(median, sigma) => median.as_secs_f64() * (sigma * normal(u, v)).exp(),
            Self::Pareto(least, shape) => least.as_secs_f64() * (1.0 - u).powf(-1.0 / shape),
        };
        Nanos::from_secs_f64(seconds.min(LONGEST))
    }
}

/// A standard normal number (Box and Muller 1958).
fn normal(u: f64, v: f64) -> f64 {
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(latency: Latency) -> Vec<f64> {
        let mut all: Vec<f64> = (0..10_000)
            .map(|i| latency.sample(uniform(&[1, i]), uniform(&[2, i])).as_millis_f64())
            .collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn near(got: f64, want: f64) {
        assert!((got / want - 1.0).abs() < 0.05, "{got} is not about {want}");
    }

    #[test]
    fn numbers_are_even_and_repeatable() {
        let mean = (0..10_000).map(|i| uniform(&[9, i])).sum::<f64>() / 10_000.0;
        near(mean, 0.5);
        assert_eq!(uniform(&[3, 4]), uniform(&[3, 4]));
        assert_ne!(uniform(&[3, 4]), uniform(&[4, 3]));
    }

    #[test]
    fn distributions_have_the_quantiles_they_promise() {
        let ms = Nanos::from_millis;
        assert_eq!(Latency::Fixed(ms(20)).sample(0.3, 0.3), ms(20));
        let even = sorted(Latency::Uniform(ms(10), ms(50)));
        near(even[5_000], 30.0);
        assert!(even[0] >= 10.0 && even[9_999] <= 50.0);
        let log = sorted(Latency::LogNormal(ms(20), 0.5));
        near(log[5_000], 20.0);
        near(log[8_413], 20.0 * 0.5f64.exp());
        let pareto = sorted(Latency::Pareto(ms(10), 1.5));
        assert!(pareto[0] >= 10.0);
        near(pareto[5_000], 10.0 * 2f64.powf(1.0 / 1.5));
    }
}
