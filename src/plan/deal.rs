//! Who of several sends which arrivals.
//!
//! A function of the arrival's number alone: workers of one process and shards on
//! several machines come to the same whole, however many there are.

use super::Schedule;
use crate::units::Nanos;

/// One of several who share the arrivals of a schedule, in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    index: u64,
    of: u64,
}

impl Share {
    /// All arrivals.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// The share of number `index` (from 0) of `of` who share; what is out of
    /// range is brought into it.
    #[must_use]
    pub const fn new(index: u32, of: u32) -> Self {
        let of = if of == 0 { 1 } else { of as u64 };
        Self { index: index as u64 % of, of }
    }

    /// The share of number `index` of `of` who share this share between them.
    #[must_use]
    pub const fn part(self, index: u32, of: u32) -> Self {
        let inner = Self::new(index, of);
        Self { index: self.index + self.of * inner.index, of: self.of * inner.of }
    }

    /// Whether arrival `n` (from 1) is in it.
    #[must_use]
    pub const fn has(self, n: u64) -> bool {
        n.saturating_sub(1) % self.of == self.index
    }

    /// The numbers in it, of `total` arrivals, in order.
    pub fn numbers(self, total: u64) -> impl Iterator<Item = u64> {
        (self.index + 1..=total).step_by(usize::try_from(self.of).unwrap_or(usize::MAX))
    }
}

impl Schedule {
    /// The arrivals of a share in order: number, index of the stage, due moment.
    pub fn dealt(&self, share: Share) -> impl Iterator<Item = (u64, usize, Nanos)> + '_ {
        share.numbers(self.total()).filter_map(|n| Some((n, self.stage_of(n), self.due(n)?)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Stage;
    use super::*;

    proptest! {
        #[test]
        fn the_union_of_all_shares_is_the_schedule(
            stages in prop::collection::vec((0_u64..5_000, 0_u32..2000), 0..5),
            workers in 1_u32..=16,
            shards in 1_u32..=4,
        ) {
            let stages: Vec<Stage> = stages
                .into_iter()
                .map(|(millis, tenths)| Stage {
                    duration: Nanos::from_millis(millis),
                    target: f64::from(tenths) / 10.0,
                })
                .collect();
            let schedule = Schedule::new(&stages);
            let whole: Vec<_> = schedule.iter().collect();
            let mut dealt: Vec<_> = (0..shards)
                .flat_map(|shard| (0..workers).map(move |worker| (shard, worker)))
                .flat_map(|(shard, worker)| {
                    let share = Share::new(shard, shards).part(worker, workers);
                    let own: Vec<_> = schedule.dealt(share).collect();
                    assert!(own.iter().all(|(n, ..)| share.has(*n) && Share::new(shard, shards).has(*n)));
                    assert!(own.is_sorted());
                    own
                })
                .collect();
            dealt.sort_unstable();
            prop_assert_eq!(dealt, whole);
        }
    }

    #[test]
    fn a_share_out_of_range_is_brought_into_it() {
        assert_eq!(Share::new(7, 0), Share::WHOLE);
        assert_eq!(Share::new(7, 4), Share::new(3, 4));
    }
}
