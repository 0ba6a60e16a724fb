//! A distribution of spans: an HDR histogram with an exact sum, minimum and maximum.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::packed::{self, DIGITS, HIGHEST_MICROS, Packed};
use crate::units::Nanos;

/// Spans from 1 µs to 1 h to three significant digits. Shorter ones count as
/// 1 µs and longer ones as 1 h in quantiles; sum, minimum and maximum are exact.
#[derive(Debug)]
pub struct Trend {
    /// While it is recorded. Where it is there, nothing is in `stored`.
    open: Option<Box<Counts>>,
    /// As it is stored: a file's histograms take no more room than the file.
    stored: Packed,
    sum: u128,
    min: Nanos,
    max: Nanos,
}

impl Default for Trend {
    fn default() -> Self {
        Self { open: None, stored: Packed::default(), sum: 0, min: Nanos::MAX, max: Nanos::ZERO }
    }
}

/// A copy is as it is stored, which takes the least room: those of checkpoints come and go
/// every few seconds.
impl Clone for Trend {
    fn clone(&self) -> Self {
        Self { open: None, stored: self.packed(), ..*self }
    }
}

impl PartialEq for Trend {
    fn eq(&self, other: &Self) -> bool {
        (self.sum, self.min, self.max) == (other.sum, other.min, other.max)
            && self.count() == other.count()
            && self.steps().eq(other.steps())
    }
}

/// A span as the histogram counts it, in microseconds.
fn micros(span: Nanos) -> u64 {
    // Rounded to the nearest microsecond: rounding down would flatter.
    (span.0.saturating_add(500) / 1_000).clamp(1, HIGHEST_MICROS)
}

/// A span, and its place among the counts: found once for all trends that it enters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    span: Nanos,
    index: u64,
}

impl From<Nanos> for Placed {
    fn from(span: Nanos) -> Self {
        Self { span, index: packed::index(micros(span)) }
    }
}

impl Trend {
    /// Adds one span.
    pub fn record(&mut self, span: Nanos) {
        self.record_placed(span.into());
    }

    /// Adds `n` spans of that length.
    pub fn record_many(&mut self, span: Nanos, n: u64) {
        self.add(span.into(), n);
    }

    /// [`Trend::record`].
    pub(super) fn record_placed(&mut self, placed: Placed) {
        self.add(placed, 1);
    }

    fn add(&mut self, Placed { span, index }: Placed, n: u64) {
        if n == 0 {
            return;
        }
        self.open().add(index, u32::try_from(n).unwrap_or(u32::MAX));
        self.sum += u128::from(span.0) * u128::from(n);
        self.min = self.min.min(span);
        self.max = self.max.max(span);
    }

    /// Adds all of `other`, as if its spans had been recorded here.
    pub fn merge(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        let stored = self.open.is_none() && other.open.is_none();
        let open = self.open();
        for (index, count) in other.steps() {
            open.add(index, u32::try_from(count).unwrap_or(u32::MAX));
        }
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        if stored {
            self.stored = self.packed();
            self.open = None;
        }
    }

    /// Prepares for a lot to be added: what was read of a file is written as there after
    /// each merge otherwise.
    pub(super) fn prepare(&mut self) {
        self.open();
    }

    /// The counts to record into.
    fn open(&mut self) -> &mut Counts {
        let Self { open, stored, .. } = self;
        open.get_or_insert_with(|| {
            let mut counts = Box::<Counts>::default();
            for (index, count) in std::mem::take(stored).steps() {
                counts.add(index, u32::try_from(count).unwrap_or(u32::MAX));
            }
            counts
        })
    }

    /// As it is stored.
    fn packed(&self) -> Packed {
        self.open.as_ref().map_or_else(|| self.stored.clone(), |o| Packed::written(o.steps()))
    }

    /// Places of the histogram with a count, ascending.
    fn steps(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.open.iter().flat_map(|counts| counts.steps()).chain(self.stored.steps())
    }

    /// How many spans.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.open.as_ref().map_or(self.stored.count(), |counts| counts.all())
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
        let mut spans = self.spans();
        let reached = spans.find(|(_, count)| {
            seen += count;
            seen >= rank
        });
        Some(reached.map_or(self.max, |(span, _)| span))
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
        let span = |at| Nanos::from_micros(packed::median(at)).clamp(self.min, self.max);
        self.steps().map(move |(index, count)| (span(index), count))
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
        let last = packed::index(micros(span));
        self.steps().take_while(|(index, _)| *index <= last).map(|(_, count)| count).sum()
    }

    /// The histogram, in microseconds, for percentile tables.
    #[must_use]
    pub fn histogram(&self) -> Histogram<u32> {
        let mut histogram = Histogram::new(DIGITS).expect("three digits are allowed");
        histogram.auto(true);
        for (index, count) in self.steps() {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            // Auto-resize is on: it can't err.
            let _ = histogram.record_n(packed::median(index), count);
        }
        histogram
    }
}

/// How a [`Trend`] is written: HDR V2, base64, with the exact figures beside it.
#[derive(Serialize, Deserialize)]
struct Stored {
    count: u64,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
    hdr_v2: Base64,
}

/// The bytes of a histogram. Its name is known to who counts what a file takes:
/// they take less memory than their text.
struct Base64(Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> serde::de::Visitor<'de> for Reader {
            type Value = Base64;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an HDR V2 histogram in base64")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Base64, E> {
                if text.len() > packed::MOST_TEXT {
                    return Err(E::custom("a histogram can't be that long"));
                }
                STANDARD.decode(text).map(Base64).map_err(E::custom)
            }

            fn visit_newtype_struct<D: serde::Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Base64, D::Error> {
                deserializer.deserialize_str(self)
            }
        }

        deserializer.deserialize_newtype_struct(PACKED, Reader)
    }
}

/// How the bytes of a histogram introduce themselves to their deserializer.
pub const PACKED: &str = "hdr_v2";

impl Serialize for Trend {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored {
            count: self.count(),
            sum_ns: u64::try_from(self.sum).unwrap_or(u64::MAX),
            min_ns: self.min().unwrap_or_default().0,
            max_ns: self.max().unwrap_or_default().0,
            hdr_v2: Base64(self.packed().bytes().to_vec()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trend {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let stored = Stored::deserialize(deserializer)?;
        let none = stored.count == 0 && stored.hdr_v2.0.is_empty();
        if none && (stored.sum_ns, stored.min_ns, stored.max_ns) == (0, 0, 0) {
            return Ok(Self::default());
        }
        let packed = Packed::read(stored.hdr_v2.0).map_err(D::Error::custom)?;
        if packed.count() != stored.count {
            return Err(D::Error::custom("the histogram's count is not the stored one"));
        }
        let (min, max) = (Nanos(stored.min_ns), Nanos(stored.max_ns));
        let ends = Some((packed::index(micros(min)), packed::index(micros(max))));
        if min > max || packed.ends() != ends {
            return Err(D::Error::custom("minimum or maximum are not the histogram's"));
        }
        if !packed.may_add_up_to(stored.sum_ns) {
            return Err(D::Error::custom("the sum is not the histogram's"));
        }
        Ok(Self { open: None, stored: packed, sum: stored.sum_ns.into(), min, max })
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
        // What was read is merged as what was recorded.
        let mut again: Trend = serde_json::from_str(&json).expect("reads");
        again.merge(&read);
        left.merge(&both);
        assert_eq!(again, left);
        let json = |trend: &Trend| serde_json::to_string(trend).expect("serialises");
        assert_eq!(json(&again), json(&left));
        again.record(Nanos::from_millis(5000));
        assert_eq!((again.count(), again.quantile(1.0)), (2001, Some(Nanos::from_millis(5000))));
    }

    #[test]
    fn a_copy_says_the_same_in_the_room_of_what_was_recorded() {
        let trend = of((0..5_000).map(|i| i * 7 % 3_011));
        let mut copy = trend.clone();
        assert_eq!(copy, trend);
        assert!(copy.open.is_none(), "it takes more room than it needs");
        for rank in [1, 2, 2_500, 4_999, 5_000] {
            assert_eq!(copy.order_statistic(rank), trend.order_statistic(rank), "{rank}");
        }
        copy.record(Nanos::from_secs(5));
        assert_eq!((copy.count(), trend.count()), (5_001, 5_000));
    }

    #[test]
    fn what_contradicts_itself_is_an_error() {
        let json = serde_json::to_value(of([3, 5, 5, 800])).expect("serialises");
        let with = |key: &str, value: serde_json::Value| {
            let mut json = json.clone();
            json[key] = value;
            serde_json::from_value::<Trend>(json)
        };
        assert!(with("count", 4.into()).is_ok());
        for (key, value) in [
            ("count", 5.into()),
            ("min_ns", 2_000_000.into()),
            ("max_ns", 900_000_000.into()),
            ("sum_ns", 1.into()),
            ("sum_ns", 900_000_000_000_u64.into()),
            ("hdr_v2", "AAAA".into()),
            ("hdr_v2", "".into()),
            ("hdr_v2", "x".repeat(1 << 20).into()),
        ] {
            let read = with(key, value);
            assert!(read.is_err(), "{key}: {read:?}");
        }
        let none = serde_json::to_value(Trend::default()).expect("serialises");
        assert_eq!(serde_json::from_value::<Trend>(none).expect("reads"), Trend::default());
    }
}
