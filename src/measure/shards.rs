//! The shards that a recording is put together from: one row each, and what is missing.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::units::{Nanos, Timestamp};

/// What one machine of several did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShardRow {
    /// Its number, from 1.
    pub shard: u32,
    /// When its load began, by its own clock.
    pub load_start: Timestamp,
    /// How long after its appointed moment that was; zero: in time.
    pub late: Nanos,
    /// The target's clock minus its own, in seconds; `None`: no answer told the time.
    pub clock_offset: Option<f64>,
    /// By how much that may be off.
    #[serde(default)]
    pub clock_error: Nanos,
    /// From the start of its load to its last answer.
    pub duration: Nanos,
    /// Arrivals planned, sent, dropped.
    pub planned: u64,
    /// See `planned`.
    pub sent: u64,
    /// See `planned`.
    pub dropped: u64,
    /// Arrivals accepted.
    pub accepted: u64,
    /// p99 of schedule lag, in holds where there are any.
    pub lag_p99: Option<Nanos>,
    /// p50 and p95 of the response time of accepted arrivals, and p95 of their service time.
    pub response_p50: Option<Nanos>,
    /// See `response_p50`.
    pub response_p95: Option<Nanos>,
    /// See `response_p50`.
    pub service_p95: Option<Nanos>,
}

impl ShardRow {
    /// Arrivals sent per second, over the whole load; `None`: there was none.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.duration.as_secs_f64();
        (seconds > 0.0).then(|| self.sent as f64 / seconds)
    }
}

/// A shard that isn't in a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    /// Its number, from 1.
    pub shard: u32,
    /// Why what it measured isn't counted: `partial: its run never ended`; `None`: there
    /// is nothing of it.
    pub why: Option<String>,
}

/// The shards of a recording: those it is put together from, and the others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Shards {
    /// How many the run has.
    pub of: u32,
    /// How many may be absent, as whoever merged was told.
    #[serde(default)]
    pub allowed: u32,
    /// Those that are counted, by their numbers.
    pub rows: Vec<ShardRow>,
    /// Those of which something is there that can't be counted, by their numbers.
    #[serde(default)]
    pub cut: Vec<Absent>,
    /// What was given and is no shard of this run, and why.
    #[serde(default)]
    pub strangers: Vec<String>,
}

impl Shards {
    /// Every shard that isn't counted, by its number.
    #[must_use]
    pub fn absent(&self) -> Vec<Absent> {
        let counted: BTreeSet<u32> = self.rows.iter().map(|row| row.shard).collect();
        let why = |shard: u32| self.cut.iter().find(|cut| cut.shard == shard)?.why.clone();
        let numbers = (1..=self.of).filter(|shard| !counted.contains(shard));
        numbers.map(|shard| Absent { shard, why: why(shard) }).collect()
    }

    /// Whether more are absent than may be.
    #[must_use]
    pub fn too_few(&self) -> bool {
        (self.rows.len() as u64) + u64::from(self.allowed) < u64::from(self.of)
    }
}
