//! What a correct limiter of each kind does with a request: pure simulators, the yardstick of every bound and rule.

use std::collections::VecDeque;

use crate::units::Nanos;

/// A correct limiter for one identity. Requests come in the order of their
/// decision; `at` is the limiter's own clock.
#[derive(Clone, Debug)]
pub enum Limiter {
    /// See [`Anchored`].
    Anchored(Anchored),
    /// See [`Aligned`].
    Aligned(Aligned),
    /// See [`Sliding`].
    Sliding(Sliding),
    /// See [`Bucket`].
    Bucket(Bucket),
}

impl Limiter {
    /// Whether a request that is decided at `at` is admitted.
    pub fn admits(&mut self, at: Nanos) -> bool {
        match self {
            Self::Anchored(limiter) => limiter.admits(at),
            Self::Aligned(limiter) => limiter.admits(at),
            Self::Sliding(limiter) => limiter.admits(at),
            Self::Bucket(limiter) => limiter.admits(at),
        }
    }
}

/// A fixed window that the first request opens (docs/api.md, "The limiter"): admits
/// `limit`, refuses the rest without counting them; the first request after the
/// window opens the next.
#[derive(Clone, Debug)]
pub struct Anchored {
    limit: u64,
    window: Nanos,
    whole_seconds: bool,
    open: Option<(Nanos, u64)>,
}

impl Anchored {
    /// A window that lasts exactly `window`.
    #[must_use]
    pub const fn new(limit: u64, window: Nanos) -> Self {
        Self { limit, window, whole_seconds: false, open: None }
    }

    /// A window on a clock of whole seconds: the first request *more than*
    /// `window` whole seconds after the opening starts the next, so that a
    /// window lasts between `window` and a second more.
    #[must_use]
    pub const fn whole_seconds(limit: u64, window: Nanos) -> Self {
        Self { limit, window, whole_seconds: true, open: None }
    }

    fn over(&self, opened: Nanos, at: Nanos) -> bool {
        if self.whole_seconds {
            let second = |t: Nanos| t.0 / 1_000_000_000;
            second(at) - second(opened) > second(self.window)
        } else {
            at - opened >= self.window
        }
    }

    fn admits(&mut self, at: Nanos) -> bool {
        match self.open {
            Some((opened, count)) if !self.over(opened, at) => {
                let room = count < self.limit;
                if room {
                    self.open = Some((opened, count + 1));
                }
                room
            }
            _ => {
                self.open = Some((at, 1));
                true
            }
        }
    }
}

/// A fixed window cut by the clock at every multiple of its length.
#[derive(Clone, Debug)]
pub struct Aligned {
    limit: u64,
    window: Nanos,
    number: u64,
    count: u64,
}

impl Aligned {
    /// Windows of `window`, cut at its multiples on the limiter's clock.
    #[must_use]
    pub const fn new(limit: u64, window: Nanos) -> Self {
        Self { limit, window, number: 0, count: 0 }
    }

    fn admits(&mut self, at: Nanos) -> bool {
        let number = at.0 / self.window.0.max(1);
        if number != self.number {
            (self.number, self.count) = (number, 0);
        }
        let room = self.count < self.limit;
        self.count += u64::from(room);
        room
    }
}

/// At most the limit in any window: a request is admitted while fewer than
/// `limit` were admitted in the window before it.
#[derive(Clone, Debug)]
pub struct Sliding {
    limit: u64,
    window: Nanos,
    admitted: VecDeque<Nanos>,
}

impl Sliding {
    /// At most `limit` in any `window`.
    #[must_use]
    pub const fn new(limit: u64, window: Nanos) -> Self {
        Self { limit, window, admitted: VecDeque::new() }
    }

    /// Whether a request that is decided at `at` is admitted.
    pub(super) fn admits(&mut self, at: Nanos) -> bool {
        while self.admitted.front().is_some_and(|first| *first + self.window <= at) {
            self.admitted.pop_front();
        }
        let room = (self.admitted.len() as u64) < self.limit;
        if room {
            self.admitted.push_back(at);
        }
        room
    }
}

/// Tokens that refill steadily up to a capacity; a request takes one.
#[derive(Clone, Debug)]
pub struct Bucket {
    capacity: f64,
    per_second: f64,
    missing: f64,
    last: Nanos,
}

impl Bucket {
    /// A full bucket of `limit` tokens that refills in one `window`.
    #[must_use]
    pub fn new(limit: u64, window: Nanos) -> Self {
        Self::with(limit as f64, limit as f64 / window.as_secs_f64().max(1e-9))
    }

    /// A full bucket of `capacity` tokens that gains `per_second`.
    #[must_use]
    pub const fn with(capacity: f64, per_second: f64) -> Self {
        Self { capacity, per_second, missing: 0.0, last: Nanos::ZERO }
    }

    /// Whether a request that is decided at `at` is admitted.
    pub(super) fn admits(&mut self, at: Nanos) -> bool {
        let refilled = (at - self.last).as_secs_f64() * self.per_second;
        self.missing = (self.missing - refilled).max(0.0);
        self.last = self.last.max(at);
        // A hair of tolerance: 60 refills of 1/60 are one token.
        let room = self.missing + 1.0 <= self.capacity + 1e-9;
        if room {
            self.missing += 1.0;
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(mut limiter: Limiter, at_millis: &[u64]) -> Vec<bool> {
        at_millis.iter().map(|ms| limiter.admits(Nanos::from_millis(*ms))).collect()
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
    fn a_sliding_window_frees_a_place_when_an_admission_leaves_it() {
        let limiter = Limiter::Sliding(Sliding::new(2, Nanos::from_secs(60)));
        let seen = admitted(limiter, &[0, 30_000, 59_999, 60_000, 60_001, 90_000]);
        assert_eq!(seen, [true, true, false, true, false, true]);
    }

    #[test]
    fn a_bucket_refills_steadily() {
        let limiter = Limiter::Bucket(Bucket::new(2, Nanos::from_secs(60)));
        let seen = admitted(limiter, &[0, 0, 0, 29_999, 30_000, 30_001, 60_000]);
        assert_eq!(seen, [true, true, false, false, true, false, true]);
    }
}
