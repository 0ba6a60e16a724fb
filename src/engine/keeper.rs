//! Keeps what was measured, in a thread of its own: nobody who sends waits for a figure.
//!
//! Workers hand over samples in batches and go on. Progress, checkpoints and the
//! watchdog are answered here, from the one recorder.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::oneshot;

use super::course::Course;
use super::events::{Event, Observer, Tick};
use super::skew::Skew;
use super::stop::{Stop, StopReason};
use super::threads::no_thread;
use super::watchdog::Watchdog;
use crate::ids::{ProbeKind, Traffic};
use crate::measure::{CanaryResult, Ended, LineEvent, Recorder, Recording, Sample};
use crate::outcome::{Outcome, ProbeEnd};
use crate::plan::Plan;
use crate::units::Nanos;

/// How long before the end of a hold it is looked whether that goes on: ticks are a
/// second apart.
const LOOK_AHEAD: Nanos = Nanos::from_millis(1500);

/// A checkpoint is told every so many ticks.
const CHECKPOINT_EVERY: u64 = 10;

/// One request, measured and judged.
pub(super) struct Row {
    pub(super) sample: Sample,
    /// Whether load-gate gave it up, being ended itself.
    pub(super) given_up: bool,
    /// How many were under way when it was sent, itself included.
    pub(super) in_flight: u32,
    /// Of an answer by which the limiter refused.
    pub(super) refusal: Option<RefusalShape>,
    pub(super) probe: Option<(ProbeKind, ProbeEnd)>,
    /// What may be said of an answer that wasn't accepted, and the check that failed first.
    pub(super) quote: Option<(String, Option<&'static str>)>,
}

/// What a refusal said of itself.
#[derive(Clone, Copy)]
pub(super) struct RefusalShape {
    pub(super) json: bool,
    pub(super) retry_after: bool,
    pub(super) limit_headers: bool,
}

/// What one worker measured since its last batch.
pub(super) struct Handover {
    /// Whose, from 0.
    pub(super) worker: usize,
    /// Every request of this worker that had ended by then is in this batch or one before.
    pub(super) until: Nanos,
    pub(super) rows: Vec<Row>,
    pub(super) events: Vec<LineEvent>,
    pub(super) skew: Skew,
    /// Arrivals that this worker has sent so far.
    pub(super) sent: u64,
    /// The longest that it was away at once.
    pub(super) longest_away: Nanos,
}

/// What the keeper is told and asked.
pub(super) enum Order {
    Handover(Handover),
    Canary(CanaryResult),
    /// The limiter is verified first, for about that long.
    Proof(Nanos),
    /// The load starts so long after the first request, with so many workers.
    Load {
        start: Nanos,
        /// How long after it was to begin.
        late: Nanos,
        workers: usize,
    },
    /// The load begins at a given moment, so long from now.
    Waiting(Nanos),
    /// A second has passed before the load.
    Before,
    /// A second of the load has passed.
    Tick {
        now: Nanos,
        in_flight: u64,
    },
    /// So many answers are awaited.
    Draining(u64),
    Checkpoint,
    /// Whether an address that was refused was let in under another name.
    Spoofed(bool),
    /// A setup was asked for anew: whether it failed; who is without by now, and why.
    Renewed {
        failed: bool,
        without: Option<(String, String)>,
    },
    /// An arrival was due from an identity that had nothing to send it with.
    Lost,
    /// What was measured, please.
    Finish(Box<Finish>),
}

pub(super) struct Finish {
    pub(super) ended: Ended,
    pub(super) duration: Nanos,
    pub(super) cpu_seconds: Option<f64>,
    pub(super) peak_memory: Option<u64>,
    pub(super) reply: oneshot::Sender<Recording>,
}

/// What one worker was last known to have done.
#[derive(Clone, Copy)]
struct Known {
    until: Nanos,
    skew: Skew,
    sent: u64,
}

pub(super) struct Keeper {
    recorder: Recorder,
    watchdog: Watchdog,
    observer: Arc<dyn Observer>,
    stop: Stop,
    course: Arc<Course>,
    /// Arrivals of the plan that are sent from here.
    planned: u64,
    workers: Vec<Known>,
    /// Rows that wait for what other workers did before they ended.
    waiting: Vec<Row>,
    load_start: Nanos,
    ticks: u64,
    /// Seconds that passed before the load.
    seconds_before: u64,
    last_tick: (Nanos, u64),
}

impl Keeper {
    pub(super) fn new(
        recorder: Recorder,
        watchdog: Watchdog,
        observer: Arc<dyn Observer>,
        stop: Stop,
        course: Arc<Course>,
        planned: u64,
    ) -> Self {
        let first = Known { until: Nanos::ZERO, skew: Skew::default(), sent: 0 };
        Self {
            recorder,
            watchdog,
            observer,
            stop,
            course,
            planned,
            workers: vec![first],
            waiting: Vec::new(),
            load_start: Nanos::ZERO,
            ticks: 0,
            seconds_before: 0,
            last_tick: (Nanos::ZERO, 0),
        }
    }

    /// Says that the run begins, and saves that much before anything is sent; then
    /// takes orders in a thread of its own until nobody is left who could give one.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn start(mut self, plan: &Plan) -> io::Result<Sender<Order>> {
        self.observer.on(&Event::Started(plan));
        self.checkpoint();
        let (sender, orders) = channel();
        let thread = std::thread::Builder::new().name("keeper".to_owned());
        thread.spawn(move || self.keep(&orders)).map_err(|error| no_thread(&error))?;
        Ok(sender)
    }

    fn keep(mut self, orders: &Receiver<Order>) {
        for order in orders {
            match order {
                Order::Handover(batch) => self.take(batch),
                Order::Canary(canary) => {
                    self.observer.on(&Event::Canary(&canary));
                    self.recorder.canary(canary);
                }
                Order::Proof(lasting) => self.observer.on(&Event::Proof(lasting)),
                Order::Waiting(left) => self.observer.on(&Event::Waiting(left)),
                Order::Load { start, late, workers } => self.load(start, late, workers),
                Order::Before => self.before(),
                Order::Tick { now, in_flight } => self.tick(now, in_flight),
                Order::Draining(in_flight) => {
                    self.observer.on(&Event::Draining(in_flight));
                    self.checkpoint();
                }
                Order::Checkpoint => self.checkpoint(),
                Order::Spoofed(spoofed) => self.recorder.set_spoofed(spoofed),
                Order::Renewed { failed, without } => self.recorder.renewed(failed, without),
                Order::Lost => self.recorder.lost(),
                Order::Finish(finish) => self.finish(*finish),
            }
        }
    }

    fn load(&mut self, start: Nanos, late: Nanos, workers: usize) {
        self.load_start = start;
        self.recorder.set_late(late);
        self.last_tick = (start, 0);
        self.recorder.set_load_offset(start);
        let idle = Known { until: start, skew: Skew::default(), sent: 0 };
        self.workers.resize(workers.max(1), idle);
        let (arrivals, duration) = (self.planned, self.course.planned().duration());
        self.observer.on(&Event::Load { arrivals, duration });
    }

    fn take(&mut self, batch: Handover) {
        let Handover { worker, until, rows, events, skew, sent, longest_away } = batch;
        self.recorder.set_longest_away(longest_away);
        if let Some(known) = self.workers.get_mut(worker) {
            *known = Known { until, skew, sent };
        }
        for event in events {
            self.recorder.connection(event);
        }
        if self.workers.len() == 1 {
            for row in &rows {
                self.record(row);
            }
            return;
        }
        // In the order in which they ended, whoever sent them: as one worker would have.
        self.waiting.extend(rows);
        self.waiting.sort_by_key(|row| row.sample.done);
        let all = self.workers.iter().map(|known| known.until).min().unwrap_or_default();
        let ready = self.waiting.partition_point(|row| row.sample.done <= all);
        let ready: Vec<Row> = self.waiting.drain(..ready).collect();
        for row in &ready {
            self.record(row);
        }
    }

    fn record(&mut self, row: &Row) {
        let sample = &row.sample;
        if row.given_up {
            self.recorder.gave_up(sample);
            return;
        }
        if sample.traffic == Traffic::Arrival {
            if sample.outcome != Outcome::Dropped {
                self.recorder.sent(sample.sent, row.in_flight);
            }
            // What the generator may have made itself trips nothing.
            if !sample.excused {
                self.watchdog.on_sample(sample.done - self.load_start, sample.outcome);
            }
        }
        let quote = row.quote.as_ref().map(|(text, check)| (text.as_str(), *check));
        self.recorder.record(sample, quote);
        if let Some(refusal) = row.refusal {
            self.recorder.refused(refusal.json, refusal.retry_after, refusal.limit_headers);
        }
        if let Some((kind, end)) = row.probe {
            self.recorder.probe(kind, end);
        }
    }

    /// Tells who asks for it what connection, canary, probes and proof came to so far.
    fn before(&mut self) {
        self.seconds_before += 1;
        if self.observer.wants_measured(self.seconds_before) {
            self.observer.on(&Event::Measured(self.seconds_before, self.recorder.standing()));
        }
    }

    /// Tells how the load stands, saves a checkpoint every tenth time, and ends the
    /// run when it must not go on.
    fn tick(&mut self, now: Nanos, in_flight: u64) {
        self.ticks += 1;
        let elapsed = now - self.load_start;
        let (outcomes, p95) = self.recorder.progress();
        let sent = self.workers.iter().map(|known| known.sent).sum();
        let (before, sent_before) = std::mem::replace(&mut self.last_tick, (now, sent));
        self.go_on_or_not(elapsed);
        let course = Arc::clone(&self.course);
        let schedule = course.schedule();
        let part = self.planned as f64 / course.planned().total().max(1) as f64;
        let stages = schedule.stages();
        let current = stages.iter().find(|s| elapsed < s.end).or(stages.last());
        self.observer.on(&Event::Tick(&Tick {
            elapsed,
            stage: (
                current.map_or(0, |s| s.number),
                u16::try_from(stages.len()).unwrap_or(u16::MAX),
            ),
            asked: schedule.rate_at(elapsed) * part,
            achieved: (sent - sent_before) as f64 / (now - before).as_secs_f64().max(0.001),
            in_flight,
            planned: (schedule.total() as f64 * part).round() as u64,
            outcomes,
            p95,
        }));
        let mut aborted = self.watchdog.tripped(elapsed);
        let checkpoint = self.ticks.is_multiple_of(CHECKPOINT_EVERY);
        let measured = self.observer.wants_measured(self.ticks);
        if measured {
            self.observer.on(&Event::Measured(self.ticks, self.recorder.standing()));
        }
        if checkpoint || self.watchdog.wants_snapshot() {
            let snapshot = Arc::new(self.snapshot());
            if checkpoint {
                self.observer.on(&Event::Checkpoint(&snapshot));
            }
            aborted = aborted.or_else(|| self.watchdog.look(&snapshot, elapsed));
        }
        if let Some(reason) = aborted {
            self.stop.now(StopReason::Aborted(reason));
        }
    }

    /// Just before the hold ends that may go on: whether it does, which it does while
    /// a threshold is close.
    fn go_on_or_not(&mut self, elapsed: Nanos) {
        let Some(fork) = self.course.fork().filter(|fork| elapsed + LOOK_AHEAD >= *fork) else {
            return;
        };
        if elapsed > fork {
            // What was not settled in time is by now.
            self.course.pass(fork);
            return;
        }
        let snapshot = self.snapshot();
        let Some(open) = self.watchdog.open(&snapshot) else { return self.course.settle() };
        tracing::debug!(open, "the last hold may go on");
        if self.course.go_on() {
            let (planned, schedule) = (self.course.planned(), self.course.schedule());
            let by = schedule.duration() - planned.duration();
            self.recorder.goes_on(by, schedule.stages(), schedule.total());
        }
    }

    fn checkpoint(&mut self) {
        let snapshot = Arc::new(self.snapshot());
        self.observer.on(&Event::Checkpoint(&snapshot));
    }

    /// What was measured so far, complete but for its end.
    fn snapshot(&mut self) -> Recording {
        let skew = self.workers.iter().fold(Skew::default(), |skew, known| skew.join(known.skew));
        self.recorder.set_clock_skew(skew.seconds().zip(skew.error()));
        self.recorder.snapshot()
    }

    fn finish(&mut self, finish: Finish) {
        let late = std::mem::take(&mut self.waiting);
        for row in &late {
            self.record(row);
        }
        self.recorder.set_generator_usage(finish.cpu_seconds, finish.peak_memory);
        let mut recording = self.snapshot();
        recording.ended = finish.ended;
        recording.duration = finish.duration;
        // Nobody waits for it any more: then it is of no use.
        let _ = finish.reply.send(recording);
    }
}
