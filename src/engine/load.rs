//! The load: an open model. Arrivals are dispatched when they are due, whatever the target does.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::events::{Event, Tick};
use super::job::Run;
use super::request::{Errand, Prepared};
use super::stop::StopReason;
use crate::measure::{Ended, Sample};
use crate::units::Nanos;

/// Arrivals dispatched without a pause before others get their turn.
const BURST: u32 = 32;
/// An arrival due later than this is made ready before it is due.
const HEADROOM: Nanos = Nanos::from_micros(100);

/// Sends every arrival when it is due, and what goes along with the load.
pub(super) async fn load(run: &Arc<Run>) -> Ended {
    let start = run.now();
    run.start_load(start);
    run.observe(&Event::Load { arrivals: run.schedule.total(), duration: run.schedule.duration() });
    let watcher = tokio::spawn(watch(Arc::clone(run), start));
    let ended = match dispatch_all(run, start).await {
        Ok(()) => Ended::Completed,
        Err(reason) => reason.ended(run.now() - start),
    };
    watcher.abort();
    ended
}

async fn dispatch_all(run: &Arc<Run>, start: Nanos) -> Result<(), StopReason> {
    let mut probes = run.job.plan.probes.turns(run.schedule.total()).peekable();
    let mut follow_ups = FollowUps::new(run, start);
    let mut burst = 0;
    for (n, stage, due) in run.schedule.iter() {
        while let Some(moment) = follow_ups.next_by(due) {
            sleep(run, start + moment).await?;
            follow_ups.send(run);
        }
        let stage = u16::try_from(stage).unwrap_or(u16::MAX);
        let errand = Errand::Arrival { n, stage, due: start + due };
        let mut prepared = None;
        if (start + due) - run.now() > HEADROOM {
            // What was dispatched last is sent first.
            tokio::task::yield_now().await;
            prepared = Some(prepare(run, errand, start + due));
        }
        if sleep(run, start + due).await? {
            burst = 0;
        } else {
            burst += 1;
            if burst % BURST == 0 {
                tokio::task::yield_now().await;
            }
        }
        if run.in_flight() >= u64::from(run.job.plan.engine.max_in_flight) {
            drop_arrival(run, n, stage, start + due);
        } else {
            run.spawn_prepared(prepared.unwrap_or_else(|| prepare(run, errand, start + due)));
        }
        if let Some((_, kind)) = probes.next_if(|(with, _)| *with <= n) {
            let k = run.extra.fetch_add(1, Ordering::Relaxed);
            let identity = run.job.identities.of_probe(k);
            run.spawn(Errand::Probe { k, kind }, identity);
        }
    }
    // The last stage may ramp down to nothing: the load lasts to its end.
    while let Some(moment) = follow_ups.next_by(run.schedule.duration()) {
        sleep(run, start + moment).await?;
        follow_ups.send(run);
    }
    sleep(run, start + run.schedule.duration()).await?;
    Ok(())
}

/// Sleeps until `at` (from the first request), or until the run is ended. Whether
/// there was anything to sleep for.
async fn sleep(run: &Arc<Run>, at: Nanos) -> Result<bool, StopReason> {
    if let Some(reason) = run.job.stop.reason() {
        return Err(reason);
    }
    let at = run.epoch + at;
    if run.job.clock.now() >= at {
        return Ok(false);
    }
    tokio::select! {
        biased;
        reason = run.job.stop.given() => Err(reason),
        () = run.job.clock.sleep_until(at) => Ok(true),
    }
}

/// Builds the request of an arrival, as of the moment at which it is due (or now,
/// where that has passed).
fn prepare(run: &Arc<Run>, errand: Errand, due: Nanos) -> Prepared {
    let unix = run.job.clock.unix() + Duration::from(due - run.now());
    run.prepare(errand, run.job.identities.of_arrival(errand.n()), unix)
}

fn drop_arrival(run: &Run, n: u64, stage: u16, due: Nanos) {
    let identity = run.job.identities.of_arrival(n).id;
    run.recorder().record(&Sample::dropped(n, stage, identity, due), None);
}

/// What the identity set aside sends during the load.
struct FollowUps {
    /// Counted from the start of the load.
    moments: std::vec::IntoIter<Nanos>,
    next: Option<Nanos>,
}

impl FollowUps {
    fn new(run: &Run, start: Nanos) -> Self {
        let began = run.proof_start.get().copied().unwrap_or(start);
        let follow_ups = &run.job.plan.extras.proof.follow_ups;
        let moments: Vec<_> = follow_ups.iter().map(|moment| (began + *moment) - start).collect();
        let mut moments = moments.into_iter();
        let next = moments.next();
        Self { moments, next }
    }

    fn next_by(&self, due: Nanos) -> Option<Nanos> {
        self.next.filter(|moment| *moment <= due)
    }

    fn send(&mut self, run: &Arc<Run>) {
        if let Some(identity) = run.job.identities.set_aside() {
            let k = run.extra.fetch_add(1, Ordering::Relaxed);
            run.spawn(Errand::Proof { k }, identity.clone());
        }
        self.next = self.moments.next();
    }
}

/// Once a second: tells how the load stands, saves a checkpoint every tenth time,
/// and ends the run when it must not go on.
async fn watch(run: Arc<Run>, start: Nanos) {
    let mut sent_before = 0;
    let mut before = start;
    let mut seconds = tokio::time::interval(std::time::Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    // The first tick of an interval is at once.
    seconds.tick().await;
    for second in 1_u64.. {
        seconds.tick().await;
        let now = run.now();
        let (tick, sent) = tick(&run, now - start, (sent_before, now - before));
        (sent_before, before) = (sent, now);
        run.observe(&Event::Tick(&tick));
        if let Some(reason) = run.watchdog().tripped(tick.elapsed) {
            run.job.stop.now(StopReason::Aborted(reason));
        }
        let wants_snapshot = run.watchdog().wants_snapshot();
        if second % 10 == 0 || wants_snapshot {
            let snapshot = run.snapshot();
            if second % 10 == 0 {
                run.observe(&Event::Checkpoint(&snapshot));
            }
            let failing = run.watchdog().look(&snapshot, tick.elapsed);
            if let Some(reason) = failing {
                run.job.stop.now(StopReason::Aborted(reason));
            }
        }
    }
}

fn tick(run: &Run, elapsed: Nanos, (sent_before, since): (u64, Nanos)) -> (Tick, u64) {
    let (outcomes, sent, p95) = run.recorder().progress();
    let stages = run.schedule.stages();
    let current = stages.iter().find(|s| elapsed < s.end).or(stages.last());
    let tick = Tick {
        elapsed,
        stage: (current.map_or(0, |s| s.number), u16::try_from(stages.len()).unwrap_or(u16::MAX)),
        asked: run.schedule.rate_at(elapsed),
        achieved: (sent - sent_before) as f64 / since.as_secs_f64().max(0.001),
        in_flight: run.in_flight(),
        planned: run.schedule.total(),
        outcomes,
        p95,
    };
    (tick, sent)
}
