//! Systems without timerfd: an alarm that is a thread of its own.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;
use std::time::Duration;

/// The longest uninterrupted sleep, so that one given up doesn't hold the thread.
const LONGEST: Duration = Duration::from_millis(100);

/// What the thread is to do next, and what it has done.
#[derive(Default)]
struct Orders {
    /// How long to sleep before the sleeper is woken.
    span: Option<Duration>,
    /// Whether to end.
    quit: bool,
    /// Whether it has rung since it was set.
    rung: bool,
    /// Whom to wake.
    sleeper: Option<Waker>,
}

#[derive(Default)]
struct Shared {
    orders: Mutex<Orders>,
    changed: Condvar,
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

    /// Sets the alarm to ring after `span` or earlier, in place of whatever it was set to.
    pub(in crate::engine) fn arm(&mut self, span: Duration) {
        let mut orders = self.shared.orders();
        orders.span = Some(span.min(LONGEST));
        orders.rung = false;
        drop(orders);
        self.shared.changed.notify_one();
    }

    /// Ready when it has rung: the caller looks at the time and sets it again.
    pub(in crate::engine) fn poll_rung(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut orders = self.shared.orders();
        if std::mem::take(&mut orders.rung) {
            return Poll::Ready(());
        }
        orders.sleeper = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Shared {
    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: waits for orders, sleeps, wakes.
    fn pace(&self) {
        loop {
            let mut orders = self.orders();
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
            let mut orders = self.orders();
            orders.rung = true;
            if let Some(sleeper) = orders.sleeper.take() {
                sleeper.wake();
            }
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.shared.orders().quit = true;
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
        let mut alarm = Alarm::new().expect("a thread");
        for millis in [0, 1, 2] {
            alarm.arm(Duration::from_millis(millis));
            std::future::poll_fn(|context| alarm.poll_rung(context)).await;
        }
    }
}
