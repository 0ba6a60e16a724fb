//! The server's clock, which a fault may set wrong.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::units::Nanos;

/// Tells the time of day; never steps, because it was read once and runs on
/// from there by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerClock {
    started: Instant,
    /// Since 1970, when the server started, by its (perhaps wrong) clock.
    origin: Nanos,
}

impl ServerClock {
    /// A clock that is `shift` nanoseconds ahead of the machine's.
    #[expect(clippy::disallowed_methods, reason = "a server reads its own clock")]
    pub(super) fn start(shift: i64) -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let origin = Nanos(Nanos::from(unix).0.saturating_add_signed(shift));
        Self { started: Instant::now(), origin }
    }

    /// Since the server started.
    pub(super) fn elapsed(&self) -> Nanos {
        Nanos::from(self.started.elapsed())
    }

    /// Since 1970.
    pub(super) fn now(&self) -> Nanos {
        self.origin + self.elapsed()
    }
}

/// `unix` as in an HTTP `Date` header (RFC 9110, 5.6.7): `Thu, 30 Oct 2025 17:44:12 GMT`.
pub(super) fn http_date(unix: Nanos) -> String {
    let t = moment(unix);
    let (day, month) = (t.weekday().to_string(), t.month().to_string());
    format!(
        "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
        day.get(..3).unwrap_or_default(),
        t.day(),
        month.get(..3).unwrap_or_default(),
        t.year(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// `unix` with six decimals: `2025-10-30T17:44:12.123456Z`.
pub(super) fn microseconds(unix: Nanos) -> String {
    let t = moment(unix);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        t.year(),
        u8::from(t.month()),
        t.day(),
        t.hour(),
        t.minute(),
        t.second(),
        t.microsecond()
    )
}

/// The first moment of the month after `unix`: `2025-11-01T00:00:00Z`.
pub(super) fn next_month(unix: Nanos) -> String {
    let t = moment(unix);
    let month = t.month().next();
    let year = t.year() + i32::from(month == time::Month::January);
    format!("{year:04}-{:02}-01T00:00:00Z", u8::from(month))
}

fn moment(unix: Nanos) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix.0))
        .unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_api_writes_them() {
        let unix = Nanos(1_761_846_252_123_456_789);
        assert_eq!(http_date(unix), "Thu, 30 Oct 2025 17:44:12 GMT");
        assert_eq!(microseconds(unix), "2025-10-30T17:44:12.123456Z");
        assert_eq!(microseconds(Nanos::from_secs(1)), "1970-01-01T00:00:01.000000Z");
        assert_eq!(next_month(unix), "2025-11-01T00:00:00Z");
        assert_eq!(next_month(Nanos::from_secs(1_765_000_000)), "2026-01-01T00:00:00Z");
    }
}
