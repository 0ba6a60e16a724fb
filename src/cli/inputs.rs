//! What a command reads before it starts: flags, environment, config, earlier runs.

use std::path::{Path, PathBuf};

use super::args::{RunArgs, SharedArgs};
use super::surroundings;
use super::world::{UsageError, World};
use crate::config::{self, Flags, Purpose, Resolved, Sources, UserFile};
use crate::input;
use crate::plan::{self, SuitePlan};
use crate::scenario::catalogue;
use crate::suite::{self, History, MOST_SUITE, SuiteReport};
use crate::units::{Nanos, Timestamp};

/// The flags of `run` as `config` takes them.
pub(super) fn run_flags(args: &RunArgs) -> Flags {
    Flags {
        scenarios: args.scenarios.clone(),
        allow_skip: args.allow_skip,
        baseline: args.baseline.baseline.is_some(),
        baseline_required: args.baseline.baseline_required,
        shard: args.shard.clone(),
        start_at: args.start_at.clone(),
        ..shared_flags(&args.shared)
    }
}

/// The flags that `run`, `plan` and `check` share.
pub(super) fn shared_flags(args: &SharedArgs) -> Flags {
    Flags {
        env: args.env.clone(),
        url: args.url.clone(),
        profile: args.profile.clone(),
        config: args.config.clone(),
        rate_scale: args.rate_scale.clone(),
        duration_scale: args.duration_scale.clone(),
        cooldown: args.cooldown.clone(),
        seed: args.seed.clone(),
        workers: args.workers.clone(),
        prometheus_url: args.prometheus_url.clone(),
        pushgateway: args.pushgateway.clone(),
        confirm_production: args.confirm_production.clone(),
        ..Flags::default()
    }
}

/// Resolves the plan. Mistakes are printed all at once, and are usage errors.
pub(super) fn resolve(flags: &Flags, purpose: Purpose, world: &World) -> anyhow::Result<Resolved> {
    let path = config::config_path(flags, &world.vars, Path::is_file);
    let file = path.map(|path| read_config(&path)).transpose()?;
    let sources = Sources { flags, vars: &world.vars, file: file.as_ref() };
    let rendered = |problems: config::Diagnostics| {
        UsageError::Rendered(problems.render(world.output.color_err()))
    };
    let now = surroundings::now();
    let (dealing, one_of_several) = config::dealing(&sources, purpose, now).map_err(rendered)?;
    // Machines that send together draw alike.
    let seed = if dealing.shard.is_alone() {
        rand::random::<u32>().into()
    } else {
        dealing.number("seed") >> 32
    };
    let name = file.as_ref().map_or("built-in", |file| file.name.as_str());
    let mut resolved = config::resolve(&sources, purpose, seed).map_err(rendered)?;
    resolved.plan = resolved.plan.dealt(dealing);
    resolved.one_of_several = one_of_several;
    let plan = &resolved.plan;
    sensibly_dealt(plan, now)?;
    let soon = (purpose == Purpose::Run).then(|| starts_soon(plan, now)).flatten();
    resolved.notices.extend(soon);
    let plan = &resolved.plan;
    tracing::debug!(
        config = name,
        environment = plan.environment.name,
        url = plan.environment.url,
        profile = plan.profile,
        seed = plan.seed,
        shard = %plan.dealing.shard,
        keys = resolved.secrets.keys.len(),
        webhook_secret = resolved.secrets.webhook.is_some(),
        "plan resolved"
    );
    Ok(resolved)
}

/// Several machines need a target that all of them reach, and a start that isn't over.
fn sensibly_dealt(plan: &SuitePlan, now: Timestamp) -> Result<(), UsageError> {
    let dealing = &plan.dealing;
    if plan.environment.embedded && !dealing.shard.is_alone() {
        return Err(UsageError::Plain(format!(
            "shard {}: the embedded target is inside load-gate, so each machine would load its own: \
             name an environment that all of them reach",
            dealing.shard
        )));
    }
    let Some(start) = dealing.start_at else { return Ok(()) };
    let end = start.after(plan::last_end(plan));
    if end < now {
        return Err(UsageError::Plain(format!(
            "the run was to start at {} and to end at {}, which is over: nothing would be sent; \
             name a later --start-at, the same for every shard",
            start.human(),
            end.human()
        )));
    }
    Ok(())
}

/// What to know of a start that may come before all is done that is done before it.
fn starts_soon(plan: &SuitePlan, now: Timestamp) -> Option<String> {
    let (start, shard) = (plan.dealing.start_at?, plan.dealing.shard);
    let first = plan.scenarios.iter().find(|scenario| scenario.skip.is_none())?;
    let left = Nanos::from(start.unix().saturating_sub(now.unix()));
    let proof = if shard.leads() { first.extras.proof.load_starts } else { Nanos::ZERO };
    let before = plan::made_ready(first, shard.of()) + proof;
    (start > now && !before.is_zero() && before + plan::PRELUDE > left).then(|| {
        format!(
            "the load of {} begins {left} from now, and what comes before it (customers, setups, the \
             limiter's proof) may take {before}: what is due until then is dropped; a later start \
             leaves time for it",
            first.scenario
        )
    })
}

/// The scenarios there are here: the built-in ones, and those of the config that a run
/// in this directory would read.
pub(super) fn scenario_names(world: &World) -> Vec<&'static str> {
    let path = config::config_path(&Flags::default(), &world.vars, Path::is_file);
    // One that can't be read is told when something is run.
    let text = path.and_then(|path| input::read_text(&path, MOST_CONFIG).ok());
    let own = text.map(|text| config::scenario_names(&text)).unwrap_or_default();
    catalogue::names().into_iter().chain(own).collect()
}

fn read_config(path: &Path) -> anyhow::Result<UserFile> {
    let name = path.display().to_string();
    match input::read_text(path, MOST_CONFIG) {
        Ok(text) => Ok(UserFile { name, text }),
        Err(error) => {
            Err(UsageError::Plain(format!("failed to read the config file {name}: {error}")).into())
        }
    }
}

/// Reads suite.json, given itself or the results directory it is in, and judges what
/// it holds anew: its own verdict isn't believed.
pub(super) fn read_suite(path: &Path) -> anyhow::Result<SuiteReport> {
    Ok(read_stored(path)?.judged_anew(None))
}

/// [`read_suite`], judged against a baseline.
pub(super) fn read_suite_against(
    path: &Path,
    baseline: Option<&SuiteReport>,
) -> anyhow::Result<SuiteReport> {
    Ok(read_stored(path)?.judged_anew(baseline))
}

/// Reads suite.json, given itself or the results directory it is in; what it says of its
/// verdict is as it was stored.
pub(super) fn read_stored(path: &Path) -> anyhow::Result<SuiteReport> {
    let file: PathBuf = if path.is_dir() { path.join("suite.json") } else { path.to_owned() };
    let text = input::read_text(&file, MOST_SUITE).map_err(|error| {
        UsageError::Plain(format!(
            "failed to read {}: {error}; name a results directory or its suite.json",
            file.display()
        ))
    })?;
    suite::read_suite(&text)
        .map_err(|error| UsageError::Plain(format!("{}: {error}", file.display())).into())
}

/// The largest config that is read: 1 MiB, hundreds of times what anybody writes.
const MOST_CONFIG: u64 = 1 << 20;
/// The largest history.json that is read: 8 MiB, some ten times what is ever written.
const MOST_HISTORY: u64 = 8 << 20;

/// Reads the history.json in `dir` (or `dir` itself, where it is one); `None`: there is none.
pub(super) fn read_history(dir: &Path) -> anyhow::Result<Option<History>> {
    let file = if dir.is_dir() { dir.join("history.json") } else { dir.to_owned() };
    if file.file_name().is_none_or(|name| name != "history.json") || !file.is_file() {
        return Ok(None);
    }
    let wrong = |problem: String| UsageError::Plain(format!("{}: {problem}", file.display()));
    let text = input::read_text(&file, MOST_HISTORY).map_err(|error| wrong(error.to_string()))?;
    Ok(Some(History::read(&text).map_err(|error| wrong(error.to_string()))?))
}
