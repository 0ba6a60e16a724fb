//! What a recording says of the one machine of several that it is of.

use super::{Ended, Recording, ShardRow, Shards};
use crate::outcome::Outcome;
use crate::tags::{Selector, TagKey};
use crate::units::Nanos;

impl Recording {
    /// What this recording says of the shard of that number that it is of.
    #[must_use]
    pub fn row_of(&self, shard: u32) -> ShardRow {
        let accepted = Selector::all().with(TagKey::Outcome, Outcome::Accepted.name());
        let accepted = self.slice(&accepted);
        let span = |quantile| accepted.and_then(|slice| slice.response_time.quantile(quantile));
        let lag = &self.generator.lag_hold;
        let lag = if lag.is_empty() { &self.total().lag } else { lag };
        ShardRow {
            shard,
            // To the nearest of the milliseconds that the first request's moment has.
            load_start: self.started_at.after(self.load_offset + Nanos::from_micros(500)),
            late: self.generator.late,
            clock_offset: self.clock_skew,
            clock_error: self.clock_error,
            duration: self.duration,
            planned: self.generator.planned,
            sent: self.generator.sent,
            dropped: self.generator.dropped,
            accepted: self.total().outcomes.get(Outcome::Accepted),
            lag_p99: lag.quantile(0.99),
            response_p50: span(0.5),
            response_p95: span(0.95),
            service_p95: accepted.and_then(|slice| slice.service_time.quantile(0.95)),
        }
    }

    /// This recording, as that of shard `shard` of `of` alone.
    #[must_use]
    pub fn of_shard(mut self, shard: u32, of: u32) -> Self {
        let counted = matches!(
            self.ended,
            Ended::Completed | Ended::Aborted { .. } | Ended::Misconfigured { .. }
        );
        let rows = if counted { vec![self.row_of(shard)] } else { Vec::new() };
        self.shards = Some(Shards { of, rows, ..Shards::default() });
        self
    }
}
