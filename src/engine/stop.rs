//! The signal that ends a run before its time.

use tokio::sync::watch;

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

/// A signal that is given once and then stands. Clones share it.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<Option<StopReason>>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Stop {
    /// Gives the signal. The first reason stands.
    pub fn now(&self, reason: StopReason) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(reason);
            }
            first
        });
    }

    /// The reason, if the signal was given.
    #[must_use]
    pub fn reason(&self) -> Option<StopReason> {
        self.0.borrow().clone()
    }

    /// Whether somebody interrupted.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        self.reason() == Some(StopReason::Interrupted)
    }

    /// Ends when somebody interrupts; never after a run that was ended as failed.
    pub async fn interrupted(&self) {
        if self.given().await != StopReason::Interrupted {
            std::future::pending::<()>().await;
        }
    }

    /// Ends when the signal is given.
    pub async fn given(&self) -> StopReason {
        let mut receiver = self.0.subscribe();
        loop {
            if let Some(reason) = receiver.borrow_and_update().clone() {
                return reason;
            }
            if receiver.changed().await.is_err() {
                // We hold a sender ourselves, so it can't close.
                std::future::pending::<()>().await;
            }
        }
    }
}
