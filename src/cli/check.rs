//! `load-gate check`, and the same looks within `run`.

use std::path::Path;
use std::sync::Arc;

use super::args::CheckArgs;
use super::inputs;
use super::session::Session;
use super::world::World;
use crate::config::{Purpose, SecretInputs};
use crate::engine::{Clock, WallClock};
use crate::plan::{self, SuitePlan};
use crate::preflight::{self, CheckReport, CredentialLook, GitHubAccess, Preflight};
use crate::report;
use crate::resources;
use crate::scenario;
use crate::scenario::catalogue::{self, Entry, Trial};
use crate::secret::Secret;

/// Looks and tells; exit code 0 (fine), 1 (something is bad) or 3 (unreachable).
pub(super) fn check(args: &CheckArgs, world: &World) -> anyhow::Result<u8> {
    let flags = inputs::shared_flags(&args.shared);
    let resolved = inputs::resolve(&flags, Purpose::Check, world)?;
    if resolved.plan.environment.embedded {
        world.output.result("embedded: the target is inside load-gate, there is nothing to check");
        return Ok(0);
    }
    let what = preflight(&resolved.plan, &resolved.secrets, &args.shared.results_dir, world);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(WallClock::start());
        let mut found = preflight::preflight(&what, clock).await;
        found.lines.extend(resources::look(&resolved.resources).await);
        std::io::Result::Ok(found)
    })?;
    if args.json {
        world.output.result(&serde_json::to_string_pretty(&found)?);
    } else {
        world.output.result(&report::check_text(&found));
    }
    Ok(found.exit_code())
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
    let clock: Arc<dyn Clock> = Arc::new(WallClock::start());
    Ok(preflight::preflight(&what, clock).await)
}

fn preflight(
    plan: &SuitePlan,
    secrets: &SecretInputs,
    results_dir: &Path,
    world: &World,
) -> Preflight {
    let contradictions = plan::suite_feasibility(plan)
        .scenarios
        .into_iter()
        .flat_map(|s| s.contradictions)
        .map(|c| format!("{}; {}", c.text, c.way_out))
        .collect();
    let api_url = world.vars.get("GITHUB_API_URL").filter(|url| !url.is_empty());
    Preflight {
        environment: plan.environment.clone(),
        within_run: false,
        credentials: catalogue::BUILT_IN
            .iter()
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
        let run_id = super::surroundings::run_id();
        scenario::build(&plan.settings, suite.seed, &run_id, secrets).map(Arc::from)
    });
    let secrets = match credential.trial {
        Trial::Exchange(_) if plan.is_none() => Vec::new(),
        _ => there,
    };
    let needed = plan.is_some_and(|plan| plan.identities.mint == 0);
    Some(CredentialLook { credential, scenario: entry.id, needed, secrets, signer })
}
