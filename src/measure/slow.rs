//! The accepted arrivals that took longest: where a reader of traces begins.

use serde::{Deserialize, Serialize};

use crate::units::Nanos;

/// An accepted arrival that took long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slow {
    /// Its number, from 1.
    pub arrival: u64,
    /// When it was due, counted from the start of the load.
    pub at: Nanos,
    /// Its response time.
    pub response_time: Nanos,
    /// Its trace id, where requests carried one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl Slow {
    /// The most that are kept.
    pub const MOST: usize = 5;

    /// Puts it among the slowest, the slowest first; of two alike the earlier stays.
    pub(super) fn join(self, slowest: &mut Vec<Self>) {
        let key = |slow: &Self| (std::cmp::Reverse(slow.response_time), slow.at, slow.arrival);
        let place = slowest.partition_point(|other| key(other) <= key(&self));
        if place < Self::MOST {
            slowest.insert(place, self);
            slowest.truncate(Self::MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_stay_in_whatever_order_they_come() {
        let slow = |arrival: u64, millis| Slow {
            arrival,
            at: Nanos::from_secs(arrival),
            response_time: Nanos::from_millis(millis),
            trace: None,
        };
        let all: Vec<Slow> = (1..=40).map(|n| slow(n, n * 7919 % 13)).collect();
        let mut forth = Vec::new();
        let mut back = Vec::new();
        for slow in &all {
            slow.clone().join(&mut forth);
        }
        for slow in all.iter().rev() {
            slow.clone().join(&mut back);
        }
        assert_eq!(forth, back);
        assert_eq!(forth.len(), Slow::MOST);
        let times: Vec<u64> = forth.iter().map(|slow| slow.response_time.0 / 1_000_000).collect();
        assert_eq!(times, [12, 12, 12, 11, 11]);
        assert!(forth[0].arrival < forth[1].arrival && forth[1].arrival < forth[2].arrival);
    }
}
