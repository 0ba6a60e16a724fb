//! The server's clock against ours, from Date headers of whole seconds.

use std::time::Duration;

/// Narrows the skew with every answer: a Date header is the server's clock,
/// rounded down, at some moment between sending and the last byte. So
/// skew ∈ (date − done, date + 1 − sent), and the intervals intersect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skew {
    range: Option<(f64, f64)>,
}

impl Skew {
    /// Takes in one answer; all in seconds since 1970.
    pub(crate) fn note(&mut self, date: i64, sent: Duration, done: Duration) {
        let low = date as f64 - done.as_secs_f64();
        let high = date as f64 + 1.0 - sent.as_secs_f64();
        *self = self.join(Self { range: Some((low, high)) });
    }

    /// What both know. Clocks that contradict each other (several nodes, a step):
    /// the other counts.
    pub(crate) fn join(self, other: Self) -> Self {
        let range = match (self.range, other.range) {
            (Some((l, h)), Some((low, high))) if l.max(low) <= h.min(high) => {
                Some((l.max(low), h.min(high)))
            }
            (mine, theirs) => theirs.or(mine),
        };
        Self { range }
    }

    /// Seconds the server is ahead; 0 while that is possible.
    pub(crate) fn seconds(self) -> Option<f64> {
        self.range.map(
            |(low, high)| {
                if low <= 0.0 && 0.0 <= high { 0.0 } else { f64::midpoint(low, high) }
            },
        )
    }
}

/// Seconds since 1970 of an HTTP date (RFC 9110, 5.6.7, the preferred form).
#[must_use]
pub fn parse_date(text: &str) -> Option<i64> {
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let moment = time::PrimitiveDateTime::parse(text, &format).ok()?;
    Some(moment.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_the_rfc_is_read() {
        assert_eq!(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(parse_date("yesterday"), None);
    }

    #[test]
    fn whole_seconds_alone_are_no_skew_and_a_real_one_is_found() {
        let at = |seconds: f64| Duration::from_secs_f64(seconds);
        let mut none = Skew::default();
        let mut ahead = Skew::default();
        for i in 0..20_u32 {
            let now = 1000.0 + f64::from(i) * 0.37;
            none.note(now.floor() as i64, at(now - 0.01), at(now + 0.01));
            ahead.note((now + 400.25).floor() as i64, at(now - 0.01), at(now + 0.01));
        }
        assert_eq!(none.seconds(), Some(0.0));
        let skew = ahead.seconds().expect("seen");
        assert!((skew - 400.25).abs() < 0.1, "{skew}");
        assert_eq!(Skew::default().seconds(), None);
    }
}
