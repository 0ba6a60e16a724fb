//! A scenario's run from the first connection to the last answer.

use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use super::job::{Job, ScenarioRun};
use super::keeper::{Finish, Order};
use super::load::load;
use super::platform;
use super::request::{Errand, Report};
use super::skew::Skew;
use super::worker::{Worker, on_own_thread};
use crate::measure::{CanaryResult, Ended, Recording};
use crate::outcome::Outcome;
use crate::units::Nanos;

/// How long answers are awaited after an interrupt.
const DRAIN_AFTER_STOP: Duration = Duration::from_secs(3);

/// How often what was measured is saved while answers are awaited.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// Runs one scenario: connection, canary, first probes, proof, load, drain. On a
/// thread of its own, and on as many more as the plan says.
///
/// # Errors
/// When the system has no thread, timer or descriptor to give.
pub fn run(job: Job) -> impl Future<Output = io::Result<Recording>> + Send {
    on_own_thread("worker 1".to_owned(), move || lead(job))
}

/// The same, its leading worker on the runtime that polls this.
#[cfg(test)]
pub(super) async fn run_here(job: Job) -> io::Result<Recording> {
    tokio::task::LocalSet::new().run_until(lead(job)).await
}

async fn lead(job: Job) -> io::Result<Recording> {
    let cpu_before = platform::cpu_seconds();
    let run = ScenarioRun::begin(job)?;
    let worker = Worker::new(&run, 0, Skew::default())?;
    let ended = tokio::select! {
        biased;
        ended = before_load(&worker) => ended?,
        reason = run.job.stop.given() => Some(reason.ended(Nanos::ZERO)),
    };
    let (ended, others) = match ended {
        Some(ended) => (ended, Vec::new()),
        None => load_together(&worker).await?,
    };
    let in_flight = run.in_flight.load(Ordering::Relaxed);
    tracing::debug!(in_flight, ?ended, "load ended, draining");
    run.tell(Order::Draining(in_flight));
    drain(&worker, others).await;
    // A signal that came while answers were awaited interrupts as well.
    let ended = match (ended, run.job.stop.reason()) {
        (Ended::Completed, Some(reason)) => reason.ended(run.load_time()),
        (ended, _) => ended,
    };
    finish(&run, ended, cpu_before).await
}

/// Opens as many connections as requests will be under way by Little's law, at the
/// peak and at the canary's service time: no handshake is then on an arrival's way.
async fn open_ahead(worker: &Worker, workers: u32) {
    let run = &worker.run;
    let service_time = run.service_time.get().copied().unwrap_or_default();
    let under_way = run.peak() * service_time.as_secs_f64();
    let wanted = under_way.min(f64::from(run.job.plan.engine.max_in_flight)) / f64::from(workers);
    worker.transport.open_ahead(wanted.ceil() as usize).await;
}

/// Another worker's thread, from the moment it is asked to begin.
struct Other {
    go: oneshot::Sender<Nanos>,
    done: oneshot::Receiver<()>,
}

/// Sends the load with as many workers as the plan has. How it ended, and whom to
/// wait for until every answer is there.
async fn load_together(worker: &Rc<Worker>) -> io::Result<(Ended, Vec<oneshot::Receiver<()>>)> {
    let run = &worker.run;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cores = u32::try_from(cores).unwrap_or(u32::MAX);
    let workers = run.job.plan.engine.workers_for(run.peak(), cores);
    open_ahead(worker, workers).await;
    let mut others = Vec::new();
    for index in 1..workers {
        others.push(start_other(run, index, workers, worker.skew.get()).await?);
    }
    worker.hand_over();
    let (now, appointed) = (run.now(), run.appointed());
    let start = appointed.unwrap_or(now);
    let late = *run.late.get_or_init(|| now - start);
    run.load_start.get_or_init(|| start);
    run.tell(Order::Load { start, late, workers: workers as usize });
    let others: Vec<_> = others
        .into_iter()
        .map(|other| {
            // One that is gone has said why, and nobody hears it: its share is missing.
            let _ = other.go.send(start);
            other.done
        })
        .collect();
    let ended = match load(worker, (0, workers), start).await? {
        Ok(()) => Ended::Completed,
        Err(reason) => reason.ended(run.now() - start),
    };
    Ok((ended, others))
}

/// Starts another worker, which makes itself ready and waits.
async fn start_other(run: &Arc<ScenarioRun>, index: u32, of: u32, skew: Skew) -> io::Result<Other> {
    let (go, going) = oneshot::channel();
    let (is_ready, ready) = oneshot::channel();
    let (is_done, done) = oneshot::channel();
    let run = Arc::clone(run);
    let thread = on_own_thread(format!("worker {}", index + 1), move || async move {
        let worker = Worker::new(&run, index as usize, skew)?;
        open_ahead(&worker, of).await;
        let _ = is_ready.send(());
        if let Ok(start) = going.await {
            let ended = load(&worker, (index, of), start).await;
            drain(&worker, Vec::new()).await;
            ended?.ok();
        }
        Ok(())
    });
    tokio::task::spawn_local(async move {
        // Whatever became of it, nobody needs to wait any longer.
        let ended = thread.await;
        tracing::debug!(index, ?ended, "worker ended");
        let _ = is_done.send(());
    });
    ready.await.map_err(|_| io::Error::other("a worker's thread could not be started"))?;
    Ok(Other { go, done })
}

/// Waits until there is as much time left as connection, canary, first probes and proof
/// may take before a load that begins at a given moment.
async fn wait_for_appointment(worker: &Worker) -> io::Result<()> {
    let run = &worker.run;
    let Some(at) = run.job.start_at else { return Ok(()) };
    let left = at.unix().saturating_sub(run.job.clock.unix());
    run.tell(Order::Waiting(left.into()));
    let mut sleeper = worker.take_sleeper()?;
    // Who ends the run is heard by whoever called.
    let _ = sleeper.until(Nanos::ZERO).await;
    worker.put_sleeper(sleeper);
    Ok(())
}

/// Everything before the first arrival. `Some` when there will be none.
async fn before_load(worker: &Rc<Worker>) -> io::Result<Option<Ended>> {
    let run = &worker.run;
    wait_for_appointment(worker).await?;
    let within = run.job.plan.engine.connect_timeout;
    let asked = run.now();
    if let Err(reason) = worker.transport.reach(within.into()).await {
        return Ok(Some(Ended::Unreachable { reason }));
    }
    if !run.job.shard.leads() {
        // What is sent once is sent by another. An answer takes no less than a connection.
        run.service_time.get_or_init(|| run.now() - asked);
        return Ok(None);
    }
    let report = worker.carry_out(Errand::Canary, &run.job.identities.of_arrival(1)).await;
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
    run.tell(Order::Canary(canary));
    if report.unconnected {
        return Ok(Some(Ended::Unreachable { reason: report.text.unwrap_or_default() }));
    }
    if matches!(report.status, 0 | 400) && worker.transport.meets_tls().await {
        return Ok(Some(Ended::Unreachable {
            reason: "the port of this http:// URL speaks TLS: use an https:// URL".to_owned(),
        }));
    }
    if matches!(report.status, 401 | 403 | 422) && report.outcome == Outcome::Rejected {
        let mut advice = run.job.scenario.advice(report.status);
        if let Some(text) = report.text.filter(|text| !text.is_empty()) {
            advice = format!("{advice} (the target said: {text})");
        }
        return Ok(Some(Ended::Misconfigured { advice }));
    }
    first_probes(worker).await;
    prove(worker).await?;
    run.service_time.get_or_init(|| report.service_time);
    Ok(None)
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
async fn first_probes(worker: &Rc<Worker>) {
    let job = &worker.run.job;
    for (k, &kind) in (0..).zip(job.plan.probes.before_load()) {
        worker.carry_out(Errand::Probe { k, kind }, &job.identities.of_probe(k)).await;
    }
}

/// Drives the identity set aside past its limit, as far as that comes before the load.
async fn prove(worker: &Rc<Worker>) -> io::Result<()> {
    let run = &worker.run;
    let Some(identity) = run.job.identities.set_aside() else { return Ok(()) };
    let mut sleeper = worker.take_sleeper()?;
    let start = run.now();
    run.proof_start.get_or_init(|| start);
    let lead_in = &run.job.plan.extras.proof.lead_in;
    run.tell(Order::Proof(lead_in.last().copied().unwrap_or_default()));
    for (k, moment) in (0..).zip(lead_in) {
        if sleeper.until(start + *moment).await.is_err() {
            // Whoever waits for this sees the signal too.
            break;
        }
        worker.spawn(Errand::Proof { k }, identity.clone());
    }
    worker.put_sleeper(sleeper);
    // The load is to find the target as it is, not busy with the proof.
    worker.idle().await;
    Ok(())
}

/// Awaits the answers under way, after an interrupt not for long, and then those of
/// `others`; hands over what came of them.
async fn drain(worker: &Worker, others: Vec<oneshot::Receiver<()>>) {
    let patience = async {
        worker.run.job.stop.given().await;
        tokio::time::sleep(DRAIN_AFTER_STOP).await;
    };
    let saving = async {
        loop {
            tokio::time::sleep(CHECKPOINT_EVERY).await;
            worker.hand_over();
            worker.run.tell(Order::Checkpoint);
        }
    };
    tokio::select! {
        biased;
        () = worker.idle() => {}
        () = saving => {}
        () = patience => {
            worker.abandon();
            worker.idle().await;
        }
    }
    worker.hand_over_last();
    for other in others {
        let _ = other.await;
    }
}

/// What was measured, from the keeper.
pub(super) async fn finish(
    run: &ScenarioRun,
    ended: Ended,
    cpu_before: Option<f64>,
) -> io::Result<Recording> {
    let (reply, recording) = oneshot::channel();
    let cpu_seconds = platform::cpu_seconds().zip(cpu_before).map(|(after, before)| after - before);
    run.tell(Order::Finish(Box::new(Finish {
        ended,
        duration: run.load_time(),
        cpu_seconds,
        peak_memory: platform::peak_memory(),
        reply,
    })));
    recording.await.map_err(|_| io::Error::other("the thread that keeps what was measured is gone"))
}
