//! `[scenarios.NAME]`, built in or the user's own: what every scenario's table may say, read.

use std::collections::BTreeMap;
use std::path::Path;

use super::diagnostics::{Diagnostics, Place, Wrong, listing, quote, unknown};
use super::literals;
use super::reader::{Located, Section, as_table};
use super::thresholds::{RawThreshold, read_thresholds};
use super::tree::{Node, Table, Value};
use super::values::{self, MAX_LOAD_SECONDS, flag, integer, mismatch, number, text};
use super::written;
use crate::admission::{DeclaredLimit, Scope, TOO_MANY_REQUESTS, WHOLE_SECOND, refuses};
use crate::ids::{IdentityKind, ScenarioId};
use crate::plan::{CLIENT_ADDRESSES, Stage};
use crate::scenario::catalogue::{Entry, Takes};
use crate::scenario::{Spec, success};
use crate::units::Nanos;

/// The most customers that can be created for their keys.
const MAX_MINT: u64 = 1000;
/// The most stages of a profile.
const MAX_STAGES: usize = 1000;

/// How many identities share a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskedIdentities {
    Auto,
    Count(u32),
}

/// One `[scenarios.NAME]`.
#[derive(Clone, Debug)]
pub(super) struct ScenarioConfig {
    pub(super) identities: Option<Located<AskedIdentities>>,
    /// The declared limits, the tightest first.
    pub(super) limits: Vec<DeclaredLimit>,
    pub(super) profiles: BTreeMap<String, Profile>,
    pub(super) thresholds: Vec<RawThreshold>,
    pub(super) mint_keys: u32,
    /// The settings of its own, as its entry wants them.
    pub(super) settings: BTreeMap<String, serde_json::Value>,
    /// What is written of it, where it isn't built in.
    pub(super) spec: Option<Box<Spec>>,
    /// Where its table begins.
    pub(super) place: Place,
}

/// The stages of one profile, unscaled.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) stages: Vec<Stage>,
    /// How long its last hold may go on while a threshold is close.
    pub(super) extend: Option<Located<Nanos>>,
    pub(super) place: Place,
}

fn scenario_keys(entry: &Entry) -> Vec<&'static str> {
    let own = entry.settings.iter().filter(|setting| !matches!(setting.takes, Takes::Environment));
    let minting = entry.minted_through.map(|_| "mint_keys");
    SHARED.into_iter().chain(own.map(|setting| setting.key)).chain(minting).collect()
}

pub(super) fn read_scenario(
    entry: &Entry,
    table: &Table,
    place: &Place,
    problems: &mut Diagnostics,
) -> ScenarioConfig {
    let path = format!("scenarios.{}", entry.id);
    let mut section = Section::new(table, place, path, &scenario_keys(entry), problems);
    let Shared { identities, limits, profiles, thresholds } =
        read_shared(entry.id, entry.identity, true, &mut section);
    ScenarioConfig {
        identities,
        limits,
        profiles,
        thresholds,
        spec: None,
        place: place.clone(),
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

/// A scenario of the user's own.
pub(super) fn read_written(
    name: &str,
    table: &Table,
    place: &Place,
    folder: &Path,
    problems: &mut Diagnostics,
) -> Option<(ScenarioId, ScenarioConfig)> {
    let id = written::id(name, place, problems)?;
    let known: Vec<&str> = SHARED.iter().chain(&written::KEYS).copied().collect();
    let path = format!("scenarios.{name}");
    literals::refuse(table, &path, problems);
    let keys = (known.as_slice(), &written::ELSEWHERE[..]);
    let mut section = Section::beside(table, place, path, keys, problems);
    let spec = written::read(&mut section, folder, counts_by_address(table));
    let identity = match &spec {
        Some(spec) => spec.identity,
        // Its own mistakes are told; its limit's are not for want of a key.
        None => IdentityKind::Key,
    };
    let Shared { identities, limits, profiles, thresholds } =
        read_shared(id, identity, false, &mut section);
    let spec = spec?;
    let success = success(&spec.expect);
    if !success.is_empty() && success.iter().all(|status| refuses(&limits, *status)) {
        let (place, path) = (section.place_of("expect"), section.join("expect"));
        let message = "nothing but a limiter's refusal is success here: nothing would be accepted";
        let wrong = Wrong::new(message, "expected the status of success, such as status = 200");
        section.problems.at(&place, &path, wrong);
    }
    let spec = Some(Box::new(spec));
    let settings = BTreeMap::new();
    let config = ScenarioConfig {
        identities,
        limits,
        profiles,
        thresholds,
        spec,
        mint_keys: 0,
        settings,
        place: place.clone(),
    };
    Some((id, config))
}

/// Whether the limit of a scenario's table counts by address.
fn counts_by_address(table: &Table) -> bool {
    let by_address = |node: &Node| {
        let Value::Table(limit) = &node.value else { return false };
        let scope = limit.get("scope").map(|entry| &entry.node.value);
        matches!(scope, Some(Value::Text(scope)) if scope == "ip")
    };
    match table.get("rate_limit").map(|entry| &entry.node) {
        Some(Node { value: Value::List(limits), .. }) => limits.iter().any(by_address),
        Some(limit) => by_address(limit),
        None => false,
    }
}

/// The keys of every scenario's table.
const SHARED: [&str; 4] = ["identities", "rate_limit", "profiles", "thresholds"];

/// What every scenario's table may say.
struct Shared {
    identities: Option<Located<AskedIdentities>>,
    limits: Vec<DeclaredLimit>,
    profiles: BTreeMap<String, Profile>,
    thresholds: Vec<RawThreshold>,
}

/// `json`: whether refusals are JSON unless it is said otherwise.
fn read_shared(
    id: ScenarioId,
    identity: IdentityKind,
    json: bool,
    section: &mut Section<'_, '_>,
) -> Shared {
    let identities = section.read("identities", |node| read_identities(identity, node));
    let limits = read_limits(id, identity, json, section);
    let mut profiles = BTreeMap::new();
    if let Some((table, _, path)) = section.table("profiles") {
        for (name, entry) in table {
            if let Err(wrong) = values::name(name, "a profile's") {
                section.problems.at(&entry.key, &path, wrong);
            }
            let path = format!("{path}.{name}");
            let profile = read_profile(&entry.node, &path, section.problems);
            profiles.insert(name.clone(), profile);
        }
    }
    let thresholds = match section.table("thresholds") {
        Some((table, _, path)) => read_thresholds(table, &path, section.problems),
        None => Vec::new(),
    };
    Shared { identities, limits, profiles, thresholds }
}

fn read_identities(kind: IdentityKind, node: &Node) -> Result<AskedIdentities, Wrong> {
    let what = if kind == IdentityKind::Key { "keys" } else { "addresses" };
    match &node.value {
        Value::Text(text) if text == "auto" => Ok(AskedIdentities::Auto),
        Value::Integer(_) => integer(node, 1, u64::from(CLIENT_ADDRESSES) - 1)
            .map(|n| AskedIdentities::Count(n as u32)),
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

/// The most limits that one endpoint can be declared to have.
const MOST_LIMITS: usize = 8;

/// `rate_limit`: a table, a list of tables, or "none". The tightest comes first.
fn read_limits(
    id: ScenarioId,
    identity: IdentityKind,
    json: bool,
    section: &mut Section<'_, '_>,
) -> Vec<DeclaredLimit> {
    let Some(node) = section.node("rate_limit") else { return Vec::new() };
    let path = section.join("rate_limit");
    let mut limits: Vec<DeclaredLimit> = match &node.value {
        Value::Text(text) if text == "none" => Vec::new(),
        Value::Text(text) => {
            let expected = "expected a table { limit, window, scope }, a list of them, or \"none\"";
            let wrong = Wrong::new(format!("{} is no rate limit", quote(text)), expected);
            section.problems.at(&node.place, &path, wrong);
            Vec::new()
        }
        Value::List(items) if (1..=MOST_LIMITS).contains(&items.len()) => {
            let read = |(number, item): (usize, &Node)| {
                let path = format!("{path}, limit {}", number + 1);
                let table = as_table(item, &path, section.problems)?;
                read_limit(id, identity, json, (table, &item.place, path), section.problems)
            };
            items.iter().enumerate().filter_map(read).collect()
        }
        Value::List(_) => {
            let expected = format!("expected 1 to {MOST_LIMITS} of them, or \"none\"");
            let wrong = Wrong::new("so many rate limits can't be declared", expected);
            section.problems.at(&node.place, &path, wrong);
            Vec::new()
        }
        _ => {
            let table = section.table("rate_limit");
            let read = table.and_then(|(table, place, path)| {
                read_limit(id, identity, json, (table, &place, path), section.problems)
            });
            read.into_iter().collect()
        }
    };
    let rate = |limit: &DeclaredLimit| limit.limit as f64 / limit.window.as_secs_f64();
    limits.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
    limits
}

fn read_limit(
    id: ScenarioId,
    identity: IdentityKind,
    json: bool,
    (table, place, path): (&Table, &Place, String),
    problems: &mut Diagnostics,
) -> Option<DeclaredLimit> {
    const KNOWN: [&str; 9] = [
        "limit",
        "window",
        "scope",
        "burst",
        "retry_after",
        "headers",
        "spoofable",
        "refusals",
        "refusal",
    ];
    let mut limit = Section::new(table, place, path, &KNOWN, problems);
    let most = limit.required("limit", "limit = 10", |node| integer(node, 1, 1_000_000_000));
    let day = Nanos::from_secs(MAX_LOAD_SECONDS);
    let window = limit.required("window", "window = \"60s\"", |node| {
        values::span(node, Nanos::from_secs(1), day)
    });
    let scope = limit.required("scope", "scope = \"ip\"", |node| scope(id, identity, node));
    let retry_after = limit.value("retry_after", flag).unwrap_or(false);
    let headers = limit.value("headers", flag).unwrap_or(false);
    let spoofable = limit.value("spoofable", flag);
    let burst = limit.value("burst", |node| integer(node, 1, 1_000_000_000));
    let counts_refusals = limit.value("refusals", counts_refusals);
    let (status, json) = match limit.table("refusal") {
        None => (TOO_MANY_REQUESTS, json),
        Some((table, place, path)) => {
            let mut refusal =
                Section::new(table, &place, path, &["status", "json"], limit.problems);
            let status = refusal.value("status", |node| integer(node, 400, 599));
            let status = status.map_or(TOO_MANY_REQUESTS, |status| status as u16);
            (status, refusal.value("json", flag).unwrap_or(json))
        }
    };
    Some(DeclaredLimit {
        limit: most?,
        window: window?,
        tick: WHOLE_SECOND,
        scope: scope?,
        status,
        json,
        retry_after,
        headers,
        burst,
        counts_refusals,
        spoofable,
    })
}

/// Whether refused requests use quota too.
fn counts_refusals(node: &Node) -> Result<bool, Wrong> {
    const KNOWN: [&str; 2] = ["free", "counted"];
    match text(node)?.as_str() {
        "free" => Ok(false),
        "counted" => Ok(true),
        name => Err(unknown("way to count refusals", name, &KNOWN)),
    }
}

fn scope(id: ScenarioId, identity: IdentityKind, node: &Node) -> Result<Scope, Wrong> {
    let all = [Scope::Ip, Scope::Customer, Scope::Global];
    let name = text(node)?;
    let known: Vec<&str> = all.iter().map(|scope| scope.name()).collect();
    let found = all.into_iter().find(|scope| scope.name() == name);
    let scope = found.ok_or_else(|| unknown("scope", &name, &known))?;
    if scope == Scope::Customer && identity != IdentityKind::Key {
        return Err(Wrong::new(
            format!("{id} shows no API key, so nothing can be counted by customer"),
            format!("expected {}", listing(["ip", "global"])),
        ));
    }
    Ok(scope)
}

/// A profile: its stages, or a table of these and what else there is to say.
fn read_profile(node: &Node, path: &str, problems: &mut Diagnostics) -> Profile {
    let Value::Table(table) = &node.value else {
        let stages = read_stages(node, path, problems);
        return Profile { stages, extend: None, place: node.place.clone() };
    };
    let mut section = Section::new(table, &node.place, path, &["stages", "extend"], problems);
    let day = Nanos::from_secs(MAX_LOAD_SECONDS);
    let extend = section.read("extend", |node| values::span(node, Nanos::from_secs(2), day));
    let stages = section.node("stages");
    let stages = stages.map(|node| read_stages(node, path, section.problems));
    Profile { stages: stages.unwrap_or_default(), extend, place: node.place.clone() }
}

fn read_stages(node: &Node, path: &str, problems: &mut Diagnostics) -> Vec<Stage> {
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
    stages
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
