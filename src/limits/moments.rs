//! The moments of requests, as far as they are known, and by how much a limiter's may be off.

use crate::units::Nanos;

/// By how much the moments at which a limiter decides may be off: requests
/// under way and clocks of several nodes. A quarter of a second, or a twentieth
/// of the window if that is less.
#[must_use]
pub fn slack(window: Nanos) -> Nanos {
    Nanos::from_millis(250).min(Nanos(window.0 / 20))
}

/// Requests of one identity at moments of which only the span is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// None is earlier.
    pub from: Nanos,
    /// None is later.
    pub to: Nanos,
    /// How many.
    pub count: u64,
}

impl Batch {
    /// One request at a moment that is known.
    #[must_use]
    pub const fn single(at: Nanos) -> Self {
        Self { from: at, to: at, count: 1 }
    }
}

/// Identities that send alike: what is true of one goes for each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alike {
    /// How many there are.
    pub identities: u64,
    /// What each of them sends (any order; everything a server would count:
    /// arrivals, canary, probes, proof).
    pub batches: Vec<Batch>,
}
