//! Buckets: of tokens that refill, and of requests that drain.

use super::answer::Answer;
use crate::units::Nanos;

/// Tokens that refill steadily up to a capacity; a request takes one. (GCRA decides
/// alike.)
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
    pub(in crate::limits) fn admits(&mut self, at: Nanos) -> bool {
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

/// A queue that drains steadily: a request waits for its turn, and is refused where
/// the queue is full.
#[derive(Clone, Debug)]
pub struct Leaky {
    bucket: Bucket,
    at_once: f64,
}

impl Leaky {
    /// Room for `capacity` requests, the one that leaves included, which leave at
    /// `per_second`; the first `at_once` of a burst don't wait (at least 1).
    #[must_use]
    pub fn new(capacity: u64, per_second: f64, at_once: u64) -> Self {
        Self { bucket: Bucket::with(capacity as f64, per_second), at_once: at_once.max(1) as f64 }
    }

    pub(super) fn ask(&mut self, at: Nanos) -> Answer {
        if !self.bucket.admits(at) {
            return Answer::Refused;
        }
        let before = self.bucket.missing - self.at_once;
        if before <= 0.0 {
            return Answer::Admitted;
        }
        Answer::Delayed(Nanos::from_secs_f64(before / self.bucket.per_second.max(1e-9)))
    }
}
