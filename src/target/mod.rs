//! The embedded API of docs/api.md: its endpoints, its limiters, and what can be wrong with them.
//!
//! Shares nothing with the rooms that send and judge requests: it is written from
//! the API's description alone, so that one mistake can't hide in both.

mod answer;
mod call;
mod chance;
mod clock;
mod counts;
mod credentials;
mod endpoint;
mod faults;
mod handle;
mod health;
mod keys;
mod limiter;
mod memory;
mod onboarding;
mod quota;
mod server;
mod signature;
mod state;
#[cfg(test)]
mod tests;
mod webhook;
mod wire;

pub use counts::Counts;
pub use endpoint::Endpoint;
pub use faults::{FAULTS, Fault, FaultError, Faults, fault_help};
pub use keys::{example_keys, example_webhook_secret};
pub use server::{Stopper, Target, TargetError};
pub use state::TargetConfig;
