//! What is known of earlier runs when a report is made.

use crate::suite::{History, SuiteReport};

/// What is known of earlier runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct EarlierRuns<'a> {
    /// The run that this one is compared with.
    pub baseline: Option<&'a SuiteReport>,
    /// The nights up to this run, itself included.
    pub history: Option<&'a History>,
}

impl<'a> From<Option<&'a SuiteReport>> for EarlierRuns<'a> {
    fn from(baseline: Option<&'a SuiteReport>) -> Self {
        Self { baseline, history: None }
    }
}
