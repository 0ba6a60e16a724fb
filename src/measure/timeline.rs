//! The run second by second, in bounded memory: bins double their width when there are too many.

use serde::{Deserialize, Serialize};

use super::Buckets;
use crate::outcome::{Outcome, OutcomeCounts};
use crate::units::Nanos;

/// The most bins kept before pairs are merged: the seconds of ten minutes, and of what is due at
/// their very end or by clocks that are off. A longer run takes no more memory, and no chart
/// could show more.
pub const MOST_BINS: usize = 660;
/// Buckets a doubling of the small per-bin histograms: neighbours are 2.2 % apart.
const BUCKETS_PER_DOUBLING: f64 = 32.0;

/// In how many of the last bins answers still come, where nothing is amiss: the ones before
/// take as little room as they can.
const FILLING: usize = 8;

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
    pub response: Buckets,
}

impl Second {
    fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.sent += other.sent;
        self.outcomes.merge(&other.outcomes);
        self.in_flight = self.in_flight.max(other.in_flight);
        self.lag = self.lag.max(other.lag);
        self.response.merge(&other.response);
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
            let filled = self.bins.len().saturating_sub(FILLING);
            // One that filled again meanwhile, too.
            self.bins[..filled].iter_mut().for_each(|bin| bin.response.close());
        }
        &mut self.bins[index]
    }

    fn index(&self, moment: Nanos) -> usize {
        usize::try_from(moment.0 / (u64::from(self.width) * 1_000_000_000)).unwrap_or(usize::MAX)
    }

    /// Merges pairs, each where it stands: never are there both, or a long run would take more
    /// memory from here on.
    fn double(&mut self) {
        self.width = self.width.saturating_mul(2);
        let pairs = self.bins.len().div_ceil(2);
        for at in 0..pairs {
            let mut first = std::mem::take(&mut self.bins[2 * at]);
            if let Some(second) = self.bins.get_mut(2 * at + 1) {
                first.merge(&std::mem::take(second));
            }
            first.response.close();
            self.bins[at] = first;
        }
        self.bins.truncate(pairs);
    }

    /// Notes an arrival that was due at `due` and ended as `outcome` after `response`.
    pub fn ended(&mut self, due: Nanos, outcome: Outcome, response: Nanos) {
        let bin = self.bin(due);
        bin.due += 1;
        bin.outcomes.add(outcome);
        if outcome == Outcome::Accepted {
            bin.response.add(bucket_of(response), 1);
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

    /// Moves everything so many seconds later (below 0: earlier; what would come before
    /// the start of the load stays in its first bin), to the nearest bin.
    pub fn shift(&mut self, seconds: f64) {
        let bins = (seconds / f64::from(self.width)).round();
        if bins >= 1.0 {
            let later = (bins as usize).min(MOST_BINS);
            self.bins.splice(0..0, std::iter::repeat_n(Second::default(), later));
            while self.bins.len() > MOST_BINS {
                self.double();
            }
        } else if bins <= -1.0 {
            let earlier = ((-bins) as usize).min(self.bins.len());
            let rest = self.bins.split_off(earlier);
            let before = std::mem::replace(&mut self.bins, rest);
            for second in &before {
                match self.bins.first_mut() {
                    Some(first) => first.merge(second),
                    None => self.bins.push(second.clone()),
                }
            }
        }
    }

    /// Adds another shard's timeline of the same seconds.
    pub fn merge(&mut self, other: &Self) {
        while self.width < other.width {
            self.double();
        }
        let doubled;
        let other = if other.width < self.width {
            let mut copy = other.clone();
            while copy.width < self.width {
                copy.double();
            }
            doubled = copy;
            &doubled
        } else {
            other
        };
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
        let seconds = 660 * 5;
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

    /// An hour at 30/s, every tenth answer of which comes seconds late.
    #[test]
    fn what_is_over_takes_three_bytes_a_place_at_most() {
        let mut timeline = Timeline::default();
        for n in 0_u64..60 * 60 * 30 {
            let sent = Nanos::from_millis(n * 1000 / 30);
            let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let late = if n.is_multiple_of(10) { 1 << 12 } else { 1 };
            let took = Nanos::from_micros((200 + mixed % 800) * late);
            timeline.sent(sent, 1);
            timeline.ended(sent.saturating_sub(took), Outcome::Accepted, took);
            if (n + 1).is_multiple_of(10 * 60 * 30) {
                let over = &timeline.bins[..timeline.bins.len() - FILLING];
                let places: usize = over.iter().map(|bin| bin.response.iter().count()).sum();
                let takes: usize = over.iter().map(|bin| bin.response.room()).sum();
                assert!(takes <= 3 * places, "{takes} bytes of {places} places");
            }
        }
    }

    #[test]
    fn a_clock_that_is_off_moves_whole_seconds() {
        let of = |seconds: &[u64]| {
            let mut timeline = Timeline::default();
            for second in seconds {
                timeline.ended(Nanos::from_secs(*second), Outcome::Accepted, Nanos::from_millis(2));
            }
            timeline
        };
        let due = |timeline: &Timeline| timeline.bins.iter().map(|b| b.due).collect::<Vec<_>>();
        for (seconds, moved) in
            [(0.4, vec![1, 0, 2]), (1.6, vec![0, 0, 1, 0, 2]), (-1.2, vec![1, 2]), (-9.0, vec![3])]
        {
            let mut timeline = of(&[0, 2, 2]);
            timeline.shift(seconds);
            assert_eq!(due(&timeline), moved, "{seconds}");
        }
        let mut far = of(&[0, 2, 2]);
        far.shift(1e9);
        assert!(far.bins.len() <= MOST_BINS && far.bins.iter().map(|b| b.due).sum::<u32>() == 3);
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
