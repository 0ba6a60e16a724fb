//! For each kind of limiter with a given window: which limits explain every admission and refusal of a ledger.
//!
//! Explains: there are moments of decision within the requests, and a phase,
//! such that a limiter of that kind, unused before the ledger begins, would have
//! decided just so. The answer is a range of limits; an empty one excludes the kind.
//! What each function asks is necessary, so that the kind that was at work is never
//! excluded. Requests that may have been admitted count where that explains more.

mod bucket;
mod crowd;
mod fixed;
mod sliding;

pub(super) use bucket::{Delays, bucket, delays};
pub(super) use crowd::{concurrency, replicas};
pub(super) use fixed::{Anchor, aligned, anchored};
pub(super) use sliding::{Counted, counter, sliding};

/// Limits from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) low: usize,
    pub(super) high: usize,
}

impl Limits {
    pub(super) const ALL: Self = Self { low: 1, high: usize::MAX };

    /// Those in both; `None`: there are none.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        let both = Self { low: self.low.max(other.low), high: self.high.min(other.high) };
        (both.low <= both.high).then_some(both)
    }

    /// From the lowest of both to the highest.
    pub(super) fn or(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// Whether `limit` is one of them.
    pub(super) const fn has(self, limit: usize) -> bool {
        self.low <= limit && limit <= self.high
    }

    /// At least `low`.
    const fn at_least(&mut self, low: usize) {
        if low > self.low {
            self.low = low;
        }
    }

    /// At most `high`; false: none is left.
    const fn at_most(&mut self, high: usize) -> bool {
        if high < self.high {
            self.high = high;
        }
        self.low <= self.high
    }
}

/// A stretch of phases, or of rates: its middle, and how far it reaches to each side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cell {
    pub(super) middle: f64,
    pub(super) half: f64,
}

impl Cell {
    /// The stretch between two ends.
    pub(super) const fn between(low: f64, high: f64) -> Self {
        Self { middle: f64::midpoint(low, high), half: (high - low) / 2.0 }
    }

    /// Cut into so many of the same length.
    pub(super) fn cut(self, parts: u32) -> impl Iterator<Item = Self> {
        let half = self.half / f64::from(parts);
        let first = self.middle - self.half + half;
        (0..parts).map(move |i| Self { middle: f64::from(i).mul_add(2.0 * half, first), half })
    }
}
