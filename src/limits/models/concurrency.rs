//! Limits on how many at once.

use crate::units::Nanos;

/// At most `limit` requests at once, however many a minute.
#[derive(Clone, Debug)]
pub struct Concurrency {
    limit: usize,
    /// When each that is being worked at ends.
    busy: Vec<Nanos>,
}

impl Concurrency {
    /// At most `limit` at once.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { limit, busy: Vec::new() }
    }

    pub(super) fn admits(&mut self, at: Nanos, work: Nanos) -> bool {
        self.busy.retain(|end| *end > at);
        let room = self.busy.len() < self.limit;
        if room {
            self.busy.push(at + work);
        }
        room
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_when_the_work_is_done() {
        let mut limiter = Concurrency::new(1);
        let work = Nanos::from_millis(100);
        let seen = [0, 50, 99, 100, 150].map(|ms| limiter.admits(Nanos::from_millis(ms), work));
        assert_eq!(seen, [true, false, false, true, false]);
    }
}
