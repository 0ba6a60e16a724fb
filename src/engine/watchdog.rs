//! Ends a run that must not go on: thresholds with `abortOnFail`, and the breaker.

use crate::gate::{self, Criteria};
use crate::measure::Recording;
use crate::plan::Plan;
use crate::units::Nanos;

/// Looks at the run once a second.
pub(super) struct Watchdog {
    criteria: Criteria,
    aborts: bool,
}

impl Watchdog {
    pub(super) fn new(plan: &Plan) -> Self {
        let aborts = plan.criteria.thresholds.iter().any(|threshold| threshold.abort_on_fail);
        Self { criteria: plan.criteria.clone(), aborts }
    }

    /// Whether [`Watchdog::look`] has anything to look for.
    pub(super) const fn wants_snapshot(&self) -> bool {
        self.aborts
    }

    /// Why the run must end, `elapsed` after the start of the load.
    pub(super) fn look(&mut self, snapshot: &Recording, elapsed: Nanos) -> Option<String> {
        gate::breached_now(&self.criteria, snapshot, elapsed)
    }
}
