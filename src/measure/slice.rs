//! Everything counted about the samples that match one selector.

use serde::{Deserialize, Serialize};

use super::trend::Placed;
use super::{Sample, Spans, Trend};
use crate::admission::Admitted;
use crate::ids::Traffic;
use crate::outcome::{Outcome, OutcomeCounts};

/// Where the time of answered arrivals went before their answers began, in k6's
/// parts: zero where a connection was open already.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Waiting for a connection (`http_req_blocked`).
    pub blocked: Trend,
    /// The TCP handshake (`http_req_connecting`).
    pub connecting: Trend,
    /// The TLS handshake (`http_req_tls_handshaking`).
    pub tls: Trend,
    /// Writing the request (`http_req_sending`).
    pub sending: Trend,
}

impl Phases {
    fn record(&mut self, placed: &PlacedSample<'_>) {
        self.blocked.record_placed(placed.blocked);
        self.connecting.record_placed(placed.connecting);
        self.tls.record_placed(placed.tls);
        self.sending.record_placed(placed.sending);
    }

    fn prepare(&mut self) {
        let Self { blocked, connecting, tls, sending } = self;
        [blocked, connecting, tls, sending].into_iter().for_each(Trend::prepare);
    }

    fn merge(&mut self, other: &Self) {
        self.blocked.merge(&other.blocked);
        self.connecting.merge(&other.connecting);
        self.tls.merge(&other.tls);
        self.sending.merge(&other.sending);
    }
}

/// What the samples that match one selector add up to. Only arrivals enter
/// outcomes, checks and trends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Every request sent, of whatever traffic (`http_reqs`).
    pub requests: u64,
    /// Refusals (429, and the status that is declared), of whatever traffic
    /// (`rate_limit_hits`).
    pub rate_limit_hits: u64,
    /// Bytes sent, of whatever traffic.
    pub bytes_sent: u64,
    /// Bytes received, of whatever traffic.
    pub bytes_received: u64,
    /// How the arrivals ended.
    pub outcomes: OutcomeCounts,
    /// Arrivals sent whose end was not expected (`http_req_failed`).
    pub failed: u64,
    /// Checks passed.
    pub checks_passed: u64,
    /// Checks failed.
    pub checks_failed: u64,
    /// Things delivered by accepted answers.
    pub items: u64,
    /// From the due moment to the last byte, answered arrivals.
    pub response_time: Trend,
    /// From sending to the last byte, answered arrivals (`http_req_duration`).
    pub service_time: Trend,
    /// From sending to the head of the answer, answered arrivals (`http_req_waiting`).
    pub waiting: Trend,
    /// From the head of the answer to its last byte, answered arrivals.
    #[serde(default)]
    pub receiving: Trend,
    /// Where the time went before that.
    #[serde(default)]
    pub phases: Phases,
    /// Schedule lag of the arrivals sent.
    pub lag: Trend,
    /// How much of the service time the generator itself may have made, at most, of
    /// answered arrivals (empty in recordings made before it was kept).
    #[serde(default)]
    pub held: Trend,
    /// Arrivals without an answer of which the generator itself may be the reason.
    #[serde(default)]
    pub excused: u64,
}

/// A sample whose spans have their places.
pub(super) struct PlacedSample<'a> {
    sample: &'a Sample,
    response_time: Placed,
    service_time: Placed,
    waiting: Placed,
    receiving: Placed,
    blocked: Placed,
    connecting: Placed,
    tls: Placed,
    sending: Placed,
    lag: Placed,
    held: Placed,
}

impl<'a> From<&'a Sample> for PlacedSample<'a> {
    fn from(sample: &'a Sample) -> Self {
        let Spans { blocked, connecting, tls, sending } = sample.spans;
        Self {
            sample,
            response_time: sample.response_time().into(),
            service_time: sample.service_time().into(),
            waiting: sample.waiting().into(),
            receiving: sample.receiving().into(),
            blocked: blocked.into(),
            connecting: connecting.into(),
            tls: tls.into(),
            sending: sending.into(),
            lag: sample.lag().into(),
            held: sample.held.into(),
        }
    }
}

impl Slice {
    /// Adds one sample. `limit_declared`: whether a 429 is an expected answer.
    pub fn record(&mut self, sample: &Sample, limit_declared: bool) {
        self.record_placed(&sample.into(), limit_declared);
    }

    /// [`Slice::record`].
    pub(super) fn record_placed(&mut self, placed: &PlacedSample<'_>, limit_declared: bool) {
        let sample = placed.sample;
        if sample.outcome != Outcome::Dropped {
            self.requests += 1;
            self.bytes_sent += u64::from(sample.bytes_sent);
            self.bytes_received += u64::from(sample.bytes_received);
        }
        if sample.admitted == Admitted::No {
            self.rate_limit_hits += 1;
        }
        if sample.traffic != Traffic::Arrival {
            return;
        }
        self.outcomes.add(sample.outcome);
        if sample.outcome == Outcome::Dropped {
            return;
        }
        self.lag.record_placed(placed.lag);
        self.excused += u64::from(sample.excused);
        // A broken contract came with the expected status: `checks` counts it.
        let expected = match sample.outcome {
            Outcome::Accepted => true,
            Outcome::Contract => (200..300).contains(&sample.status),
            _ => sample.admitted == Admitted::No && limit_declared,
        };
        self.failed += u64::from(!expected);
        self.checks_passed += u64::from(sample.checks_passed.count_ones());
        self.checks_failed += u64::from(sample.checks_failed.count_ones());
        if sample.outcome == Outcome::Accepted {
            self.items += u64::from(sample.items);
        }
        if sample.outcome.is_answered() {
            self.response_time.record_placed(placed.response_time);
            self.service_time.record_placed(placed.service_time);
            self.waiting.record_placed(placed.waiting);
            self.receiving.record_placed(placed.receiving);
            self.phases.record(placed);
            self.held.record_placed(placed.held);
        }
    }

    /// Prepares for a lot to be added.
    pub(super) fn prepare(&mut self) {
        let Self { response_time, service_time, waiting, receiving, lag, held, .. } = self;
        let trends = [response_time, service_time, waiting, receiving, lag, held];
        trends.into_iter().for_each(Trend::prepare);
        self.phases.prepare();
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.rate_limit_hits += other.rate_limit_hits;
        self.bytes_sent += other.bytes_sent;
        self.bytes_received += other.bytes_received;
        self.outcomes.merge(&other.outcomes);
        self.failed += other.failed;
        self.checks_passed += other.checks_passed;
        self.checks_failed += other.checks_failed;
        self.items += other.items;
        self.response_time.merge(&other.response_time);
        self.service_time.merge(&other.service_time);
        self.waiting.merge(&other.waiting);
        self.receiving.merge(&other.receiving);
        self.phases.merge(&other.phases);
        self.lag.merge(&other.lag);
        self.held.merge(&other.held);
        self.excused += other.excused;
    }

    /// Accepted / (arrivals sent − rate limited), with its denominator; `None` when
    /// that is zero.
    #[must_use]
    pub fn success_rate(&self) -> Option<(f64, u64)> {
        let judged = self.outcomes.sent() - self.outcomes.get(Outcome::RateLimited);
        let accepted = self.outcomes.get(Outcome::Accepted);
        (judged > 0).then(|| (accepted as f64 / judged as f64, judged))
    }
}
