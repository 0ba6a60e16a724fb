//! Samples for the tests of every room.

use super::{Sample, Spans};
use crate::admission::Admitted;
use crate::ids::{IdentityId, Traffic};
use crate::outcome::Outcome;
use crate::tags::LabelSet;
use crate::units::Nanos;

/// Arrival `arrival` of the first identity, accepted with 200: due, sent and answered at
/// those moments.
pub(crate) fn accepted(arrival: u64, due: Nanos, sent: Nanos, done: Nanos) -> Sample {
    Sample {
        traffic: Traffic::Arrival,
        arrival,
        stage: 0,
        identity: IdentityId(0),
        due,
        sent,
        spans: Spans::default(),
        first_byte: done,
        done,
        held: Nanos::ZERO,
        excused: false,
        status: 200,
        outcome: Outcome::Accepted,
        labels: LabelSet::EMPTY,
        bytes_sent: 300,
        bytes_received: 500,
        checks_passed: 1,
        checks_failed: 0,
        items: 1,
        admitted: Admitted::Yes,
        retry_after: None,
    }
}
