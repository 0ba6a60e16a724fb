//! What the engine tells while it runs. Observers watch; none changes a run.

use std::sync::Arc;

use crate::measure::{CanaryResult, Recording};
use crate::outcome::OutcomeCounts;
use crate::plan::Plan;
use crate::units::Nanos;

/// How a load stands, once a second.
#[derive(Clone, Debug)]
pub struct Tick {
    /// Since the start of the load.
    pub elapsed: Nanos,
    /// The number of the current stage, from 1, and how many there are.
    pub stage: (u16, u16),
    /// The rate asked for now, per second.
    pub asked: f64,
    /// Arrivals sent in the last second.
    pub achieved: f64,
    /// Requests under way.
    pub in_flight: u64,
    /// Arrivals planned in all.
    pub planned: u64,
    /// Ends so far.
    pub outcomes: OutcomeCounts,
    /// p95 of the response time of accepted arrivals so far.
    pub p95: Option<Nanos>,
}

/// What happens in a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// A scenario begins; nothing was sent yet.
    Started(&'a Plan),
    /// The canary is back.
    Canary(&'a CanaryResult),
    /// The load begins at an appointed moment, so long from now.
    Waiting(Nanos),
    /// The limiter is being verified before the load, for about that long.
    Proof(Nanos),
    /// The first arrival is being waited for.
    Load {
        /// Arrivals planned.
        arrivals: u64,
        /// How long the load will last.
        duration: Nanos,
    },
    /// Once a second.
    Tick(&'a Tick),
    /// Before the first request and every 10 s: what was measured so far.
    Checkpoint(&'a Arc<Recording>),
    /// When an observer asked for it: what was measured by a tick, that count of them; once a
    /// second before the load, too, that count of seconds. Neither quotes nor ledgers are in it.
    Measured(u64, &'a Recording),
    /// Everything was sent, or sending was ended; answers are awaited.
    Draining(u64),
}

/// Somebody who watches.
pub trait Observer: Send + Sync {
    /// Takes notice. Must return soon: the engine waits for it.
    fn on(&self, event: &Event<'_>);

    /// Whether it wants an [`Event::Measured`] with that tick of a load, or that second before
    /// it (from 1, one a second). It may be told of others, too.
    fn wants_measured(&self, _tick: u64) -> bool {
        false
    }
}

/// Nobody watches.
pub struct Unobserved;

impl Observer for Unobserved {
    fn on(&self, _event: &Event<'_>) {}
}
