//! A scenario's run from the first connection to the last answer.

use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use super::errand::Errand;
use super::job::{Job, ScenarioRun};
use super::judged::Report;
use super::keeper::{Finish, Order};
use super::load::load;
use super::platform;
use super::presence::Presence;
use super::setup::renew;
use super::skew::Skew;
use super::stop::Ending;
use super::threads::cores;
use super::worker::{Worker, on_own_thread};
use crate::ids::Traffic;
use crate::measure::{CanaryResult, Ended, Recording};
use crate::outcome::Outcome;
use crate::units::Nanos;

/// How long answers are awaited after a run was ended as failed.
const DRAIN_AFTER_ABORT: Duration = Duration::from_secs(3);

/// How often what was measured is saved while answers are awaited.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// Runs one scenario: connection, canary, first probes, proof, load, drain. On a
/// thread of its own, and on as many more as the plan says.
///
/// Where it can't go on, for want of a timer or by a mistake of load-gate's own, what
/// was measured so far is there, as [`Ended::Broken`].
///
/// # Errors
/// When the system has no thread to give, or the one is gone that keeps what was measured.
pub async fn run(job: Job) -> io::Result<Recording> {
    let cpu_before = platform::cpu_seconds();
    let run = ScenarioRun::begin(job)?;
    let theirs = Arc::clone(&run);
    let leading = on_own_thread("worker 1".to_owned(), move |presence| lead(theirs, presence));
    let ended = leading.await.unwrap_or_else(|wrong| Ended::Broken { reason: wrong.to_string() });
    finish(&run, ended, cpu_before).await
}

/// The same, its leading worker on the runtime that polls this.
#[cfg(test)]
pub(super) async fn run_here(job: Job) -> io::Result<Recording> {
    let presence = super::presence::Presence::unwatched();
    let run = ScenarioRun::begin(job)?;
    let leading = lead(Arc::clone(&run), presence);
    let ended = tokio::task::LocalSet::new().run_until(leading).await?;
    finish(&run, ended, None).await
}

/// Sends what the run sends; how it ended.
async fn lead(run: Arc<ScenarioRun>, presence: Arc<Presence>) -> io::Result<Ended> {
    let worker = Worker::new(&run, 0, Skew::default(), presence)?;
    let renewing = run.job.identities.are_renewed();
    let renewing = renewing.then(|| tokio::task::spawn_local(renew(Rc::clone(&worker))));
    let seconds = tokio::task::spawn_local(seconds_before(Rc::clone(&worker)));
    let before = unless_stopped(&worker, before_load(&worker)).await;
    seconds.abort();
    let before = before?;
    let ended = match run.job.stop.reason() {
        Some(reason) => Some(reason.ended(Nanos::ZERO)),
        None => before,
    };
    let (ended, others) = match ended {
        Some(ended) => (ended, Vec::new()),
        None => load_together(&worker).await?,
    };
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    let in_flight = run.in_flight.load(Ordering::Relaxed);
    tracing::debug!(in_flight, ?ended, "load ended, draining");
    run.tell(Order::Draining(in_flight));
    drain(&worker, others).await;
    // A signal that came while answers were awaited interrupts as well.
    Ok(match (ended, run.job.stop.reason()) {
        _ if run.broke.load(Ordering::Relaxed) => {
            let reason =
                "a part of it came to a mistake of its own, which stands on standard error";
            Ended::Broken { reason: reason.to_owned() }
        }
        (Ended::Completed, Some(reason)) => reason.ended(run.load_time()),
        (ended, _) => ended,
    })
}

/// Once a second before the load: hands over what was measured, so that it can be shown.
async fn seconds_before(worker: Rc<Worker>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        worker.hand_over();
        worker.run.tell(Order::Before);
    }
}

/// Awaits `work`; once the run is ended, gives up the answers that it awaits, so that
/// what was sent is on record.
pub(super) async fn unless_stopped<T>(worker: &Worker, work: impl Future<Output = T>) -> T {
    tokio::pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        _ = worker.run.job.stop.given() => worker.abandon(),
    }
    work.await
}

/// Opens as many connections as requests will be under way by Little's law, at the
/// peak and at the canary's service time: no handshake is then on an arrival's way.
async fn open_ahead(worker: &Worker, workers: u32) {
    let run = &worker.run;
    let service_time = run.service_time.get().copied().unwrap_or_default();
    let under_way = run.peak() * service_time.as_secs_f64();
    let wanted = under_way.min(f64::from(run.job.plan.engine.max_in_flight)) / f64::from(workers);
    tokio::select! {
        () = worker.transport.open_ahead(wanted.ceil() as usize) => {}
        _ = run.job.stop.given() => {}
    }
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
    let workers = run.job.plan.engine.workers_for(run.peak(), cores());
    open_ahead(worker, workers).await;
    if let Some(reason) = run.job.stop.reason() {
        return Ok((reason.ended(Nanos::ZERO), Vec::new()));
    }
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
            // One that is gone has said so: its share is missing.
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
    let (run, theirs) = (Arc::clone(run), Arc::clone(run));
    let thread = on_own_thread(format!("worker {}", index + 1), move |presence| async move {
        let worker = Worker::new(&run, index as usize, skew, presence)?;
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
        if ended.is_err() {
            theirs.broke.store(true, Ordering::Relaxed);
        }
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

/// Everything before the first arrival. `Some` when there will be none; a signal ends it
/// at once.
async fn before_load(worker: &Rc<Worker>) -> io::Result<Option<Ended>> {
    let run = &worker.run;
    wait_for_appointment(worker).await?;
    let within = run.job.plan.engine.connect_timeout;
    let asked = run.now();
    let reached = tokio::select! {
        biased;
        reached = worker.transport.reach(within.into()) => reached,
        _ = run.job.stop.given() => return Ok(None),
    };
    if let Err(reason) = reached {
        return Ok(Some(Ended::Unreachable { reason }));
    }
    if !run.job.shard.leads() {
        // What is sent once is sent by another. An answer takes no less than a connection.
        run.service_time.get_or_init(|| run.now() - asked);
        return Ok(None);
    }
    let report = worker.carry_out(Errand::Canary, &run.job.identities.of_arrival(1)).await;
    if run.job.stop.reason().is_some() {
        return Ok(None);
    }
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
    if matches!(report.status, 0 | 400) && meets_tls(worker).await {
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

/// Whether the port of an `http://` URL speaks TLS; nobody who ends the run waits for it.
async fn meets_tls(worker: &Worker) -> bool {
    tokio::select! {
        met = worker.transport.meets_tls() => met,
        _ = worker.run.job.stop.given() => false,
    }
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
        if job.stop.reason().is_some() {
            return;
        }
        let identity = job.identities.of_probe(k, 1, job.plan.probes.by_identity.contains(&kind));
        worker.carry_out(Errand::Probe { k, kind }, &identity).await;
    }
}

/// Drives the identity set aside past its limit, as far as that comes before the load.
async fn prove(worker: &Rc<Worker>) -> io::Result<()> {
    let run = &worker.run;
    if run.job.identities.set_aside().is_none() {
        return Ok(());
    }
    let mut sleeper = worker.take_sleeper()?;
    let proof = &run.job.plan.extras.proof;
    // It goes on into the load, so it begins as long before an appointed one as before any.
    let latest = run.appointed().map(|at| at.saturating_sub(proof.load_starts));
    let start = latest.unwrap_or_default().max(run.now());
    // Whoever ends the run is heard below.
    let _ = sleeper.until(start).await;
    run.proof_start.get_or_init(|| start);
    let lead_in = &proof.lead_in;
    run.tell(Order::Proof(lead_in.last().copied().unwrap_or_default()));
    for (k, moment) in (0..).zip(lead_in) {
        if sleeper.until(start + *moment).await.is_err() {
            // Whoever waits for this sees the signal too.
            break;
        }
        worker.spawn_proof(k);
    }
    worker.put_sleeper(sleeper);
    // The load is to find the target as it is, not busy with the proof.
    worker.idle().await;
    Ok(())
}

/// Awaits the answers under way, after an interrupt not for long, and then those of
/// `others`; hands over what came of them.
async fn drain(worker: &Worker, others: Vec<oneshot::Receiver<()>>) {
    let stop = &worker.run.job.stop;
    let patience = async {
        stop.given().await;
        tokio::select! {
            () = tokio::time::sleep(DRAIN_AFTER_ABORT) => {}
            () = stop.over(Ending::Answers) => {}
        }
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
    let gone = |_| io::Error::other("the thread that keeps what was measured is gone");
    let mut recording = recording.await.map_err(gone)?;
    name_traces(run, &mut recording);
    Ok(recording)
}

/// Says under which trace ids the slowest arrivals and the quoted ones can be found.
fn name_traces(run: &ScenarioRun, recording: &mut Recording) {
    let Some(traces) = run.job.traces else { return };
    let scenario = run.job.scenario.id();
    let id = |arrival| Some(traces.id(scenario.name(), Traffic::Arrival, arrival));
    for slow in &mut recording.slowest {
        slow.trace = id(slow.arrival);
    }
    for excerpt in recording.excerpts.iter_mut().filter(|excerpt| excerpt.arrival > 0) {
        excerpt.trace = id(excerpt.arrival);
    }
}
