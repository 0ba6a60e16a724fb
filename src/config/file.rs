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
use crate::ids::{IdentityKind, ScenarioId};
use crate::plan::{EngineSettings, MOST_WORKERS, Stage};
use crate::scenario::catalogue::{self, Entry, Takes};
use crate::units::Nanos;

/// The largest number of addresses in 198.18.0.0/15 (RFC 2544).
pub(super) const ADDRESSES: u32 = 131_072;
/// The most customers that can be created for their keys.
const MAX_MINT: u64 = 1000;
/// The most stages of a profile.
const MAX_STAGES: usize = 1000;
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
    pub(super) mint_keys: u32,
    /// The settings of its own, as its entry wants them.
    pub(super) settings: BTreeMap<String, serde_json::Value>,
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
            let Some(known) = built_in(name) else {
                let wrong = unknown("scenario", name, &catalogue::names());
                section.problems.at(&entry.key, "scenarios", wrong);
                continue;
            };
            let path = format!("scenarios.{name}");
            if let Some(table) = as_table(&entry.node, &path, section.problems) {
                let scenario = read_scenario(known, table, &entry.key, section.problems);
                file.scenarios.insert(known.id, scenario);
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
    let names = catalogue::names();
    values::list(node, 1..=names.len(), "an array of distinct scenarios", |item| {
        let name = text(item)?;
        built_in(&name).map(|entry| entry.id).ok_or_else(|| unknown("scenario", &name, &names))
    })
}

fn built_in(name: &str) -> Option<&'static Entry> {
    catalogue::BUILT_IN.iter().copied().find(|entry| entry.id.name() == name)
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

fn scenario_keys(entry: &Entry) -> Vec<&'static str> {
    let own = entry.settings.iter().filter(|setting| !matches!(setting.takes, Takes::Environment));
    let minting = entry.minted_through.map(|_| "mint_keys");
    ["identities", "rate_limit", "profiles", "thresholds"]
        .into_iter()
        .chain(own.map(|setting| setting.key))
        .chain(minting)
        .collect()
}

fn read_scenario(
    entry: &Entry,
    table: &Table,
    place: &Place,
    problems: &mut Diagnostics,
) -> ScenarioConfig {
    let path = format!("scenarios.{}", entry.id);
    let mut section = Section::new(table, place, path, &scenario_keys(entry), problems);
    let identities = section.read("identities", |node| read_identities(entry.identity, node));
    let limit = read_limit(entry, &mut section);
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
        mint_keys: section
            .value("mint_keys", |node| integer(node, 0, MAX_MINT))
            .map_or(0, |n| n as u32),
        settings: entry
            .settings
            .iter()
            .filter_map(|setting| {
                let value = section.value(setting.key, |node| read_setting(setting.takes, node))?;
                Some((setting.key.to_owned(), value))
            })
            .collect(),
    }
}

fn read_identities(kind: IdentityKind, node: &Node) -> Result<Identities, Wrong> {
    let what = if kind == IdentityKind::Key { "keys" } else { "addresses" };
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

/// A setting as its entry wants it.
fn read_setting(takes: Takes, node: &Node) -> Result<serde_json::Value, Wrong> {
    match takes {
        Takes::Environment => Ok(serde_json::Value::Null),
        Takes::Text => text(node).map(Into::into),
        Takes::Share => number(node, 0.0, 1.0).map(Into::into),
        Takes::Words { what, known } => {
            let expected = format!("an array of 1 to {} distinct {what}s", known.len());
            let word = |item: &Node| {
                let name = text(item)?;
                let is_known = known.contains(&name.as_str());
                if is_known { Ok(name) } else { Err(unknown(what, &name, known)) }
            };
            values::list(node, 1..=known.len(), &expected, word).map(Into::into)
        }
        Takes::Numbers { what, low, high, most } => {
            let expected = format!("an array of 1 to {most} distinct {what}");
            let number = |item: &Node| integer(item, u64::from(low), u64::from(high));
            values::list(node, 1..=most, &expected, number).map(Into::into)
        }
    }
}

fn read_limit(entry: &Entry, section: &mut Section<'_, '_>) -> Option<DeclaredLimit> {
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
    let scope = limit.required("scope", "scope = \"ip\"", |node| scope(entry, node));
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

fn scope(entry: &Entry, node: &Node) -> Result<Scope, Wrong> {
    let all = [Scope::Ip, Scope::Customer, Scope::Global];
    let name = text(node)?;
    let known: Vec<&str> = all.iter().map(|scope| scope.name()).collect();
    let found = all.into_iter().find(|scope| scope.name() == name);
    let scope = found.ok_or_else(|| unknown("scope", &name, &known))?;
    if scope == Scope::Customer && entry.identity != IdentityKind::Key {
        return Err(Wrong::new(
            format!("{} shows no API key, so nothing can be counted by customer", entry.id),
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
