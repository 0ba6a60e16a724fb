//! When the identity that is set aside sends, so that its limiter shows what it is.
//!
//! Under a constant rate a sliding and an anchored window admit alike, so the
//! identity sends unevenly. Before the load: a few requests, a pause, and a burst of
//! more than twice the limit, or four times where that is quick: replicas that count
//! apart refuse late. While the load lasts, in turn:
//!
//! * **Pressed.** A few times what tells a window of one second (a shorter one than is
//!   declared), then single requests over the whole window (the edge of an aligned one); a burst
//!   just after the window's end, when an anchored window has all its places again
//!   and a sliding one only those of the few; one that takes what is left, and one
//!   half a window later, when a bucket has refilled and two weighted windows have not.
//! * **Left alone** for longer than a window: one that counts refusals too admits
//!   again. Then most of the limit, nearly all of the rest late in that window, half
//!   of it just after its end, and more than is left when some of it still counts:
//!   nothing is refused until then, so that those that refusals prolong show
//!   themselves.

use crate::admission::DeclaredLimit;
use crate::units::Nanos;

/// The longest burst before the load. A limit that takes longer to pass twice
/// is not proved.
const LONGEST_BURST: Nanos = Nanos::from_secs(10);

/// The part of a window in which a burst is quick.
const QUICK: f64 = 0.15;

/// Turns of both go on for so many seconds, and are so many at least and at most.
const TURNING: f64 = 40.0;
const TURNS: (f64, f64) = (4.0, 12.0);

/// A limit of so many seconds is found where a longer window is declared.
const SECOND: f64 = 1.0;

/// How often such a one is tried in a turn.
const MOST_SECONDS: u32 = 3;

/// How close to its end a window is tried, in seconds.
const CLOSE: f64 = 0.2;

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
    let pause = (window / 20.0).clamp(0.05, 3.0);
    let lasts = |burst: u64| Nanos::from_secs_f64((few + burst) as f64 * gap);
    let twice = (2 * limit + 1).max(3);
    if lasts(twice) > LONGEST_BURST {
        return ProofSchedule::default();
    }
    let quick = Nanos::from_secs_f64(QUICK * window).min(Nanos(LONGEST_BURST.0 / 2));
    let burst = if lasts(4 * limit + 1) <= quick { (4 * limit + 1).max(3) } else { twice };
    let mut dice = seed;
    let part = unit(&mut dice);
    let mut sender = Sender { gap, free: 0.0, moments: Vec::new(), part, parts: 0 };
    sender.send(0.0, few);
    sender.send(sender.free - gap + pause, burst);
    let load_starts = sender.free;
    let lead_in = std::mem::take(&mut sender.moments);

    let horizon = Nanos::from_secs_f64(load_starts) + load;
    let shape = Shape { limit, few, window, longest: declared.longest().as_secs_f64(), pause };
    let mut start = 0.0;
    // There must be time for all of it.
    let alone = load.as_secs_f64() >= 2.0 * shape.longest + 1.6 * window + 3.0 * pause;
    let turns = (TURNING / window).clamp(TURNS.0, TURNS.1) as u32;
    for turn in 0..turns {
        if alone && turn % 2 == 1 {
            leave_alone(&mut sender, &shape);
            start = sender.free;
        } else {
            press(&mut sender, start, &shape, &mut dice);
            start = if alone { sender.free } else { start + shape.longest };
        }
    }
    let nanos = |moments: Vec<f64>| moments.into_iter().map(Nanos::from_secs_f64);
    ProofSchedule {
        lead_in: nanos(lead_in).collect(),
        load_starts: Nanos::from_secs_f64(load_starts),
        follow_ups: nanos(sender.moments).take_while(|at| *at <= horizon).collect(),
    }
}

/// What the follow-ups are made from; spans in seconds.
struct Shape {
    limit: u64,
    few: u64,
    window: f64,
    /// How long a window lasts at most.
    longest: f64,
    pause: f64,
}

impl Shape {
    /// How long after its end a window is surely over. A pause below a second can't
    /// wait for whole-second clocks.
    fn edge(&self) -> f64 {
        if self.pause > 1.5 { 1.2 } else { self.pause * 0.3 }
    }
}

/// One window in which the limiter is never left alone, and the next one's beginning.
fn press(sender: &mut Sender, start: f64, shape: &Shape, dice: &mut u64) {
    let Shape { limit, few, window, longest, pause } = *shape;
    // There must be time for it before the window is half over.
    let lasts = 3.2 * SECOND + (limit * 3 / 5 + 2) as f64 * sender.gap;
    let fitting = (0.5 * window / lasts).floor() as u32;
    for _ in 0..fitting.min(MOST_SECONDS) {
        let start = sender.next_part(sender.free + 1.1 * SECOND);
        sender.send_window(start, limit, SECOND);
    }
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
    // Just before and just after the end of the window, so that it is known well.
    sender.send(start + window - CLOSE.min(pause), 1);
    sender.send(start + window + CLOSE.min(pause) / 2.0, 1);
    // After the longest window, before the burst's admissions leave a sliding one.
    let again = (few + limit.div_ceil(3)).min(limit).max(few + 1);
    sender.send(start + window + shape.edge(), again);
    sender.send(start + longest + pause, limit + 1);
}

/// More than a window without a request, then one without a refusal, and a burst when
/// some of it still counts: how much depends on the kind.
fn leave_alone(sender: &mut Sender, shape: &Shape) {
    let Shape { limit, window, longest, pause, .. } = *shape;
    let start = sender.free + longest + pause;
    let most = (limit * 7).div_ceil(10);
    sender.send(start, most);
    sender.send(start + 0.8 * window, limit - most);
    sender.send(start + window + shape.edge(), limit.div_ceil(2));
    sender.send(start + 1.6 * window, (limit * 6).div_ceil(10) + 1);
}

/// Places requests one after the other, never faster than the highest rate.
struct Sender {
    /// Shortest pause between two requests, in seconds.
    gap: f64,
    /// When the next may be sent.
    free: f64,
    moments: Vec<f64>,
    /// Which part of a second the first try of one began at, and how many were tried.
    part: f64,
    parts: u32,
}

impl Sender {
    fn send(&mut self, at: f64, count: u64) {
        let start = at.max(self.free);
        self.moments.extend((0..count).map(|i| start + i as f64 * self.gap));
        self.free = start + count as f64 * self.gap;
    }

    /// The next moment, from `earliest` on, at which to try a window of a second: each at
    /// another part of one, as far as can be from those before (van der Corput 1935), so
    /// that one of them shows where the clock cuts.
    fn next_part(&mut self, earliest: f64) -> f64 {
        let part = self.part + f64::from(self.parts.reverse_bits()) / 2_f64.powi(32);
        self.parts += 1;
        earliest + (part * SECOND - earliest).rem_euclid(SECOND)
    }

    /// What tells a window of `length` seconds of a limit like this one: a few that open
    /// it, later what is left and singles that see its end, and then more than those few:
    /// a fixed window has all its places again, a sliding one only theirs.
    fn send_window(&mut self, start: f64, limit: u64, length: f64) {
        let start = start.max(self.free);
        let few = (limit / 4).clamp(2, 20).min(limit);
        self.send(start, few);
        let rest = limit - few + limit / 10 + 2;
        let latest = start + 0.95 * length - rest as f64 * self.gap;
        self.send((start + 0.4 * length).min(latest), rest);
        let step = 0.1 * length;
        while self.free + step < start + length {
            self.send(self.free + step, 1);
        }
        self.send(start + length + 0.17 * SECOND, few + limit / 3 + 2);
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
        DeclaredLimit::of(limit, Nanos::from_secs(60), Scope::Ip)
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
