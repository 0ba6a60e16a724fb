//! How far behind its schedule the load is, and how long its target may feel that.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::units::Nanos;

/// An arrival sent no later than this is on time.
const ON_TIME: Nanos = Nanos::from_millis(1);
/// What was sent late is felt for at most so many times as long as it was late: a
/// target of which the load takes nine tenths has digested it by then.
const FELT_FOR: u64 = 10;
/// An arrival late by less than this part of how late the latest was is none of the bunch.
const NONE_OF_IT: u64 = 10;
/// The usual number under way is kept in sixteenths, over about sixteen arrivals.
const SIXTEENTHS: u64 = 16;
/// A target that is digesting has ever fewer under way: over so many arrivals that shows,
/// unless the load takes more than nine tenths of it.
const SHOWS: u64 = 16;

/// What workers share of being behind: arrivals sent late come in a bunch, and what is
/// under way together with the bunch may be slow because of it.
///
/// A target that keeps up with the plan ends every request at most so much later as
/// the latest of those before it was late: it does the same work, only so much later.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// Until when it is felt, and how late the latest was.
    until: AtomicU64,
    by: AtomicU64,
    /// How many of the bunch are under way.
    bunch: AtomicU64,
    /// The fewest under way since it was answered, and how many arrivals ago.
    fewest: AtomicU64,
    ago: AtomicU64,
    /// How many were given up since. Their target may still work on them, and what is under
    /// way doesn't show that.
    given_up: AtomicU64,
    /// How many were answered since: a target that answers nobody works off nothing.
    answered: AtomicU64,
    /// How many requests are under way when all is well.
    usual: AtomicU64,
}

impl Behind {
    /// An arrival is sent at `now`, that `late`, while so many are under way. Whether it
    /// is one of a bunch, whose end is to be told.
    pub(super) fn sends(&self, now: Nanos, late: Nanos, in_flight: u64) -> bool {
        let felt = now < Nanos(get(&self.until));
        let by = if felt { get(&self.by) } else { 0 };
        if late > ON_TIME && late.0.saturating_mul(NONE_OF_IT) > by {
            let end = now + Nanos(late.0.saturating_mul(FELT_FOR));
            set(&self.by, by.max(late.0));
            set(&self.until, end.0.max(get(&self.until)));
            set(&self.fewest, u64::MAX);
            set(&self.ago, 0);
            self.bunch.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        if !felt {
            set(&self.given_up, 0);
            set(&self.answered, 0);
            let usual = get(&self.usual);
            set(&self.usual, usual + in_flight - usual / SIXTEENTHS);
        } else if get(&self.bunch) == 0 && self.is_digested(in_flight) {
            set(&self.until, now.0);
        }
        false
    }

    /// One of a bunch has ended.
    pub(super) fn ended(&self) {
        self.bunch.fetch_sub(1, Ordering::Relaxed);
    }

    /// A request ended at `now`: `given_up` without an answer in time.
    pub(super) fn is_over(&self, now: Nanos, given_up: bool) {
        if now < Nanos(get(&self.until)) {
            let of = if given_up { &self.given_up } else { &self.answered };
            of.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether as few are under way as usual, or no longer fewer and fewer, though every one
    /// was answered or none was.
    fn is_digested(&self, in_flight: u64) -> bool {
        if in_flight < get(&self.fewest) {
            set(&self.fewest, in_flight);
            set(&self.ago, 0);
        } else {
            set(&self.ago, get(&self.ago) + 1);
        }
        let works_off = get(&self.given_up) > 0 && get(&self.answered) > 0;
        let stands = get(&self.ago) >= SHOWS && !works_off;
        in_flight <= get(&self.usual).div_ceil(SIXTEENTHS) || stands
    }

    /// By how much a request sent at `sent` and still under way may be slow for it.
    pub(super) fn felt_since(&self, sent: Nanos) -> Nanos {
        if get(&self.until) > sent.0 { Nanos(get(&self.by)) } else { Nanos::ZERO }
    }
}

fn get(of: &AtomicU64) -> u64 {
    of.load(Ordering::Relaxed)
}

fn set(of: &AtomicU64, to: u64) {
    of.store(to, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Nanos {
        Nanos::from_millis(millis)
    }

    /// A minute's quarter of arrivals on time, four under way.
    fn usual() -> Behind {
        let behind = Behind::default();
        for n in 0..200 {
            behind.sends(ms(n * 10), Nanos::ZERO, 4);
        }
        assert_eq!(behind.felt_since(ms(1990)), Nanos::ZERO);
        behind
    }

    #[test]
    fn a_bunch_is_felt_until_it_is_answered_and_as_few_are_under_way_as_usual() {
        let behind = usual();
        // Stopped for 2 s: the first of the bunch is the latest.
        for n in 0..180 {
            assert!(behind.sends(ms(4000), ms(2000 - n * 10), 4 + n));
        }
        for n in 180..200 {
            assert!(!behind.sends(ms(4000), ms(2000 - n * 10), 4 + n), "hardly late");
        }
        assert_eq!(behind.felt_since(ms(4000)), ms(2000));
        for n in 0..40 {
            assert!(!behind.sends(ms(4100 + n), Nanos::ZERO, 200));
        }
        assert_eq!(behind.felt_since(ms(4140)), ms(2000), "on time, and behind the bunch");
        (0..180).for_each(|_| behind.ended());
        behind.sends(ms(4300), Nanos::ZERO, 30);
        assert_eq!(behind.felt_since(ms(4300)), ms(2000), "behind those behind it");
        behind.sends(ms(4400), Nanos::ZERO, 4);
        assert_eq!(behind.felt_since(ms(4400)), Nanos::ZERO);
        assert_eq!(behind.felt_since(ms(4350)), ms(2000), "sent while it was there");
    }

    /// A target of which the load took two thirds had a bunch of 200 to work off. What was
    /// given up was worked off as well, and as many as time out are under way until then.
    #[test]
    fn a_target_with_requests_that_were_given_up_is_not_done_with_the_bunch() {
        let behind = usual();
        behind.sends(ms(4000), ms(2000), 4);
        behind.is_over(ms(4500), false);
        behind.is_over(ms(5000), true);
        behind.ended();
        for n in 0..100 {
            behind.sends(ms(5100 + n * 10), Nanos::ZERO, 80);
        }
        assert_eq!(behind.felt_since(ms(6100)), ms(2000));
        behind.sends(ms(6200), Nanos::ZERO, 4);
        assert_eq!(behind.felt_since(ms(6200)), Nanos::ZERO);
        // One that answers nobody is dead, not behind.
        let behind = usual();
        behind.sends(ms(4000), ms(2000), 4);
        behind.is_over(ms(5000), true);
        behind.ended();
        for n in 0..100 {
            behind.sends(ms(5100 + n * 10), Nanos::ZERO, 80);
        }
        assert_eq!(behind.felt_since(ms(6100)), Nanos::ZERO);
    }

    #[test]
    fn a_target_that_works_off_nothing_more_is_as_slow_by_itself() {
        let behind = usual();
        behind.sends(ms(4000), ms(2000), 4);
        behind.ended();
        // First ever fewer, then as many as they are.
        for n in 0..30 {
            behind.sends(ms(4010 + n * 10), Nanos::ZERO, 50 - n);
        }
        assert_eq!(behind.felt_since(ms(4300)), ms(2000));
        for n in 0..17 {
            behind.sends(ms(4310 + n * 10), Nanos::ZERO, 21 + n % 2);
        }
        assert_eq!(behind.felt_since(ms(4480)), Nanos::ZERO);
    }

    #[test]
    fn a_target_that_never_digests_it_has_ten_times_as_long() {
        let behind = usual();
        behind.sends(ms(2100), ms(100), 4);
        behind.sends(ms(3000), Nanos::ZERO, 90);
        assert_eq!(behind.felt_since(ms(3000)), ms(100));
        behind.sends(ms(3200), Nanos::ZERO, 110);
        assert_eq!(behind.felt_since(ms(3200)), Nanos::ZERO);
    }

    #[test]
    fn one_a_little_late_makes_no_more_of_it_than_that() {
        let behind = usual();
        behind.sends(ms(2000), Nanos::from_micros(900), 4);
        assert_eq!(behind.felt_since(ms(2000)), Nanos::ZERO);
        behind.sends(ms(2010), ms(3), 4);
        assert_eq!(behind.felt_since(ms(2010)), ms(3));
    }
}
