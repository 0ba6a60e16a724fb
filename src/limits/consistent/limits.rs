//! Ranges that explain: of limits, of phases, of rates.

/// Limits from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limits) struct Limits {
    pub(in crate::limits) low: usize,
    pub(in crate::limits) high: usize,
}

impl Limits {
    pub(in crate::limits) const ALL: Self = Self { low: 1, high: usize::MAX };

    /// Those in both; `None`: there are none.
    pub(in crate::limits) fn and(self, other: Self) -> Option<Self> {
        let both = Self { low: self.low.max(other.low), high: self.high.min(other.high) };
        (both.low <= both.high).then_some(both)
    }

    /// From the lowest of both to the highest.
    pub(in crate::limits) fn or(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// Whether `limit` is one of them.
    pub(in crate::limits) const fn has(self, limit: usize) -> bool {
        self.low <= limit && limit <= self.high
    }

    /// At least `low`.
    pub(super) const fn at_least(&mut self, low: usize) {
        if low > self.low {
            self.low = low;
        }
    }

    /// At most `high`; false: none is left.
    pub(super) const fn at_most(&mut self, high: usize) -> bool {
        if high < self.high {
            self.high = high;
        }
        self.low <= self.high
    }
}

/// A stretch of phases, or of rates: its middle, and how far it reaches to each side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::limits) struct Cell {
    pub(in crate::limits) middle: f64,
    pub(in crate::limits) half: f64,
}

impl Cell {
    /// The stretch between two ends.
    pub(in crate::limits) const fn between(low: f64, high: f64) -> Self {
        Self { middle: f64::midpoint(low, high), half: (high - low) / 2.0 }
    }

    /// Cut into so many of the same length.
    pub(in crate::limits) fn cut(self, parts: u32) -> impl Iterator<Item = Self> {
        let half = self.half / f64::from(parts);
        let first = self.middle - self.half + half;
        (0..parts).map(move |i| Self { middle: f64::from(i).mul_add(2.0 * half, first), half })
    }
}
