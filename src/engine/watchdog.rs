//! Ends a run that must not go on: thresholds with `abortOnFail`, and the breaker.

use super::breaker::{Breaker, BreakerSettings};
use crate::gate::{self, Criteria};
use crate::measure::Recording;
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::units::Nanos;

/// Looks at the run once a second.
pub(super) struct Watchdog {
    criteria: Criteria,
    aborts: bool,
    /// On protected environments only.
    breaker: Option<Breaker>,
}

impl Watchdog {
    pub(super) fn new(plan: &Plan, protected: bool) -> Self {
        let aborts = plan.criteria.thresholds.iter().any(|threshold| threshold.abort_on_fail);
        let breaker = protected.then(|| Breaker::new(BreakerSettings::default()));
        Self { criteria: plan.criteria.clone(), aborts, breaker }
    }

    /// An arrival ended at `at`, counted from the start of the load.
    pub(super) fn on_sample(&mut self, at: Nanos, outcome: Outcome) {
        if let Some(breaker) = &mut self.breaker {
            breaker.on_sample(at, outcome);
        }
    }

    /// Why the breaker ends the run, if it does.
    pub(super) fn tripped(&mut self, now: Nanos) -> Option<String> {
        let reason = self.breaker.as_mut()?.tick(now)?;
        Some(format!("the breaker of this protected environment tripped: {reason}"))
    }

    /// Whether [`Watchdog::look`] has anything to look for.
    pub(super) const fn wants_snapshot(&self) -> bool {
        self.aborts
    }

    /// The threshold that longer load might decide; `None`: all are decided.
    pub(super) fn open(&self, snapshot: &Recording) -> Option<String> {
        gate::still_open(&self.criteria, snapshot)
    }

    /// Why the run must end, `elapsed` after the start of the load.
    pub(super) fn look(&self, snapshot: &Recording, elapsed: Nanos) -> Option<String> {
        gate::breached_now(&self.criteria, snapshot, elapsed)
    }
}
