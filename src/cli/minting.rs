//! `mint_keys`: creates customers through onboarding for their keys, before credential-vending.

use std::sync::Arc;

use super::session::{Session, job};
use crate::engine::{self, Clock, Minted, Stop, Unobserved};
use crate::plan::MintingPlan;
use crate::suite::ScenarioReport;

/// Creates the customers of those numbers, or fewer where that fails.
pub(super) async fn mint(
    session: &Session,
    minting: &MintingPlan,
    wanted: Vec<u64>,
    clock: Arc<dyn Clock>,
    stop: &Stop,
) -> anyhow::Result<Minted> {
    let keys = session.keys_of(&minting.through);
    let job = job(session, &minting.through, &keys, clock, Arc::new(Unobserved), stop)?;
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
