//! What a scenario tells of itself: the shape of its entry in the catalogue.

use super::call::Scenario;
use super::metrics::OwnMetric;
use super::run::Run;
use super::settings::Settings;
use crate::ids::{IdentityKind, ProbeKind, ScenarioId};
use crate::secret::Secret;
use crate::tags::TagKey;

/// One built-in scenario.
pub struct Entry {
    /// Its name.
    pub id: ScenarioId,
    /// How its requests are sent.
    pub method: &'static str,
    /// Where they go.
    pub path: &'static str,
    /// The status of an accepted answer.
    pub success: u16,
    /// What an identity of it is, where its limit doesn't count everybody together.
    pub identity: IdentityKind,
    /// What it needs from the environment.
    pub credential: Option<&'static Credential>,
    /// The scenario whose minting makes keys for it.
    pub minted_through: Option<ScenarioId>,
    /// What an accepted request leaves behind there, in the plural; `None`: nothing.
    pub creates: Option<&'static str>,
    /// The keys of its own in `[scenarios.NAME]`.
    pub settings: &'static [Setting],
    /// What the target must refuse.
    pub probes: &'static [Probe],
    /// The tags that its arrivals carry.
    pub tags: &'static [TagKey],
    /// The metrics that it alone has.
    pub metrics: &'static [OwnMetric],
    /// Its defaults (limit, profiles, thresholds): path in the repository, text.
    pub defaults: (&'static str, &'static str),
    /// Keeps its random streams apart from others'.
    pub(super) stream: u64,
    pub(super) build: fn(Run, &Settings, Option<Secret>) -> Box<dyn Scenario>,
}

/// A key of a scenario's own table.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key.
    pub key: &'static str,
    /// What it takes.
    pub takes: Takes,
}

/// What a setting takes.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Nothing here: the environment's key of that name is what counts.
    Environment,
    /// A text.
    Text,
    /// A number from 0 to 1.
    Share,
    /// Distinct words of those known.
    Words {
        /// What one of them is.
        what: &'static str,
        /// Those known, all of which may be named.
        known: &'static [&'static str],
    },
    /// Distinct whole numbers.
    Numbers {
        /// What they are.
        what: &'static str,
        /// The least.
        low: u16,
        /// The greatest.
        high: u16,
        /// The most that may be named.
        most: usize,
    },
}

/// A request that the target must refuse.
#[derive(Clone, Copy, Debug)]
pub struct Probe {
    /// Its name.
    pub kind: ProbeKind,
    /// What is sent: `an unsigned event`.
    pub what: &'static str,
    /// What an acceptance means: `the signature is not checked`.
    pub unchecked: &'static str,
}

/// What a scenario needs from the environment, and how to look whether it is good.
#[derive(Clone, Copy, Debug)]
pub struct Credential {
    /// The variable; a `*` at its end stands for numbers from 1, a key each.
    pub env: &'static str,
    /// What it is, as the heading of a line: `API keys`.
    pub title: &'static str,
    /// Why the scenario is skipped without it.
    pub missing: &'static str,
    /// What to set it to.
    pub hint: &'static str,
    /// How to try it.
    pub trial: Trial,
}

/// How a credential is tried before a run.
#[derive(Clone, Copy, Debug)]
pub enum Trial {
    /// Each key with a GET that spends nothing of what the scenario is about.
    Get(&'static GetTrial),
    /// One right request of the scenario and one of its probes.
    Exchange(&'static ExchangeTrial),
}

/// See [`Trial::Get`].
#[derive(Debug)]
pub struct GetTrial {
    /// What is asked for.
    pub path: &'static str,
    /// The header that shows the key.
    pub header: &'static str,
    /// What one key is, as a line's heading: `API key`.
    pub one: &'static str,
    /// What the key's own limiter is, for a 429.
    pub limiter: &'static str,
}

/// See [`Trial::Exchange`].
#[derive(Debug)]
pub struct ExchangeTrial {
    /// The probe that must be refused.
    pub probe: ProbeKind,
    /// The heading of the probe's line.
    pub probe_title: &'static str,
    /// The right request, in words.
    pub right: &'static str,
    /// The wrong one.
    pub wrong: &'static str,
    /// What an accepted one does.
    pub trace: &'static str,
    /// Statuses of a refused right request: what that means and what helps.
    pub refusals: &'static [(u16, &'static str, &'static str)],
    /// What any other refusal means and what helps.
    pub otherwise: (&'static str, &'static str),
    /// What a 429 means.
    pub limited: &'static str,
    /// What a refusal with another status than promised contradicts.
    pub promised: &'static str,
    /// What an accepted wrong one means.
    pub breach: &'static str,
    /// What cannot be told when nothing can be said.
    pub unknown: &'static str,
}
