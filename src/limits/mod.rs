//! What a correct limiter of each kind admits, and which kind a pattern of admissions betrays.

mod consistent;
mod evidence;
mod excess;
mod infer;
mod models;
mod party;
mod predict;
mod proof;
mod rules;
#[cfg(test)]
pub(crate) mod simulation;
mod trace;
mod types;

pub use infer::{ServerTime, infer};
pub use models::{Aligned, Anchored, Bucket, Limiter, Sliding};
pub use party::LedgerView;
pub use predict::{WHOLE_SECOND, predict, slack};
pub use proof::{ProofSchedule, proof_schedule};
pub use rules::{Facts, judge};
pub use types::{Algorithm, Estimate, Inference, Prediction, RuleName, RuleResult, RuleVerdict};

#[cfg(test)]
mod tests;
