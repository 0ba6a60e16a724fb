//! Where in a stored run what must be true.

use crate::units::{Nanos, count};

/// The most that is counted of anything.
pub(super) const MOST: u64 = 1 << 48;
/// A load lasts no longer, however many take part.
pub(super) const LONGEST: Nanos = Nanos::from_secs(366 * 86_400);

/// Two figures of which at most one is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contradiction {
    /// Where: `scenarios[0].recording.statuses`.
    pub(super) place: String,
    /// What.
    pub(super) why: String,
}

pub(super) type Found = Result<(), Contradiction>;

/// A place, and what must be true there.
#[derive(Clone)]
pub(super) struct Place(String);

impl Place {
    pub(super) const fn root() -> Self {
        Self(String::new())
    }

    pub(super) fn at(&self, name: &str) -> Self {
        Self(if self.0.is_empty() { name.to_owned() } else { format!("{}.{name}", self.0) })
    }

    pub(super) fn keyed(&self, key: &str) -> Self {
        Self(format!("{}[{key:?}]", self.0))
    }

    pub(super) fn item(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }

    pub(super) fn must(&self, holds: bool, why: impl FnOnce() -> String) -> Found {
        if holds { Ok(()) } else { Err(Contradiction { place: self.0.clone(), why: why() }) }
    }

    pub(super) fn equal(&self, what: &str, found: u64, of: &str, wanted: u64) -> Found {
        self.must(found == wanted, || {
            format!("{} {what}, but {} {of}", count(found), count(wanted))
        })
    }

    pub(super) fn within(&self, what: &str, found: u64, of: &str, most: u64) -> Found {
        self.must(found <= most, || format!("{} {what} of {} {of}", count(found), count(most)))
    }
}
