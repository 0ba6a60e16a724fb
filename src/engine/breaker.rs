//! The breaker of protected environments: ends a scenario when too much of its load goes wrong.

use std::collections::VecDeque;

use crate::outcome::Outcome;
use crate::units::{Nanos, count, percent};

/// How finely time is cut: moments are noted to a fifth of a second.
const SLOT: Nanos = Nanos::from_millis(200);

/// How far back a breaker looks at most, for a load too thin to fill its window.
const FARTHEST: Nanos = Nanos::from_secs(60);

/// When a breaker trips.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BreakerSettings {
    /// Share of ends that are `server_error`, `timeout` or `transport` above
    /// which the target is failing (0 to 1).
    pub share: f64,
    /// How far back it looks (at least a second).
    pub window: Nanos,
    /// How many ends it judges by at least (1 or more): where the window holds
    /// fewer it looks farther back, a minute at most.
    pub least: u64,
}

impl Default for BreakerSettings {
    /// More than half of at least ten ends within three seconds: whatever the
    /// target did before, it is looked at no longer than that, so a target that
    /// fails altogether is left alone within five seconds.
    fn default() -> Self {
        Self { share: 0.5, window: Nanos::from_secs(3), least: 10 }
    }
}

/// What ended within one slot.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    number: u64,
    ends: u64,
    broken: u64,
}

/// Watches how arrivals end and says when to stop. Knows no clock: moments
/// count from the start of the load and come as arguments, in about their order.
#[derive(Clone, Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    slots: VecDeque<Slot>,
    tripped: Option<(Nanos, String)>,
}

impl Breaker {
    /// A breaker that has seen nothing.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, slots: VecDeque::new(), tripped: None }
    }

    /// Notes that an arrival ended at `at`. Dropped arrivals never met the
    /// target and don't count.
    pub fn on_sample(&mut self, at: Nanos, outcome: Outcome) {
        if outcome == Outcome::Dropped {
            return;
        }
        let number = at.0 / SLOT.0;
        let newest = self.slots.back().map_or(0, |slot| slot.number);
        if self.slots.is_empty() || number > newest {
            self.slots.push_back(Slot { number, ends: 0, broken: 0 });
        }
        // What is a little late counts with the newest: no harm, and no search.
        if let Some(slot) = self.slots.back_mut() {
            slot.ends += 1;
            slot.broken += u64::from(is_broken(outcome));
        }
    }

    /// Whether to stop, and why: asked at least once a second. The first answer
    /// stands, whatever comes after.
    pub fn tick(&mut self, now: Nanos) -> Option<String> {
        if self.tripped.is_none() {
            self.tripped = self.judge(now).map(|reason| (now, reason));
        }
        self.tripped.as_ref().map(|(_, reason)| reason.clone())
    }

    /// When it tripped; `None`: it did not.
    #[must_use]
    pub fn tripped_at(&self) -> Option<Nanos> {
        self.tripped.as_ref().map(|(at, _)| *at)
    }

    fn judge(&mut self, now: Nanos) -> Option<String> {
        let least = self.settings.least.max(1);
        let window = self.settings.window.max(Nanos::from_secs(1));
        let oldest = |span: Nanos| now.saturating_sub(span).0 / SLOT.0;
        let mut ends: u64 = self.slots.iter().map(|slot| slot.ends).sum();
        while let Some(first) = self.slots.front() {
            let spare = first.number < oldest(window) && ends - first.ends >= least;
            if !spare && first.number >= oldest(window.max(FARTHEST)) {
                break;
            }
            ends -= first.ends;
            self.slots.pop_front();
        }
        let broken: u64 = self.slots.iter().map(|slot| slot.broken).sum();
        if ends < least {
            return None;
        }
        let since = self.slots.front().map_or(0, |slot| slot.number);
        let span = now.saturating_sub(Nanos(since.saturating_mul(SLOT.0)));
        let share = broken as f64 / ends as f64;
        (share > self.settings.share).then(|| {
            format!(
                "{} of {} requests ({}) within {span} ended in 5xx, timeout or \
                 transport error, more than {} allowed; stopped {now} after the start of the load",
                count(broken),
                count(ends),
                percent(share),
                percent(self.settings.share),
            )
        })
    }
}

/// Whether the target is failing rather than refusing.
const fn is_broken(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::ServerError | Outcome::Timeout | Outcome::Transport)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds `per_second` ends a second and asks once a second; when it trips.
    fn trips(seconds: u64, per_second: u64, outcome: impl Fn(u64, u64) -> Outcome) -> Option<u64> {
        let mut breaker = Breaker::new(BreakerSettings::default());
        for second in 0..seconds {
            for i in 0..per_second {
                let at = Nanos(second * 1_000_000_000 + i * 1_000_000_000 / per_second);
                breaker.on_sample(at, outcome(second, i));
            }
            if breaker.tick(Nanos::from_secs(second + 1)).is_some() {
                return Some(second + 1);
            }
        }
        None
    }

    #[test]
    fn a_target_that_fails_is_left_alone_within_five_seconds() {
        for rate in [2, 4, 20, 200] {
            let broke = |second, _| {
                if second < 60 { Outcome::Accepted } else { Outcome::ServerError }
            };
            let at = trips(120, rate, broke).expect("trips");
            assert!((61..=65).contains(&at), "{at} at {rate}/s");
            assert!(trips(120, rate, |_, _| Outcome::Timeout).expect("trips") <= 5);
        }
    }

    #[test]
    fn a_thin_load_is_judged_by_its_last_ten_ends() {
        let broke = |second, _| if second < 60 { Outcome::Accepted } else { Outcome::Timeout };
        assert_eq!(trips(120, 1, broke), Some(66));
        let mut breaker = Breaker::new(BreakerSettings::default());
        for _ in 0..9 {
            breaker.on_sample(Nanos::ZERO, Outcome::Timeout);
        }
        breaker.on_sample(Nanos::from_secs(62), Outcome::Timeout);
        assert_eq!(breaker.tick(Nanos::from_secs(62)), None, "a minute ago is too long ago");
    }

    #[test]
    fn refusals_and_broken_contracts_are_no_reason() {
        for outcome in [Outcome::RateLimited, Outcome::Rejected, Outcome::Contract] {
            assert_eq!(trips(60, 100, |_, _| outcome), None);
        }
        assert_eq!(trips(60, 100, |_, _| Outcome::Dropped), None);
    }

    #[test]
    fn half_is_allowed_and_more_is_not() {
        let failing = |of_ten: u64| {
            move |_, i: u64| {
                if i % 10 < of_ten { Outcome::Transport } else { Outcome::Accepted }
            }
        };
        assert_eq!(trips(60, 10, failing(5)), None);
        assert_eq!(trips(60, 10, failing(6)), Some(1));
    }

    #[test]
    fn a_handful_of_ends_proves_nothing() {
        let mut breaker = Breaker::new(BreakerSettings::default());
        for _ in 0..9 {
            breaker.on_sample(Nanos::from_millis(100), Outcome::ServerError);
        }
        assert_eq!(breaker.tick(Nanos::from_secs(1)), None);
        breaker.on_sample(Nanos::from_millis(1100), Outcome::ServerError);
        let reason = breaker.tick(Nanos::from_secs(2)).expect("trips");
        insta::assert_snapshot!(reason, @"10 of 10 requests (100 %) within 2.00 s ended in 5xx, timeout or transport error, more than 50.00 % allowed; stopped 2.00 s after the start of the load");
        // What comes after changes nothing.
        for _ in 0..1000 {
            breaker.on_sample(Nanos::from_secs(3), Outcome::Accepted);
        }
        assert_eq!(breaker.tick(Nanos::from_secs(4)), Some(reason));
        assert_eq!(breaker.tripped_at(), Some(Nanos::from_secs(2)));
    }

    proptest! {
        #[test]
        fn what_is_over_is_forgotten(broken in 10u64..500, pause in 4u64..200, good in 10u64..20) {
            let mut breaker = Breaker::new(BreakerSettings::default());
            for _ in 0..broken {
                breaker.on_sample(Nanos::ZERO, Outcome::Timeout);
            }
            for _ in 0..good {
                breaker.on_sample(Nanos::from_secs(pause), Outcome::Accepted);
            }
            prop_assert_eq!(breaker.tick(Nanos::from_secs(pause)), None);
        }

        #[test]
        fn it_never_trips_while_the_share_is_kept(
            ends in prop::collection::vec((0u64..20_000, any::<bool>()), 0..400),
        ) {
            // Every broken end comes with a good one of the same moment.
            let mut breaker = Breaker::new(BreakerSettings::default());
            let mut ends = ends;
            ends.sort_unstable();
            for (millis, broken) in ends {
                let at = Nanos::from_millis(millis);
                breaker.on_sample(at, Outcome::Accepted);
                if broken {
                    breaker.on_sample(at, Outcome::ServerError);
                }
                prop_assert_eq!(breaker.tick(at), None);
            }
        }

        #[test]
        fn it_never_panics(
            ends in prop::collection::vec((any::<u64>(), 0usize..9), 0..50),
            now: u64,
        ) {
            let settings = BreakerSettings { share: 0.0, window: Nanos::MAX, least: 0 };
            let mut breaker = Breaker::new(settings);
            for (at, outcome) in ends {
                breaker.on_sample(Nanos(at), Outcome::ALL[outcome]);
                let _ = breaker.tick(Nanos(now));
            }
        }
    }
}
