//! The resolved, printable description of one run: what will be sent, when, and what must be true.

mod feasibility;
mod outlook;
mod schedule;
mod traffic;
mod types;

pub use feasibility::{
    Contradiction, Feasibility, StageRow, SuiteFeasibility, feasibility, suite_feasibility,
};
pub use outlook::{Interval, Outlook};
pub use schedule::Schedule;
pub use traffic::{identities_needed, predict_hits, proof_of};
pub use types::{
    EngineSettings, Environment, IdentityKind, IdentityPlan, Plan, ProbePlan, Stage, SuitePlan,
};
