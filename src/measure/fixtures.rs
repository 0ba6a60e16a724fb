//! Samples for the tests of every room.

use super::Sample;
use crate::admission::Admitted;
use crate::ids::IdentityId;
use crate::outcome::Outcome;
use crate::units::Nanos;

/// Arrival `arrival` of the first identity, accepted with 200: due, sent and answered at
/// those moments.
pub(crate) fn accepted(arrival: u64, due: Nanos, sent: Nanos, done: Nanos) -> Sample {
    Sample {
        sent,
        first_byte: done,
        done,
        status: 200,
        outcome: Outcome::Accepted,
        bytes_sent: 300,
        bytes_received: 500,
        checks_passed: 1,
        items: 1,
        admitted: Admitted::Yes,
        ..Sample::dropped(arrival, 0, IdentityId(0), due)
    }
}
