//! Time as the engine sees it: a trait, and the real clock.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::platform::Alarm;
use crate::units::Nanos;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The time. Its double in tests makes a nine-minute plan run in milliseconds.
pub trait Clock: Send + Sync {
    /// Monotonic time since the clock was made.
    fn now(&self) -> Nanos;
    /// The wall clock, since 1970.
    fn unix(&self) -> Duration;
    /// Ends at `at`, never before it. For the dispatcher: one sleeper at a time.
    fn sleep_until(&self, at: Nanos) -> BoxFuture<'_, ()>;
}

/// The real clock. Its sleeps aren't tokio's, whose timer wheel turns in steps of
/// a millisecond: they end within microseconds of their moment.
pub struct WallClock {
    origin: Instant,
    alarm: Alarm,
}

impl WallClock {
    /// Starts the clock, for sleepers on the running tokio runtime.
    ///
    /// # Errors
    /// When the system has no timer or thread to give.
    #[expect(clippy::disallowed_methods, reason = "this is where the engine's time comes from")]
    pub fn start() -> std::io::Result<Self> {
        Ok(Self { origin: Instant::now(), alarm: Alarm::new()? })
    }
}

impl Clock for WallClock {
    fn now(&self) -> Nanos {
        Nanos::from(self.origin.elapsed())
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the engine's time comes from")]
    fn unix(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn sleep_until(&self, at: Nanos) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // The alarm may ring for a sleep that was given up: look again.
            loop {
                let now = self.now();
                if now >= at {
                    return;
                }
                self.alarm.ring_after((at - now).into()).await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_never_ends_early_even_after_one_given_up() {
        let clock = WallClock::start().expect("a thread");
        for millis in [1, 3, 2, 0, 5] {
            let given_up = clock.sleep_until(clock.now() + Nanos::from_millis(20));
            let _ = tokio::time::timeout(Duration::from_millis(1), given_up).await;
            let at = clock.now() + Nanos::from_millis(millis);
            clock.sleep_until(at).await;
            assert!(clock.now() >= at);
        }
    }
}
