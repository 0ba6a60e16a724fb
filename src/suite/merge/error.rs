//! Why results can't be merged.

use crate::measure::NotShards;

/// Why suites are no shards of one run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("there is no shard to merge")]
    None,
    /// None of them can be read as one.
    #[error("there is no shard to merge: {0}")]
    Unreadable(String),
    /// Two of them are the same run.
    #[error("the run {0} is there twice: merging it with itself would count it double")]
    Same(String),
    /// They differ in what shards share.
    #[error("not shards of one run: {what} differs ({first} and {other})")]
    Differ {
        /// What differs.
        what: &'static str,
        /// In the first shard.
        first: String,
        /// In a later one.
        other: String,
    },
    /// A scenario's plans differ in more than their rates.
    #[error("not shards of one run: {0} was planned differently ({1})")]
    Plan(&'static str, &'static str),
    /// The recordings don't fit together.
    #[error("not shards of one run: recordings of {0}: {1}")]
    Recording(&'static str, NotShards),
}
