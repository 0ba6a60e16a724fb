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
use crate::plan::{MintingPlan, Plan};
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
    for (place, plan) in session.plan.scenarios.iter().enumerate() {
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
        let mut short = None;
        if let Some(minting) = session.plan.minting.as_ref().filter(|_| plan.identities.mint > 0) {
            short =
                mint(session, minting, &mut plan, &mut keys, &mut done, &mut notices, &clock, stop)
                    .await;
        }
        let recording = if let Some(reason) = short {
            // An interrupt is why there is none, whatever minting calls it.
            let interrupted = Ended::Interrupted { after: Nanos::ZERO };
            let skipped = Ended::Skipped { reason };
            plan.not_run(now, if stop.is_interrupted() { interrupted } else { skipped })
        } else {
            set_up_and_run(session, &mut plan, &keys, &clock, observer, (stop, place), &mut notices)
                .await
                // One scenario's trouble must not cost the others their reports.
                .unwrap_or_else(|wrong| plan.not_run(now, broken(&wrong)))
        };
        telemetry.ended(&recording);
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
    keys: &[Option<Secret>],
    clock: &Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    (stop, place): (&Stop, usize),
    notices: &mut Vec<String>,
) -> anyhow::Result<Recording> {
    let job_of =
        |plan: &Plan, observer| job(session, plan, keys, Arc::clone(clock), observer, stop);
    let start_at = session.start_of(place);
    let before = job_of(plan, Arc::new(Unobserved))?;
    let Some(set_up) = engine::set_up(before).await? else {
        return Ok(engine::run(Job { start_at, ..job_of(plan, observer)? }).await?);
    };
    let now = Timestamp::from_unix(clock.unix());
    let alone = session.plan.dealing.shard.is_alone();
    let mut recording = if let Some(ended) = set_up.ended() {
        plan.not_run(now, ended)
    } else if let Some(lost) = set_up.setups.unusable.first().filter(|_| !alone) {
        // With fewer identities the others' part would be another one.
        let reason = format!("{} could not be set up: {}", lost.who, lost.why);
        plan.not_run(now, Ended::Skipped { reason })
    } else {
        notices.extend(who_takes_no_part(plan, &set_up));
        if alone {
            *plan = plan.clone().with_identities(set_up.usable, session.plan.seed);
        }
        let identities = set_up.identities;
        engine::run(Job { identities, start_at, ..job_of(plan, observer)? }).await?
    };
    recording.setups.merge(&set_up.setups);
    Ok(recording)
}

/// That some identities could not be set up, where the others send without them.
fn who_takes_no_part(plan: &Plan, set_up: &engine::SetUp) -> Option<String> {
    let all = plan.identities.count + plan.identities.set_aside;
    let first = set_up.setups.unusable.first()?;
    let proof = match plan.identities.set_aside {
        0 => "",
        _ => "; nobody is left to be driven past the limit",
    };
    let (scenario, gone) = (plan.scenario, all.saturating_sub(set_up.usable));
    let (who, why) = (&first.who, &first.why);
    Some(format!(
        "{scenario}: {gone} of {all} identities could not be set up and take no part: {who}: {why}{proof}"
    ))
}

/// Adds minted keys to `keys`, and what their creation cost to what is done. Why the
/// scenario can't run with what there is then; `None`: it can.
#[expect(clippy::too_many_arguments, reason = "what minting changes, one by one")]
async fn mint(
    session: &Session,
    minting: &MintingPlan,
    plan: &mut Plan,
    keys: &mut Vec<Option<Secret>>,
    done: &mut [ScenarioReport],
    notices: &mut Vec<String>,
    clock: &Arc<dyn Clock>,
    stop: &Stop,
) -> Option<String> {
    let (given, mint) = (keys.len() as u64, u64::from(plan.identities.mint));
    let shard = session.plan.dealing.shard;
    // A key belongs to one shard, which creates its customer.
    let identities = plan.identities;
    let own: Vec<u64> = (0..mint).filter(|k| identities.is_of(given + k, shard)).collect();
    let (wanted, through) = (own.len(), minting.through.scenario);
    let minted = match minting::mint(session, minting, own.clone(), Arc::clone(clock), stop).await {
        Ok(minted) => minted,
        Err(wrong) => {
            let notice = format!("mint_keys: no key was minted through {through}: {wrong:#}");
            notices.push(notice.clone());
            let too_few = if shard.is_alone() { keys.is_empty() } else { wanted > 0 };
            return too_few.then_some(notice);
        }
    };
    let made = minted.keys.len();
    let mut notice = format!("mint_keys: {made} of {wanted} keys were minted through {through}");
    if let Some(why) = &minted.short {
        notice = format!("{notice}: {why}");
    }
    notices.push(notice.clone());
    minting::account(session, &minted, done);
    if shard.is_alone() {
        keys.extend(minted.keys.into_iter().map(Some));
        let there = u32::try_from(keys.len()).unwrap_or(u32::MAX);
        *plan = plan.clone().with_identities(there, session.plan.seed);
        return keys.is_empty().then(|| "no API key could be minted".to_owned());
    }
    keys.resize(keys.len() + mint as usize, None);
    for (k, key) in own.iter().zip(minted.keys) {
        keys[(given + k) as usize] = Some(key);
    }
    // With fewer keys the others' part would be another one.
    (made < wanted).then_some(notice)
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

    fn wants_measured(&self, tick: u64) -> bool {
        self.progress.wants_measured(tick) || self.telemetry.wants_measured(tick)
    }
}
