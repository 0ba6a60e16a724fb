//! The merged tables, read into typed settings: docs/config.md's keys and no others.

use std::collections::BTreeMap;

use url::Url;

use super::diagnostics::{Diagnostics, Place, Wrong, listing, quote, unknown};
use super::reader::{Located, Section, as_table};
use super::thresholds::{RawThreshold, read_thresholds};
use super::tree::{Node, Table, Value};
use super::values::{self, MAX_LOAD_SECONDS, base_url, flag, integer, mismatch, number, text};
use crate::admission::{DeclaredLimit, Scope};
use crate::gate::{Decide, Decision};
use crate::ids::ScenarioId;
use crate::plan::{EngineSettings, MOST_WORKERS, Stage};
use crate::units::Nanos;

/// The largest number of addresses in 198.18.0.0/15 (RFC 2544).
pub(super) const ADDRESSES: u32 = 131_072;
/// The most customers that can be created for their keys.
const MAX_MINT: u64 = 1000;
/// The most stages of a profile.
const MAX_STAGES: usize = 1000;
const PROVIDERS: [&str; 4] = ["anthropic", "openai", "openrouter", "ollama"];
/// An interval of less confidence would be no interval.
const LEAST_CONFIDENCE: f64 = 0.5;
/// More needs more samples than a run gives.
const MOST_CONFIDENCE: f64 = 0.9999;
const HOUR: Nanos = Nanos::from_secs(3600);

/// Everything the files say.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) environments: BTreeMap<String, EnvironmentConfig>,
    pub(super) scenarios: BTreeMap<ScenarioId, ScenarioConfig>,
    pub(super) share: f64,
    pub(super) engine: Option<EngineConfig>,
    pub(super) decision: Decision,
}

/// One `[environments.NAME]`.
#[derive(Clone, Debug, Default)]
pub(super) struct EnvironmentConfig {
    pub(super) url: Option<Url>,
    pub(super) profile: Option<String>,
    pub(super) email_domain: Option<String>,
    pub(super) protected: bool,
    pub(super) max_rate: Option<f64>,
    pub(super) scenarios: Option<Vec<ScenarioId>>,
    pub(super) probes: Option<bool>,
    pub(super) verify_limits: Option<bool>,
    pub(super) mint_keys: Option<bool>,
}

/// How many identities share a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identities {
    Auto,
    Count(u32),
}

/// One `[scenarios.NAME]`.
#[derive(Clone, Debug)]
pub(super) struct ScenarioConfig {
    pub(super) identities: Option<Located<Identities>>,
    pub(super) limit: Option<DeclaredLimit>,
    pub(super) profiles: BTreeMap<String, Profile>,
    pub(super) thresholds: Vec<RawThreshold>,
    pub(super) providers: Vec<String>,
    pub(super) ttl_minutes: Vec<u16>,
    pub(super) mint_keys: u32,
    pub(super) duplicates: f64,
    pub(super) stripe_customer: String,
    pub(super) stripe_price: String,
}

/// The stages of one profile, unscaled.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) stages: Vec<Stage>,
    pub(super) place: Place,
}

/// `[engine]`.
#[derive(Clone, Debug)]
pub(super) struct EngineConfig {
    pub(super) settings: EngineSettings,
    /// Whether `max_lag` is the user's: then it is not widened.
    pub(super) own_lag: bool,
}

/// Reads the merged root table. `builtin` sources are those before `first_user`.
pub(super) fn read(root: &Table, first_user: usize, problems: &mut Diagnostics) -> File {
    const KNOWN: [&str; 5] = ["environments", "scenarios", "probes", "gate", "engine"];
    let start = Place { source: first_user, span: 0..0 };
    let mut section = Section::new(root, &start, "", &KNOWN, problems);
    let mut file = File::default();
    if let Some((table, _, _)) = section.table("environments") {
        for (name, entry) in table {
            let environment = read_environment(name, &entry.node, &entry.key, section.problems);
            file.environments.insert(name.clone(), environment);
        }
    }
    if let Some((table, _, _)) = section.table("scenarios") {
        for (name, entry) in table {
            let Some(id) = ScenarioId::parse(name) else {
                let names: Vec<&str> = ScenarioId::ALL.iter().map(|id| id.name()).collect();
                section.problems.at(&entry.key, "scenarios", unknown("scenario", name, &names));
                continue;
            };
            let path = format!("scenarios.{name}");
            if let Some(table) = as_table(&entry.node, &path, section.problems) {
                let scenario = read_scenario(id, table, &entry.key, section.problems);
                file.scenarios.insert(id, scenario);
            }
        }
    }
    if let Some((table, place, path)) = section.table("probes") {
        let mut probes = Section::new(table, &place, path, &["share"], section.problems);
        file.share = probes.value("share", |node| number(node, 0.0, 1.0)).unwrap_or(0.0);
    }
    if let Some((table, place, path)) = section.table("gate") {
        file.decision = read_gate(table, &place, path, section.problems);
    }
    if let Some((table, place, path)) = section.table("engine") {
        file.engine = read_engine(table, &place, path, first_user, section.problems);
    }
    file
}

fn read_gate(table: &Table, place: &Place, path: String, problems: &mut Diagnostics) -> Decision {
    let mut gate = Section::new(table, place, path, &["decide", "confidence"], problems);
    let usual = Decision::default();
    let decide = gate.value("decide", |node| {
        let name = text(node)?;
        let known = Decide::ALL.map(Decide::name);
        let found = Decide::ALL.into_iter().find(|decide| decide.name() == name);
        found.ok_or_else(|| unknown("way to decide", &name, &known))
    });
    let confidence =
        gate.value("confidence", |node| number(node, LEAST_CONFIDENCE, MOST_CONFIDENCE));
    Decision {
        decide: decide.unwrap_or(usual.decide),
        confidence: confidence.unwrap_or(usual.confidence),
        ..usual
    }
}

fn read_environment(
    name: &str,
    node: &Node,
    key: &Place,
    problems: &mut Diagnostics,
) -> EnvironmentConfig {
    const KNOWN: [&str; 9] = [
        "url",
        "profile",
        "email_domain",
        "protected",
        "max_rate",
        "scenarios",
        "probes",
        "verify_limits",
        "mint_keys",
    ];
    let path = format!("environments.{name}");
    let Some(table) = as_table(node, &path, problems) else { return EnvironmentConfig::default() };
    let mut section = Section::new(table, key, path.clone(), &KNOWN, problems);
    if name.is_empty() || name.len() > 60 || name.chars().any(char::is_control) {
        let wrong =
            Wrong::new("this can't be an environment's name", "expected 1 to 60 characters");
        section.problems.at(key, "environments", wrong);
    }
    let url = if name == "embedded" {
        section.read("url", |_| -> Result<Url, Wrong> {
            Err(Wrong::new("`embedded` has no URL", "expected no `url` here")
                .help("it is the target inside load-gate; name another environment"))
        });
        None
    } else {
        section.required("url", "url = \"https://…\"", |node| match &node.value {
            Value::Text(text) => base_url(text),
            _ => Err(mismatch(node, "a URL in quotes")),
        })
    };
    EnvironmentConfig {
        url,
        profile: section.value("profile", text),
        email_domain: section.value("email_domain", text),
        protected: section.value("protected", flag).unwrap_or(false),
        max_rate: section.value("max_rate", |node| {
            let rate = values::rate(node)?;
            let wrong = || Wrong::new("nothing can be sent at 0/s", "expected a rate above 0");
            if rate > 0.0 { Ok(rate) } else { Err(wrong()) }
        }),
        scenarios: section.value("scenarios", scenario_list),
        probes: section.value("probes", flag),
        verify_limits: section.value("verify_limits", flag),
        mint_keys: section.value("mint_keys", flag),
    }
}

fn scenario_list(node: &Node) -> Result<Vec<ScenarioId>, Wrong> {
    let names: Vec<&str> = ScenarioId::ALL.iter().map(|id| id.name()).collect();
    values::list(node, 1..=names.len(), "an array of distinct scenarios", |item| {
        let name = text(item)?;
        ScenarioId::parse(&name).ok_or_else(|| unknown("scenario", &name, &names))
    })
}

fn read_engine(
    table: &Table,
    place: &Place,
    path: String,
    first_user: usize,
    problems: &mut Diagnostics,
) -> Option<EngineConfig> {
    const KNOWN: [&str; 7] = [
        "timeout",
        "connect_timeout",
        "max_lag",
        "max_in_flight",
        "max_body",
        "workers",
        "ca_file",
    ];
    let mut section = Section::new(table, place, path, &KNOWN, problems);
    let wait = |node: &Node| values::span(node, Nanos::from_millis(1), HOUR);
    let timeout = section.value("timeout", wait);
    let connect_timeout = section.value("connect_timeout", wait);
    let max_lag = section.value("max_lag", wait);
    let max_in_flight = section.value("max_in_flight", |node| integer(node, 1, 1_000_000));
    let max_body = section.value("max_body", values::size);
    let workers = section.value("workers", |node| integer(node, 1, u64::from(MOST_WORKERS)));
    let ca_file = section.value("ca_file", values::text);
    let own_lag = section.place_of("max_lag").source >= first_user;
    Some(EngineConfig {
        settings: EngineSettings {
            timeout: timeout?,
            connect_timeout: connect_timeout?,
            max_lag: max_lag?,
            max_in_flight: u32::try_from(max_in_flight?).ok()?,
            max_body: max_body?,
            workers: workers.and_then(|workers| u32::try_from(workers).ok()),
            ca_file,
        },
        own_lag,
    })
}

fn scenario_keys(id: ScenarioId) -> Vec<&'static str> {
    let own: &[&str] = match id {
        ScenarioId::Onboarding => &[],
        ScenarioId::CredentialVending => &["providers", "ttl_minutes", "mint_keys"],
        ScenarioId::Webhook => &["duplicates", "stripe_customer", "stripe_price"],
    };
    [&["identities", "rate_limit", "profiles", "thresholds"], own].concat()
}

fn read_scenario(
    id: ScenarioId,
    table: &Table,
    place: &Place,
    problems: &mut Diagnostics,
) -> ScenarioConfig {
    let path = format!("scenarios.{id}");
    let mut section = Section::new(table, place, path, &scenario_keys(id), problems);
    let identities = section.read("identities", |node| read_identities(id, node));
    let limit = read_limit(id, &mut section);
    let mut profiles = BTreeMap::new();
    if let Some((table, _, path)) = section.table("profiles") {
        for (name, entry) in table {
            let path = format!("{path}.{name}");
            let profile = read_profile(&entry.node, &path, section.problems);
            profiles.insert(name.clone(), profile);
        }
    }
    let thresholds = match section.table("thresholds") {
        Some((table, _, path)) => read_thresholds(table, &path, section.problems),
        None => Vec::new(),
    };
    ScenarioConfig {
        identities,
        limit,
        profiles,
        thresholds,
        providers: section.value("providers", providers).unwrap_or_default(),
        ttl_minutes: section.value("ttl_minutes", ttls).unwrap_or_default(),
        mint_keys: section
            .value("mint_keys", |node| integer(node, 0, MAX_MINT))
            .map_or(0, |n| n as u32),
        duplicates: section.value("duplicates", |node| number(node, 0.0, 1.0)).unwrap_or(0.0),
        stripe_customer: section.value("stripe_customer", text).unwrap_or_default(),
        stripe_price: section.value("stripe_price", text).unwrap_or_default(),
    }
}

fn read_identities(id: ScenarioId, node: &Node) -> Result<Identities, Wrong> {
    let what = match id {
        ScenarioId::CredentialVending => "keys",
        _ => "addresses",
    };
    match &node.value {
        Value::Text(text) if text == "auto" => Ok(Identities::Auto),
        Value::Integer(_) => {
            integer(node, 1, u64::from(ADDRESSES) - 1).map(|n| Identities::Count(n as u32))
        }
        Value::Text(text) => Err(Wrong::new(
            format!("{} is no number of identities", quote(text)),
            format!("expected a number of {what}, or \"auto\""),
        )),
        _ => Err(mismatch(node, &format!("a number of {what}, or \"auto\""))),
    }
}

fn providers(node: &Node) -> Result<Vec<String>, Wrong> {
    let expected = "an array of 1 to 4 distinct providers";
    values::list(node, 1..=4, expected, |item| {
        let name = text(item)?;
        if PROVIDERS.contains(&name.as_str()) {
            Ok(name)
        } else {
            Err(unknown("provider", &name, &PROVIDERS))
        }
    })
}

fn ttls(node: &Node) -> Result<Vec<u16>, Wrong> {
    values::list(node, 1..=48, "an array of 1 to 48 distinct minutes", |item| {
        integer(item, 1, 240).map(|minutes| minutes as u16)
    })
}

fn read_limit(id: ScenarioId, section: &mut Section<'_, '_>) -> Option<DeclaredLimit> {
    const KNOWN: [&str; 6] = ["limit", "window", "scope", "retry_after", "headers", "spoofable"];
    let node = section.node("rate_limit")?;
    if let Value::Text(text) = &node.value {
        if text != "none" {
            let expected = "expected a table { limit, window, scope }, or \"none\"";
            let wrong = Wrong::new(format!("{} is no rate limit", quote(text)), expected);
            section.problems.at(&node.place, &section.join("rate_limit"), wrong);
        }
        return None;
    }
    let (table, place, path) = section.table("rate_limit")?;
    let mut limit = Section::new(table, &place, path, &KNOWN, section.problems);
    let most = limit.required("limit", "limit = 10", |node| integer(node, 1, 1_000_000_000));
    let day = Nanos::from_secs(MAX_LOAD_SECONDS);
    let window = limit.required("window", "window = \"60s\"", |node| {
        values::span(node, Nanos::from_secs(1), day)
    });
    let scope = limit.required("scope", "scope = \"ip\"", |node| scope(id, node));
    let retry_after = limit.value("retry_after", flag).unwrap_or(false);
    let headers = limit.value("headers", flag).unwrap_or(false);
    let spoofable = limit.value("spoofable", flag);
    Some(DeclaredLimit {
        limit: most?,
        window: window?,
        scope: scope?,
        retry_after,
        headers,
        spoofable,
    })
}

fn scope(id: ScenarioId, node: &Node) -> Result<Scope, Wrong> {
    let all = [Scope::Ip, Scope::Customer, Scope::Global];
    let name = text(node)?;
    let known: Vec<&str> = all.iter().map(|scope| scope.name()).collect();
    let found = all.into_iter().find(|scope| scope.name() == name);
    let scope = found.ok_or_else(|| unknown("scope", &name, &known))?;
    if scope == Scope::Customer && id != ScenarioId::CredentialVending {
        return Err(Wrong::new(
            format!("{id} shows no API key, so nothing can be counted by customer"),
            format!("expected {}", listing(["ip", "global"])),
        ));
    }
    Ok(scope)
}

fn read_profile(node: &Node, path: &str, problems: &mut Diagnostics) -> Profile {
    let mut stages = Vec::new();
    match &node.value {
        Value::List(items) if items.len() <= MAX_STAGES => {
            for (number, item) in (1..).zip(items) {
                let path = format!("{path}, stage {number}");
                if let Some(table) = as_table(item, &path, problems) {
                    stages.extend(read_stage(table, &item.place, path, problems));
                }
            }
        }
        Value::List(_) => {
            let expected = format!("expected at most {MAX_STAGES} stages");
            problems.at(&node.place, path, Wrong::new("these are too many stages", expected));
        }
        _ => {
            let expected = "an array of stages: [{ duration = \"1m\", target = 20 }]";
            problems.at(&node.place, path, mismatch(node, expected));
        }
    }
    Profile { stages, place: node.place.clone() }
}

fn read_stage(
    table: &Table,
    place: &Place,
    path: String,
    problems: &mut Diagnostics,
) -> Option<Stage> {
    let mut section = Section::new(table, place, path, &["duration", "target"], problems);
    let day = Nanos::from_secs(MAX_LOAD_SECONDS);
    let duration = section
        .required("duration", "duration = \"1m\"", |node| values::span(node, Nanos::ZERO, day));
    let target = section.required("target", "target = 20", values::rate);
    Some(Stage { duration: duration?, target: target? })
}
