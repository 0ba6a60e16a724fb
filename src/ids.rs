//! Names of the things a run is about: scenarios, identities, kinds of traffic and probes.

use std::fmt;

use serde::{Deserialize, Serialize};

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

/// One of the three load scenarios.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioId {
    /// `POST /api/v1/customers/onboard`.
    Onboarding,
    /// `POST /api/v1/credentials/exchange`.
    CredentialVending,
    /// `POST /api/webhooks/stripe`.
    Webhook,
}

named_enum!(ScenarioId, "scenario", {
    Onboarding => "onboarding",
    CredentialVending => "credential-vending",
    Webhook => "webhook",
});

/// A request that the target must refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// A webhook signed with another secret.
    BadSignature,
    /// A webhook signed rightly, but too long ago.
    ExpiredSignature,
    /// A webhook without a signature.
    MissingSignature,
    /// A credential exchange with a key that nobody was given.
    BadKey,
    /// An onboarding whose e-mail has no `@`.
    MalformedEmail,
}

named_enum!(ProbeKind, "probe", {
    BadSignature => "bad_signature",
    ExpiredSignature => "expired_signature",
    MissingSignature => "missing_signature",
    BadKey => "bad_key",
    MalformedEmail => "malformed_email",
});

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
}

named_enum!(Traffic, "kind of traffic", {
    Arrival => "arrival",
    Canary => "canary",
    Probe => "probe",
    Proof => "proof",
    Minting => "minting",
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
        for id in ScenarioId::ALL {
            assert_eq!(ScenarioId::parse(id.name()), Some(*id));
            assert_eq!(serde_json::to_value(id).expect("serialises"), id.name());
        }
        for kind in ProbeKind::ALL {
            assert_eq!(ProbeKind::parse(kind.name()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).expect("serialises"), kind.name());
        }
    }
}
