//! Moments, spans and figures: one type each, and the one place that formats them.

mod change;

use std::fmt;
use std::ops::{Add, AddAssign, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::change::{by, change, size};

/// A span, or a moment counted from the start of a scenario's load, in whole
/// nanoseconds (0 to about 584 years). Arithmetic saturates, never wraps.
///
/// Serialised as an integer number of nanoseconds.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// No time at all.
    pub const ZERO: Self = Self(0);
    /// The longest span there is.
    pub const MAX: Self = Self(u64::MAX);

    /// A span of whole seconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// A span of whole milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A span of whole microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros.saturating_mul(1_000))
    }

    /// A span of `seconds`, rounded to the nearest nanosecond; negative and
    /// non-finite values become zero, too large ones [`Nanos::MAX`].
    #[must_use]
    pub fn from_secs_f64(seconds: f64) -> Self {
        let nanos = (seconds * 1e9).round();
        if nanos.is_nan() || nanos <= 0.0 { Self::ZERO } else { Self(nanos as u64) }
    }

    /// In seconds.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// In milliseconds.
    #[must_use]
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// In whole microseconds, rounded down.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// Whether it is no time at all.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    /// `self - other`, zero where `other` is later.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<Duration> for Nanos {
    fn from(span: Duration) -> Self {
        Self(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(span: Nanos) -> Self {
        Self::from_nanos(span.0)
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Nanos {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&span(*self))
    }
}

/// A moment in UTC, to the millisecond. Serialised as RFC 3339
/// (`2025-10-30T17:44:12.123Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub unix_millis: i64,
}

impl Timestamp {
    /// The moment `unix` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn from_unix(unix: Duration) -> Self {
        Self { unix_millis: i64::try_from(unix.as_millis()).unwrap_or(i64::MAX) }
    }

    /// Since 1970-01-01T00:00:00Z; zero before it.
    #[must_use]
    pub fn unix(self) -> Duration {
        Duration::from_millis(u64::try_from(self.unix_millis).unwrap_or(0))
    }

    /// This moment, `span` later.
    #[must_use]
    pub fn after(self, span: Nanos) -> Self {
        let millis = i64::try_from(span.0 / 1_000_000).unwrap_or(i64::MAX);
        Self { unix_millis: self.unix_millis.saturating_add(millis) }
    }

    /// How long after `earlier` this is; nothing where it is before it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Nanos {
        let millis = self.unix_millis.saturating_sub(earlier.unix_millis);
        Nanos::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_seconds(self) -> f64 {
        self.unix_millis as f64 / 1e3
    }

    fn parts(self) -> time::OffsetDateTime {
        time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.unix_millis) * 1_000_000)
            .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
    }

    /// `2025-10-30T17:44:12.123Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let t = self.parts();
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second(),
            t.millisecond()
        )
    }

    /// `2025-10-30 17:44:12 UTC`, for people.
    #[must_use]
    pub fn human(self) -> String {
        let t = self.parts();
        format!(
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02} UTC",
            t.year(),
            u8::from(t.month()),
            t.day(),
            t.hour(),
            t.minute(),
            t.second()
        )
    }

    /// `2025-10-30_17-44-12`, for file names.
    #[must_use]
    pub fn file_stem(self) -> String {
        self.human()[..19].replace(' ', "_").replace(':', "-")
    }

    /// Reads RFC 3339.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let format = &time::format_description::well_known::Rfc3339;
        let moment = time::OffsetDateTime::parse(text, format).ok()?;
        let millis = moment.unix_timestamp_nanos().div_euclid(1_000_000);
        i64::try_from(millis).ok().map(|unix_millis| Self { unix_millis })
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.rfc3339())
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_rfc3339(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an RFC 3339 moment")))
    }
}

/// A span for people, three significant digits: `850 ns`, `12.3 µs`, `4.56 ms`,
/// `7.80 s`, from a minute on `9m 00s`.
#[must_use]
pub fn span(span: Nanos) -> String {
    let ns = span.0 as f64;
    if span.0 < 1_000 {
        format!("{} ns", span.0)
    } else if ns < 999_500.0 {
        format!("{} µs", significant(ns / 1e3))
    } else if ns < 999_500_000.0 {
        format!("{} ms", significant(ns / 1e6))
    } else if ns < 59_950_000_000.0 {
        format!("{} s", significant(ns / 1e9))
    } else {
        let seconds = (ns / 1e9).round() as u64;
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 {
            format!("{hours}h {minutes:02}m {seconds:02}s")
        } else {
            format!("{minutes}m {seconds:02}s")
        }
    }
}

/// An age as people say it: `under an hour`, `1 hour`, `47 hours`, `3 days`.
#[must_use]
pub fn age(age: Nanos) -> String {
    let hours = age.0 / Nanos::from_secs(3600).0;
    let (n, unit) = match hours {
        0 => return "under an hour".to_owned(),
        1..=47 => (hours, "hour"),
        _ => (hours / 24, "day"),
    };
    counted(n, unit)
}

/// A moment of a load on its clock, cut to tenths of a second: `3:00`, `0:01.5`.
#[must_use]
pub fn clock(moment: Nanos) -> String {
    let (seconds, tenths) = (moment.0 / 1_000_000_000, moment.0 / 100_000_000 % 10);
    let whole = format!("{}:{:02}", seconds / 60, seconds % 60);
    if tenths == 0 { whole } else { format!("{whole}.{tenths}") }
}

/// How often, for people: `a second`, `a minute`, `an hour`, `every 30.0 s`.
#[must_use]
pub fn per(window: Nanos) -> String {
    match window.0 {
        1_000_000_000 => "a second".to_owned(),
        60_000_000_000 => "a minute".to_owned(),
        3_600_000_000_000 => "an hour".to_owned(),
        _ => format!("every {window}"),
    }
}

/// Milliseconds (`12.3 ms`) from a figure that is already in milliseconds.
#[must_use]
pub fn millis(ms: f64) -> String {
    self::span(Nanos::from_secs_f64(ms / 1e3))
}

/// A share between 0 and 1 as per cent: `99.53 %`, `100 %`, `0 %`; never
/// rounded to 100 or 0 unless it is exactly that.
#[must_use]
pub fn percent(share: f64) -> String {
    if !share.is_finite() {
        return "n/a".to_owned();
    }
    let per_cent = share * 100.0;
    if share == 0.0 || share == 1.0 {
        return format!("{per_cent:.0} %");
    }
    let text = format!("{per_cent:.2}");
    match text.as_str() {
        "0.00" => "<0.01 %".to_owned(),
        "100.00" => ">99.99 %".to_owned(),
        _ => format!("{text} %"),
    }
}

/// A confidence between 0 and 1: `95 %`, `98.33 %`.
#[must_use]
pub fn confidence(share: f64) -> String {
    format!("{} %", number((share * 1e4).round() / 1e2))
}

/// A count to two significant digits, for figures that are no more exact: 210 of 212.
#[must_use]
pub fn about(n: u64) -> u64 {
    let step = 10u64.pow(n.checked_ilog10().unwrap_or(0).saturating_sub(1));
    n.saturating_add(step / 2) / step * step
}

/// A count with thousands separated: `40,200`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many of a thing whose plural ends in s: `1 request`, `40,200 requests`.
#[must_use]
pub fn counted(n: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(n), if n == 1 { "" } else { "s" })
}

/// A rate per second: `200/s`, `12.5/s`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    let text = format!("{per_second:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}/s")
}

/// A size in bytes: `512 B`, `1.21 MiB`.
#[must_use]
pub fn bytes(n: u64) -> String {
    const KIB: f64 = 1024.0;
    let size = n as f64;
    if size < KIB {
        format!("{n} B")
    } else if size < KIB * KIB {
        format!("{} KiB", significant(size / KIB))
    } else if size < KIB * KIB * KIB {
        format!("{} MiB", significant(size / KIB / KIB))
    } else {
        format!("{} GiB", significant(size / KIB / KIB / KIB))
    }
}

/// A plain number: whole where it is whole, else at most four decimals.
#[must_use]
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn significant(value: f64) -> String {
    if value >= 99.95 {
        format!("{value:.0}")
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_thing_is_said_otherwise() {
        let said = [0, 1, 40_200].map(|n| counted(n, "request"));
        assert_eq!(said, ["0 requests", "1 request", "40,200 requests"]);
    }

    #[test]
    fn spans_read_well_at_every_size() {
        for (nanos, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (12_345, "12.3 µs"),
            (999_499, "999 µs"),
            (999_500, "1.00 ms"),
            (20_770_000, "20.8 ms"),
            (1_500_000_000, "1.50 s"),
            (60_000_000_000, "1m 00s"),
            (3_661_000_000_000, "1h 01m 01s"),
        ] {
            assert_eq!(span(Nanos(nanos)), text);
        }
    }

    #[test]
    fn a_share_is_never_rounded_to_a_certainty() {
        assert_eq!(percent(0.999_999), ">99.99 %");
        assert_eq!(percent(0.000_001), "<0.01 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(0.9953), "99.53 %");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(364_725), "364,725");
        assert_eq!(count(1_000_000), "1,000,000");
    }

    #[test]
    fn timestamps_survive_the_round_trip() {
        let moment = Timestamp { unix_millis: 1_761_846_252_123 };
        assert_eq!(moment.rfc3339(), "2025-10-30T17:44:12.123Z");
        assert_eq!(moment.file_stem(), "2025-10-30_17-44-12");
        assert_eq!(Timestamp::parse_rfc3339(&moment.rfc3339()), Some(moment));
    }

    #[test]
    fn rates_and_numbers_drop_empty_decimals() {
        assert_eq!(rate(200.0), "200/s");
        assert_eq!(rate(12.5), "12.5/s");
        assert_eq!(number(0.9), "0.9");
        assert_eq!(number(2000.0), "2000");
    }
}
