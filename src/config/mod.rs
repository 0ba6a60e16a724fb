//! Text becomes meaning: files, environment variables and flags become a plan, or errors that point at the line.

mod destination;
mod diagnostics;
mod file;
pub mod guard;
mod identities;
mod inputs;
mod reader;
mod resolve;
mod scenarios;
mod secrets;
#[cfg(test)]
mod tests;
mod thresholds;
mod tree;
mod values;

use crate::gate::parse_threshold;

pub use diagnostics::Diagnostics;
pub use inputs::{Flags, Purpose, Resolved, Secrets, Sources, UserFile, config_path};
pub use resolve::{built_in, resolve};
