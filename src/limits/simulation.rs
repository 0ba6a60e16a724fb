//! Simulated ledgers of correct and faulty limiters, for tests of every room that judges them.

use super::models::{Aligned, Anchored, Bucket, Limiter, Sliding};
use crate::admission::{Admission, Admitted};
use crate::units::Nanos;

/// A small generator of numbers: the same seed, the same run (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Between 0 and 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Between `low` and `high`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// Between `low` and `high`, both included.
    pub(crate) const fn whole(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }
}

/// The correct kinds.
pub(crate) const KINDS: [&str; 5] = ["anchored", "whole-seconds", "aligned", "sliding", "bucket"];

/// A correct limiter of that kind.
pub(crate) fn limiter(kind: &str, limit: u64, window: Nanos) -> Limiter {
    match kind {
        "anchored" => Limiter::Anchored(Anchored::new(limit, window)),
        "whole-seconds" => Limiter::Anchored(Anchored::whole_seconds(limit, window)),
        "aligned" => Limiter::Aligned(Aligned::new(limit, window)),
        "sliding" => Limiter::Sliding(Sliding::new(limit, window)),
        _ => Limiter::Bucket(Bucket::new(limit, window)),
    }
}

/// Sends requests at `moments` through a network that takes up to `jitter`
/// there and back, to a limiter whose clock is `skew` ahead, and notes what
/// came of each in the order of their answers.
pub(crate) fn ledger(
    moments: &[Nanos],
    jitter: Nanos,
    skew: Nanos,
    dice: &mut Dice,
    mut admits: impl FnMut(Nanos) -> bool,
) -> Vec<Admission> {
    let mut requests: Vec<(Nanos, Nanos, Nanos)> = moments
        .iter()
        .map(|sent| {
            let took = dice.unit() * jitter.as_secs_f64();
            let there = dice.unit() * took;
            (*sent + Nanos::from_secs_f64(there), *sent, *sent + Nanos::from_secs_f64(took))
        })
        .collect();
    requests.sort_unstable();
    let mut entries: Vec<Admission> = requests
        .into_iter()
        .map(|(decided, sent, done)| {
            let admitted = if admits(decided + skew) { Admitted::Yes } else { Admitted::No };
            Admission { sent, done, admitted, retry_after: None }
        })
        .collect();
    entries.sort_by_key(|entry| entry.done);
    entries
}

/// Requests that excite a limiter unevenly: a few, a pause, bursts of different
/// sizes and stretches of steady load, over `windows` windows, `factor` times
/// what the limit lets through.
pub(crate) fn uneven(
    limit: u64,
    window: Nanos,
    windows: f64,
    factor: f64,
    dice: &mut Dice,
) -> Vec<Nanos> {
    let end = window.as_secs_f64() * windows;
    let wanted = (limit as f64 * factor * windows).ceil() as u64;
    let mut moments = Vec::new();
    let mut add = |at: f64| {
        if at < end {
            moments.push(Nanos::from_secs_f64(at));
        }
    };
    let few = dice.whole(1, limit.div_ceil(2));
    for _ in 0..few {
        add(dice.between(0.0, 0.02) * window.as_secs_f64());
    }
    // Bursts of every size, from a single request to the whole excess at once.
    let mut sent = 0;
    while sent < wanted {
        let start = dice.between(0.02, windows) * window.as_secs_f64();
        let length = dice.between(0.01, 0.3) * window.as_secs_f64();
        let size = ((limit as f64 * factor).powf(dice.unit()).ceil() as u64).min(wanted - sent);
        for i in 0..size {
            add(start + length * i as f64 / size as f64);
        }
        sent += size;
    }
    moments.sort_unstable();
    moments
}
