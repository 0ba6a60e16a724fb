//! Runs the scenarios of a plan one after another and puts the report together.

use std::sync::Arc;

use super::checkpoint::Checkpointer;
use super::minting;
use super::progress::Progress;
use super::session::{Session, job};
use super::telemetry::Telemetry;
use crate::engine::{self, Clock, Event, Job, Observer, Stop, Unobserved, WallClock};
use crate::ids::ScenarioId;
use crate::measure::{Ended, Recording};
use crate::plan::{IdentityKind, MintingPlan, Plan};
use crate::secret::Secret;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units::{Nanos, Timestamp};

/// Runs every scenario, whatever becomes of the others, as far as docs/verdict.md
/// wants the rest tried.
pub(super) async fn run(
    session: &Session,
    progress: Arc<Progress>,
    checkpointer: &Arc<Checkpointer>,
    telemetry: &Arc<Telemetry>,
    stop: &Stop,
) -> anyhow::Result<SuiteReport> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock::start());
    let mut done: Vec<ScenarioReport> = Vec::new();
    let mut notices = Vec::new();
    // What becomes of the scenarios that are no longer tried.
    let known = session.unreachable.clone();
    let mut rest: Option<Ended> = known.map(|reason| Ended::Unreachable { reason });
    let mut cool_down = false;
    for plan in &session.plan.scenarios {
        checkpointer.begin(&done, plan);
        let now = Timestamp::from_unix(clock.unix());
        let not_run = plan.skip.clone().map(|reason| Ended::Skipped { reason }).or(rest.clone());
        if let Some(ended) = not_run {
            done.push(session.judged(plan, plan.not_run(now, ended)));
            continue;
        }
        if cool_down {
            checkpointer.settled(&done);
            pause(session.plan.cooldown, stop).await;
        }
        cool_down = true;
        let observer = Arc::new(Watchers {
            progress: Arc::clone(&progress),
            checkpointer: Arc::clone(checkpointer),
            telemetry: Arc::clone(telemetry),
        });
        let mut keys = session.keys_of(plan);
        let mut plan = plan.clone();
        if let Some(minting) = session.plan.minting.as_ref().filter(|_| plan.identities.mint > 0) {
            mint(session, minting, &mut plan, &mut keys, &mut done, &mut notices, &clock, stop)
                .await;
        }
        let recording = if plan.identities.kind == IdentityKind::Key && keys.is_empty() {
            let reason = "no API key could be minted".to_owned();
            plan.not_run(now, Ended::Skipped { reason })
        } else {
            set_up_and_run(session, &mut plan, &keys, &clock, observer, stop)
                .await
                // One scenario's trouble must not cost the others their reports.
                .unwrap_or_else(|wrong| plan.not_run(now, broken(&wrong)))
        };
        rest = rest.or_else(|| what_of_the_rest(plan.scenario, &recording.ended));
        done.push(session.judged(&plan, recording));
    }
    let mut report = session.report(done, Timestamp::from_unix(clock.unix()), false);
    report.notices.extend(notices);
    Ok(report)
}

/// One scenario, its identities set up first where it says how.
async fn set_up_and_run(
    session: &Session,
    plan: &mut Plan,
    keys: &[Secret],
    clock: &Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    stop: &Stop,
) -> anyhow::Result<Recording> {
    let job_of =
        |plan: &Plan, observer| job(session, plan, keys, Arc::clone(clock), observer, stop);
    let before = job_of(plan, Arc::new(Unobserved))?;
    let Some(set_up) = engine::set_up(before).await? else {
        return Ok(engine::run(job_of(plan, observer)?).await?);
    };
    let now = Timestamp::from_unix(clock.unix());
    let mut recording = if let Some(ended) = set_up.ended() {
        plan.not_run(now, ended)
    } else {
        *plan = plan.clone().with_identities(set_up.usable, session.plan.seed);
        let job = Job { identities: set_up.identities, ..job_of(plan, observer)? };
        engine::run(job).await?
    };
    recording.setups.merge(&set_up.setups);
    Ok(recording)
}

/// Adds minted keys to `keys`, and what their creation cost to what is done.
#[expect(clippy::too_many_arguments, reason = "what minting changes, one by one")]
async fn mint(
    session: &Session,
    minting: &MintingPlan,
    plan: &mut Plan,
    keys: &mut Vec<Secret>,
    done: &mut [ScenarioReport],
    notices: &mut Vec<String>,
    clock: &Arc<dyn Clock>,
    stop: &Stop,
) {
    let (wanted, through) = (plan.identities.mint, minting.through.scenario);
    let minted = match minting::mint(session, minting, wanted, Arc::clone(clock), stop).await {
        Ok(minted) => minted,
        Err(wrong) => {
            notices.push(format!("mint_keys: no key was minted through {through}: {wrong:#}"));
            return;
        }
    };
    let made = minted.keys.len();
    let mut notice = format!("mint_keys: {made} of {wanted} keys were minted through {through}");
    if let Some(why) = &minted.short {
        notice = format!("{notice}: {why}");
    }
    notices.push(notice);
    minting::account(session, &minted, done);
    keys.extend(minted.keys);
    let there = u32::try_from(keys.len()).unwrap_or(u32::MAX);
    *plan = plan.clone().with_identities(there, session.plan.seed);
}

fn broken(wrong: &anyhow::Error) -> Ended {
    Ended::Broken { reason: format!("{wrong:#}") }
}

fn what_of_the_rest(scenario: ScenarioId, ended: &Ended) -> Option<Ended> {
    match ended {
        Ended::Unreachable { reason } => {
            Some(Ended::Unreachable { reason: format!("not tried: {scenario} found {reason}") })
        }
        Ended::Interrupted { .. } => Some(Ended::Interrupted { after: Nanos::ZERO }),
        Ended::Aborted { .. } => {
            Some(Ended::Skipped { reason: format!("not started: {scenario} was ended as failed") })
        }
        _ => None,
    }
}

async fn pause(cooldown: Nanos, stop: &Stop) {
    tokio::select! {
        () = tokio::time::sleep(cooldown.into()) => {}
        _ = stop.given() => {}
    }
}

/// All who watch.
struct Watchers {
    progress: Arc<Progress>,
    checkpointer: Arc<Checkpointer>,
    telemetry: Arc<Telemetry>,
}

impl Observer for Watchers {
    fn on(&self, event: &Event<'_>) {
        self.progress.on(event);
        self.checkpointer.on(event);
        self.telemetry.on(event);
    }

    fn measured_every(&self) -> Option<u64> {
        self.telemetry.measured_every()
    }
}
