//! What a plan takes over from a scenario, built in or written: its probes, and what to know of it.

use serde_json::Value as Json;

use crate::admission::{DeclaredLimit, refuses};
use crate::ids::{IdentityKind, ProbeKind, ScenarioId};
use crate::plan::{IdentityPlan, ProbePlan};
use crate::scenario::{self, BodySpec, Spec, catalogue};

/// The probes that accompany a share of the arrivals.
pub(super) fn probes(id: ScenarioId, spec: Option<&Spec>, share: f64) -> ProbePlan {
    if share <= 0.0 {
        return ProbePlan { share, kinds: Vec::new(), by_identity: Vec::new() };
    }
    let Some(spec) = spec else {
        let probes = catalogue::find(id).map_or(&[][..], |entry| entry.probes);
        let kinds = probes.iter().map(|probe| probe.kind).collect();
        return ProbePlan { share, kinds, by_identity: Vec::new() };
    };
    let shown = match spec.identity {
        IdentityKind::Key => scenario::probes_by_identity(spec),
        IdentityKind::Address | IdentityKind::Global => Vec::new(),
    };
    ProbePlan {
        share,
        kinds: spec.probes.iter().filter_map(|probe| ProbeKind::parse(&probe.kind)).collect(),
        by_identity: shown.into_iter().filter_map(ProbeKind::parse).collect(),
    }
}

/// What to know before a written scenario is run; of one that `sends` nothing, because it
/// is skipped, not what its requests would do.
pub(super) fn notices(
    id: ScenarioId,
    spec: &Spec,
    limits: &[DeclaredLimit],
    sends: bool,
) -> Vec<String> {
    let mut notices = Vec::new();
    match spec.writes {
        _ if !sends => {}
        Some(true) => notices.push(format!("{id} creates or changes data there")),
        None if spec.may_write() => notices
            .push(format!("{id} may create or change data there: say writes = false or true")),
        _ => {}
    }
    if let Some(setup) = spec.setup.as_ref().filter(|_| sends) {
        let path = setup.request.path.split('?').next().unwrap_or_default();
        let renewed = if setup.expires.is_some() { ", and again before that expires" } else { "" };
        notices.push(format!(
            "{id}: each identity first sends {} {path}{renewed}; these requests are in no figure",
            setup.request.method
        ));
    }
    let idle = scenario::idle_names(spec);
    if !idle.is_empty() {
        notices.push(format!("no request, check or tag of {id} uses {}", idle.join(", ")));
    }
    notices.extend(doubtful_checks(id, spec, limits));
    notices.extend(open_fields(id, spec));
    notices.extend(doubtful_requests(id, spec));
    notices
}

/// That `{identity}` is empty: who sends from this machine's own address alone names none.
pub(super) fn shows_nobody(id: ScenarioId, spec: &Spec, who: &IdentityPlan) -> Option<String> {
    let is_empty = who.kind == IdentityKind::Address && !who.claims_addresses();
    (is_empty && scenario::names_identity(spec)).then(|| {
        format!(
            "{id} shows `{{identity}}`, which is empty: it is the address that a request claims, and \
             from one address none is claimed (identities = 2, or \"auto\")"
        )
    })
}

/// What of `expect` may mean another thing than is read.
fn doubtful_checks(id: ScenarioId, spec: &Spec, limits: &[DeclaredLimit]) -> Vec<String> {
    let mut notices = Vec::new();
    let refusals: Vec<String> = (scenario::success(&spec.expect).iter())
        .filter(|status| refuses(limits, **status))
        .map(u16::to_string)
        .collect();
    if !refusals.is_empty() {
        notices.push(format!(
            "{id} expects status {}: a limiter's refusal is counted as one, never as success",
            refusals.join(", ")
        ));
    }
    for expect in &spec.expect {
        let texts = expect.json.iter().filter_map(|(path, value)| Some((path, value.as_str()?)));
        for (path, text) in texts {
            if let "true" | "false" = text.trim() {
                notices.push(format!(
                    "{id} expects {path} to be the text {text}: `{text}` in quotes is a text, \
                     without them a boolean"
                ));
            } else if text.contains('*') && !text.trim_start().starts_with(['~', '=']) {
                notices.push(format!(
                    "{id} expects {path} to be {text} to the letter: write `~ {text}` where `*` \
                     stands for anything"
                ));
            }
        }
        for (name, pattern) in &expect.header {
            if matches!(pattern.trim(), "present" | "any" | "nonempty" | "string" | "absent") {
                notices.push(format!(
                    "{id} expects the header {name} to be the text {pattern}: any value is `*`"
                ));
            }
        }
    }
    notices
}

/// What of the request may be meant in another way.
fn doubtful_requests(id: ScenarioId, spec: &Spec) -> Vec<String> {
    let mut notices = Vec::new();
    let request = &spec.request;
    let has_body = !matches!(request.body, BodySpec::None);
    if has_body && ["GET", "HEAD"].contains(&request.method.as_str()) {
        let method = &request.method;
        notices.push(format!("{id} sends a body with {method}: say method = \"POST\" or another"));
    }
    let unpacked = |text: &String| text.trim() == "identity";
    if request.headers.get("accept-encoding").is_some_and(|text| !unpacked(text)) {
        notices.push(format!(
            "{id} asks for compressed answers (accept-encoding), which are judged as they come: \
             compressed JSON isn't JSON"
        ));
    }
    if let Some(word) = spec.texts().into_iter().find_map(doubled) {
        notices.push(format!(
            "{id} sends the text {{{word}}}: a value is written with one brace on each side"
        ));
    }
    if request.headers.get("cookie").is_some_and(|text| !text.contains('{')) {
        notices.push(format!(
            "{id} sends a cookie as it stands in the file: a session is a secret, and a setup gets \
             one (capture = {{ sid = \"cookie NAME\" }})"
        ));
    }
    notices
}

/// A value's name between doubled braces, which make it a text.
fn doubled(text: &str) -> Option<&str> {
    const VALUES: [&str; 6] = ["n", "uuid", "now", "unix", "unix_ms", "identity"];
    let inner = text.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0));
    let of_table = |word: &str| word.starts_with("data.") || word.starts_with("setup.");
    inner.into_iter().find(|word| VALUES.contains(word) || of_table(word))
}

/// Fields whose names say that they are secrets, and whose values stand in the file.
fn open_fields(id: ScenarioId, spec: &Spec) -> Option<String> {
    let setup = spec.setup.iter().map(|setup| &setup.request.body);
    let mut named = Vec::new();
    for body in setup.chain([&spec.request.body]) {
        match body {
            BodySpec::Json(Json::Object(map)) => {
                let texts = map.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
                named.extend(texts.filter(|(name, text)| is_open(name, text)).map(|(n, _)| n));
            }
            BodySpec::Form(map) => {
                named.extend(map.iter().filter(|(name, text)| is_open(name, text)).map(|(n, _)| n));
            }
            _ => {}
        }
    }
    let names: Vec<&str> = named.into_iter().map(String::as_str).collect();
    (!names.is_empty()).then(|| {
        format!(
            "{id} sends {} as it stands in the file: a secret belongs in the environment, as \
             `{{identity}}` or a half of it (`{{identity.secret}}`)",
            names.join(", ")
        )
    })
}

/// Whether a field of that name holds a secret, and `text` is one and no template.
fn is_open(name: &str, text: &str) -> bool {
    const NAMES: [&str; 8] = [
        "client_secret",
        "clientsecret",
        "api_key",
        "apikey",
        "access_key",
        "secret_key",
        "private_key",
        "refresh_token",
    ];
    let name = name.to_lowercase().replace('-', "_");
    NAMES.contains(&name.as_str()) && !text.is_empty() && !text.contains('{')
}

/// The names of the scenarios that `text`, a config, has of its own; none where it is
/// no TOML.
#[must_use]
pub fn scenario_names(text: &str) -> Vec<&'static str> {
    let read: Option<toml::Table> = toml::from_str(text).ok();
    let scenarios = read.and_then(|table| table.get("scenarios")?.as_table().cloned());
    let named = scenarios.into_iter().flatten().filter_map(|(name, _)| ScenarioId::parse(&name));
    named.map(ScenarioId::name).filter(|name| catalogue::named(name).is_none()).collect()
}
