//! A scenario's run from the first connection to the last answer.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::events::Event;
use super::job::{Job, Run};
use super::load::load;
use super::platform;
use super::request::{Errand, Report};
use crate::measure::{CanaryResult, Ended, Recording};
use crate::outcome::Outcome;
use crate::units::Nanos;

/// How long answers are awaited after an interrupt.
const DRAIN_AFTER_STOP: Duration = Duration::from_secs(3);

/// How often what was measured is saved while answers are awaited.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// Runs one scenario: connection, canary, first probes, proof, load, drain.
pub async fn run(job: Job) -> Recording {
    let run = Run::new(job);
    let cpu_before = platform::cpu_seconds();
    run.observe(&Event::Started(&run.job.plan));
    run.observe(&Event::Checkpoint(&run.snapshot()));
    let ended = tokio::select! {
        biased;
        ended = before_load(&run) => ended,
        reason = run.job.stop.given() => Some(reason.ended(Nanos::ZERO)),
    };
    let ended = match ended {
        Some(ended) => ended,
        None => load(&run).await,
    };
    tracing::debug!(in_flight = run.in_flight(), ?ended, "load ended, draining");
    drain(&run).await;
    // A signal that came while answers were awaited interrupts as well.
    let ended = match (ended, run.job.stop.reason()) {
        (Ended::Completed, Some(reason)) => reason.ended(run.load_time()),
        (ended, _) => ended,
    };
    finish(&run, ended, cpu_before)
}

/// Everything before the first arrival. `Some` when there will be none.
async fn before_load(run: &Arc<Run>) -> Option<Ended> {
    let within = run.job.plan.engine.connect_timeout;
    if let Err(reason) = run.job.transport.reach(within.into()).await {
        return Some(Ended::Unreachable { reason });
    }
    let report = run.carry_out(Errand::Canary, &run.job.identities.of_arrival(1)).await;
    let canary = CanaryResult {
        outcome: report.outcome,
        status: report.status,
        service_time: report.service_time,
        note: note_on(&report),
    };
    tracing::debug!(
        scenario = run.job.plan.scenario.name(),
        outcome = %canary.outcome,
        status = canary.status,
        service_time = %canary.service_time,
        "canary"
    );
    run.observe(&Event::Canary(&canary));
    run.recorder().canary(canary);
    if report.unconnected {
        return Some(Ended::Unreachable { reason: report.text.unwrap_or_default() });
    }
    if matches!(report.status, 401 | 403 | 422) && report.outcome == Outcome::Rejected {
        let mut advice = run.job.scenario.advice(report.status);
        if let Some(text) = report.text.filter(|text| !text.is_empty()) {
            advice = format!("{advice} (the target said: {text})");
        }
        return Some(Ended::Misconfigured { advice });
    }
    first_probes(run).await;
    prove(run).await;
    None
}

fn note_on(report: &Report) -> String {
    let text = report.text.as_deref().filter(|text| !text.is_empty());
    match report.outcome {
        Outcome::Accepted => String::new(),
        Outcome::Contract => {
            format!("check `{}` failed", report.check.unwrap_or("of the contract"))
        }
        outcome if report.status == 0 => {
            format!("{outcome}: {}", text.unwrap_or("no answer"))
        }
        outcome => match text {
            Some(text) => format!("{outcome}, status {}: {text}", report.status),
            None => format!("{outcome}, status {}", report.status),
        },
    }
}

/// One probe of each kind while the limiter still has room for it.
async fn first_probes(run: &Arc<Run>) {
    for &kind in run.job.plan.probes.before_load() {
        let k = run.extra.fetch_add(1, Ordering::Relaxed);
        run.carry_out(Errand::Probe { k, kind }, &run.job.identities.of_probe(k)).await;
    }
}

/// Drives the identity set aside past its limit, as far as that comes before the load.
async fn prove(run: &Arc<Run>) {
    let Some(identity) = run.job.identities.set_aside() else { return };
    let start = run.now();
    run.proof_start.get_or_init(|| start);
    let lead_in = &run.job.plan.extras.proof.lead_in;
    run.observe(&Event::Proof(lead_in.last().copied().unwrap_or_default()));
    for moment in lead_in {
        run.job.clock.sleep_until(run.epoch + start + *moment).await;
        let k = run.extra.fetch_add(1, Ordering::Relaxed);
        run.spawn(Errand::Proof { k }, identity.clone());
    }
    // The load is to find the target as it is, not busy with the proof.
    run.idle().await;
}

/// Awaits the answers under way; after an interrupt not for long.
async fn drain(run: &Arc<Run>) {
    run.observe(&Event::Draining(run.in_flight()));
    run.observe(&Event::Checkpoint(&run.snapshot()));
    let patience = async {
        run.job.stop.given().await;
        tokio::time::sleep(DRAIN_AFTER_STOP).await;
    };
    let saving = async {
        loop {
            tokio::time::sleep(CHECKPOINT_EVERY).await;
            run.observe(&Event::Checkpoint(&run.snapshot()));
        }
    };
    tokio::select! {
        biased;
        () = run.idle() => {}
        () = saving => {}
        () = patience => {
            run.abandoned.store(true, Ordering::Release);
            run.abandon.notify_waiters();
            run.idle().await;
        }
    }
}

fn finish(run: &Arc<Run>, ended: Ended, cpu_before: Option<f64>) -> Recording {
    let cpu = platform::cpu_seconds().zip(cpu_before).map(|(after, before)| after - before);
    run.recorder().set_generator_usage(cpu, platform::peak_memory());
    run.finished(ended)
}
