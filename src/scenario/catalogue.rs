//! What the rest of the house may know of a scenario: an entry each, found by its name.

use crate::ids::{ProbeKind, ScenarioId};

use super::Spec;
pub use super::built_in::BUILT_IN;
pub use super::entry::{Credential, Entry, ExchangeTrial, GetTrial, Probe, Setting, Takes, Trial};

/// The variables that hold a scenario's keys, numbered where a `*` stands:
/// `TEST_API_KEY_*`. `spec`: as it is written down, of one of the user's own.
#[must_use]
pub fn key_variables(id: ScenarioId, spec: Option<&Spec>) -> Option<&str> {
    match spec {
        Some(spec) => spec.keys.as_deref(),
        None => find(id)?.credential.map(|credential| credential.env),
    }
}

/// The entry of `id`, if it is built in.
#[must_use]
pub fn find(id: ScenarioId) -> Option<&'static Entry> {
    BUILT_IN.iter().copied().find(|entry| entry.id == id)
}

/// The scenario of that name, if it is built in.
#[must_use]
pub fn named(name: &str) -> Option<ScenarioId> {
    BUILT_IN.iter().map(|entry| entry.id).find(|id| id.name() == name)
}

/// The names of all, in their order.
#[must_use]
pub fn names() -> Vec<&'static str> {
    BUILT_IN.iter().map(|entry| entry.id.name()).collect()
}

/// The built-in probe of that kind.
#[must_use]
pub fn probe(kind: ProbeKind) -> Option<&'static Probe> {
    BUILT_IN.iter().flat_map(|entry| entry.probes).find(|probe| probe.kind == kind)
}
