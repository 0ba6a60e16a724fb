//! What becomes of a request.

use crate::units::Nanos;

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
