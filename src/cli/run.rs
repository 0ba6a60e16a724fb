//! `load-gate run`: resolve, prepare, run, judge, report.

use std::sync::Arc;

use anyhow::Context as _;

use super::args::RunArgs;
use super::baseline::Earlier;
use super::checkpoint::{self, Checkpointer};
use super::delivery::Delivery;
use super::progress::Progress;
use super::results::Results;
use super::session::Session;
use super::signals;
use super::suite;
use super::surroundings;
use super::telemetry::Telemetry;
use super::world::{INCONCLUSIVE, UsageError, World};
use super::{check, closing, delivery, inputs, resources, shard};
use crate::config::{MetricsSettings, Purpose, Resolved, ResourcesSettings};
use crate::engine::{self, Stop, StopReason};
use crate::plan::{self, SuitePlan};
use crate::preflight::{self, CheckState};
use crate::report::{self, EarlierRuns};
use crate::secret::Secret;
use crate::suite::{SuiteReport, series};
use crate::target::{Target, TargetConfig};

/// The fewest with which it can start, and send a few requests at once.
const FEWEST_DESCRIPTORS: u64 = 40;

/// Runs the scenarios; the exit code is the verdict's.
pub(super) fn run(args: &RunArgs, world: &World) -> anyhow::Result<u8> {
    run_and_deliver(args, None, world)
}

/// The same, as a GitHub Action's step: with outputs, summary, comment and issue.
pub(super) fn run_and_publish(
    args: &RunArgs,
    delivery: &Delivery,
    world: &World,
) -> anyhow::Result<u8> {
    run_and_deliver(args, Some(delivery), world)
}

fn run_and_deliver(
    args: &RunArgs,
    delivery: Option<&Delivery>,
    world: &World,
) -> anyhow::Result<u8> {
    let mut resolved = inputs::resolve(&inputs::run_flags(args), Purpose::Run, world)?;
    if delivery.is_some() {
        let own: Vec<_> = resolved.secrets.rings.values().flatten().cloned().collect();
        delivery::mask(&own, world);
    }
    // Before the results directory is cleared: the baseline may lie in it.
    let token = github_token(delivery, world);
    let now = surroundings::now();
    let plan = &resolved.plan;
    let series =
        series(&plan.environment.name, &plan.profile, plan.rate_scale, plan.duration_scale);
    let mut earlier = Earlier::of(&args.baseline, series, token.as_ref(), now, world)?;
    let baseline = earlier.suite.take();
    resolved.notices.extend(earlier.notices.iter().cloned());
    if delivery.is_some() {
        delivery::notices(&earlier.notices, world);
    }
    let feasible = delivery::grouped("The plan", world, || tell_plan(&resolved, args, world));
    if !feasible {
        return Err(UsageError::Plain(
            "--strict-plan: a gate of this plan can't be met by any server; nothing was sent"
                .to_owned(),
        )
        .into());
    }
    trusts_whom_it_names(&resolved)?;
    let scarce = descriptors(&resolved.plan)?;
    let results = Results::new(&args.shared.results_dir, args.shared.junit.as_deref());
    // Held until the end: two runs in one directory would overwrite each other.
    let _hold = results.prepare()?;
    let beside = (resolved.metrics.clone(), resolved.resources.clone());
    // The target answers while it is held.
    let (mut session, _target) = session(resolved, baseline, world)?;
    session.notices.extend(scarce);
    let stop = stop_on_signal()?;
    let (mut report, session) = delivery::grouped("The run", world, || {
        measure(session, beside, args, &results, &stop, world)
    })?;
    let baseline = session.baseline.as_deref();
    if stop.is_interrupted() && !report.was_interrupted() {
        // After the last answer: in what follows the load, which is part of the run.
        report.doubt("interrupted after the load".to_owned());
    }
    let history = closing::keep(&mut report, earlier, baseline, &results, world);
    if report.shard.is_some() {
        return Ok(shard::close(&report, &results, delivery.is_some(), world));
    }
    let past = EarlierRuns { baseline, history: Some(&history) };
    if !closing::tell(&report, past, delivery, args.verbose, &results, &stop, world)? {
        report.doubt("interrupted while it was published".to_owned());
        results.replace(&report, past);
        closing::summarise(&report, &results, args.verbose, world);
        if delivery.is_some() {
            delivery::step(&report, past, report.verdict.exit_code(), &results, world);
        }
    }
    Ok(report.verdict.exit_code())
}

/// The token for GitHub: the action's, else the environment's.
pub(super) fn github_token(delivery: Option<&Delivery>, world: &World) -> Option<Secret> {
    let variable = || world.vars.get("GITHUB_TOKEN").filter(|token| !token.is_empty());
    delivery
        .and_then(|delivery| delivery.token.clone())
        .or_else(|| variable().map(|token| Secret::new(token.as_str())))
}

/// An authority to trust that can't be read is a mistake, not a target's failure.
fn trusts_whom_it_names(resolved: &Resolved) -> Result<(), UsageError> {
    let ca_file = resolved.plan.scenarios.iter().find_map(|plan| plan.engine.ca_file.as_deref());
    if ca_file.is_none() && !resolved.plan.environment.url.starts_with("https:") {
        return Ok(());
    }
    engine::client_tls(ca_file).map(drop).map_err(|wrong| UsageError::Plain(wrong.to_string()))
}

/// Says what will be sent and what it can show; `false` where `--strict-plan`
/// forbids it.
fn tell_plan(resolved: &Resolved, args: &RunArgs, world: &World) -> bool {
    let feasibility = plan::suite_feasibility(&resolved.plan, resolved.one_of_several);
    let lines = report::plan_lines(&feasibility, world.output.note_width());
    let dress = |text: &str, style| report::plan_dressed(text, &feasibility, style);
    world.output.note_dressed(lines.trim_matches('\n'), dress);
    if !resolved.plan.environment.embedded {
        let url = &resolved.plan.environment.url;
        world.output.note(&report::creation_line(&feasibility, url));
    }
    !(args.strict_plan && feasibility.is_impossible())
}

/// Check, scenarios, verdict.
fn measure(
    mut session: Session,
    (metrics, monitoring): (MetricsSettings, ResourcesSettings),
    args: &RunArgs,
    results: &Results,
    stop: &Stop,
    world: &World,
) -> anyhow::Result<(SuiteReport, Arc<Session>)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    checkpoint::nothing_yet(&session, &results.suite_json());
    if !args.no_check && !session.plan.environment.embedded {
        runtime.block_on(async {
            tokio::select! {
                looked = look_first(&mut session, results, world) => looked,
                // The run finds the signal given, and reports that it never began.
                _ = stop.given() => Ok(()),
            }
        })?;
    }
    for notice in &session.notices {
        world.output.note(&format!("note: {notice}"));
    }
    let session = Arc::new(session);
    let telemetry = Telemetry::start(metrics, &session, surroundings::now)?;
    let mut report = execute(&runtime, &session, &telemetry, stop, results, world)?;
    let baseline = session.baseline.as_deref();
    resources::add(&monitoring, &mut report, baseline, &runtime, stop, world);
    report.context.dashboard = telemetry.dashboard(&report);
    let undelivered = telemetry.finish(&report, stop);
    report.notices.extend(undelivered.iter().map(ToString::to_string));
    // Answers that were given up must not hold the process.
    runtime.shutdown_background();
    Ok((report, session))
}

/// Puts the run together; for `embedded`, starts the target inside this process.
fn session(
    resolved: Resolved,
    baseline: Option<SuiteReport>,
    world: &World,
) -> anyhow::Result<(Session, Option<Target>)> {
    let Resolved { mut plan, mut secrets, notices, embedded_keys, embedded_pace, .. } = resolved;
    // A part of several is judged by nobody, so by no earlier run either.
    if let Some(baseline) = baseline.as_ref().filter(|_| plan.dealing.shard.is_alone()) {
        hold_against(&mut plan, baseline);
    }
    let mut target = None;
    if plan.environment.embedded {
        let config = TargetConfig {
            pace: embedded_pace,
            ..TargetConfig::embedded(plan.seed, embedded_keys)
        };
        secrets.keys.clone_from(&config.keys);
        secrets.webhook = Some(config.webhook_secret.clone());
        let started = Target::start(config)?;
        plan.environment.url = started.url();
        target = Some(started);
    }
    let dealing = &plan.dealing;
    let (run_id, address_offset) = if dealing.shard.is_alone() {
        (surroundings::run_id(rand::random()), rand::random())
    } else {
        // What all machines of the run call it, and where the addresses begin that they share.
        (surroundings::run_id(dealing.number("run")), dealing.number("addresses") as u32)
    };
    let session = Session {
        plan,
        keys: secrets.keys,
        webhook_secret: secrets.webhook,
        rings: secrets.rings,
        run_id,
        address_offset,
        started_at: surroundings::now(),
        context: surroundings::context(&world.vars),
        notices,
        baseline: baseline.map(Arc::new),
        unreachable: None,
    };
    Ok((session, target))
}

/// Keeps with each plan what thresholds relative to the baseline are held against.
fn hold_against(plan: &mut SuitePlan, baseline: &SuiteReport) {
    for plan in &mut plan.scenarios {
        if let Some(before) = baseline.scenario(plan.scenario) {
            plan.criteria.hold_against(&before.recording);
        }
    }
}

/// Sees to it that the system gives as many sockets as the in-flight cap may need. What
/// to know where it doesn't; an error where there are too few to start with.
fn descriptors(plan: &SuitePlan) -> Result<Option<String>, UsageError> {
    let cap = plan.scenarios.iter().map(|plan| plan.engine.max_in_flight).max();
    let wanted = u64::from(cap.unwrap_or(0)) + plan::DESCRIPTORS_BESIDE;
    let Some(limit) = engine::raise_descriptor_limit(wanted).filter(|limit| *limit < wanted) else {
        return Ok(None);
    };
    let open = engine::process_figures().descriptors.unwrap_or(0);
    if limit < open + FEWEST_DESCRIPTORS {
        return Err(UsageError::Plain(format!(
            "this process may have no more than {limit} open files (RLIMIT_NOFILE) and has {open}; at \
             least {FEWEST_DESCRIPTORS} more are needed to send anything at all, {wanted} for \
             max_in_flight: raise `ulimit -n`"
        )));
    }
    Ok(Some(format!(
        "at most {limit} open files are allowed (RLIMIT_NOFILE), {wanted} are needed for \
         max_in_flight: raise `ulimit -n` or lower `[engine] max_in_flight`"
    )))
}

/// The first signal ends the run, and reports follow; the second leaves at once, with
/// what is on disk.
fn stop_on_signal() -> anyhow::Result<Stop> {
    let stop = Stop::default();
    let theirs = stop.clone();
    #[expect(
        clippy::exit,
        clippy::disallowed_methods,
        reason = "who asks twice doesn't wait until main is back; files are there whole or not at all"
    )]
    let leave = || std::process::exit(i32::from(INCONCLUSIVE));
    signals::listen(move || theirs.now(StopReason::Interrupted), leave)
        .context("signals can't be listened to")?;
    Ok(stop)
}

/// The check before the run: what is off becomes a notice, an unreachable target
/// means that nothing is tried.
async fn look_first(session: &mut Session, results: &Results, world: &World) -> anyhow::Result<()> {
    let found = check::within_run(session, results.dir(), world).await?;
    session.notices.extend(found.lines.iter().filter_map(report::check_notice));
    if !session.plan.dealing.shard.is_alone() {
        let clock = found.lines.iter().find(|line| line.name == preflight::CLOCK);
        if let Some(line) = clock {
            world.output.note(&format!("clock: {}", line.found));
        }
    }
    if found.unreachable {
        let line = found.lines.iter().find(|line| line.state == CheckState::Bad);
        let reason = line.map_or("no connection could be opened", |line| line.found.as_str());
        session.unreachable = Some(reason.to_owned());
    }
    Ok(())
}

fn execute(
    runtime: &tokio::runtime::Runtime,
    session: &Arc<Session>,
    telemetry: &Arc<Telemetry>,
    stop: &Stop,
    results: &Results,
    world: &World,
) -> anyhow::Result<SuiteReport> {
    let checkpointer = Checkpointer::start(Arc::clone(session), results.suite_json())?;
    let progress = Arc::new(Progress::new(world.output));
    let report = runtime.block_on(suite::run(session, progress, &checkpointer, telemetry, stop));
    checkpointer.finish();
    report
}
