//! Which of several machines a run is, and what they agree on without talking to each other.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::units::Timestamp;

/// The most shards of one run.
pub const MOST_SHARDS: u32 = 10_000;

/// One of several who share what is counted, in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    index: u64,
    of: u64,
}

impl Share {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, of: 1 };

    /// The share of number `index` (from 0) of `of` who share; what is out of
    /// range is brought into it.
    #[must_use]
    pub const fn new(index: u32, of: u32) -> Self {
        let of = if of == 0 { 1 } else { of as u64 };
        Self { index: index as u64 % of, of }
    }

    /// The share that has number `n` (from 1), of `of` who share.
    pub(super) const fn of_turn(n: u64, of: u64) -> Self {
        Self { index: n.saturating_sub(1) % of, of }
    }

    /// The share of number `index` of `of` who share this share between them.
    #[must_use]
    pub const fn part(self, index: u32, of: u32) -> Self {
        let inner = Self::new(index, of);
        Self { index: self.index + self.of * inner.index, of: self.of * inner.of }
    }

    /// Whether number `n` (from 1) is in it.
    #[must_use]
    pub const fn has(self, n: u64) -> bool {
        n.saturating_sub(1) % self.of == self.index
    }

    /// The numbers in it, of `total`, in order.
    pub fn numbers(self, total: u64) -> impl Iterator<Item = u64> {
        (self.index + 1..=total).step_by(usize::try_from(self.of).unwrap_or(usize::MAX))
    }

    /// How many of the numbers up to `n` are in it.
    pub(super) const fn count(self, n: u64) -> u64 {
        if n <= self.index { 0 } else { (n - 1 - self.index) / self.of + 1 }
    }

    /// The last number in it that isn't above `n`; 0: there is none.
    pub(super) const fn last_by(self, n: u64) -> u64 {
        if n <= self.index { 0 } else { n - (n - 1 - self.index) % self.of }
    }
}

/// One of several machines that send a plan together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Numbers", into = "Numbers")]
pub struct Shard {
    index: u32,
    of: u32,
}

/// How a [`Shard`] is written.
#[derive(Serialize, Deserialize)]
struct Numbers {
    index: u32,
    of: u32,
}

impl Shard {
    /// The only one.
    pub const ALONE: Self = Self { index: 1, of: 1 };

    /// Shard `index` (from 1) of `of` (at most [`MOST_SHARDS`]); `None`: there is no such.
    #[must_use]
    pub const fn new(index: u32, of: u32) -> Option<Self> {
        if index >= 1 && index <= of && of <= MOST_SHARDS { Some(Self { index, of }) } else { None }
    }

    /// Its number, from 1.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    #[must_use]
    pub const fn of(self) -> u32 {
        self.of
    }

    /// Whether there is no other.
    #[must_use]
    pub const fn is_alone(self) -> bool {
        self.of == 1
    }

    /// Whether it sends what is sent once: canary, first probes, the limiter's proof.
    #[must_use]
    pub const fn leads(self) -> bool {
        self.index == 1
    }

    /// Its part of whatever is dealt in turn.
    #[must_use]
    pub const fn share(self) -> Share {
        Share::new(self.index - 1, self.of)
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self::ALONE
    }
}

/// `2/4`.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl TryFrom<Numbers> for Shard {
    type Error = String;

    fn try_from(Numbers { index, of }: Numbers) -> Result<Self, String> {
        Self::new(index, of).ok_or_else(|| format!("there is no shard {index} of {of}"))
    }
}

impl From<Shard> for Numbers {
    fn from(Shard { index, of }: Shard) -> Self {
        Self { index, of }
    }
}

/// How a run is dealt to several machines: what each is told alike, but for its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dealing {
    /// Which machine this is.
    pub shard: Shard,
    /// When the first load begins, by every machine's own clock; `None`: at once. There
    /// is one where there are several machines.
    pub start_at: Option<Timestamp>,
    /// What names the run for all of its machines (such as the id of a CI run); may be empty.
    pub run: String,
}

impl Dealing {
    /// A number that all machines of the run come to and hardly any other run; `purpose`
    /// gives several that have nothing to do with each other.
    #[must_use]
    pub fn number(&self, purpose: &str) -> u64 {
        let start = self.start_at.map_or(0, |start| start.unix_millis);
        let digest = Sha256::digest(format!("{purpose}\n{}\n{start}\n{}", self.shard.of, self.run));
        digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_out_of_range_is_brought_into_it() {
        assert_eq!(Share::new(7, 0), Share::WHOLE);
        assert_eq!(Share::new(7, 4), Share::new(3, 4));
    }

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!(Shard::new(0, 4), None);
        assert_eq!(Shard::new(5, 4), None);
        assert_eq!(Shard::new(1, MOST_SHARDS + 1), None);
        let shard = Shard::new(2, 4).expect("is one");
        assert_eq!((shard.to_string().as_str(), shard.leads()), ("2/4", false));
        let json = serde_json::to_string(&shard).expect("serialises");
        assert_eq!(json, r#"{"index":2,"of":4}"#);
        assert_eq!(serde_json::from_str::<Shard>(&json).ok(), Some(shard));
        assert!(serde_json::from_str::<Shard>(r#"{"index":5,"of":4}"#).is_err());
        assert!(Shard::ALONE.leads() && Shard::ALONE.is_alone());
    }

    #[test]
    fn machines_of_a_run_agree_and_runs_differ() {
        let dealing = |index, start: i64, run: &str| Dealing {
            shard: Shard::new(index, 3).expect("is one"),
            start_at: Some(Timestamp { unix_millis: start }),
            run: run.to_owned(),
        };
        let number = dealing(1, 5, "a").number("seed");
        assert_eq!(number, dealing(3, 5, "a").number("seed"));
        for other in [dealing(1, 6, "a"), dealing(1, 5, "b")] {
            assert_ne!(number, other.number("seed"));
        }
        assert_ne!(number, dealing(1, 5, "a").number("address"));
    }
}
