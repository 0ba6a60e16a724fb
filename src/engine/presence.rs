//! Whether the thread that sends was there: how long it was stopped or waited for a core.
//!
//! An answer waits in the kernel while its reader is away, and looks slow. Nobody is told
//! of having been away, so it is found out: by what the system tells of waiting for a
//! core, and by a pulse, which lets no sleep last longer than it of the thread's own will.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

use super::clock::{Clock, PULSE, WallClock};
use super::platform::Account;
use crate::units::Nanos;

/// A sleep that lasted longer than this was none of its own.
const OVERSLEPT: Nanos = Nanos::from_millis(16);
/// What happens within this needs no look: the system is asked at most so often.
const LOOK_AFTER: Nanos = Nanos::from_millis(1);
/// Awake so soon after the moment it was to wake at, a thread had a core at once.
const AT_ONCE: Nanos = Nanos::from_micros(100);
/// The system is asked at least so often.
const LOOK_AT_LEAST: Nanos = Nanos::from_millis(50);
/// A sleep shorter than this was no rest: work was waiting already.
const REST: Nanos = Nanos::from_micros(50);
/// Awake for longer than this without a rest, a thread is taken for away, whatever the
/// system says: a virtual machine isn't told when it is stopped.
const AWAKE: Nanos = Nanos::from_millis(50);

/// How long a thread was away, in all and before what it does now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Away {
    /// Just before, and since it woke: what it finds now may have waited so long.
    pub(super) before: Nanos,
    /// In all.
    pub(super) ever: Nanos,
}

/// Watches one thread. Only that thread writes and reads it.
pub(super) struct Presence(Option<Watch>);

struct Watch {
    clock: WallClock,
    account: Account,
    seen: Seen,
    /// Whether a pacer wakes the thread, and who hears when none does any more.
    paced: AtomicBool,
    unpaced: Notify,
}

impl Presence {
    /// Watches the thread that asks.
    pub(super) fn here() -> Arc<Self> {
        let (clock, account) = (WallClock::start(), Account::of_this_thread());
        let seen = Seen::from(clock.now());
        seen.note(account.read());
        let (paced, unpaced) = (AtomicBool::new(false), Notify::new());
        Arc::new(Self(Some(Watch { clock, account, seen, paced, unpaced })))
    }

    /// Watches nobody: time is a test's.
    #[cfg(test)]
    pub(super) fn unwatched() -> Arc<Self> {
        Arc::new(Self(None))
    }

    /// The thread is about to sleep.
    pub(super) fn sleeps(&self) {
        if let Some(Watch { clock, seen, .. }) = &self.0 {
            seen.sleeps(clock.now());
        }
    }

    /// The thread has woken.
    pub(super) fn wakes(&self) {
        if let Some(Watch { clock, account, seen, .. }) = &self.0 {
            seen.wakes(clock.now(), || account.read());
        }
    }

    /// How long it was away.
    pub(super) fn away(&self) -> Away {
        let Some(Watch { clock, account, seen, .. }) = &self.0 else { return Away::default() };
        seen.away(clock.now(), || account.read())
    }

    /// The longest that it was away at once.
    pub(super) fn longest(&self) -> Nanos {
        self.0.as_ref().map_or(Nanos::ZERO, |watch| get(&watch.seen.longest))
    }

    /// The thread's pacer will wake it after `span`, or sooner.
    pub(super) fn will_wake(&self, span: Nanos) {
        if let Some(Watch { clock, seen, .. }) = &self.0 {
            set(&seen.planned, clock.now() + span.min(PULSE));
        }
    }

    /// While this is held, a pacer wakes the thread as often as a pulse would.
    pub(super) fn paced(self: &Arc<Self>) -> Paced {
        if let Some(Watch { paced, .. }) = &self.0 {
            paced.store(true, Ordering::Relaxed);
        }
        Paced(Arc::clone(self))
    }

    /// Wakes the thread often enough for its sleeps to tell something; never ends.
    pub(super) async fn pulse(self: Arc<Self>) {
        let Some(Watch { paced, unpaced, .. }) = &self.0 else { return };
        loop {
            if paced.load(Ordering::Relaxed) {
                unpaced.notified().await;
            }
            tokio::time::sleep(PULSE.into()).await;
        }
    }
}

/// While it is there, a thread needs no pulse.
pub(super) struct Paced(Arc<Presence>);

impl Drop for Paced {
    fn drop(&mut self) {
        if let Some(Watch { paced, unpaced, .. }) = &self.0.0 {
            paced.store(false, Ordering::Relaxed);
            unpaced.notify_one();
        }
    }
}

/// What the system says of a thread: how long it was ready to run without a core, and
/// how long on one.
type Said = Option<(Nanos, Nanos)>;

/// What was seen of a thread, all in nanoseconds of its clock.
#[derive(Debug, Default)]
struct Seen {
    /// When it went to sleep last.
    asleep: AtomicU64,
    /// When it is to wake.
    planned: AtomicU64,
    /// When the sleep began that it last rested in.
    rested: AtomicU64,
    /// How long it has slept since the system was asked.
    slept: AtomicU64,
    /// Since when nothing is known of its having been there.
    sure: AtomicU64,
    /// When the system was asked, and what it said.
    looked: AtomicU64,
    queued: AtomicU64,
    on_core: AtomicU64,
    before: AtomicU64,
    ever: AtomicU64,
    longest: AtomicU64,
}

impl Seen {
    /// What is seen from `now` on: whatever its clock shows, there was nothing before.
    fn from(now: Nanos) -> Self {
        let seen = Self::default();
        set(&seen.asleep, now);
        set(&seen.rested, now);
        set(&seen.looked, now);
        set(&seen.sure, now);
        seen
    }

    fn sleeps(&self, now: Nanos) {
        set(&self.asleep, now);
    }

    fn wakes(&self, now: Nanos, ask: impl FnOnce() -> Said) {
        let asleep = get(&self.asleep);
        let slept = now - asleep;
        set(&self.slept, get(&self.slept) + slept);
        let mut away = Nanos::ZERO;
        if self.woke_at_once(now) {
            set(&self.sure, now);
        } else if slept > LOOK_AFTER {
            away = self.look(now, ask());
        }
        if slept > OVERSLEPT {
            // Since when is unknown: the answer may have been there all the time.
            away = away.max(slept);
        }
        if slept >= REST {
            set(&self.before, Nanos::ZERO);
            set(&self.rested, asleep);
        }
        self.add(away, now);
    }

    /// Whether it woke when it was to: then there is nothing to ask, most of the time.
    fn woke_at_once(&self, now: Nanos) -> bool {
        let planned = get(&self.planned);
        planned <= now && now - planned < AT_ONCE && now - get(&self.looked) < LOOK_AT_LEAST
    }

    fn away(&self, now: Nanos, ask: impl FnOnce() -> Said) -> Away {
        if now - get(&self.sure) > LOOK_AFTER {
            let away = self.look(now, ask());
            self.add(away, now);
        }
        Away { before: get(&self.before), ever: get(&self.ever) }
    }

    fn add(&self, away: Nanos, now: Nanos) {
        // What was waited for in earlier turns is over.
        let before = (get(&self.before) + away).min(now - get(&self.rested));
        set(&self.before, before);
        set(&self.ever, get(&self.ever) + away);
        set(&self.longest, get(&self.longest).max(before));
    }

    /// How long it was away since the last look, as far as that can be told: waiting
    /// for a core, or awake and on none.
    fn look(&self, now: Nanos, said: Said) -> Nanos {
        let awake = (now - get(&self.looked)) - get(&self.slept);
        set(&self.looked, now);
        set(&self.sure, now);
        set(&self.slept, Nanos::ZERO);
        let at_least = if awake > AWAKE { awake } else { Nanos::ZERO };
        let before = (get(&self.queued), get(&self.on_core));
        self.note(said);
        let Some((queued, on_core)) = said else { return at_least };
        let (waited, worked) = (queued - before.0, on_core - before.1);
        waited.max(awake - worked).max(at_least)
    }

    fn note(&self, said: Said) {
        if let Some((queued, on_core)) = said {
            set(&self.queued, queued);
            set(&self.on_core, on_core);
        }
    }
}

fn get(of: &AtomicU64) -> Nanos {
    Nanos(of.load(Ordering::Relaxed))
}

fn set(of: &AtomicU64, to: Nanos) {
    of.store(to.0, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Nanos {
        Nanos::from_micros(micros)
    }

    const fn ms(millis: u64) -> Nanos {
        Nanos::from_millis(millis)
    }

    /// Sleeps from one moment to another; the system says so much of waiting and working.
    fn sleep(seen: &Seen, from: Nanos, to: Nanos, said: Said) -> Away {
        seen.sleeps(from);
        seen.wakes(to, || said);
        seen.away(to, || said)
    }

    #[test]
    fn a_sleep_of_its_own_is_no_absence_and_waiting_for_a_core_is() {
        let seen = Seen::default();
        let rested = sleep(&seen, us(100), ms(9), Some((us(50), us(100))));
        assert_eq!(rested.before, us(50));
        let queued = sleep(&seen, ms(9), ms(15), Some((ms(4), us(200))));
        assert_eq!(queued.before, ms(4) - us(50));
        // It was found at the next rest that nothing more was waited for.
        assert_eq!(sleep(&seen, ms(15), ms(20), Some((ms(4), us(300)))).before, Nanos::ZERO);
    }

    #[test]
    fn nobody_is_asked_of_a_thread_that_woke_when_it_was_to() {
        let asked = std::cell::Cell::new(0);
        let ask = || {
            asked.set(asked.get() + 1);
            Some((Nanos::ZERO, Nanos::ZERO))
        };
        let seen = Seen::from(Nanos::ZERO);
        for turn in 1..=9 {
            set(&seen.planned, ms(turn * 5));
            seen.sleeps(ms(turn * 5 - 4));
            seen.wakes(ms(turn * 5) + us(60), ask);
            seen.away(ms(turn * 5) + us(90), ask);
        }
        assert_eq!(asked.get(), 0);
        // Not when it was to, as after an answer; and now and then all the same.
        seen.sleeps(ms(46));
        seen.wakes(ms(48), ask);
        assert_eq!(asked.get(), 1);
        set(&seen.planned, ms(99));
        seen.sleeps(ms(90));
        seen.wakes(ms(99), ask);
        assert_eq!(asked.get(), 2);
        // Late, it may have waited.
        set(&seen.planned, ms(109));
        seen.sleeps(ms(101));
        seen.wakes(ms(109) + us(150), ask);
        assert_eq!(asked.get(), 3);
    }

    #[test]
    fn a_thread_was_not_away_before_it_was_watched() {
        let start = Nanos::from_secs(172_800);
        let seen = Seen::from(start);
        assert_eq!(seen.away(start + ms(2), || Some((Nanos::ZERO, ms(2)))).before, Nanos::ZERO);
        // A sleep that was no rest, before there was one that was.
        let seen = Seen::from(start);
        let away = sleep(&seen, start + ms(2), start + ms(2) + us(20), Some((us(20), ms(2))));
        assert_eq!((away.before, get(&seen.longest)), (us(20), us(20)));
    }

    #[test]
    fn a_sleep_longer_than_the_pulse_was_none_of_its_own() {
        let seen = Seen::default();
        let away = sleep(&seen, ms(1), ms(2501), None);
        assert_eq!((away.before, away.ever), (ms(2500), ms(2500)));
        // Work that was waiting when it went to sleep: it is still the same stretch.
        assert_eq!(sleep(&seen, ms(2502), ms(2502) + us(3), None).before, ms(2500));
        assert_eq!(sleep(&seen, ms(2503), ms(2504), None).before, Nanos::ZERO);
        assert_eq!(get(&seen.longest), ms(2500));
    }

    #[test]
    fn awake_and_on_no_core_is_away() {
        let seen = Seen::default();
        sleep(&seen, Nanos::ZERO, us(500), None);
        let away = seen.away(ms(30), || Some((Nanos::ZERO, ms(2))));
        assert_eq!(away.before, ms(30) - us(500) - ms(2));
        // Where the system tells nothing, only what is far too long for work.
        let seen = Seen::default();
        assert_eq!(seen.away(ms(30), || None).ever, Nanos::ZERO);
        assert_eq!(seen.away(ms(130), || None).ever, ms(100));
    }

    #[test]
    fn waits_of_earlier_turns_are_not_of_this_one() {
        let seen = Seen::default();
        // A thousand short sleeps, of which the system is not asked.
        for turn in 0..1000 {
            sleep(&seen, us(turn * 100), us(turn * 100 + 60), None);
            set(&seen.looked, us(turn * 100 + 60));
            set(&seen.sure, us(turn * 100 + 60));
        }
        set(&seen.looked, Nanos::ZERO);
        set(&seen.sure, Nanos::ZERO);
        let away = sleep(&seen, ms(100), ms(102), Some((ms(20), ms(40))));
        assert_eq!((away.before, away.ever), (ms(2), ms(20)));
    }
}
