//! `mint_keys`: creates customers through onboarding for their keys, before credential-vending.

use std::sync::Arc;

use super::session::{Session, job};
use crate::engine::{self, Clock, Minted, Stop, Unobserved};
use crate::plan::MintingPlan;
use crate::suite::ScenarioReport;

/// Creates as many customers as are `wanted`, or fewer where that fails.
pub(super) async fn mint(
    session: &Session,
    minting: &MintingPlan,
    wanted: u32,
    clock: Arc<dyn Clock>,
    stop: &Stop,
) -> anyhow::Result<Minted> {
    let job = job(session, &minting.through, &session.keys, clock, Arc::new(Unobserved), stop)?;
    Ok(engine::mint(job, wanted, minting.per_address).await?)
}

/// Counts the requests of the minting where they belong: to onboarding.
pub(super) fn account(session: &Session, minted: &Minted, done: &mut [ScenarioReport]) {
    let through = done.iter_mut().find(|s| s.plan.scenario == minted.recording.scenario);
    if let Some(report) = through {
        let mut recording = report.recording.clone();
        recording.add_minting(&minted.recording);
        *report = session.judged(&report.plan, recording);
    }
}
