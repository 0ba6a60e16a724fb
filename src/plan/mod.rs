//! The resolved, printable description of one run: what will be sent, when, and what must be true.

mod check;
mod comparison;
mod feasibility;
mod merge;
mod outlook;
mod schedule;
mod suite;
mod traffic;

pub use check::{CheckLine, CheckReport, CheckState};
pub use comparison::{
    COMPARE_CONFIDENCE, NotComparable, RunLabel, SuiteComparison, compare_suites, figure_name,
};
pub use feasibility::{
    Contradiction, Feasibility, StageRow, SuiteFeasibility, feasibility, suite_feasibility,
};
pub use merge::{MergeError, merge_suites};
pub use outlook::{Interval, Outlook};
pub use schedule::Schedule;
pub use suite::{
    EngineSettings, Environment, IdentityKind, IdentityPlan, Plan, ProbePlan, RunContext,
    SCHEMA_VERSION, ScenarioReport, Stage, SuitePlan, SuiteReport,
};
pub use traffic::{identities_needed, predict_hits, proof_of};
