//! Puts the sources together, the later over the earlier: built in, file, variables, flags.

use url::Url;

use super::diagnostics::{Diagnostics, Wrong, listing, quote, unknown};
use super::file::{self, EnvironmentConfig, File};
use super::guard::{self, Protected};
use super::inputs::{Purpose, Resolved, Sources};
use super::scenarios::{self, Run};
use super::thresholds::canonical_key;
use super::tree::{self, Table, Value};
use super::values::{base_url, scale, span_text, url_text};
use super::{file::Identities, secrets};
use crate::ids::ScenarioId;
use crate::plan::{Environment, IdentityKind, SuitePlan};
use crate::units::Nanos;

/// The built-in files: path in the repository, text.
pub const BUILT_IN: [(&str, &str); 4] = [
    ("load_tests/environments.toml", include_str!("../../load_tests/environments.toml")),
    ("load_tests/onboarding.toml", include_str!("../../load_tests/onboarding.toml")),
    (
        "load_tests/credential-vending.toml",
        include_str!("../../load_tests/credential-vending.toml"),
    ),
    ("load_tests/webhook.toml", include_str!("../../load_tests/webhook.toml")),
];

const EMBEDDED: &str = "embedded";
const DEFAULT_PROFILE: &str = "full";
const DEFAULT_DOMAIN: &str = "loadtest.rsolv-staging.com";
const DEFAULT_COOLDOWN: Nanos = Nanos::from_secs(30);

/// Makes the plan of one run.
///
/// `seed` is taken where neither flag nor variable names one.
///
/// # Errors
/// Every mistake in the file, the variables and the flags that can be found in
/// one go, a protected host that isn't confirmed included.
pub fn resolve(
    sources: &Sources<'_>,
    purpose: Purpose,
    seed: u64,
) -> Result<Resolved, Diagnostics> {
    let mut problems = Diagnostics::default();
    let mut notices = Vec::new();
    let (file, built_in) = read_files(sources, &mut problems);
    let given = read_given(sources, seed, &mut problems);
    let mut secrets = secrets::read(sources, &mut notices, &mut problems);
    let target = choose_target(sources, &file, &built_in, &mut notices, &mut problems);
    let Some(target) = target else { return Err(problems) };
    if purpose != Purpose::Plan {
        confirm(sources, &target, &mut problems);
    }
    if target.environment.embedded {
        secrets.keys.clear();
        secrets.webhook = None;
    }
    let named = sources.pick(sources.flags.profile.as_ref(), "--profile", "LOAD_GATE_PROFILE");
    let own = target.config.profile.as_deref().unwrap_or(DEFAULT_PROFILE);
    let run = Run {
        file: &file,
        target: &target,
        profile: named.map_or(own, |(profile, _)| profile).trim(),
        profile_from: named.map_or("", |(_, from)| from),
        flags: sources.flags,
        secrets: &secrets,
        rate_scale: given.rate_scale,
        duration_scale: given.duration_scale,
    };
    let plans = scenarios::plan(&run, &mut notices, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let keys = plans.iter().filter(|plan| plan.identities.kind == IdentityKind::Key);
    let keys = keys.map(|plan| plan.identities.count + plan.identities.set_aside).max();
    let embedded_keys = if target.environment.embedded { keys.unwrap_or(0) as usize } else { 0 };
    let default_cooldown = if target.environment.embedded { Nanos::ZERO } else { DEFAULT_COOLDOWN };
    let plan = SuitePlan {
        profile: run.profile.to_owned(),
        environment: target.environment,
        seed: given.seed,
        rate_scale: given.rate_scale,
        duration_scale: given.duration_scale,
        cooldown: given.cooldown.unwrap_or(default_cooldown),
        allow_skip: sources.flags.allow_skip,
        scenarios: plans,
    };
    Ok(Resolved { plan, secrets, embedded_keys, notices })
}

/// The merged files, and the built-in ones alone.
fn read_files(sources: &Sources<'_>, problems: &mut Diagnostics) -> (File, File) {
    let mut root = Table::new();
    for (name, text) in BUILT_IN {
        let source = problems.add_source(format!("{name} (built in)"), text);
        tree::overlay(&mut root, parse(source, problems));
    }
    let mut unused = Diagnostics::default();
    let built_in = file::read(&root, BUILT_IN.len(), &mut unused);
    if let Some(user) = sources.file {
        let text = user.text.strip_prefix('\u{feff}').unwrap_or(&user.text);
        let source = problems.add_source(&user.name, text);
        let table = parse(source, problems);
        tree::overlay(&mut root, table);
    }
    (file::read(&root, BUILT_IN.len(), problems), built_in)
}

/// A source's tree, with threshold keys in their one spelling, so that they
/// overlay each other however they are spaced.
fn parse(source: usize, problems: &mut Diagnostics) -> Table {
    let mut root = tree::parse(source, problems);
    let Some(scenarios) = root.get_mut("scenarios") else { return root };
    let Value::Table(scenarios) = &mut scenarios.node.value else { return root };
    for scenario in scenarios.values_mut() {
        let Value::Table(scenario) = &mut scenario.node.value else { continue };
        let Some(thresholds) = scenario.get_mut("thresholds") else { continue };
        let Value::Table(thresholds) = &mut thresholds.node.value else { continue };
        let mut canonical = Table::new();
        for (key, entry) in std::mem::take(thresholds) {
            let place = entry.key.clone();
            if canonical.insert(canonical_key(&key), entry).is_some() {
                let message = format!("{} is there twice, spelled differently", quote(&key));
                problems.at(&place, "", Wrong::new(message, "expected each metric once"));
            }
        }
        *thresholds = canonical;
    }
    root
}

/// What flags and variables say, apart from where to go.
struct Given {
    rate_scale: f64,
    duration_scale: f64,
    cooldown: Option<Nanos>,
    seed: u64,
}

fn read_given(sources: &Sources<'_>, seed: u64, problems: &mut Diagnostics) -> Given {
    let flags = sources.flags;
    let mut take = |picked: Option<(&str, &'static str)>,
                    parse: &dyn Fn(&str) -> Result<f64, Wrong>| {
        let (text, from) = picked?;
        parse(text).map_err(|wrong| problems.outside(from, wrong)).ok()
    };
    let rate = sources.pick(flags.rate_scale.as_ref(), "--rate-scale", "LOAD_GATE_RATE_SCALE");
    let rate_scale = take(rate, &scale).unwrap_or(1.0);
    let duration =
        sources.pick(flags.duration_scale.as_ref(), "--duration-scale", "LOAD_GATE_DURATION_SCALE");
    let duration_scale = take(duration, &scale).unwrap_or(1.0);
    let cooldown = sources.pick(flags.cooldown.as_ref(), "--cooldown", "LOAD_GATE_COOLDOWN");
    let cooldown = cooldown.and_then(|(text, from)| {
        let span = span_text(text, Nanos::ZERO, Nanos::from_secs(3600));
        span.map_err(|wrong| problems.outside(from, wrong)).ok()
    });
    let named = sources.pick(flags.seed.as_ref(), "--seed", "LOAD_GATE_SEED");
    let named = named.and_then(|(text, from)| {
        let wrong = || {
            let message = format!("{} is not a seed", quote(text));
            Wrong::new(message, "expected a whole number from 0 to 18446744073709551615")
        };
        text.trim().parse().map_err(|_| problems.outside(from, wrong())).ok()
    });
    Given { rate_scale, duration_scale, cooldown, seed: named.unwrap_or(seed) }
}

/// Where a run goes and what is allowed there.
pub(super) struct Target {
    pub(super) environment: Environment,
    pub(super) url: Option<Url>,
    pub(super) config: EnvironmentConfig,
    pub(super) email_domain: String,
    pub(super) scenarios: Option<Vec<ScenarioId>>,
    pub(super) probes: bool,
    pub(super) mint_keys: bool,
    /// Names of the protected environments it is held to.
    pub(super) protected_by: Vec<String>,
}

fn choose_target(
    sources: &Sources<'_>,
    file: &File,
    built_in: &File,
    notices: &mut Vec<String>,
    problems: &mut Diagnostics,
) -> Option<Target> {
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
) -> Target {
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
    let allowed =
        |of: fn(&EnvironmentConfig) -> Option<bool>| all().all(|e| of(e).unwrap_or(!e.protected));
    let environment = Environment {
        name: name.to_owned(),
        url: url.as_ref().map(url_text).unwrap_or_default(),
        protected: is_protected,
        embedded: name == EMBEDDED,
        max_rate: all().filter_map(|e| e.max_rate).min_by(f64::total_cmp),
        verify_limits: allowed(|e| e.verify_limits),
    };
    Target {
        email_domain: config.email_domain.clone().unwrap_or_else(|| DEFAULT_DOMAIN.to_owned()),
        scenarios: others.iter().find_map(|e| e.scenarios.clone()).or(config.scenarios.clone()),
        probes: allowed(|e| e.probes),
        mint_keys: allowed(|e| e.mint_keys),
        protected_by: held,
        config: config.clone(),
        environment,
        url,
    }
}

/// Every protected host. A built-in one stays protected when the user's file gives
/// its environment another URL, unless the file says `protected = false`.
fn protected_hosts(file: &File, built_in: &File) -> Vec<Protected> {
    let still = |name: &String| file.environments.get(name).is_none_or(|e| e.protected);
    let own = file.environments.iter().filter(|(_, e)| e.protected);
    let given = built_in.environments.iter().filter(|(name, e)| e.protected && still(name));
    own.chain(given)
        .filter_map(|(name, e)| {
            let host = guard::canonical_host(e.url.as_ref()?)?;
            Some(Protected { name: name.clone(), host })
        })
        .collect()
}

/// Reports a protected target whose host isn't confirmed.
fn confirm(sources: &Sources<'_>, target: &Target, problems: &mut Diagnostics) {
    let Some(url) = target.url.as_ref().filter(|_| target.environment.protected) else { return };
    let Some(host) = guard::canonical_host(url) else { return };
    let flag = sources.flags.confirm_production.as_ref();
    let picked = sources.pick(flag, "--confirm-production", "LOAD_GATE_CONFIRM_PRODUCTION");
    if picked.is_some_and(|(text, _)| guard::confirms(text, url)) {
        return;
    }
    let names = listing(target.protected_by.iter().map(String::as_str));
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

impl Target {
    /// Whether the config's `identities` can be had here.
    pub(super) fn may_forge(&self, asked: Option<Identities>) -> bool {
        self.environment.verify_limits || matches!(asked, None | Some(Identities::Count(1)))
    }
}
