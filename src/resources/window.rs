//! The window of a load, and the moments in it that are asked for.

use crate::measure::Recording;
use crate::units::{Nanos, Timestamp};

/// From the start of a load to its last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its start.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// The moments that are asked for: multiples of the step, counted from 1970, so that
/// machines that share a load ask for the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    /// The first, in seconds.
    pub(super) first: i64,
    /// The last, in seconds.
    pub(super) last: i64,
    /// From one to the next, in seconds.
    pub(super) step: i64,
}

/// The most moments of a load, where nobody says otherwise.
const MOST: i64 = 240;
/// The most moments that Prometheus gives at once.
const MOST_AT_ONCE: i64 = 11_000;
/// Steps that people count in, in seconds.
const STEPS: [i64; 10] = [1, 2, 5, 10, 15, 30, 60, 300, 900, 3600];

impl Window {
    /// Of the load of `recording`; `None`: there was none.
    #[must_use]
    pub fn of(recording: &Recording) -> Option<Self> {
        let from = recording.started_at.after(recording.load_offset);
        let lasted = recording.duration > Nanos::ZERO && recording.generator.sent > 0;
        lasted.then(|| Self { from, to: from.after(recording.duration) })
    }

    /// What is asked for, a `step` apart where one is wished for.
    pub(super) fn grid(self, step: Option<Nanos>) -> Grid {
        let (from, to) = (self.from.unix_millis, self.to.unix_millis);
        let seconds = (to - from).max(0) / 1000;
        let fits = |step: &&i64| seconds / **step <= MOST;
        let usual = STEPS.iter().find(fits).copied().unwrap_or(seconds / MOST + 1);
        let wished = step.and_then(|step| i64::try_from(step.0 / 1_000_000_000).ok());
        let step = wished.unwrap_or(usual).max(seconds / MOST_AT_ONCE + 1);
        let above = |millis: i64| (millis + step * 1000 - 1).div_euclid(step * 1000) * step;
        let first = above(from);
        // A load between two moments is asked for at the one after it.
        let last = (to.div_euclid(step * 1000) * step).max(first);
        Grid { first, last, step }
    }
}

impl Grid {
    /// How many moments it has.
    pub(super) fn len(self) -> usize {
        usize::try_from((self.last - self.first) / self.step + 1).unwrap_or(1)
    }
}
