//! When each scenario's load begins on machines that don't talk to each other: arithmetic that all of them do alike.

use super::{Plan, SuitePlan};
use crate::units::Nanos;

/// What connection, canary and first probes may take before a load that begins at a
/// given moment.
pub const PRELUDE: Nanos = Nanos::from_secs(5);

/// What creating one customer for its key may take.
const MINTING: Nanos = Nanos::from_secs(1);

/// How many identities are set up at once.
pub const SET_UP_AT_ONCE: u32 = 4;

/// What setting up so many may take.
const SETTING_UP: Nanos = Nanos::from_secs(1);

/// How long before its load a scenario begins: with its canary, and with the proof of
/// the limiter, which the load follows at once.
#[must_use]
pub fn lead(plan: &Plan) -> Nanos {
    PRELUDE + plan.extras.proof.load_starts
}

/// How long each of so many machines may take to create customers and to set up
/// identities before that.
#[must_use]
pub fn made_ready(plan: &Plan, machines: u32) -> Nanos {
    let (all, machines) = (plan.identities, machines.max(1));
    // One of them may create the one that is set aside, too.
    let minted = all.mint.div_ceil(machines).saturating_add(all.set_aside).min(all.mint);
    let written = plan.settings.written.as_deref();
    let set_up = match written.and_then(|spec| spec.setup.as_ref()) {
        None => 0,
        // Each machine shows what it was given itself.
        Some(_) if all.is_shared() => all.count,
        Some(_) => all.count.div_ceil(machines).saturating_add(all.set_aside),
    };
    let times = |span: Nanos, n: u32| Nanos(span.0.saturating_mul(u64::from(n)));
    times(MINTING, minted) + times(SETTING_UP, set_up.div_ceil(SET_UP_AT_ONCE))
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
            free + suite.cooldown + made_ready(plan, suite.dealing.shard.of()) + lead(plan)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{IdentityKind, ScenarioId};
    use crate::plan::{IdentityPlan, Stage, fixtures};
    use crate::scenario::{Settings, Spec};

    /// A scenario of ten keys and one set aside, each of which is set up.
    fn set_up() -> Plan {
        let scenario = ScenarioId::parse("mine").expect("is a name");
        let spec = serde_json::json!({
            "request": { "method": "GET", "path": "/{setup.token}" },
            "expect": [],
            "identity": "key",
            "keys": "KEY_*",
            "setup": { "request": { "method": "GET", "path": "/{identity}" }, "capture": { "token": "$.t" } },
        });
        let spec: Spec = serde_json::from_value(spec).expect("is one");
        let mut settings = Settings::new(scenario, []);
        settings.written = Some(Box::new(spec));
        let stages = vec![Stage { duration: Nanos::from_secs(10), target: 5.0 }];
        let mut plan = fixtures::plan(scenario, settings, stages);
        plan.identities =
            IdentityPlan { kind: IdentityKind::Key, count: 10, set_aside: 1, ..plan.identities };
        plan
    }

    #[test]
    fn time_is_kept_for_what_is_done_for_each_identity_before_a_load() {
        let mut plan = set_up();
        assert_eq!(made_ready(&plan, 1), Nanos::from_secs(3), "11, four at once");
        assert_eq!(made_ready(&plan, 2), Nanos::from_secs(2), "5 and the one set aside");
        assert_eq!(made_ready(&plan, 64), Nanos::from_secs(1));
        plan.identities.mint = 8;
        assert_eq!(made_ready(&plan, 2), Nanos::from_secs(5 + 2), "with the one set aside");
        plan.identities =
            IdentityPlan { kind: IdentityKind::Global, count: 1, set_aside: 0, ..plan.identities };
        plan.identities.mint = 0;
        assert_eq!(made_ready(&plan, 64), Nanos::from_secs(1), "each machine for itself");
        plan.settings.written = None;
        assert_eq!(made_ready(&plan, 64), Nanos::ZERO);
    }
}
