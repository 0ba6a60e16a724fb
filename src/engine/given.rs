//! What an identity was given by its setup: how long it holds, and when it is renewed.

use std::sync::{Arc, PoisonError, RwLock};

use crate::scenario::Captured;
use crate::units::Nanos;

/// From which part of their lifetime on values are renewed.
const RENEWED_AT: f64 = 0.75;
/// Up to which part of it they are shown: what is sent later may come too late.
const SHOWN_UNTIL: f64 = 0.95;
/// The most that is left of it then.
const MOST_LEFT: Nanos = Nanos::from_secs(5);
/// How often that is tried, where it fails, before they expire.
const RENEWALS: u64 = 8;
/// The shortest pause between two tries.
const SHORTEST_PAUSE: Nanos = Nanos::from_millis(100);

/// What was given, and when; moments of the engine's clock.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) captured: Arc<Captured>,
    times: Option<Times>,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    renewed: Nanos,
    expires: Nanos,
    pause: Nanos,
}

impl Given {
    /// What was asked for at `asked`: the server's own count began after that.
    pub(super) fn new(captured: Captured, asked: Nanos) -> Self {
        let times = captured.lifetime.map(|lifetime| {
            let lifetime = Nanos::from(lifetime);
            let part = |share: f64| Nanos::from_secs_f64(lifetime.as_secs_f64() * share);
            let (until, shown) = (part(RENEWED_AT), part(SHOWN_UNTIL).max(lifetime - MOST_LEFT));
            let left = shown - until;
            Times {
                renewed: asked + until,
                expires: asked + shown,
                pause: Nanos(left.0 / RENEWALS).max(SHORTEST_PAUSE),
            }
        });
        Self { captured: Arc::new(captured), times }
    }
}

/// Where one identity's values are kept. The lock is held for as long as a pointer is
/// copied or put, by scenarios with a setup alone.
#[derive(Debug, Default)]
pub(super) struct Slot(RwLock<Option<Given>>);

impl Slot {
    /// Puts what was given in the place of what was there.
    pub(super) fn put(&self, given: Given) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Some(given);
    }

    /// What is there, expired or not.
    pub(super) fn captured(&self) -> Option<Arc<Captured>> {
        self.read(|given| Arc::clone(&given.captured))
    }

    /// Whether there is something that holds at `now`.
    pub(super) fn holds(&self, now: Nanos) -> bool {
        self.read(|given| given.times.is_none_or(|times| now < times.expires)).unwrap_or(false)
    }

    /// When it is to be renewed; `None`: it needn't be.
    pub(super) fn renewal(&self) -> Option<Nanos> {
        self.read(|given| given.times.map(|times| times.renewed)).flatten()
    }

    /// Puts off the renewal, which is under way since `now`, for one pause.
    pub(super) fn postpone(&self, now: Nanos) {
        let mut given = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(times) = given.as_mut().and_then(|given| given.times.as_mut()) {
            times.renewed = now + times.pause;
        }
    }

    fn read<T>(&self, look: impl FnOnce(&Given) -> T) -> Option<T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(look)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_expires_is_renewed_before_and_tried_again_until_then() {
        let slot = Slot::default();
        let at = Nanos::from_secs;
        assert!(!slot.holds(Nanos::ZERO) && slot.renewal().is_none());
        let captured = Captured::new(Vec::new(), Some(Duration::from_secs(40)));
        slot.put(Given::new(captured, at(100)));
        assert_eq!(slot.renewal(), Some(at(130)));
        let mut tries = 0;
        while slot.renewal().is_some_and(|renewal| renewal < at(138)) {
            slot.postpone(slot.renewal().unwrap_or_default());
            tries += 1;
        }
        assert_eq!(tries, RENEWALS);
        assert!(slot.holds(at(138) - Nanos(1)) && !slot.holds(at(138)));
        slot.put(Given::new(Captured::new(Vec::new(), Some(Duration::from_secs(1000))), at(200)));
        assert!(slot.holds(at(1194)) && !slot.holds(at(1195)), "five seconds are enough");
        slot.put(Given::new(Captured::default(), at(141)));
        assert!(slot.holds(Nanos::MAX) && slot.renewal().is_none());
    }
}
