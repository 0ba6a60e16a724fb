//! `load-gate run`: resolve, prepare, run, judge, report.

use std::sync::Arc;

use super::args::RunArgs;
use super::baseline::Earlier;
use super::checkpoint::{self, Checkpointer};
use super::closing::Closing;
use super::delivery::Delivery;
use super::interrupts::Interrupts;
use super::progress::Progress;
use super::results::Results;
use super::session::Session;
use super::suite;
use super::surroundings;
use super::telemetry::Telemetry;
use super::world::{UsageError, World};
use super::{check, delivery, inputs, resources, scarce};
use crate::config::{MetricsSettings, Purpose, Resolved, ResourcesSettings};
use crate::engine::{self, Stop};
use crate::plan::{self, SuitePlan};
use crate::preflight::{self, CheckState};
use crate::report;
use crate::secret::Secret;
use crate::suite::{SuiteReport, series};
use crate::target::{Target, TargetConfig};

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
    let interrupts = Interrupts::listen()?;
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
    let stop = &interrupts.stop;
    let mut earlier = Earlier::of(&args.baseline, series, token.as_ref(), now, stop, world)?;
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
    let scarce = scarce::descriptors(&resolved.plan)?;
    scarce::threads(&resolved.plan)?;
    let results = Results::prepare(&args.shared.results_dir, args.shared.junit.as_deref())?;
    let beside = (resolved.metrics.clone(), resolved.resources.clone());
    // The target answers while it is held.
    let (mut session, _target) = session(resolved, baseline, world)?;
    session.notices.extend(scarce);
    let (mut report, session) = delivery::grouped("The run", world, || {
        measure(session, beside, args, &results, &interrupts.stop, world)
    })?;
    let closing = Closing {
        earlier,
        baseline: session.baseline.as_deref(),
        delivery,
        verbose: args.verbose,
        results: &results,
        interrupts: &interrupts,
        world,
    };
    Ok(closing.close(&mut report, "interrupted after the load"))
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
    // What sends has threads of its own: this one waits.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    checkpoint::nothing_yet(&session, results);
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
    let telemetry = match Telemetry::start(metrics, &session, surroundings::now) {
        Ok(telemetry) => telemetry,
        Err(wrong) => {
            runtime.shutdown_background();
            return Ok((checkpoint::nothing_came_of(&session, &wrong.into()), session));
        }
    };
    let mut report = execute(&runtime, &session, &telemetry, stop, results, world)
        .unwrap_or_else(|wrong| checkpoint::nothing_came_of(&session, &wrong));
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
    let checkpointer = Checkpointer::start(Arc::clone(session), results.clone())?;
    let progress = Arc::new(Progress::new(world.output));
    let report = runtime.block_on(suite::run(session, progress, &checkpointer, telemetry, stop));
    checkpointer.finish();
    report
}
