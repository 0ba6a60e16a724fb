//! Looks whether everything a run needs is there, with a few small requests and no load.

mod certificate;
mod client;
mod credentials;
mod findings;
mod local;
mod network;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use self::client::Client;
use crate::engine::Clock;
use crate::plan::Environment;
use crate::scenario::Scenario;
use crate::secret::Secret;

pub use findings::{CheckLine, CheckReport, CheckState};

/// GitHub's API as the run's comment will use it.
#[derive(Clone, Debug)]
pub struct GitHubAccess {
    /// The base of the API (`GITHUB_API_URL`).
    pub api_url: String,
    /// The token.
    pub token: Secret,
}

/// What is looked at.
pub struct Preflight {
    /// Where the run goes.
    pub environment: Environment,
    /// Whether this is part of `run`: then nothing is sent to a scenario's
    /// endpoint, where canary and first probe say the same.
    pub within_run: bool,
    /// Every API key.
    pub keys: Vec<Secret>,
    /// Whether a scenario of the plan needs API keys that nobody mints.
    pub needs_keys: bool,
    /// Whether a scenario of the plan needs the webhook secret.
    pub needs_webhook_secret: bool,
    /// The webhook scenario with its secret, to build one rightly and one
    /// wrongly signed event; `None`: there is no secret.
    pub webhook: Option<Arc<dyn Scenario>>,
    /// `None`: there is no token.
    pub github: Option<GitHubAccess>,
    /// Where results will be written.
    pub results_dir: PathBuf,
    /// Requests under way at most, for the limit on open files.
    pub max_in_flight: u32,
    /// Certificate authorities to trust besides the system's: a file in PEM.
    pub ca_file: Option<String>,
    /// What contradicts itself in the plan, one line each.
    pub contradictions: Vec<String>,
    /// Secrets that no line may quote, beyond the ones above.
    pub known: Vec<Secret>,
}

/// Looks at everything, one line each. Every request is given up after ten
/// seconds, and what is left when a minute is over is skipped.
pub async fn preflight(what: &Preflight, clock: Arc<dyn Clock>) -> CheckReport {
    let mut lines = Vec::new();
    let unreachable;
    match Client::new(
        &what.environment.url,
        &what.known_secrets(),
        what.ca_file.as_deref(),
        Arc::clone(&clock),
    ) {
        Err(reason) => {
            unreachable = true;
            lines.push(CheckLine::bad(
                "reachability",
                reason,
                "nothing can be sent",
                "mend the environment's url, or install the system's CA certificates",
            ));
        }
        Ok(client) => match network::reach(&client).await {
            Ok(line) => {
                lines.push(line);
                unreachable = !network::answers(&client, what, &mut lines).await;
                if !unreachable {
                    credentials::keys(&client, what, &mut lines).await;
                    credentials::webhook(&client, what, &mut lines).await;
                }
            }
            Err(line) => {
                unreachable = true;
                lines.push(line);
            }
        },
    }
    if unreachable {
        lines.push(CheckLine::skipped(
            "health, clock, keys, webhook secret",
            "not tried: the target can't be reached",
        ));
    }
    if let Some(github) = &what.github {
        lines.push(credentials::github(github, clock).await);
    } else {
        lines.push(CheckLine::skipped(
            "GitHub token",
            "GITHUB_TOKEN is not set: no comment is published",
        ));
    }
    lines.push(local::results_dir(&what.results_dir));
    lines.push(local::descriptors(what.max_in_flight));
    lines.extend(what.contradictions.iter().map(|text| local::contradiction(text)));
    CheckReport {
        schema_version: 1,
        environment: what.environment.name.clone(),
        url: what.environment.url.clone(),
        unreachable,
        lines,
    }
}

impl Preflight {
    fn known_secrets(&self) -> Vec<Secret> {
        let token = self.github.iter().map(|github| &github.token);
        self.keys.iter().chain(&self.known).chain(token).cloned().collect()
    }
}
