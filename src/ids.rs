//! Names of the things a run is about: scenarios, identities, kinds of traffic and probes.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! named_enum {
    ($type:ident, $what:literal, { $($variant:ident => $name:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in the order reports show them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name used on the command line and in files.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            #[doc = concat!("The ", $what, " of that name.")]
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

/// A name that needn't be known when this is compiled, as cheap to copy as a number.
///
/// 1 to 64 letters, digits, `_`, `-` and `.`, beginning with a letter or digit: it can
/// stand in a file's name, a label and a selector without being quoted. Every
/// different name is kept until the process ends, so there are at most
/// [`Name::MOST`] of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(&'static str);

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// Texts that are kept until the process ends, each once and at most [`Name::MOST`] of
/// them: names, and what checks of the config are called.
pub struct Kept;

impl Kept {
    /// `text`, kept; `None`: there is no room.
    #[must_use]
    pub fn of(text: &str) -> Option<&'static str> {
        let mut all = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(text) {
            return Some(known);
        }
        if all.len() >= Name::MOST {
            return None;
        }
        let kept: &'static str = Box::leak(text.into());
        all.insert(kept);
        Some(kept)
    }
}

impl Name {
    /// The most names that are kept; more are refused.
    pub const MOST: usize = 4096;
    /// The longest name, in bytes.
    pub const LONGEST: usize = 64;

    /// A name that stands in the source.
    #[must_use]
    pub const fn fixed(name: &'static str) -> Self {
        Self(name)
    }

    /// `name`, if it has the shape of one and there is room.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        let first = name.bytes().next()?;
        if name.len() > Self::LONGEST || !first.is_ascii_alphanumeric() || !name.bytes().all(plain)
        {
            return None;
        }
        Kept::of(name).map(Self)
    }

    /// Its text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.0
    }
}

macro_rules! open_name {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Name);

        impl $type {
            #[doc = concat!("The ", $what, " whose name stands in the source.")]
            #[must_use]
            pub const fn fixed(name: &'static str) -> Self {
                Self(Name::fixed(name))
            }

            #[doc = concat!("The ", $what, " of that name, if it can be one's name.")]
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                Name::of(name).map(Self)
            }

            /// The name used on the command line and in files.
            #[must_use]
            pub const fn name(self) -> &'static str {
                self.0.text()
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = Cow::<'de, str>::deserialize(deserializer)?;
                let wrong = || D::Error::custom(concat!("this can't be the name of a ", $what));
                Self::parse(&name).ok_or_else(wrong)
            }
        }
    };
}

open_name! {
    /// A scenario. Which there are stands in `scenario::catalogue` and in the config.
    ScenarioId, "scenario"
}

open_name! {
    /// A request that the target must refuse. Which there are stands with their scenario.
    ProbeKind, "probe"
}

/// What an identity of a scenario is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityKind {
    /// A client address.
    Address,
    /// An API key.
    Key,
    /// The one global identity.
    Global,
}

/// What a request was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Traffic {
    /// A scheduled arrival: the only traffic in success and latency figures.
    Arrival,
    /// The first request of a scenario, before any load.
    Canary,
    /// A request that must be refused.
    Probe,
    /// A request that verifies a limiter with an identity of its own.
    Proof,
    /// The creation of a customer whose key another scenario uses.
    Minting,
    /// What an identity sends before it takes part, and again before what it was given
    /// expires: in no figure.
    Setup,
}

named_enum!(Traffic, "kind of traffic", {
    Arrival => "arrival",
    Canary => "canary",
    Probe => "probe",
    Proof => "proof",
    Minting => "minting",
    Setup => "setup",
});

/// The index of an identity (client address, API key, or the one global one)
/// within its scenario's plan. Never the secret itself.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct IdentityId(pub u32);

impl fmt::Display for IdentityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        let id = ScenarioId::fixed("search");
        assert_eq!(ScenarioId::parse("search"), Some(id));
        assert_eq!(serde_json::to_value(id).expect("serialises"), "search");
        assert_eq!(serde_json::from_value::<ScenarioId>("search".into()).ok(), Some(id));
        assert_eq!(id.name().as_ptr(), ScenarioId::fixed(id.name()).name().as_ptr());
    }

    #[test]
    fn a_name_is_fit_for_files_and_selectors() {
        let long = "x".repeat(65);
        for name in ["", "-a", "../up", "a b", "a/b", "ä", "a:b", "a,b", "a{b", long.as_str()] {
            assert_eq!(Name::of(name), None, "{name}");
        }
        for name in ["a", "credential-vending", "user.v2", "no_key", "7zip", &long[1..]] {
            assert_eq!(Name::of(name).map(Name::text), Some(name));
        }
    }
}
