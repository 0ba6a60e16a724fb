//! The fewest that two limits in a row let through: what each refuses, and what the outer one wastes.
//!
//! The outer of two limiters counts what the inner one then refuses. So it may be full
//! just when the inner one is open again, and both together admit fewer than either
//! alone. The bound is a proof as those of [`super::predict`] are: let n requests have
//! passed both, the k-th of them by the moment b(k) at the latest. The inner limiter
//! can refuse only when it admitted its limit within its longest window, so no later
//! than b(n - limit + 1) and that window; until then the outer one may have counted
//! everything that came, from then on only what passed both. A request that comes when
//! neither can be full passes, unless n + 1 have passed already.

use super::moments::{Batch, slack};
use crate::admission::DeclaredLimit;
use crate::units::Nanos;

/// By how many times the slack of clocks the moments of two limiters may be off: each
/// may meet requests in an order of its own.
const ORDERS: u64 = 3;

/// When a limiter may refuse at all: when it admitted `limit` within `lasts`.
#[derive(Clone, Copy, Debug)]
struct Refuses {
    limit: u64,
    lasts: Nanos,
}

impl Refuses {
    /// A bucket that has no token gave all that it holds within the time in which it fills.
    fn of(declared: &DeclaredLimit, off: Nanos) -> Self {
        let limit = declared.capacity().max(1);
        let window = declared.window.as_secs_f64();
        let lasts = match declared.burst {
            None => declared.longest(),
            Some(burst) => Nanos::from_secs_f64(burst as f64 * window / declared.limit as f64),
        };
        Self { limit, lasts: lasts + off }
    }
}

/// The fewest of these (sorted) that both admit, whichever is the inner one.
pub(super) fn fewest_of_two(one: &DeclaredLimit, other: &DeclaredLimit, sorted: &[Batch]) -> u64 {
    let slack = slack(one.window).max(slack(other.window));
    let off = Nanos(slack.0.saturating_mul(ORDERS));
    let (one, other) = (Refuses::of(one, off), Refuses::of(other, off));
    fewest(one, other, sorted).min(fewest(other, one, sorted))
}

fn fewest(inner: Refuses, outer: Refuses, sorted: &[Batch]) -> u64 {
    let mut sent = vec![0];
    let mut passed = Passed::default();
    // Batches begin one after the other, and so do what lies too far back for them.
    let (mut by_inner, mut by_outer, mut first) = (0, 0, 0);
    for (here, batch) in sorted.iter().enumerate() {
        while sorted[..=here].get(first).is_some_and(|b| b.to + outer.lasts <= batch.from) {
            first += 1;
        }
        let mut left = batch.count;
        while left > 0 {
            passed.over(&mut by_inner, inner.lasts, batch.from);
            passed.over(&mut by_outer, outer.lasts, batch.from);
            let within = passed.but(by_inner);
            let room = left.min(inner.limit.saturating_sub(within));
            if room == 0 {
                break;
            }
            // The inner one may have been full until then, before the last of these.
            let full_until = passed.by((passed.all() + room).saturating_sub(inner.limit));
            let counted = full_until.map_or_else(
                || passed.but(by_outer),
                |by| {
                    let until = by + inner.lasts;
                    let last = sorted[..here].partition_point(|b| b.from <= until);
                    let mut any = sent[last.max(first)] - sent[first];
                    if batch.from <= until {
                        any += batch.count - left;
                    }
                    any + passed.after(until).min(passed.but(by_outer))
                },
            );
            let room = room.min(outer.limit.saturating_sub(counted));
            if room == 0 {
                break;
            }
            passed.add(room, batch.to);
            left -= room;
        }
        sent.push(sent[here] + batch.count);
    }
    passed.all()
}

/// How many passed both limits, and by when at the latest.
#[derive(Debug, Default)]
struct Passed {
    /// Moments, ascending, and how many had passed by then.
    by: Vec<(Nanos, u64)>,
}

impl Passed {
    fn all(&self) -> u64 {
        self.by.last().map_or(0, |(_, all)| *all)
    }

    fn add(&mut self, count: u64, by: Nanos) {
        self.by.push((by, self.all() + count));
    }

    /// By when the `k`-th had passed, from 1; `None`: there is none.
    fn by(&self, k: u64) -> Option<Nanos> {
        let place = self.by.partition_point(|(_, all)| *all < k);
        self.by.get(place).filter(|_| k > 0).map(|(by, _)| *by)
    }

    /// Moves `first` on to the first that may have passed less than `lasts` before `at`.
    fn over(&self, first: &mut usize, lasts: Nanos, at: Nanos) {
        while self.by.get(*first).is_some_and(|(by, _)| *by + lasts <= at) {
            *first += 1;
        }
    }

    /// How many may have passed after `at`.
    fn after(&self, at: Nanos) -> u64 {
        self.but(self.by.partition_point(|(by, _)| *by <= at))
    }

    fn but(&self, first: usize) -> u64 {
        let before = first.checked_sub(1).map_or(0, |last| self.by[last].1);
        self.all() - before
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::moments::Alike;
    use super::super::predict::predict;
    use super::super::simulation::{Dice, KINDS, ledger, limiter, uneven};
    use super::*;
    use crate::admission::{Admitted, Scope};

    fn of(limit: u64, secs: u64) -> DeclaredLimit {
        DeclaredLimit::of(limit, Nanos::from_secs(secs), Scope::Customer)
    }

    fn steady(rate: f64, secs: f64) -> Alike {
        let moments = (0..(rate * secs) as u64).map(|i| Nanos::from_secs_f64(i as f64 / rate));
        Alike { identities: 1, batches: moments.map(Batch::single).collect() }
    }

    #[test]
    fn a_limit_that_is_never_reached_changes_nothing() {
        let sent = steady(2.0, 540.0);
        let alone = predict(&[of(60, 60)], [sent.clone()]);
        assert_eq!(predict(&[of(60, 60), of(500, 60)], [sent.clone()]), alone);
        assert_eq!(predict(&[of(500, 60), of(60, 60)], [sent]), alone);
        assert!(alone.admitted_low > 0);
    }

    /// A key at 40/s: the outer limit is open for an eighth of each minute, and may be shut
    /// when the exchange's opens again.
    #[test]
    fn what_the_outer_limit_wastes_is_bounded() {
        let sent = steady(40.0, 540.0);
        let alone = predict(&[of(60, 60)], [sent.clone()]);
        let both = predict(&[of(60, 60), of(500, 60)], [sent]);
        assert_eq!(both.admitted_high, alone.admitted_high);
        assert_eq!((alone.admitted_low, both.admitted_low), (540, 300));
    }

    proptest! {
        /// Whatever their kinds, phases, order and load.
        #[test]
        fn limiters_in_a_row_stay_within_the_bounds(
            seed: u64,
            row in prop::collection::vec((0..KINDS.len(), 1_u64..40, 1_u64..60), 2..4),
            jitter in 0_u64..=50,
            factor in 0.2_f64..30.0,
            even: bool,
        ) {
            let mut dice = Dice::new(seed);
            let (limit, window) = (row[0].1, Nanos::from_secs(row[0].2.max(5)));
            let moments: Vec<Nanos> = if even {
                let rate = factor * limit as f64 / window.as_secs_f64();
                (0..(8.0 * factor * limit as f64) as u64)
                    .map(|i| Nanos::from_secs_f64(i as f64 / rate))
                    .collect()
            } else {
                uneven(limit, window, 8.0, factor, &mut dice)
            };
            let declared: Vec<DeclaredLimit> = row.iter().map(|(_, n, secs)| of(*n, *secs)).collect();
            let sent = Alike {
                identities: 1,
                batches: moments.iter().copied().map(Batch::single).collect(),
            };
            let bounds = predict(&declared, [sent]);
            let mut models: Vec<_> = row
                .iter()
                .map(|(kind, n, secs)| {
                    let skew = Nanos::from_millis(dice.whole(0, 120_000));
                    (limiter(KINDS[*kind], *n, Nanos::from_secs(*secs)), skew)
                })
                .collect();
            let entries = ledger(&moments, Nanos::from_millis(jitter), Nanos::ZERO, &mut dice, |at| {
                models.iter_mut().all(|(model, skew)| model.admits(at + *skew))
            });
            let admitted = entries.iter().filter(|e| e.admitted == Admitted::Yes).count() as u64;
            prop_assert!(bounds.admitted_low <= admitted, "{} < {:?}", admitted, bounds);
            prop_assert!(admitted <= bounds.admitted_high, "{} > {:?}", admitted, bounds);
        }
    }
}
