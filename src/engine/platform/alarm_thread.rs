//! Systems without timerfd: an alarm that is a thread of its own.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::Notify;

/// The longest uninterrupted sleep, so that one given up doesn't hold the thread.
const LONGEST: Duration = Duration::from_millis(100);

/// What the thread is to do next.
#[derive(Default)]
struct Orders {
    /// How long to sleep before the sleeper is woken.
    span: Option<Duration>,
    /// Whether to end.
    quit: bool,
}

#[derive(Default)]
struct Shared {
    orders: Mutex<Orders>,
    changed: Condvar,
    wake: Notify,
}

/// Wakes one sleeper: a thread's sleep is sharp (macOS; Windows by high-resolution
/// waitable timers) where tokio's timer wheel turns in steps of a millisecond.
pub(in crate::engine) struct Alarm {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Alarm {
    /// Starts the alarm's thread.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(in crate::engine) fn new() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("pacer".to_owned()).spawn(move || theirs.pace())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Ends after `span`, or earlier: the caller looks at the time and sleeps again.
    pub(in crate::engine) async fn ring_after(&self, span: Duration) {
        self.shared.orders.lock().unwrap_or_else(PoisonError::into_inner).span =
            Some(span.min(LONGEST));
        self.shared.changed.notify_one();
        self.shared.wake.notified().await;
    }
}

impl Shared {
    /// The thread: waits for orders, sleeps, wakes.
    fn pace(&self) {
        loop {
            let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
            let span = loop {
                if orders.quit {
                    return;
                }
                if let Some(span) = orders.span.take() {
                    break span;
                }
                orders = self.changed.wait(orders).unwrap_or_else(PoisonError::into_inner);
            };
            drop(orders);
            std::thread::sleep(span);
            self.wake.notify_one();
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.shared.orders.lock().unwrap_or_else(PoisonError::into_inner).quit = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // At most the longest sleep.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_rings_again_and_again_and_ends() {
        let alarm = Alarm::new().expect("a thread");
        for millis in [0, 1, 2] {
            alarm.ring_after(Duration::from_millis(millis)).await;
        }
    }
}
