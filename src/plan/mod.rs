//! The resolved, printable description of one run: what will be sent, when, and what must be true.

mod schedule;
mod suite;

pub use schedule::Schedule;

pub use suite::{
    EngineSettings, Environment, IdentityKind, IdentityPlan, Plan, ProbePlan, RunContext,
    SCHEMA_VERSION, ScenarioReport, Stage, SuitePlan, SuiteReport,
};
