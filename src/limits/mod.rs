//! What a correct limiter of each kind admits, and which kind a pattern of admissions betrays.

mod consistent;
mod disguise;
mod evidence;
mod excess;
mod excuse;
mod infer;
mod kinds;
mod leak;
mod models;
mod moments;
mod others;
mod party;
mod predict;
mod probable;
mod proof;
mod row;
mod rules;
mod second;
mod set;
pub mod simulation;
mod trace;
mod types;

pub use disguise::{disguised, undisguised};
pub use infer::{ServerTime, infer};
pub use kinds::Algorithm;
pub use models::{
    Aligned, Anchored, Answer, Bucket, Concurrency, Counter, Extension, Leaky, Limiter, Replicas,
    Routing, Sliding,
};
pub use moments::{Alike, Batch, slack};
pub use others::Beside;
pub use party::LedgerView;
pub use predict::predict;
pub use probable::probable;
pub use proof::{ProofSchedule, proof_schedule};
pub use rules::{Facts, judge};
pub use set::infer_first;
pub use types::{Estimate, Inference, Prediction, RuleName, RuleResult, RuleVerdict};

#[cfg(test)]
mod tests;
