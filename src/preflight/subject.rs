//! What is to be looked at.

use std::path::PathBuf;
use std::sync::Arc;

use crate::gate::Criteria;
use crate::ids::ScenarioId;
use crate::plan::Environment;
use crate::scenario::catalogue::Credential;
use crate::scenario::{Identity, Scenario};
use crate::secret::Secret;

/// GitHub's API as the run's comment will use it.
#[derive(Clone, Debug)]
pub struct GitHubAccess {
    /// The base of the API (`GITHUB_API_URL`).
    pub api_url: String,
    /// The token.
    pub token: Secret,
}

/// A credential to be looked at.
pub struct CredentialLook {
    /// Which, and how it is tried.
    pub credential: &'static Credential,
    /// The scenario that shows it.
    pub scenario: ScenarioId,
    /// Whether the plan can't do without it.
    pub needed: bool,
    /// What the environment has of it.
    pub secrets: Vec<Secret>,
    /// The scenario with its secret, to build one right and one wrong request.
    pub signer: Option<Arc<dyn Scenario>>,
}

/// A variable that a written scenario asks for.
#[derive(Clone, Debug)]
pub struct Variables {
    /// Whose.
    pub scenario: ScenarioId,
    /// As the config names it; a `*` at its end stands for numbers from 1.
    pub variable: String,
    /// How many are set.
    pub there: usize,
}

/// A scenario to be tried with one request.
pub struct ScenarioTrial {
    /// The scenario with its secrets.
    pub scenario: Arc<dyn Scenario>,
    /// Who sends.
    pub identity: Identity,
    /// Whether it may create or change data there.
    pub writes: bool,
    /// Why it can't run.
    pub skip: Option<String>,
    /// Bytes of an answer's body beyond which it isn't judged.
    pub max_body: u64,
    /// What is declared of it: by which statuses it may be refused.
    pub criteria: Criteria,
    /// What must not be shown.
    pub known: Vec<Secret>,
}

/// What is looked at.
pub struct Preflight {
    /// Where the run goes.
    pub environment: Environment,
    /// Whether this is part of `run`: then nothing is sent to a scenario's
    /// endpoint, where canary and first probe say the same.
    pub within_run: bool,
    /// Whether a request of the check could use a place of a limiter that is about to be
    /// held to its limit: then none is sent but with a key.
    pub spares_quota: bool,
    /// Whether any scenario is of the built-in API, which tells its health.
    pub tells_health: bool,
    /// What scenarios need from the environment.
    pub credentials: Vec<CredentialLook>,
    /// What written scenarios need from it.
    pub variables: Vec<Variables>,
    /// The scenarios of which one request is sent.
    pub trials: Vec<ScenarioTrial>,
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
        let shown = self.credentials.iter().flat_map(|look| &look.secrets);
        shown.chain(&self.known).chain(token).cloned().collect()
    }
}
