//! The endpoints, by the names that faults and counts go by.

use std::fmt;

/// An endpoint of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// `POST /api/v1/customers/onboard`.
    Onboarding,
    /// `POST /api/v1/credentials/exchange`.
    CredentialVending,
    /// `POST /api/webhooks/stripe`.
    Webhook,
    /// `GET /api/health` and `GET /health`.
    Health,
    /// Every path and method that there is not.
    Other,
}

impl Endpoint {
    /// Those that faults can be given to.
    pub const ALL: [Self; 4] =
        [Self::Onboarding, Self::CredentialVending, Self::Webhook, Self::Health];

    /// Its name: the scenario's where there is one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Onboarding => "onboarding",
            Self::CredentialVending => "credential-vending",
            Self::Webhook => "webhook",
            Self::Health => "health",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
