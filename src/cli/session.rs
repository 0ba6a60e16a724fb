//! What a run is, apart from what it measures.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;

use crate::engine::{Clock, HttpNetwork, Identities, Job, Observer, Stop};
use crate::gate::{self, VerdictKind};
use crate::measure::Recording;
use crate::plan::{self, Plan, SuitePlan};
use crate::scenario::{self, Traces};
use crate::secret::Secret;
use crate::suite::{Part, RunContext, SCHEMA_VERSION, ScenarioReport, SuiteReport};
use crate::units::{Nanos, Timestamp};

/// What a run is, apart from what it measures.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) plan: SuitePlan,
    pub(super) keys: Vec<Secret>,
    pub(super) webhook_secret: Option<Secret>,
    /// The secrets of the config's own scenarios, by variable.
    pub(super) rings: BTreeMap<String, Vec<Secret>>,
    pub(super) run_id: String,
    /// Spreads the addresses of different runs over 198.18.0.0/15.
    pub(super) address_offset: u32,
    pub(super) started_at: Timestamp,
    pub(super) context: RunContext,
    pub(super) notices: Vec<String>,
    pub(super) baseline: Option<Arc<SuiteReport>>,
    /// Why the target can't be reached, when that is known before the first scenario.
    pub(super) unreachable: Option<String>,
}

impl Session {
    /// The keys that the identities of `plan` show.
    pub(super) fn keys_of(&self, plan: &Plan) -> Vec<Option<Secret>> {
        let keys = match &plan.settings.written {
            None => Some(&self.keys),
            Some(spec) => spec.keys.as_ref().and_then(|name| self.rings.get(name)),
        };
        keys.into_iter().flatten().cloned().map(Some).collect()
    }

    /// When the load of the scenario in that place begins; `None`: as soon as it can.
    pub(super) fn start_of(&self, place: usize) -> Option<Timestamp> {
        let dealing = &self.plan.dealing;
        let later = *plan::timetable(&self.plan).get(place)?;
        let kept = !dealing.shard.is_alone() || later.is_zero();
        dealing.start_at.filter(|_| kept).map(|start| start.after(later))
    }

    /// What the requests of `plan` are signed with.
    fn signing(&self, plan: &Plan) -> Option<Secret> {
        match &plan.settings.written {
            None => self.webhook_secret.clone(),
            Some(spec) => self.rings.get(&spec.sign.as_ref()?.secret)?.first().cloned(),
        }
    }

    /// The report on what was measured so far.
    pub(super) fn report(
        &self,
        scenarios: Vec<ScenarioReport>,
        finished_at: Timestamp,
        partial: bool,
    ) -> SuiteReport {
        let mut report = SuiteReport {
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
            shard: self.part(),
            verdict: VerdictKind::Inconclusive,
            headline: String::new(),
            caveats: self.plan.caveats.clone(),
            doubts: Vec::new(),
            notices: self.notices.clone(),
            asked: self.plan.scenarios.iter().map(|plan| plan.scenario).collect(),
            scenarios,
        };
        report.weigh();
        report
    }

    /// One scenario, judged.
    pub(super) fn judged(&self, plan: &Plan, recording: Recording) -> ScenarioReport {
        let shard = self.plan.dealing.shard;
        // A part of several is held against no earlier run: the whole is.
        let baseline = self.baseline.as_ref().filter(|_| shard.is_alone());
        let baseline = baseline.and_then(|suite| suite.scenario(plan.scenario));
        let baseline = baseline.map(|same| &same.recording);
        let recording = if shard.is_alone() {
            recording
        } else {
            recording.of_shard(shard.index(), shard.of())
        };
        let verdict = gate::evaluate(&plan.criteria, &recording, baseline);
        let went_on = recording.went_on.map_or(Nanos::ZERO, |went_on| went_on.by);
        ScenarioReport { plan: plan.clone().carried_out(went_on), recording, verdict }
    }

    /// Which part of a run this is; `None`: the whole.
    fn part(&self) -> Option<Part> {
        let dealing = &self.plan.dealing;
        (!dealing.shard.is_alone()).then(|| Part {
            shard: dealing.shard,
            plan: self.plan.digest(),
            start_at: dealing.start_at.unwrap_or(self.started_at),
            run: dealing.run.clone(),
        })
    }
}

/// What the engine needs to run `plan`; `keys`: by identity, as far as they are here.
pub(super) fn job(
    session: &Session,
    plan: &Plan,
    keys: &[Option<Secret>],
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
    stop: &Stop,
) -> anyhow::Result<Job> {
    let suite = &session.plan;
    let shard = suite.dealing.shard;
    let secrets = scenario::Secrets {
        signing: session.signing(plan),
        known: keys
            .iter()
            .flatten()
            .chain(&session.webhook_secret)
            .chain(session.rings.values().flatten())
            .cloned()
            .collect(),
    };
    let network = HttpNetwork::new(
        &suite.environment.url,
        &session.run_id,
        &plan.engine,
        Arc::clone(&clock),
    )?;
    Ok(Job {
        plan: plan.clone(),
        scenario: scenario::build(&plan.settings, suite.seed, &session.run_id, secrets)
            .with_context(|| format!("there is no scenario {}", plan.scenario))?
            .into(),
        identities: Identities::new(plan.identities, keys, session.address_offset).on(shard),
        network: Arc::new(network),
        clock,
        observer,
        stop: stop.clone(),
        protected: suite.environment.protected,
        shard,
        start_at: None,
        traces: plan.engine.traceparent.then(|| Traces::of(suite.seed, &session.run_id)),
    })
}
