//! What limiters of each kind do with a request: pure simulators, the yardstick of every bound and rule.

mod bucket;
mod crowd;
mod fixed;
mod sliding;

use crate::units::Nanos;

pub use bucket::{Bucket, Leaky};
pub use crowd::{Concurrency, Replicas, Routing};
pub use fixed::{Aligned, Anchored, Extension};
pub use sliding::{Counter, Sliding};

/// A limiter for one identity. Requests come in the order of their decision; `at`
/// is the limiter's own clock.
#[derive(Clone, Debug)]
pub enum Limiter {
    /// See [`Anchored`].
    Anchored(Anchored),
    /// See [`Aligned`].
    Aligned(Aligned),
    /// See [`Sliding`].
    Sliding(Sliding),
    /// See [`Counter`].
    Counter(Counter),
    /// See [`Bucket`].
    Bucket(Bucket),
    /// See [`Leaky`].
    Leaky(Leaky),
    /// See [`Concurrency`].
    Concurrency(Concurrency),
    /// See [`Replicas`].
    Replicas(Replicas),
}

/// What a limiter does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is let through.
    Admitted,
    /// It is let through when so much time has passed.
    Delayed(Nanos),
    /// It is refused.
    Refused,
}

impl Limiter {
    /// Whether a request that is decided at `at` is admitted.
    pub fn admits(&mut self, at: Nanos) -> bool {
        self.ask(at, Nanos::ZERO) != Answer::Refused
    }

    /// What becomes of a request that is decided at `at` and that the server works
    /// at for `work` when it is admitted.
    pub fn ask(&mut self, at: Nanos, work: Nanos) -> Answer {
        let admitted = match self {
            Self::Anchored(limiter) => limiter.admits(at),
            Self::Aligned(limiter) => limiter.admits(at),
            Self::Sliding(limiter) => limiter.admits(at),
            Self::Counter(limiter) => limiter.admits(at),
            Self::Bucket(limiter) => limiter.admits(at),
            Self::Leaky(limiter) => return limiter.ask(at),
            Self::Concurrency(limiter) => limiter.admits(at, work),
            Self::Replicas(limiter) => return limiter.ask(at, work),
        };
        if admitted { Answer::Admitted } else { Answer::Refused }
    }
}

#[cfg(test)]
mod tests {
    use super::Limiter;
    use crate::units::Nanos;

    pub(super) fn admitted(mut limiter: Limiter, at_millis: &[u64]) -> Vec<bool> {
        at_millis.iter().map(|ms| limiter.admits(Nanos::from_millis(*ms))).collect()
    }
}
