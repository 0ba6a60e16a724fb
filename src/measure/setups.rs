//! What identities sent before they could take part, counted apart from all else.

use serde::{Deserialize, Serialize};

/// Setup requests of identities: in no other figure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setups {
    /// How many were sent, renewals and repeated tries included.
    pub sent: u64,
    /// How many of them gave nothing.
    pub failed: u64,
    /// Arrivals that were due from an identity that had nothing to send them with, and
    /// were dropped for that.
    #[serde(default)]
    pub lost: u64,
    /// Who was without, and why: at most [`Setups::MOST`].
    #[serde(default)]
    pub unusable: Vec<Unusable>,
}

/// An identity that was without what its setup gives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unusable {
    /// What reports call it.
    pub who: String,
    /// Why, in words without a secret.
    pub why: String,
}

impl Setups {
    /// The most identities that are told of.
    pub const MOST: usize = 16;

    /// Whether there was none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Notes that `who` is without; the first reason stands.
    pub fn lose(&mut self, who: &str, why: &str) {
        let known = self.unusable.iter().any(|own| own.who == who);
        if !known && self.unusable.len() < Self::MOST {
            self.unusable.push(Unusable { who: who.to_owned(), why: why.to_owned() });
        }
    }

    /// Adds those of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.failed += other.failed;
        self.lost += other.lost;
        for other in &other.unusable {
            self.lose(&other.who, &other.why);
        }
    }
}
