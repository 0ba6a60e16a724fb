//! One scenario's run: what it is made of, and the little that its workers share.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::Sender;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::acknowledged::Deliveries;
use super::behind::Behind;
use super::clock::Clock;
use super::course::Course;
use super::events::Observer;
use super::identities::Identities;
use super::keeper::{Keeper, Order};
use super::stop::Stop;
use super::transport::Network;
use super::watchdog::Watchdog;
use crate::gate;
use crate::measure::{Recorder, RecorderConfig};
use crate::plan::{Deal, IdentityKind, Plan, Shard, lead};
use crate::scenario::{Call, Request, Scenario, Traces};
use crate::units::{Nanos, Timestamp};

/// Everything one scenario's run needs.
pub struct Job {
    /// What is to be done.
    pub plan: Plan,
    /// Builds and judges.
    pub scenario: Arc<dyn Scenario>,
    /// Who sends.
    pub identities: Identities,
    /// Where it goes.
    pub network: Arc<dyn Network>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who watches.
    pub observer: Arc<dyn Observer>,
    /// Ends the run early.
    pub stop: Stop,
    /// Whether the environment is protected: a breaker ends a failing run.
    pub protected: bool,
    /// Which of several machines this is.
    pub shard: Shard,
    /// When the load begins, by the wall clock; `None`: as soon as it can.
    pub start_at: Option<Timestamp>,
    /// The trace contexts that requests carry; `None`: none.
    pub traces: Option<Traces>,
}

impl Job {
    /// `request` with its trace context, where there are to be any.
    pub(super) fn traced(&self, request: Request, call: &Call<'_>) -> Request {
        Traces::on(self.traces, request, self.scenario.id(), call)
    }
}

/// What the workers of a run share: nothing that one writes and another waits for.
pub(super) struct ScenarioRun {
    pub(super) job: Job,
    /// What the load sends; it may go on.
    pub(super) course: Arc<Course>,
    /// What of it is sent from here: which arrivals, what part of all.
    pub(super) deal: Deal,
    part: f64,
    /// The clock when the first request was sent: moment 0 of all samples.
    pub(super) epoch: Nanos,
    /// When the proof began, and when the load did, counted from `epoch`.
    pub(super) proof_start: OnceLock<Nanos>,
    pub(super) load_start: OnceLock<Nanos>,
    /// How long after it was to begin the load did.
    pub(super) late: OnceLock<Nanos>,
    /// What the canary took.
    pub(super) service_time: OnceLock<Nanos>,
    pub(super) delivered: Deliveries,
    /// Requests under way, of all workers.
    pub(super) in_flight: AtomicU64,
    /// How far behind its schedule the load is.
    pub(super) behind: Behind,
    /// Whether a refusal was answered with a request under an address of its own.
    pub(super) named: AtomicBool,
    /// Whether one of its requests or workers came to a mistake of load-gate's own.
    pub(super) broke: AtomicBool,
    keeper: Sender<Order>,
}

/// The moment of the first request by both clocks. Of a load that begins at a given
/// moment that is as long before it as it may take what comes first; whoever comes too
/// late for the load itself counts from where it was to begin.
fn first_moment(job: &Job, now: Nanos, unix: Duration) -> (Nanos, Duration) {
    let Some(at) = job.start_at.map(Timestamp::unix) else { return (now, unix) };
    if at < unix {
        return (now - Nanos::from(unix.saturating_sub(at)), at);
    }
    let left = Nanos::from(at.saturating_sub(unix)).saturating_sub(lead(&job.plan));
    (now + left, unix + Duration::from(left))
}

impl ScenarioRun {
    /// The run of `job`, begun: observers know of it.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub(super) fn begin(job: Job) -> io::Result<Arc<Self>> {
        let course = Arc::new(Course::new(&job.plan));
        let schedule = course.planned();
        let deal = Deal::new(&job.plan, job.shard, &job.scenario);
        let stages = deal.stages(schedule);
        let planned: u64 = stages.iter().map(|stage| stage.planned).sum();
        let (now, unix) = (job.clock.now(), job.clock.unix());
        let (epoch, started) = first_moment(&job, now, unix);
        let recorder = Recorder::new(RecorderConfig {
            scenario: job.scenario.id(),
            labels: job.scenario.labels().to_vec(),
            checks: job.scenario.checks().to_vec(),
            probes: job.plan.probes.kinds.clone(),
            stages,
            selectors: gate::required_selectors(&job.plan.criteria),
            limit_declared: job.plan.criteria.limit.is_some(),
            identities: job.identities.names(),
            joined: !job.shard.is_alone() && job.plan.identities.kind == IdentityKind::Global,
            planned,
            started_at: Timestamp::from_unix(started),
        });
        let keeper = Keeper::new(
            recorder,
            Watchdog::new(&job.plan, job.protected),
            Arc::clone(&job.observer),
            job.stop.clone(),
            Arc::clone(&course),
            planned,
        )
        .start(&job.plan)?;
        Ok(Arc::new(Self {
            deal,
            part: planned as f64 / schedule.total().max(1) as f64,
            course: Arc::clone(&course),
            epoch,
            proof_start: OnceLock::new(),
            load_start: OnceLock::new(),
            late: OnceLock::new(),
            service_time: OnceLock::new(),
            delivered: Deliveries::new(job.clock.unix()),
            in_flight: AtomicU64::new(0),
            behind: Behind::default(),
            // One machine asks for all.
            named: AtomicBool::new(!job.shard.leads()),
            broke: AtomicBool::new(false),
            keeper,
            job,
        }))
    }

    /// The moment now, counted from the first request.
    pub(super) fn now(&self) -> Nanos {
        self.job.clock.now() - self.epoch
    }

    /// The moment at which the load is to begin, counted from the first request;
    /// `None`: as soon as it can.
    pub(super) fn appointed(&self) -> Option<Nanos> {
        let (at, unix) = (self.job.start_at?.unix(), self.job.clock.unix());
        let now = self.now();
        Some(now + Nanos::from(at.saturating_sub(unix)) - Nanos::from(unix.saturating_sub(at)))
    }

    /// The highest rate that is sent from here, per second.
    pub(super) fn peak(&self) -> f64 {
        self.course.planned().peak() * self.part
    }

    /// How long the load has lasted; zero when there was none.
    pub(super) fn load_time(&self) -> Nanos {
        self.load_start.get().map_or(Nanos::ZERO, |start| self.now() - *start)
    }

    /// Whether the identity of arrival `n` has what it needs to send.
    pub(super) fn can_send(&self, n: u64) -> bool {
        let identities = &self.job.identities;
        identities.can_send(identities.of_arrival(n).id, self.job.clock.now())
    }

    /// Tells or asks the keeper. It never waits.
    pub(super) fn tell(&self, order: Order) {
        // A keeper that is gone has panicked: the run's end will say so.
        let _ = self.keeper.send(order);
    }
}
