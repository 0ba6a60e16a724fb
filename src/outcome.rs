//! How an arrival ended: exactly one of nine ways.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

/// The end of an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The success status, and the scenario's whole contract holds.
    Accepted,
    /// 429.
    RateLimited,
    /// The success status, but a check of the contract fails.
    Contract,
    /// Any other 4xx.
    Rejected,
    /// 5xx.
    ServerError,
    /// Any status that fits nowhere else.
    Unexpected,
    /// No whole answer within the timeout.
    Timeout,
    /// No answer: connect, TLS, reset or protocol.
    Transport,
    /// Never sent: the in-flight cap was reached, the generator fell short.
    Dropped,
}

impl Outcome {
    /// Every outcome, in the order reports show them.
    pub const ALL: [Self; 9] = [
        Self::Accepted,
        Self::RateLimited,
        Self::Contract,
        Self::Rejected,
        Self::ServerError,
        Self::Unexpected,
        Self::Timeout,
        Self::Transport,
        Self::Dropped,
    ];

    /// The name used in files and selectors, such as `rate_limited`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::RateLimited => "rate_limited",
            Self::Contract => "contract",
            Self::Rejected => "rejected",
            Self::ServerError => "server_error",
            Self::Unexpected => "unexpected",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::Dropped => "dropped",
        }
    }

    /// The outcome of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// Whether a whole answer with a status came back.
    #[must_use]
    pub const fn is_answered(self) -> bool {
        !matches!(self, Self::Timeout | Self::Transport | Self::Dropped)
    }

    /// The outcome that a status alone decides; `None` for `success`, where the
    /// contract has the last word.
    #[must_use]
    pub const fn of_status(status: u16, success: u16) -> Option<Self> {
        match status {
            s if s == success => None,
            429 => Some(Self::RateLimited),
            400..=499 => Some(Self::Rejected),
            500..=599 => Some(Self::ServerError),
            _ => Some(Self::Unexpected),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A count for each outcome. Serialised as an object with every outcome, zeros
/// included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutcomeCounts([u64; 9]);

impl OutcomeCounts {
    /// The count of `outcome`.
    #[must_use]
    pub const fn get(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize]
    }

    /// Counts one more `outcome`.
    pub const fn add(&mut self, outcome: Outcome) {
        self.add_many(outcome, 1);
    }

    /// Counts `n` more of `outcome`.
    pub const fn add_many(&mut self, outcome: Outcome, n: u64) {
        self.0[outcome as usize] += n;
    }

    /// Adds another set of counts.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// All arrivals, dropped ones included.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// All arrivals that were sent.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.total() - self.get(Outcome::Dropped)
    }

    /// Every outcome with its count, in report order.
    pub fn iter(&self) -> impl Iterator<Item = (Outcome, u64)> + '_ {
        Outcome::ALL.into_iter().map(|outcome| (outcome, self.get(outcome)))
    }
}

impl Serialize for OutcomeCounts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(outcome, n)| (outcome.name(), n)))
    }
}

impl<'de> Deserialize<'de> for OutcomeCounts {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = OutcomeCounts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count for each outcome")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OutcomeCounts, A::Error> {
                let mut counts = OutcomeCounts::default();
                while let Some((outcome, n)) = map.next_entry::<Outcome, u64>()? {
                    let count = &mut counts.0[outcome as usize];
                    // So many that no sum of them is anything but a sum.
                    if n > MOST_COUNTED || *count > 0 {
                        return Err(A::Error::custom(format!("{outcome} can't be counted so")));
                    }
                    *count = n;
                }
                Ok(counts)
            }
        }

        // Its fields are those of a struct, and take no more room than it.
        deserializer.deserialize_struct("OutcomeCounts", &[], Reader)
    }
}

/// The most that is ever counted: sums of as many as there may be stay exact.
const MOST_COUNTED: u64 = 1 << 48;

/// What became of a probe. Decided by the status alone: a probe is right in all but
/// one thing, so what refuses it refuses that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeEnd {
    /// Refused as docs/api.md says.
    Held,
    /// Refused with another 4xx than docs/api.md says: the answer is off, the door is shut.
    Other,
    /// Answered 2xx.
    Breached,
    /// Rate limited, 5xx or anything else: nothing can be said.
    Neither,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_outcome() {
        assert_eq!(Outcome::of_status(201, 201), None);
        assert_eq!(Outcome::of_status(200, 201), Some(Outcome::Unexpected));
        assert_eq!(Outcome::of_status(302, 200), Some(Outcome::Unexpected));
        assert_eq!(Outcome::of_status(422, 200), Some(Outcome::Rejected));
        assert_eq!(Outcome::of_status(429, 200), Some(Outcome::RateLimited));
        assert_eq!(Outcome::of_status(503, 200), Some(Outcome::ServerError));
        assert_eq!(Outcome::of_status(999, 200), Some(Outcome::Unexpected));
    }

    #[test]
    fn names_round_trip_and_counts_serialise_with_zeros() {
        for outcome in Outcome::ALL {
            assert_eq!(Outcome::parse(outcome.name()), Some(outcome));
        }
        let mut counts = OutcomeCounts::default();
        counts.add(Outcome::RateLimited);
        let json = serde_json::to_string(&counts).expect("serialises");
        assert!(json.contains("\"rate_limited\":1") && json.contains("\"dropped\":0"));
        assert_eq!(serde_json::from_str::<OutcomeCounts>(&json).expect("reads"), counts);
    }
}
