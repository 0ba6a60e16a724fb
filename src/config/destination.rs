//! Where a run goes, and what is allowed there.

use url::Url;

use super::diagnostics::{Diagnostics, Wrong, listing, quote, unknown};
use super::file::{EnvironmentConfig, File};
use super::guard::{self, Protected};
use super::inputs::Sources;
use super::scenario_table::AskedIdentities;
use super::values::{base_url, url_text};
use crate::ids::ScenarioId;
use crate::plan::Environment;

const EMBEDDED: &str = "embedded";
const DEFAULT_DOMAIN: &str = "loadtest.rsolv-staging.com";

/// Where a run goes and what is allowed there.
pub(super) struct Destination {
    pub(super) environment: Environment,
    pub(super) url: Option<Url>,
    pub(super) config: EnvironmentConfig,
    pub(super) email_domain: String,
    pub(super) scenarios: Option<Vec<ScenarioId>>,
    pub(super) probes: bool,
    pub(super) mint_keys: bool,
    /// Names of the protected environments it is held to.
    pub(super) protected_by: Vec<String>,
    /// What every report says loudly.
    pub(super) caveats: Vec<String>,
}

/// Chooses where to go; `None`: mistakes were reported.
pub(super) fn choose(
    sources: &Sources<'_>,
    file: &File,
    built_in: &File,
    notices: &mut Vec<String>,
    problems: &mut Diagnostics,
) -> Option<Destination> {
    let picked = sources.pick(sources.flags.env.as_ref(), "--env", "LOAD_GATE_ENV");
    let (name, from) = picked.unwrap_or(("staging", ""));
    let name = name.trim();
    let Some(config) = file.environments.get(name) else {
        let names: Vec<&str> = file.environments.keys().map(String::as_str).collect();
        problems.outside(from, unknown("environment", name, &names));
        return None;
    };
    let url = if name == EMBEDDED {
        if sources.flags.url.is_some() {
            let message = "embedded is the target inside load-gate: it has no other URL";
            let wrong = Wrong::new(message, "expected either --url or the environment embedded");
            problems.outside("--url", wrong);
        }
        None
    } else {
        choose_url(sources, name, config, notices, problems)
    };
    if url.is_none() && name != EMBEDDED {
        return None;
    }
    Some(restrict(name, config, url, file, built_in))
}

fn choose_url(
    sources: &Sources<'_>,
    name: &str,
    config: &EnvironmentConfig,
    notices: &mut Vec<String>,
    problems: &mut Diagnostics,
) -> Option<Url> {
    let picked = sources.pick(sources.flags.url.as_ref(), "--url", "API_URL");
    let Some((text, from)) = picked else { return config.url.clone() };
    let url = base_url(text).map_err(|wrong| problems.outside(from, wrong)).ok()?;
    if from == "API_URL" && config.url.as_ref() != Some(&url) {
        notices.push(format!("API_URL overrides the URL of {name}: {}", url_text(&url)));
    }
    Some(url)
}

/// The environment, held to its own rules and to those of every protected
/// environment at whose host `url` points.
fn restrict(
    name: &str,
    config: &EnvironmentConfig,
    url: Option<Url>,
    file: &File,
    built_in: &File,
) -> Destination {
    let protected = protected_hosts(file, built_in);
    let mut held: Vec<String> = url
        .iter()
        .flat_map(|url| guard::protected_by(url, &protected))
        .map(str::to_owned)
        .collect();
    if config.protected {
        held.push(name.to_owned());
    }
    held.sort();
    held.dedup();
    let find = |name: &String| file.environments.get(name).or(built_in.environments.get(name));
    let others: Vec<&EnvironmentConfig> =
        held.iter().filter(|other| *other != name).filter_map(find).collect();
    let all = || std::iter::once(config).chain(others.iter().copied());
    let is_protected = !held.is_empty();
    // A protected host holds this run whatever its environment says now.
    let own = config.protected || held.iter().any(|other| other == name);
    let allowed = |of: fn(&EnvironmentConfig) -> Option<bool>| {
        of(config).unwrap_or(!own) && others.iter().all(|e| of(e).unwrap_or(false))
    };
    let environment = Environment {
        name: name.to_owned(),
        url: url.as_ref().map(url_text).unwrap_or_default(),
        protected: is_protected,
        embedded: name == EMBEDDED,
        max_rate: all().filter_map(|e| e.max_rate).min_by(f64::total_cmp),
        verify_limits: allowed(|e| e.verify_limits),
    };
    Destination {
        email_domain: config.email_domain.clone().unwrap_or_else(|| DEFAULT_DOMAIN.to_owned()),
        scenarios: others.iter().find_map(|e| e.scenarios.clone()).or(config.scenarios.clone()),
        probes: allowed(|e| e.probes),
        mint_keys: allowed(|e| e.mint_keys),
        protected_by: held,
        caveats: unprotected(file, built_in, &protected),
        config: config.clone(),
        environment,
        url,
    }
}

/// Every protected host. A built-in one stays protected whatever the user's file
/// says of its environment.
fn protected_hosts(file: &File, built_in: &File) -> Vec<Protected> {
    let own = file.environments.iter().filter(|(_, e)| e.protected);
    let given = built_in.environments.iter().filter(|(_, e)| e.protected);
    own.chain(given)
        .filter_map(|(name, e)| {
            let host = guard::canonical_host(e.url.as_ref()?)?;
            Some(Protected { name: name.clone(), host })
        })
        .collect()
}

/// What the file takes back, in vain: `protected = false` of an environment at a
/// protected host.
fn unprotected(file: &File, built_in: &File, protected: &[Protected]) -> Vec<String> {
    let says_no = file.environments.iter().filter(|(_, e)| e.unprotected);
    let at = |name: &String, e: &EnvironmentConfig| {
        let given = built_in.environments.get(name).filter(|e| e.protected);
        let urls = e.url.iter().chain(given.and_then(|e| e.url.as_ref()));
        let mut hosts = urls.filter_map(guard::canonical_host);
        hosts.find(|host| protected.iter().any(|known| known.host == *host))
    };
    says_no
        .filter_map(|(name, e)| {
            let host = at(name, e)?;
            Some(format!(
                "the config says protected = false of {}, but {host} is protected: it stays so, \
                 and runs there need --confirm-production {host}; remove that line",
                quote(name)
            ))
        })
        .collect()
}

/// Reports a protected destination whose host isn't confirmed.
pub(super) fn confirm(sources: &Sources<'_>, to: &Destination, problems: &mut Diagnostics) {
    let Some(url) = to.url.as_ref().filter(|_| to.environment.protected) else { return };
    let Some(host) = guard::canonical_host(url) else { return };
    let flag = sources.flags.confirm_production.as_ref();
    let picked = sources.pick(flag, "--confirm-production", "LOAD_GATE_CONFIRM_PRODUCTION");
    if picked.is_some_and(|(text, _)| guard::confirms(text, url)) {
        return;
    }
    let names = listing(to.protected_by.iter().map(String::as_str));
    let help = format!("if that is meant, add --confirm-production {host}");
    if let Some((text, from)) = picked {
        let message = format!("{} is not the host this run goes to", quote(text));
        let expected = format!("expected {host}, which is protected ({names})");
        problems.outside(from, Wrong::new(message, expected).help(help));
    } else {
        let message = format!("{host} is protected ({names}) and this run is not confirmed");
        problems.outside("", Wrong::new(message, "nothing was sent").help(help));
    }
}

impl Destination {
    /// Whether the config's `identities` can be had here.
    pub(super) fn may_forge(&self, asked: Option<AskedIdentities>) -> bool {
        self.environment.verify_limits || matches!(asked, None | Some(AskedIdentities::Count(1)))
    }
}
