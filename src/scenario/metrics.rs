//! The metrics that one scenario alone has: names, and what of its arrivals they count.

use crate::tags::TagKey;

/// A metric of one scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnMetric {
    /// Its name in thresholds and files.
    pub name: &'static str,
    /// What it counts or times.
    pub what: Own,
    /// The same in words, for the documentation.
    pub about: &'static str,
}

impl OwnMetric {
    /// A metric of that name.
    #[must_use]
    pub const fn new(name: &'static str, what: Own, about: &'static str) -> Self {
        Self { name, what, about }
    }
}

/// What a scenario's own metric is drawn from: accepted arrivals, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// How many there were.
    Accepted,
    /// How many there were, told apart by the values of a tag.
    AcceptedBy(TagKey),
    /// How many there were with this value of a tag.
    AcceptedWith(TagKey, &'static str),
    /// How many things their answers delivered, told apart by the values of a tag.
    ItemsBy(TagKey),
    /// Their service time.
    Duration,
}
