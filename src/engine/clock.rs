//! Time as the engine sees it: a trait, and the real clock with its pacer thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

use super::platform;
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

/// What the pacer thread is to do next.
#[derive(Default)]
struct Orders {
    /// When to wake the sleeper.
    at: Option<Nanos>,
    /// Whether to end.
    quit: bool,
}

struct Shared {
    origin: Instant,
    orders: Mutex<Orders>,
    changed: Condvar,
    wake: Notify,
}

/// The real clock. Its sleeps are a thread's, not tokio's: tokio's timer wheel
/// turns in steps of a millisecond, a thread with 1 ns of timer slack wakes
/// within a tenth of that.
pub struct WallClock {
    shared: Arc<Shared>,
    pacer: Option<JoinHandle<()>>,
}

impl WallClock {
    /// Starts the clock and its pacer thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    #[expect(clippy::disallowed_methods, reason = "this is where the engine's time comes from")]
    pub fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            origin: Instant::now(),
            orders: Mutex::default(),
            changed: Condvar::new(),
            wake: Notify::new(),
        });
        let theirs = Arc::clone(&shared);
        let pacer =
            std::thread::Builder::new().name("pacer".to_owned()).spawn(move || theirs.pace())?;
        Ok(Self { shared, pacer: Some(pacer) })
    }
}

impl Shared {
    fn now(&self) -> Nanos {
        Nanos::from(self.origin.elapsed())
    }

    /// Has the sleeper woken at `at`.
    fn order(&self, at: Nanos) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).at = Some(at);
        self.changed.notify_one();
    }

    /// The pacer thread: waits for orders, sleeps, wakes.
    fn pace(&self) {
        platform::sharpen_timer();
        loop {
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            let at = loop {
                if orders.quit {
                    return;
                }
                if let Some(at) = orders.at.take() {
                    break at;
                }
                orders = self.changed.wait(orders).unwrap_or_else(PoisonError::into_inner);
            };
            drop(orders);
            let now = self.now();
            if at > now {
                std::thread::sleep((at - now).into());
            }
            self.wake.notify_one();
        }
    }
}

impl Clock for WallClock {
    fn now(&self) -> Nanos {
        self.shared.now()
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the engine's time comes from")]
    fn unix(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn sleep_until(&self, at: Nanos) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // A wake-up may be left over from a sleep that was given up: look again.
            while self.now() < at {
                // A long sleep is cut, so that one given up doesn't hold the thread.
                let next = at.min(self.now() + Nanos::from_millis(100));
                self.shared.order(next);
                self.shared.wake.notified().await;
            }
        })
    }
}

impl Drop for WallClock {
    fn drop(&mut self) {
        self.shared.orders.lock().unwrap_or_else(PoisonError::into_inner).quit = true;
        self.shared.changed.notify_one();
        if let Some(pacer) = self.pacer.take() {
            // At most the cut sleep of 100 ms.
            let _ = pacer.join();
        }
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
