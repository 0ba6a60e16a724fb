//! Which deliveries were acknowledged: written and read by all workers, without a lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::plan::Deal;
use crate::scenario::{Acknowledged, Past, REMEMBERED};

/// Bits of a slot for the moment, in seconds since the start of the run: half a year.
const MOMENT_BITS: u32 = 24;

/// The last [`REMEMBERED`] deliveries, each in the slot of its number. A slot holds
/// number and moment in one word, so that a reader sees both or neither.
pub(super) struct Deliveries {
    /// The wall clock at the start, in whole seconds since 1970.
    start: u64,
    slots: Box<[AtomicU64]>,
}

impl Deliveries {
    /// Nothing acknowledged yet; `start`: the wall clock before the first delivery.
    pub(super) fn new(start: Duration) -> Self {
        let slots = (0..REMEMBERED).map(|_| AtomicU64::new(0)).collect();
        Self { start: start.as_secs(), slots }
    }

    /// Notes an acknowledged first delivery.
    pub(super) fn note(&self, past: Past) {
        let moment = past.unix.as_secs().saturating_sub(self.start);
        if moment >> MOMENT_BITS != 0 {
            return;
        }
        // Number + 1: zero is an empty slot.
        let word = (past.n + 1) << MOMENT_BITS | moment;
        self.slots[(past.n % REMEMBERED) as usize].store(word, Ordering::Relaxed);
    }
}

impl Acknowledged for Deliveries {
    fn delivery(&self, n: u64) -> Option<Past> {
        let word = self.slots[(n % REMEMBERED) as usize].load(Ordering::Relaxed);
        if word >> MOMENT_BITS != n + 1 {
            return None;
        }
        let moment = word & ((1 << MOMENT_BITS) - 1);
        Some(Past { n, unix: Duration::from_secs(self.start + moment) })
    }
}

/// What one arrival may repeat of them: what was sent from here, by the same identity.
#[derive(Debug)]
pub(super) struct Repeatable<'a> {
    pub(super) known: &'a Deliveries,
    pub(super) deal: &'a Deal,
    /// The arrival's number.
    pub(super) n: u64,
}

impl Acknowledged for Repeatable<'_> {
    fn delivery(&self, n: u64) -> Option<Past> {
        self.known.delivery(self.deal.repeatable(self.n, n)?)
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_found_until_its_slot_is_needed() {
        let known = Deliveries::new(Duration::from_millis(1_000_900));
        let past = |n, second| Past { n, unix: Duration::from_secs(second) };
        assert_eq!(known.delivery(0), None);
        for (n, second) in [(0, 1000), (7, 1002), (REMEMBERED - 1, 1_000_000)] {
            known.note(past(n, second));
            assert_eq!(known.delivery(n), Some(past(n, second)));
        }
        known.note(past(REMEMBERED + 7, 1009));
        assert_eq!(known.delivery(7), None);
        assert_eq!(known.delivery(REMEMBERED + 7), Some(past(REMEMBERED + 7, 1009)));
        // Beyond half a year a moment can't be told: not repeated, rather than wrongly.
        known.note(past(9, 1000 + (1 << MOMENT_BITS)));
        assert_eq!(known.delivery(9), None);
    }
}
