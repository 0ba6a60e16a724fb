//! Any limiter: one of a kind, or several that count apart.

use super::answer::Answer;
use super::bucket::{Bucket, Leaky};
use super::concurrency::Concurrency;
use super::fixed::{Aligned, Anchored};
use super::sliding::{Counter, Sliding};
use crate::units::Nanos;

/// A limiter for one identity. Requests come in the order of their decision; `at`
/// is the limiter's own clock.
#[derive(Clone, Debug)]
pub enum Limiter {
    /// See [`Anchored`].
    Anchored(Anchored),
    /// See [`Aligned`].
    Aligned(Aligned),
    /// See [`Sliding`].
    Sliding(Sliding),
    /// See [`Counter`].
    Counter(Counter),
    /// See [`Bucket`].
    Bucket(Bucket),
    /// See [`Leaky`].
    Leaky(Leaky),
    /// See [`Concurrency`].
    Concurrency(Concurrency),
    /// See [`Replicas`].
    Replicas(Replicas),
}

impl Limiter {
    /// Whether a request that is decided at `at` is admitted.
    pub fn admits(&mut self, at: Nanos) -> bool {
        self.ask(at, Nanos::ZERO) != Answer::Refused
    }

    /// What becomes of a request that is decided at `at` and that the server works
    /// at for `work` when it is admitted.
    pub fn ask(&mut self, at: Nanos, work: Nanos) -> Answer {
        let admitted = match self {
            Self::Anchored(limiter) => limiter.admits(at),
            Self::Aligned(limiter) => limiter.admits(at),
            Self::Sliding(limiter) => limiter.admits(at),
            Self::Counter(limiter) => limiter.admits(at),
            Self::Bucket(limiter) => limiter.admits(at),
            Self::Leaky(limiter) => return limiter.ask(at),
            Self::Concurrency(limiter) => limiter.admits(at, work),
            Self::Replicas(limiter) => return limiter.ask(at, work),
        };
        if admitted { Answer::Admitted } else { Answer::Refused }
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
    use super::super::{Counter, Extension};
    use super::*;

    fn admitted(mut limiter: Limiter, at_millis: &[u64]) -> Vec<bool> {
        at_millis.iter().map(|ms| limiter.admits(Nanos::from_millis(*ms))).collect()
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

    #[test]
    fn an_anchored_window_is_opened_by_the_first_request() {
        let window = Nanos::from_secs(60);
        let limiter = Limiter::Anchored(Anchored::new(2, window));
        let seen = admitted(limiter, &[900, 30_000, 60_800, 60_900, 61_000, 62_000]);
        assert_eq!(seen, [true, true, false, true, true, false]);
    }

    #[test]
    fn whole_seconds_make_a_window_last_up_to_a_second_longer() {
        let window = Nanos::from_secs(60);
        let limiter = Limiter::Anchored(Anchored::whole_seconds(1, window));
        // Opened in second 0: second 60 is not *more than* 60 seconds later.
        assert_eq!(admitted(limiter, &[900, 60_999, 61_000]), [true, false, true]);
    }

    #[test]
    fn an_aligned_window_is_cut_by_the_clock() {
        let limiter = Limiter::Aligned(Aligned::new(2, Nanos::from_secs(60)));
        let seen = admitted(limiter, &[59_000, 59_100, 59_200, 60_000, 60_100, 60_200]);
        assert_eq!(seen, [true, true, false, true, true, false]);
    }

    #[test]
    fn a_ban_goes_on_while_it_is_tried() {
        let window = Nanos::from_secs(10);
        let moments = [0, 1_000, 9_000, 18_000, 27_000, 37_000, 38_000];
        let ban = Anchored::extended(1, window, Extension::Refusals);
        let seen = admitted(Limiter::Anchored(ban), &moments);
        assert_eq!(seen, [true, false, false, false, false, true, false]);
        let every = Anchored::extended(3, window, Extension::Requests);
        let seen = admitted(Limiter::Anchored(every), &moments);
        assert_eq!(seen, [true, true, true, false, false, true, true]);
    }

    #[test]
    fn a_sliding_window_frees_a_place_when_an_admission_leaves_it() {
        let limiter = Limiter::Sliding(Sliding::new(2, Nanos::from_secs(60)));
        let seen = admitted(limiter, &[0, 30_000, 59_999, 60_000, 60_001, 90_000]);
        assert_eq!(seen, [true, true, false, true, false, true]);
    }

    #[test]
    fn whoever_keeps_asking_one_that_counts_refusals_stays_out() {
        let limiter = Limiter::Sliding(Sliding::counting_refusals(1, Nanos::from_secs(60)));
        let seen = admitted(limiter, &[0, 30_000, 61_000, 90_000, 150_000]);
        assert_eq!(seen, [true, false, false, false, true]);
    }

    #[test]
    fn two_buckets_are_weighted_by_how_far_the_window_has_gone() {
        let window = Nanos::from_secs(10);
        let limiter = Limiter::Counter(Counter::new(4, window));
        // Four in the first window; 5 s into the second they weigh two.
        let seen = admitted(limiter, &[9_000, 9_001, 9_002, 9_003, 10_000, 15_000, 15_001, 15_002]);
        assert_eq!(seen, [true, true, true, true, false, true, true, true]);
        let whole = Limiter::Counter(Counter::new(4, window).whole_places());
        let seen = admitted(whole, &[9_000, 9_001, 9_002, 9_003, 12_000, 12_500, 12_501]);
        assert_eq!(seen, [true, true, true, true, false, true, false]);
    }

    #[test]
    fn a_bucket_refills_steadily() {
        let limiter = Limiter::Bucket(Bucket::new(2, Nanos::from_secs(60)));
        let seen = admitted(limiter, &[0, 0, 0, 29_999, 30_000, 30_001, 60_000]);
        assert_eq!(seen, [true, true, false, false, true, false, true]);
    }

    #[test]
    fn a_queue_lets_wait_and_refuses_what_finds_it_full() {
        let mut limiter = Limiter::Leaky(Leaky::new(3, 2.0, 1));
        let seen: Vec<Answer> = (0..4).map(|_| limiter.ask(Nanos::ZERO, Nanos::ZERO)).collect();
        let wait = |millis| Answer::Delayed(Nanos::from_millis(millis));
        assert_eq!(seen, [Answer::Admitted, wait(500), wait(1000), Answer::Refused]);
        let later = limiter.ask(Nanos::from_millis(500), Nanos::ZERO);
        assert_eq!(later, wait(1000));
    }
}
