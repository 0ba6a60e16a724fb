//! The merged tables, read into typed settings: docs/config.md's keys and no others.

use std::collections::BTreeMap;
use std::path::Path;

use url::Url;

use super::diagnostics::{Diagnostics, Place, Wrong, unknown};
use super::metrics::{self, MetricsConfig};
use super::reader::{Section, as_table};
use super::resources::{self, ResourcesConfig};
use super::scenario_table::{ScenarioConfig, read_scenario, read_written};
use super::tree::{Node, Table, Value};
use super::values::{self, base_url, flag, integer, mismatch, number, text};
use super::written;
use crate::gate::{Decide, Decision};
use crate::ids::ScenarioId;
use crate::plan::{EngineSettings, MOST_WORKERS};
use crate::scenario::catalogue::{self, Entry};
use crate::units::Nanos;

/// An interval of less confidence would be no interval.
const LEAST_CONFIDENCE: f64 = 0.5;
/// More needs more samples than a run gives.
const MOST_CONFIDENCE: f64 = 0.9999;
/// The most scenarios that an environment lists.
const MOST_SCENARIOS: usize = 100;

/// Everything the files say.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) environments: BTreeMap<String, EnvironmentConfig>,
    pub(super) scenarios: BTreeMap<ScenarioId, ScenarioConfig>,
    /// Those whose tables are too wrong to be read.
    pub(super) broken: Vec<ScenarioId>,
    pub(super) share: f64,
    pub(super) engine: Option<EngineConfig>,
    pub(super) decision: Decision,
    pub(super) metrics: MetricsConfig,
    pub(super) resources: ResourcesConfig,
}

/// One `[environments.NAME]`.
#[derive(Clone, Debug, Default)]
pub(super) struct EnvironmentConfig {
    pub(super) url: Option<Url>,
    pub(super) profile: Option<String>,
    pub(super) email_domain: Option<String>,
    pub(super) protected: bool,
    /// Whether it says that it isn't.
    pub(super) unprotected: bool,
    pub(super) max_rate: Option<f64>,
    pub(super) scenarios: Option<Vec<ScenarioId>>,
    /// Where in that list each stands, and where the profile does.
    pub(super) listed_at: BTreeMap<ScenarioId, Place>,
    pub(super) profile_at: Option<Place>,
    pub(super) probes: Option<bool>,
    pub(super) verify_limits: Option<bool>,
    pub(super) mint_keys: Option<bool>,
}

/// `[engine]`.
#[derive(Clone, Debug)]
pub(super) struct EngineConfig {
    pub(super) settings: EngineSettings,
    /// Whether `max_lag` is the user's: then it is not widened.
    pub(super) own_lag: bool,
}

/// Reads the merged root table. `builtin` sources are those before `first_user`.
///
/// `folder` is where files that it names lie.
pub(super) fn read(
    root: &Table,
    first_user: usize,
    folder: &Path,
    problems: &mut Diagnostics,
) -> File {
    const KNOWN: [&str; 7] =
        ["environments", "scenarios", "probes", "gate", "engine", "metrics", "resources"];
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
            let path = format!("scenarios.{name}");
            let Some(table) = as_table(&entry.node, &path, section.problems) else { continue };
            if table.contains_key("path") && built_in(name).is_some() {
                section.problems.at(&entry.key, "scenarios", written::is_built_in(name));
                file.broken.extend(ScenarioId::parse(name));
            } else if let Some(known) = built_in(name) {
                let scenario = read_scenario(known, table, &entry.key, section.problems);
                file.scenarios.insert(known.id, scenario);
            } else if written::KEYS.iter().any(|key| table.contains_key(*key)) {
                let read = read_written(name, table, &entry.key, folder, section.problems);
                file.broken.extend(ScenarioId::parse(name).filter(|_| read.is_none()));
                file.scenarios.extend(read);
            } else {
                let wrong = written::no_scenario(name);
                section.problems.at(&entry.key, "scenarios", wrong);
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
    if let Some((table, place, path)) = section.table("metrics") {
        file.metrics = metrics::read(table, &place, path, section.problems);
    }
    if let Some((table, place, path)) = section.table("resources") {
        file.resources = resources::read(table, &place, path, section.problems);
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
    if let Err(wrong) = values::name(name, "an environment's") {
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
    let protected = section.value("protected", flag);
    EnvironmentConfig {
        url,
        profile: section.value("profile", text),
        email_domain: section.value("email_domain", text),
        protected: protected.unwrap_or(false),
        unprotected: protected == Some(false),
        max_rate: section.value("max_rate", |node| {
            let rate = values::rate(node)?;
            let wrong = || Wrong::new("nothing can be sent at 0/s", "expected a rate above 0");
            if rate > 0.0 { Ok(rate) } else { Err(wrong()) }
        }),
        scenarios: section.value("scenarios", scenario_list),
        listed_at: section.node("scenarios").map(listed_at).unwrap_or_default(),
        profile_at: section.node("profile").map(|node| node.place.clone()),
        probes: section.value("probes", flag),
        verify_limits: section.value("verify_limits", flag),
        mint_keys: section.value("mint_keys", flag),
    }
}

fn scenario_list(node: &Node) -> Result<Vec<ScenarioId>, Wrong> {
    let names = catalogue::names();
    values::list(node, 1..=MOST_SCENARIOS, "an array of distinct scenarios", |item| {
        let name = text(item)?;
        // Whether there is one of that name is known when all is read.
        ScenarioId::parse(&name).ok_or_else(|| unknown("scenario", &name, &names))
    })
}

fn listed_at(node: &Node) -> BTreeMap<ScenarioId, Place> {
    let Value::List(items) = &node.value else { return BTreeMap::new() };
    let each = items.iter().filter_map(|item| match &item.value {
        Value::Text(name) => Some((ScenarioId::parse(name)?, item.place.clone())),
        _ => None,
    });
    each.collect()
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
    const KNOWN: [&str; 8] = [
        "timeout",
        "connect_timeout",
        "max_lag",
        "max_in_flight",
        "max_body",
        "workers",
        "ca_file",
        "traceparent",
    ];
    let mut section = Section::new(table, place, path, &KNOWN, problems);
    let wait = |node: &Node| values::span(node, Nanos::from_millis(1), EngineSettings::LONGEST);
    let timeout = section.value("timeout", wait);
    let connect_timeout = section.value("connect_timeout", wait);
    let max_lag = section.value("max_lag", wait);
    let max_in_flight = section.value("max_in_flight", |node| integer(node, 1, 1_000_000));
    let max_body = section.value("max_body", values::size);
    let workers = section.value("workers", |node| integer(node, 1, u64::from(MOST_WORKERS)));
    let ca_file = section.value("ca_file", values::text);
    let traceparent = section.value("traceparent", flag).unwrap_or(false);
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
            traceparent,
        },
        own_lag,
    })
}
