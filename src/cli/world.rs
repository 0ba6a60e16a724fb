//! What a command needs of its surroundings, and what its end is called.

use std::collections::BTreeMap;

use super::output::Output;

/// Usage or configuration: nothing was sent.
pub(super) const USAGE: u8 = 2;
/// Inconclusive: nothing certain can be said.
pub(super) const INCONCLUSIVE: u8 = 3;

/// What a command needs of its surroundings.
#[derive(Clone, Debug)]
pub(super) struct World {
    /// The environment's variables, read once.
    pub(super) vars: BTreeMap<String, String>,
    pub(super) output: Output,
}

/// A mistake of the user's: exit code 2.
#[derive(Debug, thiserror::Error)]
pub(super) enum UsageError {
    /// In words.
    #[error("{0}")]
    Plain(String),
    /// Rendered with its excerpts already.
    #[error("{0}")]
    Rendered(String),
}

/// The exit code that an error stands for.
pub(super) fn code_of(error: &anyhow::Error) -> u8 {
    if error.downcast_ref::<UsageError>().is_some() { USAGE } else { INCONCLUSIVE }
}
