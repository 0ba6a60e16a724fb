//! One file a scenario: builds arrival n's request and judges its answer.
//!
//! Everything here is a function of its arguments: the seed, the run's name and
//! the call decide every byte of a request, the answer decides the judgement. The
//! body of a 2xx answer goes no further than the judge.

mod built_in;
mod call;
pub mod catalogue;
mod entry;
mod events;
mod json;
mod judge;
mod metrics;
mod random;
mod run;
mod settings;
mod stripe;
mod traces;
mod written;

pub use call::{
    ADDRESS_HEADER, Acknowledged, Answer, Call, Captured, Expect, Identity, Judgement, OWN_HEADERS,
    Past, REMEMBERED, Request, Scenario,
};
pub use json::is_json;
pub use judge::COMMON_CHECKS;
pub use metrics::{Own, OwnMetric};
pub use settings::Settings;
pub use traces::Traces;
pub use written::{
    BodySpec, Capture, Condition, DataColumn, Encoding, ExpectSpec, Expires, FILLED, Flaw,
    JsonPath, METHODS, MOST_BODY, MOST_CHECKS, MOST_COLUMNS, MOST_LABELS, MOST_PROBES, MOST_VALUES,
    Names, ProbeSpec, RequestSpec, Scheme, SetupSpec, SignSpec, Spec, Template, TemplateError,
    Turn, WORDS, blanked, changed, idle_names, names_identity, probes_by_identity, shows_keys,
    success, tells_time,
};

use run::Run;
use written::Written;

use crate::secret::Secret;

/// The secrets a scenario is given.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The secret that requests are signed with; without it they go out unsigned.
    pub signing: Option<Secret>,
    /// Whatever must never be quoted from an answer (API keys, tokens); the signing
    /// secret needn't be among them.
    pub known: Vec<Secret>,
}

/// A number that stands for `values` and their weights: others have, but for chance,
/// another.
#[must_use]
pub fn fingerprint(values: &[String], weights: &[u32]) -> u64 {
    let texts = values.iter().map(|value| random::fold_text(value));
    let words: Vec<u64> = texts.chain(weights.iter().map(|n| u64::from(*n))).collect();
    random::fold(&words)
}

/// Whether an accepted answer of the scenario that `settings` describe may have that
/// status.
#[must_use]
pub fn is_success(settings: &Settings, status: u16) -> bool {
    match &settings.written {
        Some(spec) => written::is_success(spec, status),
        None => catalogue::find(settings.scenario).is_some_and(|entry| entry.success == status),
    }
}

/// What the requests of the scenario that `settings` describe have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The method.
    pub method: String,
    /// The path, without a query; where it differs from request to request, as it is written.
    pub path: String,
    /// The one status of success; `None`: there are several, or any 2xx is.
    pub success: Option<u16>,
}

impl Endpoint {
    /// That of `settings`; `None`: there is no such scenario.
    #[must_use]
    pub fn of(settings: &Settings) -> Option<Self> {
        let path = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        if let Some(spec) = &settings.written {
            let RequestSpec { method, path: own, .. } = &spec.request;
            let success = match success(&spec.expect).as_slice() {
                [only] => Some(*only),
                _ => None,
            };
            return Some(Self { method: method.clone(), path: path(own), success });
        }
        let entry = catalogue::find(settings.scenario)?;
        let method = entry.method.to_owned();
        Some(Self { method, path: path(entry.path), success: Some(entry.success) })
    }
}

/// The scenario that `settings` describe; `None`: there is none of that name.
///
/// `seed` and `run_id` decide, with each call, the bytes of its request. `run_id`
/// must differ from run to run: e-mail addresses and event ids are unique by it.
#[must_use]
pub fn build(
    settings: &Settings,
    seed: u64,
    run_id: &str,
    secrets: Secrets,
) -> Option<Box<dyn Scenario>> {
    let Secrets { signing, mut known } = secrets;
    known.extend(signing.clone());
    if let Some(spec) = &settings.written {
        // Of a key `name:secret` the secret may be shown alone.
        let halves: Vec<Secret> = known.iter().filter_map(Secret::after_colon).collect();
        known.extend(halves);
        let stream = random::fold_text(settings.scenario.name());
        let run = Run::new(stream, seed, run_id, known);
        return Some(Box::new(Written::new(settings.scenario, run, spec, signing)));
    }
    let entry = catalogue::find(settings.scenario)?;
    let run = Run::new(entry.stream, seed, run_id, known);
    Some((entry.build)(run, settings, signing))
}

#[cfg(test)]
mod fixtures;

#[cfg(test)]
mod tests;
