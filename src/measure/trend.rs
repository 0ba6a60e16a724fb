//! A distribution of spans: an HDR histogram with an exact sum, minimum and maximum.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer as HdrReader, Serializer as _, V2Serializer};
use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// The longest span told apart: one hour, in microseconds.
const HIGHEST_MICROS: u64 = 3_600_000_000;
/// Significant digits kept.
const DIGITS: u8 = 3;

/// Spans from 1 µs to 1 h to three significant digits. Shorter ones count as
/// 1 µs and longer ones as 1 h in quantiles; sum, minimum and maximum are exact.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    histogram: Histogram<u32>,
    sum: u128,
    min: Nanos,
    max: Nanos,
}

impl Default for Trend {
    fn default() -> Self {
        Self { histogram: empty(), sum: 0, min: Nanos::MAX, max: Nanos::ZERO }
    }
}

fn empty() -> Histogram<u32> {
    let mut histogram = Histogram::new(DIGITS).expect("three digits are allowed");
    histogram.auto(true);
    histogram
}

impl Trend {
    /// Adds one span.
    pub fn record(&mut self, span: Nanos) {
        self.record_many(span, 1);
    }

    /// Adds `n` spans of that length.
    pub fn record_many(&mut self, span: Nanos, n: u64) {
        if n == 0 {
            return;
        }
        // Rounded to the nearest microsecond: rounding down would flatter.
        let micros = span.0.saturating_add(500) / 1_000;
        // Auto-resize is on and the value is capped: it can't err.
        let _ = self
            .histogram
            .record_n(micros.clamp(1, HIGHEST_MICROS), u32::try_from(n).unwrap_or(u32::MAX));
        self.sum += u128::from(span.0) * u128::from(n);
        self.min = self.min.min(span);
        self.max = self.max.max(span);
    }

    /// Adds all of `other`, as if its spans had been recorded here.
    pub fn merge(&mut self, other: &Self) {
        let _ = self.histogram.add(&other.histogram);
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many spans.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The shortest span, exactly.
    #[must_use]
    pub fn min(&self) -> Option<Nanos> {
        (!self.is_empty()).then_some(self.min)
    }

    /// The longest span, exactly.
    #[must_use]
    pub fn max(&self) -> Option<Nanos> {
        (!self.is_empty()).then_some(self.max)
    }

    /// The mean, exactly, in nanoseconds.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.is_empty()).then(|| self.sum as f64 / self.count() as f64)
    }

    /// The sample of rank `rank` (1 = shortest, `count` = longest), to three
    /// digits; the extremes exactly. `None` when there is no such sample.
    #[must_use]
    pub fn order_statistic(&self, rank: u64) -> Option<Nanos> {
        let n = self.count();
        if rank == 0 || rank > n {
            return None;
        }
        if rank == 1 {
            return Some(self.min);
        }
        if rank == n {
            return Some(self.max);
        }
        let mut seen = 0;
        for step in self.histogram.iter_recorded() {
            seen += step.count_since_last_iteration();
            if seen >= rank {
                let micros = self.histogram.median_equivalent(step.value_iterated_to());
                return Some(Nanos::from_micros(micros).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }

    /// The smallest span that at least `quantile` (0 to 1) of the spans do not
    /// exceed: the order statistic of rank ⌈quantile × n⌉.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<Nanos> {
        let n = self.count();
        // A hair less than the product, so that 0.95 × 100 is rank 95 and not 96.
        let rank = (quantile * n as f64 - 1e-9).ceil().max(1.0);
        self.order_statistic((rank as u64).min(n))
    }

    /// Every distinct span that was recorded, as far as the histogram tells them apart,
    /// and how often; ascending.
    pub fn spans(&self) -> impl Iterator<Item = (Nanos, u64)> + '_ {
        self.histogram.iter_recorded().map(|step| {
            let micros = self.histogram.median_equivalent(step.value_iterated_to());
            let span = Nanos::from_micros(micros).clamp(self.min, self.max);
            (span, step.count_since_last_iteration())
        })
    }

    /// The sum of all spans.
    #[must_use]
    pub fn total(&self) -> Nanos {
        Nanos(u64::try_from(self.sum).unwrap_or(u64::MAX))
    }

    /// How many spans aren't longer than `span`, to three digits.
    #[must_use]
    pub fn up_to(&self, span: Nanos) -> u64 {
        if span >= self.max {
            return self.count();
        }
        let micros = (span.0.saturating_add(500) / 1_000).clamp(1, HIGHEST_MICROS);
        self.histogram.count_between(0, micros)
    }

    /// The underlying histogram, in microseconds, for percentile tables.
    #[must_use]
    pub const fn histogram(&self) -> &Histogram<u32> {
        &self.histogram
    }
}

/// How a [`Trend`] is written: HDR V2, base64, with the exact figures beside it.
#[derive(Serialize, Deserialize)]
struct Stored {
    count: u64,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
    hdr_v2: String,
}

impl Serialize for Trend {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::new();
        if !self.is_empty() {
            // A histogram's header tells how far it had grown, which depends on how it
            // was filled: a fresh copy makes equal trends equal bytes.
            let mut copy = empty();
            copy.add(&self.histogram).map_err(|e| serde::ser::Error::custom(format!("{e:?}")))?;
            V2Serializer::new()
                .serialize(&copy, &mut bytes)
                .map_err(|e| serde::ser::Error::custom(format!("{e:?}")))?;
        }
        Stored {
            count: self.count(),
            sum_ns: u64::try_from(self.sum).unwrap_or(u64::MAX),
            min_ns: self.min().unwrap_or_default().0,
            max_ns: self.max().unwrap_or_default().0,
            hdr_v2: STANDARD.encode(bytes),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trend {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let stored = Stored::deserialize(deserializer)?;
        if stored.count == 0 {
            return Ok(Self::default());
        }
        let bytes = STANDARD.decode(&stored.hdr_v2).map_err(D::Error::custom)?;
        let read: Histogram<u32> = HdrReader::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(|e| D::Error::custom(format!("not an HDR V2 histogram: {e:?}")))?;
        let mut histogram = empty();
        histogram.add(&read).map_err(|e| D::Error::custom(format!("{e:?}")))?;
        if histogram.len() != stored.count {
            return Err(D::Error::custom("the histogram's count is not the stored one"));
        }
        let (min, max) = (Nanos(stored.min_ns), Nanos(stored.max_ns));
        if min > max {
            return Err(D::Error::custom("the minimum is over the maximum"));
        }
        Ok(Self { histogram, sum: u128::from(stored.sum_ns), min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(millis: impl IntoIterator<Item = u64>) -> Trend {
        let mut trend = Trend::default();
        for ms in millis {
            trend.record(Nanos::from_millis(ms));
        }
        trend
    }

    #[test]
    fn quantiles_are_order_statistics() {
        let trend = of(1..=100);
        let p95 = trend.quantile(0.95).expect("has samples").as_millis_f64();
        assert!((p95 - 95.0).abs() < 0.1, "{p95}");
        assert_eq!(trend.quantile(1.0), Some(Nanos::from_millis(100)));
        assert_eq!(trend.mean(), Some(50_500_000.0));
        assert_eq!(Trend::default().quantile(0.5), None);
    }

    #[test]
    fn extremes_are_exact_and_out_of_range_spans_are_kept() {
        let mut trend = Trend::default();
        trend.record(Nanos(1));
        trend.record(Nanos::from_secs(7200));
        assert_eq!(trend.min(), Some(Nanos(1)));
        assert_eq!(trend.max(), Some(Nanos::from_secs(7200)));
        assert_eq!(trend.count(), 2);
    }

    #[test]
    fn merging_is_recording_together_and_survives_json() {
        let mut left = of((0..500).map(|i| i * 7 % 311));
        let right = of((0..500).map(|i| i * 13 % 977));
        let both = of((0..500).map(|i| i * 7 % 311).chain((0..500).map(|i| i * 13 % 977)));
        left.merge(&right);
        assert_eq!(left, both);
        let json = serde_json::to_string(&both).expect("serialises");
        let read: Trend = serde_json::from_str(&json).expect("reads");
        assert_eq!(read, both);
        assert_eq!(serde_json::to_string(&read).expect("serialises"), json);
    }

    #[test]
    fn a_broken_histogram_is_an_error() {
        let json = r#"{"count":1,"sum_ns":1,"min_ns":1,"max_ns":1,"hdr_v2":"AAAA"}"#;
        assert!(serde_json::from_str::<Trend>(json).is_err());
    }
}
