//! What the target does wrong on purpose, or otherwise than by default.

mod catalogue;
mod parse;
mod types;

pub use catalogue::{FAULTS, Fault, fault_help};
pub use parse::FaultError;
pub use types::Faults;
pub(super) use types::{EndpointFaults, Mishap, RetryAfter, SignatureCheck};
