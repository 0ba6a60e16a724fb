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
