//! The server's clock against ours, from Date headers of whole seconds.

use std::time::Duration;

/// Narrows the skew with every answer: a Date header is the server's clock,
/// rounded down, at some moment between sending and the last byte. So
/// skew ∈ (date − done, date + 1 − sent), and the intervals intersect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Skew {
    range: Option<(f64, f64)>,
    /// The greatest low end and the least high end of all intervals: the second below the
    /// first is how far clocks are apart that contradict each other.
    ends: Option<(f64, f64)>,
}

impl Skew {
    /// Takes in one answer; all in seconds since 1970.
    pub(crate) fn note(&mut self, date: i64, sent: Duration, done: Duration) {
        let low = date as f64 - done.as_secs_f64();
        let high = date as f64 + 1.0 - sent.as_secs_f64();
        *self = self.join(Self { range: Some((low, high)), ends: Some((low, high)) });
    }

    /// What both know. Clocks that contradict each other (several nodes, a step):
    /// the other counts, and how far apart they are is kept.
    pub(crate) fn join(self, other: Self) -> Self {
        let both = |(l, h): (f64, f64), (low, high): (f64, f64)| (l.max(low), h.min(high));
        let range = match (self.range, other.range) {
            (Some(mine), Some(theirs)) => {
                Some(both(mine, theirs)).filter(|(low, high)| low <= high).or(other.range)
            }
            (mine, theirs) => theirs.or(mine),
        };
        let ends = self.ends.zip(other.ends).map(|(mine, theirs)| both(mine, theirs));
        Self { range, ends: ends.or(other.ends).or(self.ends) }
    }

    /// Seconds the server is ahead; 0 while that is possible.
    pub(crate) fn seconds(self) -> Option<f64> {
        self.range.map(
            |(low, high)| {
                if low <= 0.0 && 0.0 <= high { 0.0 } else { f64::midpoint(low, high) }
            },
        )
    }

    /// By how much [`Self::seconds`] may be off, in seconds: as far as all intervals' ends
    /// reach on either side of it.
    pub(crate) fn error(self) -> Option<f64> {
        let seconds = self.seconds()?;
        let (range, ends) = (self.range?, self.ends?);
        let off = [range.0, range.1, ends.0, ends.1].map(|end| (end - seconds).abs());
        Some(off.into_iter().fold(0.0, f64::max))
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
        let off = ahead.error().expect("seen");
        assert!((skew - 400.25).abs() <= off && off < 0.2, "{off}");
        assert_eq!((Skew::default().seconds(), Skew::default().error()), (None, None));
    }

    #[test]
    fn nodes_whose_clocks_are_apart_are_told_no_better_than_they_agree() {
        let at = |seconds: f64| Duration::from_secs_f64(seconds);
        let mut both = Skew::default();
        for i in 0..400_u32 {
            let now = 1000.0 + f64::from(i) * 0.0137;
            let node = now + if i % 2 == 0 { 0.0 } else { 0.3 };
            both.note(node.floor() as i64, at(now - 0.001), at(now + 0.001));
        }
        let (skew, off) = (both.seconds().expect("seen"), both.error().expect("seen"));
        // Both are within it, as far as the answers that came tell of either.
        assert!(skew - off <= 0.02 && skew + off >= 0.28 && off < 0.32, "{skew} ± {off}");
    }
}
