//! When each scenario's load begins on machines that don't talk to each other: arithmetic that all of them do alike.

use super::{Plan, SuitePlan};
use crate::units::Nanos;

/// What connection, canary and first probes may take before a load that begins at a
/// given moment.
pub const PRELUDE: Nanos = Nanos::from_secs(5);

/// What creating one customer for its key may take.
const MINTING: Nanos = Nanos::from_secs(1);

/// How long before its load a scenario begins: with its canary, and with the proof of
/// the limiter, which the load follows at once.
#[must_use]
pub fn lead(plan: &Plan) -> Nanos {
    PRELUDE + plan.extras.proof.load_starts
}

/// When the load of each scenario begins, counted from the first's: after everything
/// that the one before may take (its stages, the timeout of its last answer), the pause,
/// and what its own beginning may take. One that is skipped takes no time.
#[must_use]
pub fn timetable(suite: &SuitePlan) -> Vec<Nanos> {
    let mut next = None;
    let mut starts = Vec::with_capacity(suite.scenarios.len());
    for plan in &suite.scenarios {
        let start = next.map_or(Nanos::ZERO, |free: Nanos| {
            let machines = suite.dealing.shard.of();
            let minted = plan.identities.mint.div_ceil(machines);
            let minting = Nanos(MINTING.0.saturating_mul(u64::from(minted)));
            free + suite.cooldown + minting + lead(plan)
        });
        starts.push(start);
        if plan.skip.is_none() {
            next = Some(start + plan.lasting() + plan.engine.timeout);
        }
    }
    starts
}

/// When the last load of `suite` ends, counted from when the first begins.
#[must_use]
pub fn last_end(suite: &SuitePlan) -> Nanos {
    let loads = timetable(suite).into_iter().zip(&suite.scenarios);
    let sent = loads.filter(|(_, plan)| plan.skip.is_none());
    sent.map(|(begins, plan)| begins + plan.lasting()).max().unwrap_or_default()
}

impl Plan {
    /// How long its stages last together.
    #[must_use]
    pub fn lasting(&self) -> Nanos {
        self.stages.iter().fold(Nanos::ZERO, |sum, stage| sum + stage.duration)
    }
}
