//! The load: an open model. Arrivals are dispatched when they are due, whatever the target does.

use std::io;
use std::iter::Peekable;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::spawn_local;

use super::course::Next;
use super::errand::Errand;
use super::job::ScenarioRun;
use super::keeper::{Order, Row};
use super::request::Prepared;
use super::stop::StopReason;
use super::worker::{Sleeper, Worker};
use crate::ids::ProbeKind;
use crate::measure::Sample;
use crate::units::Nanos;

/// Arrivals dispatched without a pause before others get their turn.
const BURST: u32 = 32;
/// An arrival due later than this is made ready before it is due.
const HEADROOM: Nanos = Nanos::from_micros(100);
/// How long before its moment an arrival is built that shows what is renewed.
const AHEAD: Nanos = Nanos::from_millis(500);

/// Sends every arrival of this machine that is worker `part.0`'s of `part.1` when it is
/// due, and what goes along with it. The leading worker (0) also sends what goes along
/// with the load as a whole, and lets the keeper know once a second how the load stands.
/// `Ok(Err)`: the run was ended early.
///
/// # Errors
/// When the system has no timer to give.
pub(super) async fn load(
    worker: &Rc<Worker>,
    part: (u32, u32),
    start: Nanos,
) -> io::Result<Result<(), StopReason>> {
    let mut sleeper = worker.take_sleeper()?;
    let paced = worker.presence.paced();
    let ended = match sleeper.until(start).await {
        Ok(_) => {
            let ticking = spawn_local(tick(Rc::clone(worker), part.0 == 0));
            let ended = dispatch_all(worker, &mut sleeper, part, start).await;
            ticking.abort();
            ended
        }
        Err(reason) => Err(reason),
    };
    drop(paced);
    worker.put_sleeper(sleeper);
    Ok(ended)
}

async fn dispatch_all(
    worker: &Rc<Worker>,
    sleeper: &mut Sleeper,
    (index, of): (u32, u32),
    start: Nanos,
) -> Result<(), StopReason> {
    let run = &worker.run;
    let turns = run.job.plan.probes.turns(run.course.planned().total());
    let mut probes = (0..).zip(turns).peekable();
    let mut follow_ups = FollowUps::new(worker, start, index == 0 && run.job.shard.leads());
    let missed = missed(run);
    let mut burst = 0;
    let renewed = run.job.identities.are_renewed();
    // Without an end: the course has one.
    for n in run.deal.part(u64::MAX, index, of) {
        let Some((stage, due)) = await_turn(worker, sleeper, &mut follow_ups, start, n).await?
        else {
            break;
        };
        let stage = u16::try_from(stage).unwrap_or(u16::MAX);
        if due < missed {
            drop_missed(worker, n, stage, start + due);
            continue;
        }
        let errand = Errand::Arrival { n, stage, due: start + due };
        let mut prepared = None;
        if renewed {
            // No earlier, or what it shows may be old by then.
            sleeper.until((start + due) - AHEAD).await?;
        }
        if (start + due) - run.now() > HEADROOM {
            prepared = Some(prepare(worker, errand, start + due));
        }
        if sleeper.until(start + due).await? {
            burst = 0;
        } else {
            burst += 1;
            if burst % BURST == 0 {
                // Who never sleeps is told of no answer otherwise.
                worker.transport.look();
                tokio::task::yield_now().await;
            }
        }
        if may_send(worker, n, renewed) {
            let (now, in_flight) = (run.now(), worker.in_flight());
            let mut prepared = prepared.unwrap_or_else(|| prepare(worker, errand, start + due));
            prepared.in_a_bunch = run.behind.sends(now, now - (start + due), in_flight);
            worker.spawn_prepared(prepared);
        } else {
            drop_arrival(worker, n, stage, start + due, None);
        }
        accompany(worker, &mut probes, n);
    }
    // The last stage may ramp down to nothing: the load lasts to its end.
    let end = run.course.schedule().duration();
    follow_ups.send_by(end, worker, sleeper, start).await?;
    sleeper.until(start + end).await?;
    Ok(())
}

/// Whether arrival `n` may be sent now: not too many are under way, and what it is to show
/// still holds.
fn may_send(worker: &Worker, n: u64, renewed: bool) -> bool {
    let run = &worker.run;
    if worker.in_flight() >= u64::from(run.job.plan.engine.max_in_flight) {
        return false;
    }
    let holds = !renewed || run.can_send(n);
    if !holds {
        run.tell(Order::Lost);
    }
    holds
}

/// Until when (from the start of the load) arrivals were missed: they are dropped, or
/// all of them would go out at once. What lag allows isn't late.
fn missed(run: &ScenarioRun) -> Nanos {
    let late = run.late.get().copied().unwrap_or_default();
    if late > run.job.plan.engine.max_lag { late } else { Nanos::ZERO }
}

/// Sends the probe that goes along with arrival `n`, if one does.
fn accompany(
    worker: &Rc<Worker>,
    probes: &mut Peekable<impl Iterator<Item = (u64, (u64, ProbeKind))>>,
    n: u64,
) {
    let job = &worker.run.job;
    while probes.next_if(|(_, (with, _))| *with < n).is_some() {}
    if let Some((turn, (_, kind))) = probes.next_if(|(_, (with, _))| *with == n) {
        // Those before the load are numbered first.
        let k = job.plan.probes.before_load().len() as u64 + turn;
        let by_identity = job.plan.probes.by_identity.contains(&kind);
        let identity = job.identities.of_probe(k, n, by_identity);
        // What it was given no longer holds: it would be refused for that.
        if identity.captured.is_none() || worker.run.can_send(n) {
            worker.spawn(Errand::Probe { k, kind }, identity);
        }
    }
}

/// Sends what goes along with the load until arrival `n` has to be seen to: index of
/// its stage and moment, `None` where there is no such arrival. Where that depends on
/// whether the load goes on, it is waited for.
async fn await_turn(
    worker: &Rc<Worker>,
    sleeper: &mut Sleeper,
    follow_ups: &mut FollowUps,
    start: Nanos,
    n: u64,
) -> Result<Option<(usize, Nanos)>, StopReason> {
    let course = &worker.run.course;
    loop {
        match course.next(n) {
            Next::Due(stage, due) => {
                follow_ups.send_by(due, worker, sleeper, start).await?;
                return Ok(Some((stage, due)));
            }
            Next::Fork(fork) => {
                follow_ups.send_by(fork, worker, sleeper, start).await?;
                sleeper.until(start + fork).await?;
                course.pass(fork);
            }
            Next::Over => return Ok(None),
        }
    }
}

/// Builds the request of an arrival, as of the moment at which it is due (or now,
/// where that has passed).
fn prepare(worker: &Worker, errand: Errand, due: Nanos) -> Prepared {
    let run = &worker.run;
    let unix = run.job.clock.unix() + Duration::from(due - run.now());
    worker.prepare(errand, &run.job.identities.of_arrival(errand.n()), unix)
}

/// Drops an arrival that was due before this machine had come so far.
fn drop_missed(worker: &Worker, n: u64, stage: u16, due: Nanos) {
    let late = worker.run.late.get().copied().unwrap_or_default();
    let why = format!("the load began {late} after its appointed moment: what was due was missed");
    drop_arrival(worker, n, stage, due, Some(why));
}

fn drop_arrival(worker: &Worker, n: u64, stage: u16, due: Nanos, why: Option<String>) {
    let identity = worker.run.job.identities.of_arrival(n).id;
    worker.put(Row {
        sample: Sample::dropped(n, stage, identity, due),
        given_up: false,
        in_flight: 0,
        refusal: None,
        probe: None,
        quote: why.map(|why| (why, None)),
    });
}

/// What the identity set aside sends during the load.
struct FollowUps {
    /// Numbers and moments, those counted from the start of the load.
    moments: std::vec::IntoIter<(u64, Nanos)>,
    next: Option<(u64, Nanos)>,
}

impl FollowUps {
    fn new(worker: &Worker, start: Nanos, leads: bool) -> Self {
        let run = &worker.run;
        let began = run.proof_start.get().copied().unwrap_or(start);
        let proof = &run.job.plan.extras.proof;
        let first = proof.lead_in.len() as u64;
        let follow_ups = if leads { proof.follow_ups.as_slice() } else { &[] };
        let moments: Vec<_> =
            (first..).zip(follow_ups).map(|(k, moment)| (k, (began + *moment) - start)).collect();
        let mut moments = moments.into_iter();
        let next = moments.next();
        Self { moments, next }
    }

    fn next_by(&self, due: Nanos) -> Option<Nanos> {
        self.next.map(|(_, moment)| moment).filter(|moment| *moment <= due)
    }

    /// Sends what is due by `due`, counted from the start of the load.
    async fn send_by(
        &mut self,
        due: Nanos,
        worker: &Rc<Worker>,
        sleeper: &mut Sleeper,
        start: Nanos,
    ) -> Result<(), StopReason> {
        while let Some(moment) = self.next_by(due) {
            sleeper.until(start + moment).await?;
            self.send(worker);
        }
        Ok(())
    }

    fn send(&mut self, worker: &Rc<Worker>) {
        if let Some((k, _)) = self.next {
            worker.spawn_proof(k);
        }
        self.next = self.moments.next();
    }
}

/// Once a second: hands over what was measured.
async fn tick(worker: Rc<Worker>, leads: bool) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    // The first tick of an interval is at once.
    seconds.tick().await;
    loop {
        seconds.tick().await;
        worker.hand_over();
        if leads {
            let run = &worker.run;
            let in_flight = worker.in_flight();
            run.tell(Order::Tick { now: run.now(), in_flight });
        }
    }
}
