//! When the identity that is set aside sends, so that its limiter shows what it is.
//!
//! Under a constant rate a sliding and an anchored window admit alike, so the
//! identity sends unevenly: a few requests, a pause, and a burst of more than
//! twice the limit before the load starts; then, while the load lasts,
//! single requests that meet the edge of an aligned window, bursts that meet
//! the tokens of a bucket, and one just after the first window's end, when an
//! anchored window has all its places again and a sliding one only those of the
//! few.

use super::predict::WHOLE_SECOND;
use crate::admission::DeclaredLimit;
use crate::units::Nanos;

/// The longest burst before the load. A limit that takes longer to pass twice
/// is not proved.
const LONGEST_BURST: Nanos = Nanos::from_secs(10);

/// The most windows that follow-ups are sent in.
const MOST_WINDOWS: u64 = 4;

/// The moments of a proof, counted from its first request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProofSchedule {
    /// Before the load, in order: a few requests, then a burst of more than
    /// twice the limit.
    pub lead_in: Vec<Nanos>,
    /// When the load may start: just after the lead-in.
    pub load_starts: Nanos,
    /// During the load, in order; none after its planned end.
    pub follow_ups: Vec<Nanos>,
}

/// The proof of `declared` by one fresh identity at no more than `peak_rate`
/// requests per second, during a load that lasts `load`. Empty where passing
/// twice the limit at that rate would hold the load up for more than ten seconds.
#[must_use]
pub fn proof_schedule(
    declared: &DeclaredLimit,
    peak_rate: f64,
    seed: u64,
    load: Nanos,
) -> ProofSchedule {
    let limit = declared.limit.max(1);
    let window = declared.window.as_secs_f64();
    if !peak_rate.is_finite() || peak_rate <= 0.0 {
        return ProofSchedule::default();
    }
    let gap = 1.0 / peak_rate;
    let few = (limit / 4).clamp(1, 20);
    let burst = (2 * limit + 1).max(3);
    let pause = (window / 20.0).clamp(0.05, 3.0);
    if Nanos::from_secs_f64((few + burst) as f64 * gap) > LONGEST_BURST {
        return ProofSchedule::default();
    }
    let mut sender = Sender { gap, free: 0.0, moments: Vec::new() };
    sender.send(0.0, few);
    sender.send(sender.free - gap + pause, burst);
    let load_starts = sender.free;
    let lead_in = std::mem::take(&mut sender.moments);

    let mut dice = seed;
    let horizon = Nanos::from_secs_f64(load_starts) + load;
    for number in 0..MOST_WINDOWS {
        follow(&mut sender, number, &Shape { limit, few, window, pause }, &mut dice);
    }
    let nanos = |moments: Vec<f64>| moments.into_iter().map(Nanos::from_secs_f64);
    ProofSchedule {
        lead_in: nanos(lead_in).collect(),
        load_starts: Nanos::from_secs_f64(load_starts),
        follow_ups: nanos(sender.moments).take_while(|at| *at <= horizon).collect(),
    }
}

/// What the follow-ups of a window are made from; spans in seconds.
struct Shape {
    limit: u64,
    few: u64,
    window: f64,
    pause: f64,
}

/// The follow-ups of one window after the opening of the first.
fn follow(sender: &mut Sender, number: u64, shape: &Shape, dice: &mut u64) {
    let Shape { limit, few, window, pause } = *shape;
    let longest = window + WHOLE_SECOND.as_secs_f64();
    let start = number as f64 * longest;
    let singles = 10_u32;
    let middle = unit(dice) * 0.2 + 0.4;
    let mut sent_middle = false;
    for single in 1..singles {
        let at = (f64::from(single) + 0.6 * (unit(dice) - 0.5)) / f64::from(singles);
        if at > middle && !sent_middle {
            sent_middle = true;
            sender.send(start + middle * window, limit * 2 / 3 + 1);
        }
        sender.send(start + at * window, 1);
    }
    // Just before the end of the first window, so that it is known well.
    sender.send(start + window - pause.min(1.0) / 2.0, 1);
    // After the longest first window, before the burst's admissions leave a
    // sliding one. A pause below a second can't wait for whole-second clocks.
    let edge = if pause > 1.5 { 1.2 } else { pause * 0.3 };
    sender.send(start + window + edge, (few + limit.div_ceil(3)).min(limit).max(few + 1));
    sender.send(start + longest + pause, limit + 1);
}

/// Places requests one after the other, never faster than the highest rate.
struct Sender {
    /// Shortest pause between two requests, in seconds.
    gap: f64,
    /// When the next may be sent.
    free: f64,
    moments: Vec<f64>,
}

impl Sender {
    fn send(&mut self, at: f64, count: u64) {
        let start = at.max(self.free);
        self.moments.extend((0..count).map(|i| start + i as f64 * self.gap));
        self.free = start + count as f64 * self.gap;
    }
}

/// A number between 0 and 1 from a seed that moves on (`SplitMix64`).
fn unit(seed: &mut u64) -> f64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Scope;

    fn declared(limit: u64) -> DeclaredLimit {
        DeclaredLimit {
            limit,
            window: Nanos::from_secs(60),
            scope: Scope::Ip,
            json: true,
            retry_after: false,
            headers: false,
            spoofable: None,
        }
    }

    #[test]
    fn the_lead_in_is_short_and_passes_twice_the_limit() {
        for (limit, rate) in [(10, 100.0), (60, 200.0), (1, 5.0), (100, 50.0)] {
            let proof = proof_schedule(&declared(limit), rate, 7, Nanos::from_secs(540));
            assert!(proof.lead_in.len() as u64 > 2 * limit);
            assert!(proof.load_starts < Nanos::from_secs(15));
            let all: Vec<_> = proof.lead_in.iter().chain(&proof.follow_ups).collect();
            let least = Nanos::from_secs_f64(0.999 / rate);
            assert!(all.windows(2).all(|pair| *pair[1] - *pair[0] >= least), "too fast");
        }
    }

    #[test]
    fn nothing_is_sent_after_the_load() {
        let proof = proof_schedule(&declared(10), 100.0, 7, Nanos::from_secs(9));
        let end = proof.load_starts + Nanos::from_secs(9);
        assert!(proof.follow_ups.iter().all(|at| *at <= end));
    }

    #[test]
    fn a_limit_out_of_reach_is_not_proved() {
        for (limit, rate) in [(1000, 50.0), (10, 0.0), (10, f64::NAN)] {
            let proof = proof_schedule(&declared(limit), rate, 7, Nanos::from_secs(540));
            assert_eq!(proof, ProofSchedule::default());
        }
    }
}
