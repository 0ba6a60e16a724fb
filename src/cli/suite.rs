//! Runs the scenarios of a plan one after another and puts the report together.

use std::sync::Arc;

use super::checkpoint::Checkpointer;
use super::minting;
use super::progress::Progress;
use crate::engine::{
    self, Clock, Event, HttpTransport, Identities, Job, Observer, Stop, WallClock,
};
use crate::gate::{self, Verdict};
use crate::ids::ScenarioId;
use crate::measure::{Ended, Recording};
use crate::plan::{self, IdentityKind, Plan, SuitePlan};
use crate::scenario;
use crate::secret::Secret;
use crate::suite::{RunContext, SCHEMA_VERSION, ScenarioReport, SuiteReport};
use crate::units::{Nanos, Timestamp};

/// What a run is, apart from what it measures.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) plan: SuitePlan,
    pub(super) keys: Vec<Secret>,
    pub(super) webhook_secret: Option<Secret>,
    pub(super) run_id: String,
    /// Spreads the addresses of different runs over 198.18.0.0/15.
    pub(super) address_offset: u32,
    pub(super) started_at: Timestamp,
    pub(super) context: RunContext,
    pub(super) notices: Vec<String>,
    pub(super) baseline: Option<Arc<SuiteReport>>,
    /// Onboarding's plan, where keys are to be minted through it.
    pub(super) onboarding: Option<Plan>,
    /// Why the target can't be reached, when that is known before the first scenario.
    pub(super) unreachable: Option<String>,
}

impl Session {
    /// The report on what was measured so far.
    pub(super) fn report(
        &self,
        scenarios: Vec<ScenarioReport>,
        finished_at: Timestamp,
        partial: bool,
    ) -> SuiteReport {
        let verdicts: Vec<Verdict> = scenarios.iter().map(|s| s.verdict.clone()).collect();
        let (verdict, headline) = gate::suite(&verdicts, self.plan.allow_skip);
        SuiteReport {
            schema_version: SCHEMA_VERSION,
            tool_version: crate::VERSION.to_owned(),
            tool_commit: Some(env!("LOAD_GATE_COMMIT").to_owned()).filter(|c| !c.contains(' ')),
            run_id: self.run_id.clone(),
            started_at: self.started_at,
            finished_at,
            environment: self.plan.environment.clone(),
            profile: self.plan.profile.clone(),
            seed: self.plan.seed,
            rate_scale: self.plan.rate_scale,
            duration_scale: self.plan.duration_scale,
            allow_skip: self.plan.allow_skip,
            context: self.context.clone(),
            partial,
            verdict,
            headline,
            notices: self.notices.clone(),
            scenarios,
        }
    }

    /// One scenario, judged.
    pub(super) fn judged(&self, plan: &Plan, recording: Recording) -> ScenarioReport {
        let baseline = self.baseline.as_ref().and_then(|suite| {
            let same = suite.scenarios.iter().find(|s| s.plan.scenario == plan.scenario);
            same.map(|s| &s.recording)
        });
        let verdict = gate::evaluate(&plan.criteria, &recording, baseline);
        ScenarioReport { plan: plan.clone(), recording, verdict }
    }
}

/// Runs every scenario, whatever becomes of the others, as far as DESIGN.md
/// wants the rest tried.
pub(super) async fn run(
    session: &Session,
    progress: Arc<Progress>,
    checkpointer: &Arc<Checkpointer>,
    stop: &Stop,
) -> anyhow::Result<SuiteReport> {
    let clock: Arc<dyn Clock> = Arc::new(WallClock::start()?);
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
        let observer = Arc::new(Both(Arc::clone(&progress), Arc::clone(checkpointer)));
        let mut keys = session.keys.clone();
        let mut plan = plan.clone();
        if plan.identities.mint > 0 {
            mint(session, &mut plan, &mut keys, &mut done, &mut notices, &clock, stop).await?;
        }
        let recording = if plan.identities.kind == IdentityKind::Key && keys.is_empty() {
            let reason = "no API key could be minted".to_owned();
            plan.not_run(now, Ended::Skipped { reason })
        } else {
            // In a task, so that the dispatcher is woken where requests are sent:
            // one thread's waking less on the way of every arrival.
            let job = job(session, &plan, &keys, Arc::clone(&clock), observer, stop)?;
            tokio::spawn(engine::run(job)).await?
        };
        rest = rest.or_else(|| what_of_the_rest(plan.scenario, &recording.ended));
        done.push(session.judged(&plan, recording));
    }
    let mut report = session.report(done, Timestamp::from_unix(clock.unix()), false);
    report.notices.extend(notices);
    Ok(report)
}

/// Adds minted keys to `keys`, and what their creation cost to what is done.
async fn mint(
    session: &Session,
    plan: &mut Plan,
    keys: &mut Vec<Secret>,
    done: &mut [ScenarioReport],
    notices: &mut Vec<String>,
    clock: &Arc<dyn Clock>,
    stop: &Stop,
) -> anyhow::Result<()> {
    let Some(minted) = minting::mint(session, plan, Arc::clone(clock), stop).await? else {
        notices.push(
            "mint_keys: onboarding's settings aren't known here, no key was minted".to_owned(),
        );
        return Ok(());
    };
    let mut notice = format!(
        "mint_keys: {} of {} keys were minted through onboarding",
        minted.keys.len(),
        plan.identities.mint
    );
    if let Some(why) = &minted.short {
        notice = format!("{notice}: {why}");
    }
    notices.push(notice);
    minting::account(session, &minted, done);
    keys.extend(minted.keys);
    *plan = minting::with_keys(plan, keys.len());
    Ok(())
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

/// What the engine needs to run `plan`.
pub(super) fn job(
    session: &Session,
    plan: &Plan,
    keys: &[Secret],
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    stop: &Stop,
) -> anyhow::Result<Job> {
    let suite = &session.plan;
    let secrets = scenario::Secrets {
        webhook: session.webhook_secret.clone(),
        known: keys.iter().chain(&session.webhook_secret).cloned().collect(),
    };
    let transport = HttpTransport::new(
        &suite.environment.url,
        &session.run_id,
        &plan.engine,
        Arc::clone(&clock),
    )?;
    let proof = plan::proof_of(plan, suite.seed);
    Ok(Job {
        plan: plan.clone(),
        scenario: scenario::build(&plan.settings, suite.seed, &session.run_id, secrets).into(),
        identities: Identities::new(plan.identities, keys, session.address_offset),
        transport: Arc::new(transport),
        clock,
        observer,
        stop: stop.clone(),
        proof_lead_in: proof.lead_in.len(),
        proof: [proof.lead_in, proof.follow_ups].concat(),
        protected: suite.environment.protected,
        try_spoofing: suite.environment.verify_limits && limited_by_address(plan),
    })
}

fn limited_by_address(plan: &Plan) -> bool {
    plan.criteria.limit.is_some_and(|limit| limit.scope == crate::admission::Scope::Ip)
}

/// Two who watch.
struct Both(Arc<Progress>, Arc<Checkpointer>);

impl Observer for Both {
    fn on(&self, event: &Event<'_>) {
        self.0.on(event);
        self.1.on(event);
    }
}
