//! What a machine needs to send its part of a plan: rate, cores, connections, descriptors.

use serde::Serialize;

use super::{Deal, Plan, Schedule, Shard, SuitePlan};
use crate::gate::{Bound, MetricKind};
use crate::scenario;
use crate::units::Nanos;

/// Files open beside connections: the binary's own, logs, results, timers.
pub const DESCRIPTORS_BESIDE: u64 = 100;

/// What each machine of a run needs at most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Needs {
    /// How many machines share the plan.
    pub machines: u32,
    /// Arrivals per second at the peak.
    pub rate: f64,
    /// Threads that send, a core each.
    pub workers: u32,
    /// How long answers are taken to last for `connections`, in seconds: as long as the
    /// thresholds let them, or else the timeout.
    pub answers_s: f64,
    /// Requests under way then, a connection each (over HTTP/2 fewer), at most
    /// `max_in_flight`.
    pub connections: u64,
    /// Requests under way beyond which arrivals are dropped (`max_in_flight`).
    pub most_connections: u64,
    /// Files that may have to be open (`RLIMIT_NOFILE`).
    pub descriptors: u64,
}

/// One machine's part of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Machine {
    /// Which.
    pub shard: Shard,
    /// Its arrivals ([`Deal::about`]).
    pub arrivals: u64,
    /// Its highest arrival rate, per second.
    pub peak_rate: f64,
    /// Identities that are its alone; `None`: none is anybody's in particular.
    pub identities: Option<u32>,
}

impl Needs {
    /// What each machine needs for `suite`, dealt to so many.
    #[must_use]
    pub fn of(suite: &SuitePlan, machines: u32) -> Self {
        let running = suite.scenarios.iter().filter(|plan| plan.skip.is_none());
        let each = running.map(|plan| Self::of_one(plan, machines));
        each.reduce(Self::and).unwrap_or(Self::none(machines))
    }

    const fn none(machines: u32) -> Self {
        Self {
            machines,
            rate: 0.0,
            workers: 0,
            answers_s: 0.0,
            connections: 0,
            most_connections: 0,
            descriptors: 0,
        }
    }

    fn of_one(plan: &Plan, machines: u32) -> Self {
        let rate = Schedule::new(&plan.stages).peak() * largest_part(plan, machines);
        let most = u64::from(plan.engine.max_in_flight);
        let answers_s = slowest_allowed(plan).unwrap_or(plan.engine.timeout).as_secs_f64();
        Self {
            machines,
            rate,
            workers: plan.engine.workers_for(rate, u32::MAX),
            answers_s,
            connections: ((rate * answers_s).ceil() as u64).min(most),
            most_connections: most,
            descriptors: most + DESCRIPTORS_BESIDE,
        }
    }

    /// What serves for either.
    fn and(self, other: Self) -> Self {
        let (more, less) =
            if other.connections > self.connections { (other, self) } else { (self, other) };
        Self {
            machines: self.machines,
            rate: more.rate.max(less.rate),
            workers: more.workers.max(less.workers),
            answers_s: more.answers_s,
            connections: more.connections,
            most_connections: more.most_connections.max(less.most_connections),
            descriptors: more.descriptors.max(less.descriptors),
        }
    }
}

/// The largest part of the arrivals (0 to 1) that one of several machines gets.
fn largest_part(plan: &Plan, machines: u32) -> f64 {
    let machines = machines.max(1);
    if plan.identities.is_shared() {
        return 1.0 / f64::from(machines);
    }
    let count = plan.identities.count.max(1);
    f64::from(count.div_ceil(machines)) / f64::from(count)
}

/// The longest that answers may take by the thresholds on their spans.
fn slowest_allowed(plan: &Plan) -> Option<Nanos> {
    let spans = plan.criteria.thresholds.iter().filter_map(|threshold| {
        let metric = threshold.metric;
        match threshold.bound {
            Bound::Fixed(ms) if metric.kind() == MetricKind::Trend && !metric.is_of_generator() => {
                Some(Nanos::from_secs_f64(ms / 1e3))
            }
            _ => None,
        }
    });
    spans.max()
}

impl Machine {
    /// What `shard` sends of `plan` in a run of that seed.
    #[must_use]
    pub fn of(plan: &Plan, shard: Shard, seed: u64) -> Option<Self> {
        let secrets = scenario::Secrets::default();
        let scenario = scenario::build(&plan.settings, seed, "", secrets)?;
        let schedule = Schedule::new(&plan.stages);
        let deal = Deal::new(plan, shard, &scenario.into());
        let arrivals = deal.about(schedule.total());
        let part = arrivals as f64 / schedule.total().max(1) as f64;
        let all = 0..u64::from(plan.identities.count);
        let own = all.filter(|identity| plan.identities.is_of(*identity, shard)).count();
        let own = u32::try_from(own).unwrap_or(u32::MAX);
        Some(Self {
            shard,
            arrivals,
            peak_rate: schedule.peak() * part,
            identities: (!plan.identities.is_shared()).then_some(own),
        })
    }
}
