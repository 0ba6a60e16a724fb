//! Windows that go along with the request: an exact log, and two buckets weighted.

use std::collections::VecDeque;

use crate::units::Nanos;

/// At most the limit in any window: a request is admitted while fewer than
/// `limit` were admitted in the window before it.
#[derive(Clone, Debug)]
pub struct Sliding {
    limit: u64,
    window: Nanos,
    counts_refusals: bool,
    counted: VecDeque<Nanos>,
}

impl Sliding {
    /// At most `limit` in any `window`.
    #[must_use]
    pub const fn new(limit: u64, window: Nanos) -> Self {
        Self { limit, window, counts_refusals: false, counted: VecDeque::new() }
    }

    /// Likewise, where refused requests count as well: whoever keeps asking is
    /// never admitted again.
    #[must_use]
    pub const fn counting_refusals(limit: u64, window: Nanos) -> Self {
        Self { limit, window, counts_refusals: true, counted: VecDeque::new() }
    }

    /// Whether a request that is decided at `at` is admitted.
    pub(in crate::limits) fn admits(&mut self, at: Nanos) -> bool {
        while self.counted.front().is_some_and(|first| *first + self.window <= at) {
            self.counted.pop_front();
        }
        let room = (self.counted.len() as u64) < self.limit;
        if room || self.counts_refusals {
            self.counted.push_back(at);
        }
        room
    }
}

/// Two windows cut by the clock: what this one counted, and of the one before the
/// share that a sliding window would still reach, stay below the limit.
#[derive(Clone, Debug)]
pub struct Counter {
    limit: u64,
    window: Nanos,
    counts_refusals: bool,
    whole_places: bool,
    number: u64,
    before: u64,
    here: u64,
}

impl Counter {
    /// Windows of `window` cut at its multiples on the limiter's clock. Admits
    /// while the weighted count is below `limit`.
    #[must_use]
    pub const fn new(limit: u64, window: Nanos) -> Self {
        Self {
            limit,
            window,
            counts_refusals: false,
            whole_places: false,
            number: 0,
            before: 0,
            here: 0,
        }
    }

    /// Likewise, where refused requests count as well.
    #[must_use]
    pub const fn counting_refusals(limit: u64, window: Nanos) -> Self {
        Self { counts_refusals: true, ..Self::new(limit, window) }
    }

    /// This limiter, asking for a whole free place: the weighted count and one
    /// more must not pass the limit.
    #[must_use]
    pub const fn whole_places(self) -> Self {
        Self { whole_places: true, ..self }
    }

    pub(super) fn admits(&mut self, at: Nanos) -> bool {
        let window = self.window.0.max(1);
        let number = at.0 / window;
        if number != self.number {
            self.before = if number == self.number + 1 { self.here } else { 0 };
            (self.number, self.here) = (number, 0);
        }
        let gone = (at.0 % window) as f64 / window as f64;
        let weighted = self.before as f64 * (1.0 - gone) + self.here as f64;
        let room = if self.whole_places {
            weighted + 1.0 <= self.limit as f64
        } else {
            weighted < self.limit as f64
        };
        self.here += u64::from(room || self.counts_refusals);
        room
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Limiter, tests::admitted};
    use super::*;

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
}
