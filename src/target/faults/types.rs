//! What can be wrong, as the server asks for it.

use std::time::Duration;

use super::super::chance::Latency;
use super::super::endpoint::Endpoint;
use super::super::quota::QuotaSetting;
use crate::units::Nanos;

/// Everything that was asked for; by default nothing is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    endpoints: [EndpointFaults; 5],
    /// The limiter by key over all calls that carry one.
    pub(in crate::target) per_key: QuotaSetting,
    /// How far the server's clock is ahead, in nanoseconds.
    pub(in crate::target) clock: i64,
    /// Exchanges a customer has a month.
    pub(in crate::target) usage: u64,
}

impl Faults {
    /// The faults of one endpoint.
    pub(in crate::target) const fn of(&self, endpoint: Endpoint) -> &EndpointFaults {
        &self.endpoints[endpoint as usize]
    }

    pub(super) const fn of_mut(&mut self, endpoint: Endpoint) -> &mut EndpointFaults {
        &mut self.endpoints[endpoint as usize]
    }
}

impl Default for Faults {
    /// The API as documented; the monthly usage is so large that nothing runs dry.
    fn default() -> Self {
        let minute = Nanos::from_secs(60);
        let faults = |limit| EndpointFaults::new(QuotaSetting::anchored(limit, minute));
        let mut unlimited = faults(u32::MAX);
        unlimited.limiter.algorithm = super::super::limiter::Algorithm::Off;
        Self {
            endpoints: [faults(10), faults(60), faults(1_000), unlimited.clone(), unlimited],
            per_key: QuotaSetting::anchored(500, minute),
            clock: 0,
            usage: 1_000_000_000,
        }
    }
}

/// What is wrong with one endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::target) struct EndpointFaults {
    pub(super) shares: [f64; Mishap::COUNT],
    /// How long an answer takes.
    pub(in crate::target) latency: Option<Latency>,
    /// When the server is frozen.
    pub(in crate::target) stall: Option<Stall>,
    /// The endpoint's own limiter.
    pub(in crate::target) limiter: QuotaSetting,
    /// Whether a caller can name its address in `X-Forwarded-For`.
    pub(in crate::target) spoofable: bool,
    /// The status of [`Mishap::Status`].
    pub(in crate::target) status: u16,
    /// How long the second half of a body is held back.
    pub(in crate::target) slow_body: Option<Duration>,
    /// What a refusal says about when to come again.
    pub(in crate::target) retry_after: RetryAfter,
    /// Whether a webhook's signature is looked at.
    pub(in crate::target) signature: SignatureCheck,
    /// Whether API keys are looked at.
    pub(in crate::target) key_check: bool,
    /// Whether e-mail addresses are looked at.
    pub(in crate::target) email_check: bool,
}

impl EndpointFaults {
    const fn new(limiter: QuotaSetting) -> Self {
        Self {
            shares: [0.0; Mishap::COUNT],
            latency: None,
            stall: None,
            limiter,
            spoofable: true,
            status: 200,
            slow_body: None,
            retry_after: RetryAfter::True,
            signature: SignatureCheck::On,
            key_check: true,
            email_check: true,
        }
    }

    /// The share of requests that meet with `mishap`, between 0 and 1.
    pub(in crate::target) const fn share(&self, mishap: Mishap) -> f64 {
        self.shares[mishap as usize]
    }
}

/// What can happen to a share of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::target) enum Mishap {
    Errors,
    Status,
    Redirect,
    Hang,
    Reset,
    Garbage,
    BrokenJson,
    Oversized,
    MissingField,
    WrongTtl,
    WrongProvider,
    WrongEcho,
    Unhealthy,
}

impl Mishap {
    const COUNT: usize = Self::Unhealthy as usize + 1;
}

/// The server stands still for the last `frozen` of every `period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::target) struct Stall {
    pub(in crate::target) frozen: Nanos,
    pub(in crate::target) period: Nanos,
}

impl Stall {
    /// How long something that comes up `elapsed` after the server's start has to wait.
    pub(in crate::target) const fn wait(&self, elapsed: Nanos) -> Nanos {
        let phase = elapsed.0 % self.period.0;
        if phase < self.period.0 - self.frozen.0 {
            Nanos::ZERO
        } else {
            Nanos(self.period.0 - phase)
        }
    }
}

/// What a refusal says about when to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::target) enum RetryAfter {
    True,
    TooSmall,
    Missing,
}

/// Whether signatures are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::target) enum SignatureCheck {
    On,
    /// Everything passes.
    Off,
    /// Nothing passes, as with another secret.
    Reject,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_the_last_part_of_every_period() {
        let stall = Stall { frozen: Nanos::from_secs(1), period: Nanos::from_secs(10) };
        for (at_ms, wait_ms) in [
            (0, 0),
            (8_999, 0),
            (9_000, 1_000),
            (9_400, 600),
            (9_999, 1),
            (10_000, 0),
            (19_500, 500),
        ] {
            assert_eq!(stall.wait(Nanos::from_millis(at_ms)), Nanos::from_millis(wait_ms));
        }
    }
}
