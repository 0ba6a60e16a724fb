//! What a run is compared with: an earlier run, and the nights that it carries along.

use std::path::Path;

use super::inputs;
use crate::suite::{History, Night, SuiteReport};

/// What is known of earlier runs.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// The run to compare with.
    pub(super) suite: Option<SuiteReport>,
    /// The nights up to that run, itself included.
    pub(super) nights: History,
}

impl Earlier {
    /// Reads a results directory or its suite.json.
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let suite = inputs::read_suite(path)?;
        let mut nights = inputs::read_history(path)?.unwrap_or_default();
        nights.add(Night::of(&suite));
        Ok(Self { suite: Some(suite), nights })
    }

    /// The nights with `report` as the newest.
    pub(super) fn and(mut self, report: &SuiteReport) -> History {
        self.nights.add(Night::of(report));
        self.nights
    }
}
