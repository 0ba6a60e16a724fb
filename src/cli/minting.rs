//! `mint_keys`: creates customers through onboarding for their keys, before credential-vending.

use std::sync::Arc;

use super::suite::{Session, job};
use crate::engine::{self, Clock, Minted, Stop, Unobserved};
use crate::ids::ScenarioId;
use crate::plan::{Plan, ProbePlan};
use crate::suite::ScenarioReport;

/// Keys for `plan`, which asks for some to be minted; `None` where onboarding's
/// settings aren't known.
pub(super) async fn mint(
    session: &Session,
    plan: &Plan,
    clock: Arc<dyn Clock>,
    stop: &Stop,
) -> anyhow::Result<Option<Minted>> {
    let Some(onboarding) = session.onboarding.as_ref() else { return Ok(None) };
    let onboarding = Plan {
        stages: Vec::new(),
        probes: ProbePlan { share: 0.0, kinds: Vec::new() },
        ..onboarding.clone()
    };
    // Where addresses may be claimed, each creates no more than its limit admits.
    let limit = onboarding.criteria.limit.map(|limit| limit.limit);
    let per_address = limit.filter(|_| session.plan.environment.verify_limits);
    let job = job(session, &onboarding, &session.keys, clock, Arc::new(Unobserved), stop)?;
    Ok(Some(engine::mint(job, plan.identities.mint, per_address).await))
}

/// `plan` with the keys there are: those it had and the minted ones.
pub(super) fn with_keys(plan: &Plan, keys: usize) -> Plan {
    let mut plan = plan.clone();
    let there = u32::try_from(keys).unwrap_or(u32::MAX);
    let wanted = plan.identities.count + plan.identities.set_aside;
    if there < wanted {
        plan.identities.set_aside = 0;
        plan.identities.count = there.max(1);
    }
    plan
}

/// Counts the requests of the minting where FORMATS.md wants them: onboarding's.
pub(super) fn account(session: &Session, minted: &Minted, done: &mut [ScenarioReport]) {
    let onboarding = done.iter_mut().find(|s| s.plan.scenario == ScenarioId::Onboarding);
    if let Some(report) = onboarding {
        let mut recording = report.recording.clone();
        recording.add_minting(&minted.recording);
        *report = session.judged(&report.plan, recording);
    }
}
