//! What the config is made from and what comes out: flags, variables, the file, the plan.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::receivers::{MetricsSettings, ResourcesSettings};
use crate::ids::ScenarioId;
use crate::plan::SuitePlan;
use crate::secret::Secret;

/// What the command line said, as it was typed. `None` and `false`: not given.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--env`.
    pub env: Option<String>,
    /// `--url`.
    pub url: Option<String>,
    /// `--profile`.
    pub profile: Option<String>,
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--rate-scale`: above 0, at most 1000.
    pub rate_scale: Option<String>,
    /// `--duration-scale`: above 0, at most 1000.
    pub duration_scale: Option<String>,
    /// `--cooldown`: a duration, up to an hour.
    pub cooldown: Option<String>,
    /// `--workers`: 1 to 64.
    pub workers: Option<String>,
    /// `--seed`: 0 to 2^64 − 1.
    pub seed: Option<String>,
    /// `--shard`: `I/N`, I from 1 to N.
    pub shard: Option<String>,
    /// `--shards`: how many machines share the plan.
    pub shards: Option<String>,
    /// `--start-at`: RFC 3339, or `+DUR`.
    pub start_at: Option<String>,
    /// The scenarios named; empty: none.
    pub scenarios: Vec<ScenarioId>,
    /// `--allow-skip`.
    pub allow_skip: bool,
    /// `--confirm-production`.
    pub confirm_production: Option<String>,
    /// `--prometheus-url`.
    pub prometheus_url: Option<String>,
    /// `--pushgateway`.
    pub pushgateway: Option<String>,
    /// Whether `--baseline` is given.
    pub baseline: bool,
    /// `--baseline-required`.
    pub baseline_required: bool,
}

/// What the plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be run: the guard applies.
    Run,
    /// To be shown: nothing is sent, so no confirmation is asked for.
    Plan,
    /// To be checked beforehand: something is sent, the guard applies.
    Check,
}

/// The user's file.
#[derive(Clone, Debug)]
pub struct UserFile {
    /// Its name in messages.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// Everything a plan is made from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The command line.
    pub flags: &'a Flags,
    /// The environment variables.
    pub vars: &'a BTreeMap<String, String>,
    /// The user's file, if there is one.
    pub file: Option<&'a UserFile>,
}

impl Sources<'_> {
    /// The flag, or the variable of that name, or nothing; with the name of the one
    /// it came from. A blank variable is absent (an action's empty input).
    pub(super) fn pick<'b>(
        &'b self,
        flag: Option<&'b String>,
        flag_name: &'static str,
        variable: &'static str,
    ) -> Option<(&'b str, &'static str)> {
        match flag {
            Some(text) => Some((text, flag_name)),
            None => self.variable(variable).map(|text| (text, variable)),
        }
    }

    /// The variable of that name, unless it is blank.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.vars.get(name).map(String::as_str).filter(|text| !text.trim().is_empty())
    }
}

/// Secrets, from the environment only.
#[derive(Clone, Debug, Default)]
pub struct SecretInputs {
    /// `TEST_API_KEY_n`, in the order of n, each once.
    pub keys: Vec<Secret>,
    /// `STRIPE_WEBHOOK_SECRET`.
    pub webhook: Option<Secret>,
    /// `GITHUB_TOKEN`.
    pub github_token: Option<Secret>,
    /// What scenarios of the config ask for, by the variable as it is named there.
    pub rings: BTreeMap<String, Vec<Secret>>,
}

impl SecretInputs {
    /// The secrets of the variable `name`, which may end in `*`.
    #[must_use]
    pub fn ring(&self, name: &str) -> &[Secret] {
        self.rings.get(name).map_or(&[], Vec::as_slice)
    }

    /// Every secret that no text may quote.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        let fixed = self.keys.iter().chain(&self.webhook).chain(&self.github_token);
        fixed.chain(self.rings.values().flatten())
    }
}

/// A plan with what it needs and what to tell.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The plan.
    pub plan: SuitePlan,
    /// The secrets (of `embedded`: none but the GitHub token; it makes its own).
    pub secrets: SecretInputs,
    /// How many API keys `embedded` has to make; 0 elsewhere.
    pub embedded_keys: usize,
    /// How many times as fast time goes for the limiters of `embedded`; 1 elsewhere.
    pub embedded_pace: u32,
    /// Where the run's series go.
    pub metrics: MetricsSettings,
    /// What of the service's own monitoring is asked for when the run is over.
    pub resources: ResourcesSettings,
    /// What the user should know before the run, one line each.
    pub notices: Vec<String>,
    /// Whether it is said which of several machines this is.
    pub one_of_several: bool,
}

/// The user's file to read: `--config`, else `LOAD_GATE_CONFIG`, else the first of
/// `.github/load-gate.toml` and `load-gate.toml` that exists.
#[must_use]
pub fn config_path(
    flags: &Flags,
    vars: &BTreeMap<String, String>,
    exists: impl Fn(&Path) -> bool,
) -> Option<PathBuf> {
    if let Some(path) = &flags.config {
        return Some(path.clone());
    }
    if let Some(path) = vars.get("LOAD_GATE_CONFIG").filter(|path| !path.trim().is_empty()) {
        return Some(PathBuf::from(path));
    }
    let usual = [".github/load-gate.toml", "load-gate.toml"];
    usual.into_iter().map(PathBuf::from).find(|path| exists(path))
}

/// Every secret that the environment holds, by its variable's name.
#[must_use]
pub fn environment_secrets(vars: &BTreeMap<String, String>) -> Vec<Secret> {
    let secret = |name: &str| {
        name.starts_with("TEST_API_KEY_")
            || ["STRIPE_WEBHOOK_SECRET", "GITHUB_TOKEN", "INPUT_GITHUB_TOKEN"].contains(&name)
    };
    let values = vars.iter().filter(|(name, _)| secret(name)).map(|(_, value)| value.trim());
    values.filter(|value| !value.is_empty()).map(Secret::new).collect()
}
