//! Limits on how many at once, and limiters that are several.

use super::{Answer, Limiter};
use crate::units::Nanos;

/// At most `limit` requests at once, however many a minute.
#[derive(Clone, Debug)]
pub struct Concurrency {
    limit: usize,
    /// When each that is being worked at ends.
    busy: Vec<Nanos>,
}

impl Concurrency {
    /// At most `limit` at once.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, busy: Vec::new() }
    }

    pub(super) fn admits(&mut self, at: Nanos, work: Nanos) -> bool {
        self.busy.retain(|end| *end > at);
        let room = self.busy.len() < self.limit;
        if room {
            self.busy.push(at + work);
        }
        room
    }
}

/// Which replica is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// Each in turn.
    RoundRobin,
    /// Any, by chance; the number moves on (`SplitMix64`).
    Random(u64),
}

/// Limiters that count apart, each a part of the requests.
#[derive(Clone, Debug)]
pub struct Replicas {
    each: Vec<Limiter>,
    routing: Routing,
    turn: usize,
}

impl Replicas {
    /// `each` of them gets requests as `routing` has it.
    #[must_use]
    pub const fn new(each: Vec<Limiter>, routing: Routing) -> Self {
        Self { each, routing, turn: 0 }
    }

    pub(super) fn ask(&mut self, at: Nanos, work: Nanos) -> Answer {
        let n = self.each.len().max(1);
        self.turn = match &mut self.routing {
            Routing::RoundRobin => (self.turn + 1) % n,
            Routing::Random(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mut z = *state;
                z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                ((z ^ (z >> 31)) % n as u64) as usize
            }
        };
        self.each.get_mut(self.turn).map_or(Answer::Admitted, |one| one.ask(at, work))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Anchored, tests::admitted};
    use super::*;

    #[test]
    fn a_place_is_free_when_the_work_is_done() {
        let mut limiter = Limiter::Concurrency(Concurrency::new(1));
        let work = Nanos::from_millis(100);
        let at = |millis| Nanos::from_millis(millis);
        let seen = [0, 50, 99, 100, 150].map(|ms| limiter.ask(at(ms), work));
        let (yes, no) = (Answer::Admitted, Answer::Refused);
        assert_eq!(seen, [yes, no, no, yes, no]);
    }

    #[test]
    fn replicas_admit_the_limit_each() {
        for routing in [Routing::RoundRobin, Routing::Random(7)] {
            let each = || Limiter::Anchored(Anchored::new(3, Nanos::from_secs(60)));
            let limiter = Limiter::Replicas(Replicas::new(vec![each(), each()], routing));
            let seen = admitted(limiter, &[0; 40]);
            assert_eq!(seen.iter().filter(|yes| **yes).count(), 6, "{routing:?}");
        }
    }
}
