//! `load-gate run`: resolve, prepare, run, judge, report.

use std::sync::Arc;

use super::args::RunArgs;
use super::checkpoint::Checkpointer;
use super::progress::Progress;
use super::results::Results;
use super::signals::signalled;
use super::suite::{self, Session};
use super::surroundings;
use super::{World, inputs};
use crate::config::{Purpose, Resolved};
use crate::engine::{self, Stop, StopReason};
use crate::plan::SuiteReport;
use crate::report;
use crate::target::{Target, TargetConfig};

/// Runs the scenarios; the exit code is the verdict's.
pub(super) fn run(args: &RunArgs, world: &World) -> anyhow::Result<u8> {
    let flags = inputs::run_flags(args);
    let resolved = inputs::resolve(&flags, Purpose::Run, world)?;
    let results = Results::new(&args.shared.results_dir, args.shared.junit.as_deref());
    results.prepare()?;
    // The target answers while it is held.
    let (mut session, _target) = session(resolved, args, world)?;
    descriptors(&mut session);
    let session = Arc::new(session);
    let report = execute(&session, &results, world)?;
    deliver(&report, &session, &results, world);
    Ok(report.verdict.exit_code())
}

/// Puts the run together; for `embedded`, starts the target inside this process.
fn session(
    resolved: Resolved,
    args: &RunArgs,
    world: &World,
) -> anyhow::Result<(Session, Option<Target>)> {
    let Resolved { mut plan, mut secrets, notices, embedded_keys } = resolved;
    let baseline = args.baseline.as_deref().map(inputs::read_suite).transpose()?.map(Arc::new);
    let mut target = None;
    if plan.environment.embedded {
        let config = TargetConfig::embedded(plan.seed, embedded_keys);
        secrets.keys.clone_from(&config.keys);
        secrets.webhook = Some(config.webhook_secret.clone());
        let started = Target::start(config)?;
        plan.environment.url = started.url();
        target = Some(started);
    }
    let session = Session {
        plan,
        keys: secrets.keys,
        webhook_secret: secrets.webhook,
        run_id: surroundings::run_id(),
        address_offset: rand::random(),
        started_at: surroundings::now(),
        context: surroundings::context(&world.vars),
        notices,
        baseline,
    };
    Ok((session, target))
}

/// Sees to it that the system gives as many sockets as the in-flight cap may need.
fn descriptors(session: &mut Session) {
    let cap = session.plan.scenarios.iter().map(|plan| plan.engine.max_in_flight).max();
    let wanted = u64::from(cap.unwrap_or(0)) + 100;
    if let Some(limit) = engine::raise_descriptor_limit(wanted)
        && limit < wanted
    {
        session.notices.push(format!(
            "at most {limit} files may be open (RLIMIT_NOFILE), {wanted} are needed for \
             max_in_flight: raise `ulimit -n` or lower `[engine] max_in_flight`"
        ));
    }
}

fn execute(
    session: &Arc<Session>,
    results: &Results,
    world: &World,
) -> anyhow::Result<SuiteReport> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let checkpointer = Checkpointer::start(Arc::clone(session), results.suite_json())?;
    let progress = Arc::new(Progress::new(world.output));
    let report = runtime.block_on(async {
        let stop = Stop::default();
        tokio::spawn({
            let stop = stop.clone();
            async move {
                signalled().await;
                stop.now(StopReason::Interrupted);
            }
        });
        suite::run(session, progress, &checkpointer, &stop).await
    });
    checkpointer.finish();
    // Answers that were given up must not hold the process.
    runtime.shutdown_background();
    report
}

fn deliver(report: &SuiteReport, session: &Session, results: &Results, world: &World) {
    for problem in results.write(report, session.baseline.as_deref()) {
        world.output.error(&problem);
    }
    world.output.result(&report::summary_text(report, world.output.style()));
    world.output.result(&format!("\nresults: {}", results.dir().display()));
}
