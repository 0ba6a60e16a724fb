//! What is to be looked at.

use std::path::PathBuf;
use std::sync::Arc;

use crate::plan::Environment;
use crate::scenario::Scenario;
use crate::secret::Secret;

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

impl Preflight {
    /// Every secret that is at hand.
    pub(super) fn known_secrets(&self) -> Vec<Secret> {
        let token = self.github.iter().map(|github| &github.token);
        self.keys.iter().chain(&self.known).chain(token).cloned().collect()
    }
}
