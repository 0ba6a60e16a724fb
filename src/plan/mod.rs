//! The resolved, printable description of one run: what will be sent, when, and what must be true.

mod extras;
mod deal;
mod feasibility;
mod outlook;
mod schedule;
mod traffic;
mod types;

pub use extras::{Extras, ProbeTurns};
pub use deal::Share;
pub use feasibility::{
    Contradiction, Feasibility, StageRow, SuiteFeasibility, feasibility, suite_feasibility,
};
pub use outlook::{Interval, Outlook};
pub use schedule::Schedule;
pub use traffic::identities_needed;
pub use types::{
    EngineSettings, Environment, IdentityKind, IdentityPlan, MintingPlan, Plan, ProbePlan, Stage,
    SuitePlan,
};
