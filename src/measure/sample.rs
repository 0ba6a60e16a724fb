//! One request as it was measured: small, copyable, no text.

use crate::admission::Admitted;
use crate::ids::{IdentityId, Traffic};
use crate::outcome::Outcome;
use crate::tags::LabelSet;
use crate::units::Nanos;

/// What a request's time went into before its answer began, as k6 tells it apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// Waiting for a connection: name, TCP and TLS together (zero on an open one).
    pub blocked: Nanos,
    /// Of that, the TCP handshake.
    pub connecting: Nanos,
    /// Of that, the TLS handshake.
    pub tls: Nanos,
    /// Writing the request.
    pub sending: Nanos,
}

/// One request (or dropped arrival) of a scenario. Moments count from the
/// scenario's first request (the canary); the load starts
/// [`crate::measure::Recording::load_offset`] later.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// What it was sent for.
    pub traffic: Traffic,
    /// The arrival's number from 1; 0 for other traffic.
    pub arrival: u64,
    /// The index (from 0) of the stage the arrival was due in.
    pub stage: u16,
    /// Who sent it.
    pub identity: IdentityId,
    /// When it was due.
    pub due: Nanos,
    /// When it was handed to the transport (`due` when it was dropped).
    pub sent: Nanos,
    /// What went before the answer.
    pub spans: Spans,
    /// When the answer's head was there (`done` when there was none).
    pub first_byte: Nanos,
    /// When the last byte of the answer was there, or the request had failed.
    pub done: Nanos,
    /// How much of its service time the generator itself may have made, at most: it was
    /// stopped or waited for a core, or had sent a bunch of arrivals late.
    pub held: Nanos,
    /// Whether the generator itself may have made it end without an answer.
    pub excused: bool,
    /// The answer's status; 0 when there was none.
    pub status: u16,
    /// How it ended.
    pub outcome: Outcome,
    /// The scenario's labels.
    pub labels: LabelSet,
    /// Bytes of the request's head and body.
    pub bytes_sent: u32,
    /// Bytes of the answer's head and body.
    pub bytes_received: u32,
    /// Checks passed: bit i stands for the scenario's i-th check.
    pub checks_passed: u32,
    /// Checks failed, likewise.
    pub checks_failed: u32,
    /// Things the accepted answer delivered (credentials of a credential exchange, else 1).
    pub items: u32,
    /// What the limiter did, for the identity's ledger.
    pub admitted: Admitted,
    /// `Retry-After` of a refusal, in seconds.
    pub retry_after: Option<u32>,
}

impl Sample {
    /// An arrival that was never sent: the in-flight cap was reached.
    #[must_use]
    pub const fn dropped(arrival: u64, stage: u16, identity: IdentityId, due: Nanos) -> Self {
        Self {
            traffic: Traffic::Arrival,
            arrival,
            stage,
            identity,
            due,
            sent: due,
            spans: Spans {
                blocked: Nanos::ZERO,
                connecting: Nanos::ZERO,
                tls: Nanos::ZERO,
                sending: Nanos::ZERO,
            },
            first_byte: due,
            done: due,
            held: Nanos::ZERO,
            excused: false,
            status: 0,
            outcome: Outcome::Dropped,
            labels: LabelSet::EMPTY,
            bytes_sent: 0,
            bytes_received: 0,
            checks_passed: 0,
            checks_failed: 0,
            items: 0,
            admitted: Admitted::Unknown,
            retry_after: None,
        }
    }

    /// Lag = sent − due: how late the generator itself was.
    #[must_use]
    pub fn lag(&self) -> Nanos {
        self.sent - self.due
    }

    /// Service time = done − sent.
    #[must_use]
    pub fn service_time(&self) -> Nanos {
        self.done - self.sent
    }

    /// Response time = done − due.
    #[must_use]
    pub fn response_time(&self) -> Nanos {
        self.done - self.due
    }

    /// From sending to the head of the answer.
    #[must_use]
    pub fn waiting(&self) -> Nanos {
        self.first_byte - self.sent
    }

    /// From the head of the answer to its last byte.
    #[must_use]
    pub fn receiving(&self) -> Nanos {
        self.done - self.first_byte
    }
}
