//! Several machines' results become those of one run.
//!
//! Shards that one plan was dealt to ([`Union`]) give the plan back; runs at rates of
//! their own ([`merge_suites`]) add up.

mod error;
mod rates;
mod roster;
#[cfg(test)]
mod tests;
mod union;

pub use error::MergeError;
pub use rates::merge_suites;
pub use roster::{RecordingHeader, Roster, ScenarioHeader, ShardHeader};
pub use union::Union;
