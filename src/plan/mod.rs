//! The resolved, printable description of one run: what will be sent, when, and what must be true.

mod accompanied;
mod batches;
mod completed;
mod deal;
mod extension;
mod extras;
mod feasibility;
#[cfg(test)]
pub(crate) mod fixtures;
mod needs;
mod outlook;
mod schedule;
mod shard;
mod timetable;
mod traffic;
mod types;

pub use deal::Deal;
pub use extension::{Extension, LOOKS, end_of_last_hold, last_hold, prolonged};
pub use extras::{Extras, ProbePlan, ProbeTurns};
pub use feasibility::{
    Contradiction, Feasibility, StageRow, SuiteFeasibility, feasibility, suite_feasibility,
};
pub use needs::{DESCRIPTORS_BESIDE, Machine, Needs};
pub use outlook::{Interval, Outlook};
pub use schedule::{Schedule, Stage};
pub use shard::{Dealing, MOST_SHARDS, Shard, Share};
pub use timetable::{PRELUDE, SET_UP_AT_ONCE, last_end, lead, made_ready, timetable};
pub use traffic::identities_needed;
pub use types::{
    CLIENT_ADDRESSES, EngineSettings, Environment, IdentityPlan, LONGEST_NAME, MOST_WORKERS,
    MintingPlan, Plan, SuitePlan,
};

pub use crate::ids::IdentityKind;
