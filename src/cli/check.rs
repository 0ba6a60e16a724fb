//! `load-gate check`, and the same looks within `run`.

use std::path::Path;
use std::sync::Arc;

use super::args::CheckArgs;
use super::inputs;
use super::interrupts::Interrupts;
use super::session::Session;
use super::waiting::wait_for;
use super::world::{INCONCLUSIVE, World};
use crate::admission::Scope;
use crate::config::{Flags, Purpose, SecretInputs};
use crate::engine::{Clock, WallClock};
use crate::ids::IdentityId;
use crate::plan::{self, Plan, SuitePlan};
use crate::preflight::{
    self, CheckReport, CredentialLook, GitHubAccess, Preflight, ScenarioTrial, Variables,
};
use crate::publish::metrics;
use crate::report;
use crate::resources;
use crate::scenario::catalogue::{self, Entry, Trial};
use crate::scenario::{self, Identity, Spec};
use crate::secret::Secret;

/// Looks and tells; exit code 0 (fine), 1 (something is bad) or 3 (unreachable, or
/// interrupted before all was looked at).
pub(super) fn check(args: &CheckArgs, world: &World) -> anyhow::Result<u8> {
    let flags = Flags { scenarios: args.scenarios.clone(), ..inputs::shared_flags(&args.shared) };
    let resolved = inputs::resolve(&flags, Purpose::Check, world)?;
    if resolved.plan.environment.embedded {
        world.output.result("embedded: the target is inside load-gate, there is nothing to check");
        return Ok(0);
    }
    let mut what = preflight(&resolved.plan, &resolved.secrets, &args.shared.results_dir, world);
    if args.r#try {
        let plans = &resolved.plan.scenarios;
        what.trials = plans
            .iter()
            .filter_map(|plan| trial(plan, &resolved.plan, &resolved.secrets))
            .collect();
    }
    let stop = Interrupts::listen()?.stop;
    let looking = async {
        let clock: Arc<dyn Clock> = Arc::new(WallClock::start());
        let mut found = preflight::preflight(&what, clock).await;
        found.lines.extend(resources::look(&resolved.resources).await);
        found.lines.extend(metrics::look(&resolved.metrics).await);
        found
    };
    let found = wait_for(async {
        tokio::select! {
            biased;
            found = looking => Some(found),
            () = stop.interrupted() => None,
        }
    })?;
    let Some(found) = found else {
        anyhow::bail!("interrupted: the check was not ended, and says nothing of the target");
    };
    if args.json {
        world.output.result(&serde_json::to_string_pretty(&found)?);
    } else {
        world.output.result(&report::check_text(&found, world.output.style()));
    }
    // Nobody has read it where an interrupt ended the wait for a reader.
    let code = found.exit_code();
    Ok(if code == 0 && !stop.close() { INCONCLUSIVE } else { code })
}

/// The looks within `run`: nothing goes to a scenario's endpoint.
pub(super) async fn within_run(
    session: &Session,
    results_dir: &Path,
    world: &World,
) -> anyhow::Result<CheckReport> {
    let secrets = SecretInputs {
        keys: session.keys.clone(),
        webhook: session.webhook_secret.clone(),
        github_token: None,
        rings: session.rings.clone(),
    };
    let mut what = preflight(&session.plan, &secrets, results_dir, world);
    what.within_run = true;
    what.spares_quota = session.plan.scenarios.iter().any(counts_by_address);
    if !session.plan.dealing.shard.leads() {
        // One machine tries what all of them use.
        what.credentials.clear();
    }
    let clock: Arc<dyn Clock> = Arc::new(WallClock::start());
    Ok(preflight::preflight(&what, clock).await)
}

/// Whether a limit of `plan` may count a request that shows no key.
fn counts_by_address(plan: &Plan) -> bool {
    let beside = plan.criteria.beside.iter().map(|beside| &beside.declared);
    plan.criteria.limit.iter().chain(beside).any(|limit| limit.scope != Scope::Customer)
}

fn preflight(
    plan: &SuitePlan,
    secrets: &SecretInputs,
    results_dir: &Path,
    world: &World,
) -> Preflight {
    let contradictions = plan::suite_feasibility(plan, false)
        .scenarios
        .into_iter()
        .flat_map(|s| s.contradictions)
        .map(|c| format!("{}; {}", c.text, c.way_out))
        .collect();
    let built_in = plan.scenarios.iter().any(|plan| plan.settings.written.is_none());
    let api_url = world.vars.get("GITHUB_API_URL").filter(|url| !url.is_empty());
    Preflight {
        environment: plan.environment.clone(),
        within_run: false,
        spares_quota: false,
        tells_health: built_in,
        variables: plan.scenarios.iter().flat_map(|plan| variables(plan, secrets)).collect(),
        trials: Vec::new(),
        credentials: catalogue::BUILT_IN
            .iter()
            .filter(|_| built_in)
            .filter_map(|entry| look(entry, plan, secrets))
            .collect(),
        github: secrets.github_token.clone().map(|token| GitHubAccess {
            api_url: api_url.map_or("https://api.github.com", String::as_str).to_owned(),
            token,
        }),
        results_dir: results_dir.to_owned(),
        ca_file: plan.scenarios.iter().find_map(|p| p.engine.ca_file.clone()),
        max_in_flight: plan.scenarios.iter().map(|p| p.engine.max_in_flight).max().unwrap_or(0),
        contradictions,
        known: secrets.all().cloned().collect(),
    }
}

/// How the credential of one scenario is looked at, if it has one.
fn look(entry: &Entry, suite: &SuitePlan, secrets: &SecretInputs) -> Option<CredentialLook> {
    let credential = entry.credential?;
    let plan = suite.scenarios.iter().find(|plan| plan.scenario == entry.id);
    let there: Vec<Secret> = match credential.trial {
        Trial::Get(_) => secrets.keys.clone(),
        Trial::Exchange(_) => secrets.webhook.iter().cloned().collect(),
    };
    let signer = plan.zip(there.first()).and_then(|(plan, secret)| {
        let secrets = scenario::Secrets { signing: Some(secret.clone()), known: Vec::new() };
        let run_id = super::surroundings::run_id(rand::random());
        scenario::build(&plan.settings, suite.seed, &run_id, secrets).map(Arc::from)
    });
    let secrets = match credential.trial {
        Trial::Exchange(_) if plan.is_none() => Vec::new(),
        _ => there,
    };
    let needed = plan.is_some_and(|plan| plan.identities.mint == 0);
    Some(CredentialLook { credential, scenario: entry.id, needed, secrets, signer })
}

/// What a written scenario asks of the environment.
fn variables(plan: &Plan, secrets: &SecretInputs) -> Vec<Variables> {
    let Some(spec) = &plan.settings.written else { return Vec::new() };
    let signing = spec.sign.as_ref().map(|sign| &sign.secret);
    let look = |variable: &String| Variables {
        scenario: plan.scenario,
        there: secrets.ring(variable).len(),
        variable: variable.clone(),
    };
    spec.keys.iter().chain(signing).map(look).collect()
}

/// The trial of one scenario: its first identity, its secrets.
fn trial(plan: &Plan, suite: &SuitePlan, secrets: &SecretInputs) -> Option<ScenarioTrial> {
    let spec = plan.settings.written.as_deref();
    let (signing, key) = match spec {
        None => (secrets.webhook.clone(), secrets.keys.first()),
        Some(spec) => (
            spec.sign.as_ref().and_then(|sign| secrets.ring(&sign.secret).first()).cloned(),
            spec.keys.as_ref().and_then(|keys| secrets.ring(keys).first()),
        ),
    };
    let known: Vec<Secret> = secrets.all().cloned().collect();
    let given = scenario::Secrets { signing, known: known.clone() };
    let run_id = super::surroundings::run_id(rand::random());
    let built = scenario::build(&plan.settings, suite.seed, &run_id, given)?;
    let creates = catalogue::find(plan.scenario).is_some_and(|entry| entry.creates.is_some());
    Some(ScenarioTrial {
        scenario: Arc::from(built),
        identity: Identity {
            id: IdentityId::default(),
            address: None,
            key: key.cloned(),
            captured: None,
        },
        writes: spec.map_or(creates, Spec::may_write),
        skip: plan.skip.clone(),
        max_body: plan.engine.max_body,
        criteria: plan.criteria.clone(),
        known,
    })
}
