//! How the wall clock, in which the kernel notes when bytes came in, stands to the steady one.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::clock::Clock;
use crate::units::Nanos;

/// Two comparisons that differ by more, and by more than a thousandth of the time between
/// them: the wall clock was set, not slewed to keep time (by 500 ppm at most, adjtimex(2)).
const STEP: Nanos = Nanos::from_micros(100);

/// Both clocks, compared now and then.
pub(super) struct Clocks {
    clock: Arc<dyn Clock>,
    last: Cell<Compared>,
}

#[derive(Clone, Copy, Default)]
struct Compared {
    at: Nanos,
    /// From the steady clock's reading to the wall clock's, in nanoseconds.
    ahead: i128,
    /// Whether the wall clock went on evenly since the comparison before.
    even: bool,
}

impl Clocks {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, last: Cell::default() }
    }

    /// Compares them.
    pub(super) fn compare(&self) {
        let before = self.last.get();
        let (at, unix) = (self.clock.now(), self.clock.unix());
        let ahead = unix.as_nanos().cast_signed() - i128::from(at.0);
        let apart = (ahead - before.ahead).unsigned_abs();
        let allowed = u128::from(STEP.0 + (at - before.at).0 / 1000);
        self.last.set(Compared { at, ahead, even: apart <= allowed });
    }

    /// The steady clock's reading when the wall clock showed `unix`, between the last
    /// comparison but one and now; `None`: nobody can tell.
    pub(super) fn moment(&self, unix: Duration) -> Option<Nanos> {
        let last = self.last.get();
        let moment = unix.as_nanos().cast_signed() - last.ahead;
        let moment = Nanos(u64::try_from(moment).ok()?);
        (last.even && moment <= self.clock.now()).then_some(moment)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::engine::clock::Pacer;

    /// Clocks that show what they are set to.
    #[derive(Default)]
    struct Set {
        now: AtomicU64,
        unix: AtomicU64,
    }

    impl Set {
        fn go_on(&self, now: Nanos, unix: Nanos) {
            self.now.fetch_add(now.0, Ordering::Relaxed);
            self.unix.fetch_add(unix.0, Ordering::Relaxed);
        }
    }

    impl Clock for Set {
        fn now(&self) -> Nanos {
            Nanos(self.now.load(Ordering::Relaxed))
        }

        fn unix(&self) -> Duration {
            Duration::from_nanos(self.unix.load(Ordering::Relaxed))
        }

        fn pacer(&self) -> io::Result<Box<dyn Pacer>> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    #[test]
    fn what_the_kernel_noted_counts_unless_its_clock_was_set() {
        let clock = Arc::new(Set::default());
        let second = Nanos::from_secs(1);
        clock.go_on(second, Nanos::from_secs(1_000));
        let clocks = Clocks::new(clock.clone());
        let noted = |before: Nanos| clocks.moment(clock.unix().saturating_sub(before.into()));
        clocks.compare();
        clock.go_on(second, second);
        clocks.compare();
        let milli = Nanos::from_millis(1);
        assert_eq!(noted(milli), Some(Nanos::from_secs(2) - milli));
        // As a clock is slewed to keep time; then it is set.
        clock.go_on(second, second + Nanos::from_micros(500));
        clocks.compare();
        assert_eq!(noted(milli), Some(Nanos::from_secs(3) - milli));
        for by in [second + Nanos::from_millis(30), Nanos::from_millis(970)] {
            clock.go_on(second, by);
            clocks.compare();
            assert_eq!(noted(milli), None);
            clocks.compare();
            assert!(noted(milli).is_some());
        }
    }
}
