//! The signal that ends a run before its time, and how much time its end has then.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::measure::Ended;
use crate::units::Nanos;

/// Why a run is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// SIGINT or SIGTERM.
    Interrupted,
    /// A breaker or a threshold with `abortOnFail`; which, and what it saw.
    Aborted(String),
}

impl StopReason {
    /// How a run ends that this ended, so long after its load began.
    pub(super) fn ended(self, after: Nanos) -> Ended {
        match self {
            Self::Interrupted => Ended::Interrupted { after },
            Self::Aborted(reason) => Ended::Aborted { after, reason },
        }
    }
}

/// What follows an interrupt. Each has to be over so long after it, whatever those before
/// it took: the whole end takes no more than four seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Answers under way are awaited.
    Answers,
    /// Receivers of metrics and the service's monitoring are asked.
    Receivers,
    /// GitHub is told.
    Publishing,
    /// The process goes on at all.
    Process,
}

impl Ending {
    const fn over_after(self) -> Duration {
        Duration::from_millis(match self {
            Self::Answers => 2500,
            Self::Receivers => 3000,
            Self::Publishing => 3500,
            Self::Process => 3800,
        })
    }
}

/// A signal that is given once and then stands. Clones share it. An interrupt is heard
/// whatever was given before: a scenario that was ended as failed is not the whole run.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<Given>);

#[derive(Debug, Default)]
struct Given {
    /// The first reason, which stands.
    reason: Option<StopReason>,
    interrupted: Option<Instant>,
    /// Whether it is too late for any.
    closed: bool,
}

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(Given::default()))
    }
}

impl Stop {
    /// Gives the signal. The first reason stands.
    pub fn now(&self, reason: StopReason) {
        let now = Instant::now();
        self.0.send_if_modified(|given| {
            if given.closed {
                return false;
            }
            let interrupts = reason == StopReason::Interrupted && given.interrupted.is_none();
            if interrupts {
                given.interrupted = Some(now);
            }
            let first = given.reason.is_none();
            given.reason.get_or_insert(reason);
            first || interrupts
        });
    }

    /// The reason, if the signal was given.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        self.0.borrow().reason.clone()
    }

    /// Whether somebody interrupted.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.0.borrow().interrupted.is_some()
    }

    /// How much time `ending` has left; `None`: nobody interrupted.
    #[must_use]
    pub fn left(&self, ending: Ending) -> Option<Duration> {
        let interrupted = self.0.borrow().interrupted?;
        Some((interrupted + ending.over_after()).saturating_duration_since(Instant::now()))
    }

    /// Ends the hearing, for the end is decided: who interrupts from now on comes too
    /// late. `false`: somebody did before, and was heard.
    #[must_use]
    pub fn close(&self) -> bool {
        self.0.send_if_modified(|given| {
            given.closed = given.interrupted.is_none();
            false
        });
        self.is_closed()
    }

    /// Whether the end is decided.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.borrow().closed
    }

    /// Ends when somebody interrupts.
    pub async fn interrupted(&self) {
        self.until(|given| given.interrupted).await;
    }

    /// Ends when `ending` has no time left; never where nobody interrupts.
    pub async fn over(&self, ending: Ending) {
        let interrupted = self.until(|given| given.interrupted).await;
        tokio::time::sleep_until(interrupted + ending.over_after()).await;
    }

    /// Ends when the signal is given.
    pub async fn given(&self) -> StopReason {
        self.until(|given| given.reason.clone()).await
    }

    async fn until<T>(&self, what: impl Fn(&Given) -> Option<T>) -> T {
        let mut receiver = self.0.subscribe();
        loop {
            if let Some(found) = what(&receiver.borrow_and_update()) {
                return found;
            }
            if receiver.changed().await.is_err() {
                // We hold a sender ourselves, so it can't close.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_interrupt_is_heard_after_an_abort_which_stays_the_reason() {
        let stop = Stop::default();
        stop.now(StopReason::Aborted("a threshold".to_owned()));
        assert!(!stop.is_interrupted());
        let hearing = stop.clone();
        let heard = tokio::spawn(async move { hearing.interrupted().await });
        tokio::task::yield_now().await;
        stop.now(StopReason::Interrupted);
        heard.await.expect("it is heard");
        assert_eq!(stop.reason(), Some(StopReason::Aborted("a threshold".to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn every_stage_has_what_is_left_of_one_deadline_from_the_first_interrupt_on() {
        let stop = Stop::default();
        assert_eq!(stop.left(Ending::Process), None);
        stop.now(StopReason::Interrupted);
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.now(StopReason::Interrupted);
        assert_eq!(stop.left(Ending::Answers), Some(Duration::from_millis(1500)));
        let begun = Instant::now();
        stop.over(Ending::Receivers).await;
        assert_eq!(begun.elapsed(), Duration::from_secs(2));
        assert_eq!(stop.left(Ending::Answers), Some(Duration::ZERO));
        assert!(stop.left(Ending::Process) < Some(Duration::from_secs(1)));
    }

    #[test]
    fn what_is_decided_hears_nobody_any_more() {
        let stop = Stop::default();
        assert!(stop.close());
        stop.now(StopReason::Interrupted);
        assert!(!stop.is_interrupted());
        let stop = Stop::default();
        stop.now(StopReason::Interrupted);
        assert!(!stop.close() && !stop.is_closed());
    }
}
