//! Simulated ledgers of correct and faulty limiters: for tests of every room that judges them, and for the trial in
//! `examples/limiters`.

mod specimens;

pub use specimens::{SPECIMENS, Specimen};

use super::models::{Aligned, Anchored, Answer, Bucket, Limiter, Sliding};
use crate::admission::{Admission, Admitted};
use crate::units::Nanos;

/// A small generator of numbers: the same seed, the same run (`SplitMix64`).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The same seed, the same numbers.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Between `low` and `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// Between `low` and `high`, both included.
    pub const fn whole(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }
}

/// The correct kinds.
pub const KINDS: [&str; 5] = ["anchored", "whole-seconds", "aligned", "sliding", "bucket"];

/// A correct limiter of that kind.
#[must_use]
pub fn limiter(kind: &str, limit: u64, window: Nanos) -> Limiter {
    match kind {
        "anchored" => Limiter::Anchored(Anchored::new(limit, window)),
        "whole-seconds" => Limiter::Anchored(Anchored::whole_seconds(limit, window)),
        "aligned" => Limiter::Aligned(Aligned::new(limit, window)),
        "sliding" => Limiter::Sliding(Sliding::new(limit, window)),
        _ => Limiter::Bucket(Bucket::new(limit, window)),
    }
}

/// What befalls requests on their way.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// The longest that the way takes, there and back together.
    pub latency: Nanos,
    /// The limiter's clock, ahead of ours.
    pub skew: Nanos,
    /// The longest that the server works at a request.
    pub work: Nanos,
    /// The share answered 5xx before the limiter is asked (0 to 1).
    pub early_errors: f64,
    /// The share answered 5xx after the limiter admitted them (0 to 1).
    pub late_errors: f64,
    /// The share that are probes, refused with 4xx (0 to 1).
    pub probes: f64,
    /// Whether the limiter stands before the check that refuses a probe.
    pub counts_probes: bool,
}

/// Sends requests at `moments` through the weather to a limiter, and notes what came
/// of each in the order of their answers.
pub fn sent_to(
    limiter: &mut Limiter,
    moments: &[Nanos],
    weather: &Weather,
    dice: &mut Dice,
) -> Vec<Admission> {
    let span =
        |dice: &mut Dice, longest: Nanos| Nanos::from_secs_f64(dice.unit() * longest.as_secs_f64());
    let mut requests: Vec<(Nanos, Nanos, Nanos)> = moments
        .iter()
        .map(|sent| {
            let took = span(dice, weather.latency);
            let there = span(dice, took);
            (*sent + there, *sent, took - there)
        })
        .collect();
    requests.sort_unstable();
    let mut entries: Vec<Admission> = requests
        .into_iter()
        .map(|(decided, sent, back)| {
            let (fate, work) = (dice.unit(), span(dice, weather.work));
            let probe = dice.unit() < weather.probes;
            let entry = |admitted, held: Nanos| Admission {
                sent,
                done: decided + held + back,
                admitted,
                retry_after: None,
                status: 0,
            };
            if fate < weather.early_errors {
                return entry(Admitted::Unknown, Nanos::ZERO);
            }
            if probe && !weather.counts_probes {
                return entry(Admitted::Perhaps, Nanos::ZERO);
            }
            let work = if probe { Nanos::ZERO } else { work };
            let waited = match limiter.ask(decided + weather.skew, work) {
                Answer::Refused => return entry(Admitted::No, Nanos::ZERO),
                Answer::Admitted => Nanos::ZERO,
                Answer::Delayed(wait) => wait,
            };
            let admitted = if probe {
                Admitted::Perhaps
            } else if fate < weather.early_errors + weather.late_errors {
                Admitted::Unknown
            } else {
                Admitted::Yes
            };
            entry(admitted, waited + work)
        })
        .collect();
    entries.sort_by_key(|entry| entry.done);
    entries
}

/// Likewise, to anything that decides, a network that takes up to `jitter` being all
/// the weather.
pub fn ledger(
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
            Admission { sent, done, admitted, retry_after: None, status: 0 }
        })
        .collect();
    entries.sort_by_key(|entry| entry.done);
    entries
}

/// Requests that excite a limiter unevenly: a few, a pause, bursts of different
/// sizes and stretches of steady load, over `windows` windows, `factor` times
/// what the limit lets through.
pub fn uneven(limit: u64, window: Nanos, windows: f64, factor: f64, dice: &mut Dice) -> Vec<Nanos> {
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
