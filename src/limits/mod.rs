//! What a correct limiter of each kind admits, and which kind a pattern of admissions betrays.

mod models;
mod predict;
mod proof;
#[cfg(test)]
pub(crate) mod simulation;
mod trace;
mod types;

pub use models::{Aligned, Anchored, Bucket, Limiter, Sliding};
pub use predict::{WHOLE_SECOND, predict, slack};
pub use proof::{Proof, proof_schedule};
pub use types::{Algorithm, Estimate, Inference, Prediction, RuleName, RuleResult, RuleVerdict};
