//! What a request is sent for.

use crate::ids::{ProbeKind, Traffic};
use crate::units::Nanos;

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Errand {
    /// Arrival `n`, due at a moment of a stage.
    Arrival { n: u64, stage: u16, due: Nanos },
    /// The canary.
    Canary,
    /// A probe, the k-th.
    Probe { k: u64, kind: ProbeKind },
    /// The k-th request of the proof.
    Proof { k: u64 },
    /// The k-th customer created for its key.
    Minting { k: u64 },
}

impl Errand {
    /// What traffic it is part of.
    pub(super) const fn traffic(self) -> Traffic {
        match self {
            Self::Arrival { .. } => Traffic::Arrival,
            Self::Canary => Traffic::Canary,
            Self::Probe { .. } => Traffic::Probe,
            Self::Proof { .. } => Traffic::Proof,
            Self::Minting { .. } => Traffic::Minting,
        }
    }

    /// When it is due, of an arrival.
    pub(super) const fn due(self) -> Option<Nanos> {
        match self {
            Self::Arrival { due, .. } => Some(due),
            _ => None,
        }
    }

    /// Its number within its traffic.
    pub(super) const fn n(self) -> u64 {
        match self {
            Self::Arrival { n, .. } => n,
            Self::Canary => 0,
            Self::Probe { k, .. } | Self::Proof { k } | Self::Minting { k } => k,
        }
    }
}
