//! What a run takes from its surroundings: the time, chance, and the CI it runs in.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::input;
use crate::publish::github::MOST_EVENT;
use crate::secret::Secret;
use crate::suite::RunContext;
use crate::units::Timestamp;

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "commands stamp their reports")]
pub(super) fn now() -> Timestamp {
    Timestamp::from_unix(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A name for the run of that number, sent as `X-Load-Test`: `lg-` and 12 hexadecimal digits.
pub(super) fn run_id(number: u64) -> String {
    format!("lg-{:012x}", number >> 16)
}

/// An API key as the embedded target hands them out: `rsolv_` and 43 characters.
pub(super) fn random_key() -> Secret {
    Secret::new(format!("rsolv_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())))
}

/// A webhook secret for the embedded target.
pub(super) fn random_webhook_secret() -> Secret {
    Secret::new(format!("whsec_{}", hex::encode(rand::random::<[u8; 16]>())))
}

/// Commit, run and repository, as GitHub Actions tells them.
pub(super) fn context(vars: &BTreeMap<String, String>) -> RunContext {
    let get = |name: &str| vars.get(name).filter(|value| !value.is_empty()).cloned();
    let run_url = match (get("GITHUB_SERVER_URL"), get("GITHUB_REPOSITORY"), get("GITHUB_RUN_ID")) {
        (Some(server), Some(repository), Some(run)) => {
            Some(format!("{server}/{repository}/actions/runs/{run}"))
        }
        _ => None,
    };
    let facts =
        [("event", "GITHUB_EVENT_NAME"), ("workflow", "GITHUB_WORKFLOW"), ("ref", "GITHUB_REF")];
    RunContext {
        // Of a pull request its head: GITHUB_SHA is a merge that nobody has seen.
        commit: pull_request_head(vars).or_else(|| get("GITHUB_SHA")),
        run_url,
        dashboard: None,
        repository: get("GITHUB_REPOSITORY"),
        facts: facts
            .into_iter()
            .filter_map(|(name, variable)| Some((name.to_owned(), get(variable)?)))
            .collect(),
    }
}

/// The head commit of the pull request that the event is about.
fn pull_request_head(vars: &BTreeMap<String, String>) -> Option<String> {
    let path = vars.get("GITHUB_EVENT_PATH").filter(|path| !path.is_empty())?;
    let text = input::read_text(Path::new(path), MOST_EVENT).ok()?;
    let event: serde_json::Value = serde_json::from_str(&text).ok()?;
    let head = event.pointer("/pull_request/head/sha")?.as_str()?;
    (head.len() <= 64 && head.chars().all(|c| c.is_ascii_hexdigit())).then(|| head.to_owned())
}
