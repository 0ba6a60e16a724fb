//! The run second by second, in bounded memory: bins double their width when there are too many.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, OutcomeCounts};
use crate::units::Nanos;

/// The most bins kept before pairs are merged: an hour of seconds.
const MOST_BINS: usize = 3600;
/// Buckets a doubling of the small per-bin histograms: neighbours are 2.2 % apart.
const BUCKETS_PER_DOUBLING: f64 = 32.0;

/// How far neighbouring buckets are apart on the natural logarithm's scale.
pub const BUCKET_LN_WIDTH: f64 = std::f64::consts::LN_2 / BUCKETS_PER_DOUBLING;

/// One bin of the timeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Second {
    /// Arrivals due in it.
    pub due: u32,
    /// Arrivals sent in it.
    pub sent: u32,
    /// Ends of the arrivals that were due in it.
    pub outcomes: OutcomeCounts,
    /// The most requests in flight at once.
    pub in_flight: u32,
    /// The largest schedule lag of the arrivals due in it, in microseconds
    /// (0 in recordings made before it was kept).
    #[serde(default)]
    pub lag: u32,
    /// Response times of accepted arrivals due in it: bucket → count; bucket b
    /// holds spans of about 2^(b/32) µs.
    pub response: BTreeMap<u16, u32>,
}

impl Second {
    fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.sent += other.sent;
        self.outcomes.merge(&other.outcomes);
        self.in_flight = self.in_flight.max(other.in_flight);
        self.lag = self.lag.max(other.lag);
        for (bucket, n) in &other.response {
            *self.response.entry(*bucket).or_default() += n;
        }
    }
}

/// Bins of `width` seconds from the start of the load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Width of a bin in seconds: 1, 2, 4, … .
    pub width: u32,
    /// The bins, the first one at the start of the load.
    pub bins: Vec<Second>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { width: 1, bins: Vec::new() }
    }
}

impl Timeline {
    /// The bin that `moment` falls into.
    fn bin(&mut self, moment: Nanos) -> &mut Second {
        let mut index = self.index(moment);
        while index >= MOST_BINS {
            self.double();
            index = self.index(moment);
        }
        if self.bins.len() <= index {
            self.bins.resize(index + 1, Second::default());
        }
        &mut self.bins[index]
    }

    fn index(&self, moment: Nanos) -> usize {
        usize::try_from(moment.0 / (u64::from(self.width) * 1_000_000_000)).unwrap_or(usize::MAX)
    }

    fn double(&mut self) {
        self.width = self.width.saturating_mul(2);
        self.bins = self
            .bins
            .chunks(2)
            .map(|pair| {
                let mut first = pair[0].clone();
                if let Some(second) = pair.get(1) {
                    first.merge(second);
                }
                first
            })
            .collect();
    }

    /// Notes an arrival that was due at `due` and ended as `outcome` after `response`.
    pub fn ended(&mut self, due: Nanos, outcome: Outcome, response: Nanos) {
        let bin = self.bin(due);
        bin.due += 1;
        bin.outcomes.add(outcome);
        if outcome == Outcome::Accepted {
            *bin.response.entry(bucket_of(response)).or_default() += 1;
        }
    }

    /// Notes that an arrival due at `due` was sent `lag` late.
    pub fn lagged(&mut self, due: Nanos, lag: Nanos) {
        let bin = self.bin(due);
        bin.lag = bin.lag.max(u32::try_from(lag.as_micros()).unwrap_or(u32::MAX));
    }

    /// Notes an arrival sent at `sent` while `in_flight` requests were under way.
    pub fn sent(&mut self, sent: Nanos, in_flight: u32) {
        let bin = self.bin(sent);
        bin.sent += 1;
        bin.in_flight = bin.in_flight.max(in_flight);
    }

    /// Adds another shard's timeline of the same seconds.
    pub fn merge(&mut self, other: &Self) {
        let mut other = other.clone();
        while self.width < other.width {
            self.double();
        }
        while other.width < self.width {
            other.double();
        }
        if self.bins.len() < other.bins.len() {
            self.bins.resize(other.bins.len(), Second::default());
        }
        for (mine, theirs) in self.bins.iter_mut().zip(&other.bins) {
            let in_flight = mine.in_flight + theirs.in_flight;
            mine.merge(theirs);
            mine.in_flight = in_flight;
        }
    }
}

/// The bucket of a small per-bin histogram that `span` falls into.
#[must_use]
pub fn bucket_of(span: Nanos) -> u16 {
    let micros = (span.0 as f64 / 1e3).max(1.0);
    (micros.log2() * BUCKETS_PER_DOUBLING).round() as u16
}

/// The span that `bucket` stands for.
#[must_use]
pub fn span_of(bucket: u16) -> Nanos {
    Nanos::from_secs_f64((f64::from(bucket) / BUCKETS_PER_DOUBLING).exp2() / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_stays_bounded_and_loses_nothing() {
        let mut timeline = Timeline::default();
        let seconds = 3600 * 5;
        for second in 0..seconds {
            let due = Nanos::from_secs(second);
            timeline.sent(due, 3);
            timeline.ended(due, Outcome::Accepted, Nanos::from_millis(20));
        }
        assert!(timeline.bins.len() <= MOST_BINS);
        assert_eq!(timeline.width, 8);
        assert_eq!(timeline.bins.iter().map(|b| u64::from(b.due)).sum::<u64>(), seconds);
        assert_eq!(timeline.bins.iter().map(|b| u64::from(b.sent)).sum::<u64>(), seconds);
    }

    #[test]
    fn buckets_are_within_two_per_cent() {
        for micros in [1, 50, 999, 20_770, 1_500_000, 3_600_000_000] {
            let span = Nanos::from_micros(micros);
            let back = span_of(bucket_of(span)).0 as f64;
            assert!((back / span.0 as f64 - 1.0).abs() < 0.022, "{micros}");
        }
    }
}
