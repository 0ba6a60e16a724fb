//! One scenario's run: what it is made of, and the state its requests share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::clock::Clock;
use super::events::{Event, Observer};
use super::identities::Identities;
use super::skew::Skew;
use super::stop::Stop;
use super::transport::Transport;
use super::watchdog::Watchdog;
use crate::gate;
use crate::measure::{Ended, Recorder, RecorderConfig, Recording};
use crate::plan::{Plan, Schedule};
use crate::scenario::{Past, Scenario};
use crate::units::{Nanos, Timestamp};

/// How many acknowledged deliveries are remembered for repetition.
const MOST_PAST: usize = 1024;

/// Everything one scenario's run needs.
pub struct Job {
    /// What is to be done.
    pub plan: Plan,
    /// Builds and judges.
    pub scenario: Arc<dyn Scenario>,
    /// Who sends.
    pub identities: Identities,
    /// How it goes out.
    pub transport: Arc<dyn Transport>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
    /// Ends the run early.
    pub stop: Stop,
    /// Whether the environment is protected: a breaker ends a failing run.
    pub protected: bool,
}

/// The state that the requests of a run share.
pub(super) struct Run {
    pub(super) job: Job,
    pub(super) schedule: Schedule,
    /// The clock when the first request was sent: moment 0 of all samples.
    pub(super) epoch: Nanos,
    /// When the proof began, and when the load did, counted from `epoch`.
    pub(super) proof_start: OnceLock<Nanos>,
    load_start: OnceLock<Nanos>,
    recorder: Mutex<Recorder>,
    watchdog: Mutex<Watchdog>,
    past: Mutex<Vec<Past>>,
    skew: Mutex<Skew>,
    in_flight: AtomicU64,
    idle: Notify,
    /// Given when answers are no longer awaited.
    pub(super) abandon: Notify,
    pub(super) abandoned: AtomicBool,
    /// Whether a refusal was answered with a request under an address of its own.
    pub(super) named: AtomicBool,
    pub(super) extra: AtomicU64,
}

impl Run {
    pub(super) fn new(job: Job) -> Arc<Self> {
        let schedule = Schedule::new(&job.plan.stages);
        let epoch = job.clock.now();
        let recorder = Recorder::new(RecorderConfig {
            scenario: job.scenario.id(),
            labels: job.scenario.labels().to_vec(),
            checks: job.scenario.checks().to_vec(),
            probes: job.plan.probes.kinds.clone(),
            stages: schedule.stages(),
            selectors: gate::required_selectors(&job.plan.criteria),
            limit_declared: job.plan.criteria.limit.is_some(),
            identities: job.identities.names(),
            planned: schedule.total(),
            started_at: Timestamp::from_unix(job.clock.unix()),
        });
        Arc::new(Self {
            schedule,
            epoch,
            proof_start: OnceLock::new(),
            load_start: OnceLock::new(),
            recorder: Mutex::new(recorder),
            watchdog: Mutex::new(Watchdog::new(&job.plan, job.protected)),
            past: Mutex::default(),
            skew: Mutex::default(),
            in_flight: AtomicU64::new(0),
            idle: Notify::new(),
            abandon: Notify::new(),
            abandoned: AtomicBool::new(false),
            named: AtomicBool::new(false),
            extra: AtomicU64::new(0),
            job,
        })
    }

    /// The moment now, counted from the first request.
    pub(super) fn now(&self) -> Nanos {
        self.job.clock.now() - self.epoch
    }

    /// The load starts now, at `start`.
    pub(super) fn start_load(&self, start: Nanos) {
        let start = *self.load_start.get_or_init(|| start);
        self.recorder().set_load_offset(start);
    }

    /// When the load started, counted from the first request; zero before it has.
    pub(super) fn load_start(&self) -> Nanos {
        self.load_start.get().copied().unwrap_or_default()
    }

    /// How long the load has lasted; zero when there was none.
    pub(super) fn load_time(&self) -> Nanos {
        self.load_start.get().map_or(Nanos::ZERO, |start| self.now() - *start)
    }

    pub(super) fn recorder(&self) -> MutexGuard<'_, Recorder> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn observe(&self, event: &Event<'_>) {
        self.job.observer.on(event);
    }

    pub(super) fn watchdog(&self) -> MutexGuard<'_, Watchdog> {
        self.watchdog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `build` over the acknowledged deliveries.
    pub(super) fn with_past<T>(&self, build: impl FnOnce(&[Past]) -> T) -> T {
        build(&self.past.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn acknowledge(&self, past: Past) {
        let mut known = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST_PAST {
            // The older half at once, so that it is rarely done.
            known.drain(..MOST_PAST / 2);
        }
        known.push(past);
    }

    pub(super) fn note_date(&self, date: i64, sent: Duration, done: Duration) {
        self.skew.lock().unwrap_or_else(PoisonError::into_inner).note(date, sent, done);
    }

    pub(super) fn skew(&self) -> Option<f64> {
        self.skew.lock().unwrap_or_else(PoisonError::into_inner).seconds()
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a request as under way until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> UnderWay {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        UnderWay { run: Arc::clone(self), in_flight: now }
    }

    /// Ends when no request is under way.
    pub(super) async fn idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.in_flight() == 0 {
                return;
            }
            idle.await;
        }
    }

    /// What was measured so far, complete but for its end.
    pub(super) fn snapshot(&self) -> Recording {
        self.up_to_date().snapshot()
    }

    /// What was measured, ended.
    pub(super) fn finished(&self, ended: Ended) -> Recording {
        let duration = self.load_time();
        self.up_to_date().finish(ended, duration)
    }

    fn up_to_date(&self) -> MutexGuard<'_, Recorder> {
        let mut recorder = self.recorder();
        recorder.set_connections(self.job.transport.connections());
        recorder.set_clock_skew(self.skew());
        recorder
    }
}

/// A request under way.
pub(super) struct UnderWay {
    run: Arc<Run>,
    /// How many were under way when it began, itself included.
    pub(super) in_flight: u64,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if self.run.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.run.idle.notify_waiters();
        }
    }
}
