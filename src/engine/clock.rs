//! Time as the engine sees it: a trait, and the real clock.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::platform::Alarm;
use crate::units::Nanos;

/// A boxed future that stays on its thread.
pub type LocalFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The time. Its double in tests makes a nine-minute plan run in milliseconds.
pub trait Clock: Send + Sync {
    /// Monotonic time since some moment.
    fn now(&self) -> Nanos;
    /// The wall clock, since 1970.
    fn unix(&self) -> Duration;
    /// A sleeper on the running runtime: each worker has its own.
    ///
    /// # Errors
    /// When the system has no timer, descriptor or thread to give.
    fn pacer(&self) -> io::Result<Box<dyn Pacer>>;
}

/// The longest that a thread sleeps of its own will while a load may be under way: what
/// slept for longer was kept from waking.
pub(super) const PULSE: Nanos = Nanos::from_millis(10);

/// Wakes one task at moments of its clock.
pub trait Pacer {
    /// Ready from `at` on, never before it; wakes the task then, and its thread at least
    /// every 10 ms until then.
    fn poll_until(&mut self, context: &mut Context<'_>, at: Nanos) -> Poll<()>;
}

/// The real clock. Its pacers' sleeps aren't tokio's, whose timer wheel turns in
/// steps of a millisecond: they end within microseconds of their moment.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    origin: Instant,
}

/// What the clock shows when it is started: moments before that can be told, such as
/// the one at which a load should have begun.
const SHOWN_AT_START: Nanos = Nanos::from_secs(2 * 86_400);

impl WallClock {
    /// Starts the clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where the engine's time comes from")]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Clock for WallClock {
    fn now(&self) -> Nanos {
        SHOWN_AT_START + Nanos::from(self.origin.elapsed())
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the engine's time comes from")]
    fn unix(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn pacer(&self) -> io::Result<Box<dyn Pacer>> {
        Ok(Box::new(WallPacer { clock: *self, alarm: Alarm::new()?, armed: None }))
    }
}

struct WallPacer {
    clock: WallClock,
    alarm: Alarm,
    /// When the alarm rings.
    armed: Option<Nanos>,
}

impl Pacer for WallPacer {
    fn poll_until(&mut self, context: &mut Context<'_>, at: Nanos) -> Poll<()> {
        // The alarm may ring for a sleep that was given up: look again.
        loop {
            let now = self.clock.now();
            if now >= at {
                return Poll::Ready(());
            }
            let latest = at.min(now + PULSE);
            if self.armed.is_none_or(|ring| ring <= now || ring > latest) {
                self.alarm.arm((latest - now).into());
                self.armed = Some(latest);
            }
            match self.alarm.poll_rung(context) {
                Poll::Ready(()) => self.armed = None,
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_never_ends_early_even_after_one_given_up() {
        let clock = WallClock::start();
        let mut pacer = clock.pacer().expect("a timer");
        for millis in [1, 3, 2, 0, 5] {
            let given_up = clock.now() + Nanos::from_millis(20);
            let sleep = std::future::poll_fn(|context| pacer.poll_until(context, given_up));
            let _ = tokio::time::timeout(Duration::from_millis(1), sleep).await;
            let at = clock.now() + Nanos::from_millis(millis);
            std::future::poll_fn(|context| pacer.poll_until(context, at)).await;
            assert!(clock.now() >= at);
        }
    }
}
