//! The templates of one request, and the bytes they give.

use std::collections::BTreeMap;

use serde_json::Value;

use super::escape::{percent, plain};
use super::spec::{BodySpec, ProbeSpec, RequestSpec, Scheme, SignSpec, Spec};
use super::template::{Names, Template, Values};
use crate::ids::Kept;

/// The templates of one request.
pub(super) struct Built {
    pub(super) method: http::Method,
    pub(super) path: Template,
    pub(super) headers: Vec<(&'static str, Template)>,
    pub(super) body: Body,
    pub(super) has_content_type: bool,
}

pub(super) enum Body {
    None,
    Json(JsonTemplate),
    Text(Template),
    Form(Vec<(String, Template)>),
}

/// JSON whose texts are templates: values go in as values, never as text.
#[derive(Clone, Debug)]
pub enum JsonTemplate {
    Fixed(Value),
    Text(Template),
    List(Vec<JsonTemplate>),
    Map(Vec<(String, JsonTemplate)>),
}

impl Built {
    pub(super) fn new(spec: &RequestSpec, names: &Names<'_>) -> Self {
        let headers: Vec<(&'static str, Template)> =
            spec.headers.iter().map(|(name, value)| (kept(name), read(value, names))).collect();
        Self {
            method: spec.method.parse().unwrap_or(http::Method::GET),
            path: read(&spec.path, names),
            has_content_type: headers.iter().any(|(name, _)| *name == "content-type"),
            headers,
            body: match &spec.body {
                BodySpec::None => Body::None,
                BodySpec::Json(value) => Body::Json(JsonTemplate::new(value, names)),
                BodySpec::Text(text) => Body::Text(read(text, names)),
                BodySpec::Form(fields) => Body::Form(
                    fields.iter().map(|(name, text)| (name.clone(), read(text, names))).collect(),
                ),
            },
        }
    }
}

impl Body {
    pub(super) const fn content_type(&self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Json(_) => Some("application/json"),
            Self::Text(_) => Some("text/plain; charset=utf-8"),
            Self::Form(_) => Some("application/x-www-form-urlencoded"),
        }
    }

    pub(super) fn bytes(&self, values: &Values<'_>) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Json(node) => serde_json::to_vec(&node.value(values)).unwrap_or_default(),
            Self::Text(text) => text.text(values, plain).into_bytes(),
            Self::Form(fields) => {
                let mut out = String::new();
                for (name, value) in fields {
                    if !out.is_empty() {
                        out.push('&');
                    }
                    percent(name, &mut out);
                    out.push('=');
                    percent(&value.text(values, plain), &mut out);
                }
                out.into_bytes()
            }
        }
    }
}

impl JsonTemplate {
    pub(super) fn new(value: &Value, names: &Names<'_>) -> Self {
        match value {
            Value::String(text) => Self::Text(read(text, names)),
            Value::Array(list) => {
                Self::List(list.iter().map(|item| Self::new(item, names)).collect())
            }
            Value::Object(map) => Self::Map(
                map.iter().map(|(key, item)| (key.clone(), Self::new(item, names))).collect(),
            ),
            fixed => Self::Fixed(fixed.clone()),
        }
    }

    pub(super) fn value(&self, values: &Values<'_>) -> Value {
        match self {
            Self::Fixed(value) => value.clone(),
            Self::Text(template) => template.json(values),
            Self::List(list) => list.iter().map(|item| item.value(values)).collect(),
            Self::Map(map) => {
                map.iter().map(|(key, item)| (key.clone(), item.value(values))).collect()
            }
        }
    }
}

/// A template that the config has read before: should it be none, it is taken as it stands.
pub(super) fn read(text: &str, names: &Names<'_>) -> Template {
    Template::parse(text, names).unwrap_or_else(|_| Template::literal(text))
}

/// `text` for as long as the process lives; there are bounds to how many of them.
pub(super) fn kept(text: &str) -> &'static str {
    Kept::of(text).unwrap_or("another check")
}

/// The scenario's request, changed as the probe says.
#[must_use]
pub fn changed(request: &RequestSpec, probe: &ProbeSpec) -> RequestSpec {
    let mut headers: BTreeMap<String, String> = request.headers.clone();
    headers.retain(|name, _| !probe.without.contains(name));
    headers.extend(probe.headers.clone());
    RequestSpec {
        method: probe.method.clone().unwrap_or_else(|| request.method.clone()),
        path: probe.path.clone().unwrap_or_else(|| request.path.clone()),
        headers,
        body: probe.body.clone().unwrap_or_else(|| request.body.clone()),
    }
}

/// Whether a text of `request` of `spec` is one that `wanted` looks for.
fn any_text(spec: &Spec, request: &RequestSpec, wanted: impl Fn(&Template) -> bool) -> bool {
    let (data, setup) = (spec.columns(), spec.captured());
    let names = Names { data: &data, setup: &setup, identity: true, body: true };
    request.texts().iter().any(|text| Template::parse(text, &names).is_ok_and(|t| wanted(&t)))
}

/// Whether the requests of the load show who sends: by the key itself, or by what a
/// setup captured that showed it.
#[must_use]
pub fn shows_keys(spec: &Spec) -> bool {
    let by_itself = |request| any_text(spec, request, Template::shows_identity);
    let set_up = spec.setup.as_ref().is_some_and(|setup| by_itself(&setup.request));
    by_itself(&spec.request) || set_up && any_text(spec, &spec.request, Template::shows_captured)
}

/// Whether anything that is sent, or asked of an answer, names who sends.
#[must_use]
pub fn names_identity(spec: &Spec) -> bool {
    let (data, setup) = (spec.columns(), spec.captured());
    let names = Names { data: &data, setup: &setup, identity: true, body: true };
    let patterns = spec.expect.iter().flat_map(|expect| &expect.header);
    let mut texts = spec.texts();
    texts.extend(patterns.map(|(_, pattern)| pattern.as_str()));
    texts.iter().any(|text| Template::parse(text, &names).is_ok_and(|t| t.shows_identity()))
}

/// The probes whose requests show who sends: an identity of the load sends them.
#[must_use]
pub fn probes_by_identity(spec: &Spec) -> Vec<&str> {
    let shown = |template: &Template| template.shows_identity() || template.shows_captured();
    let shows = |probe: &&ProbeSpec| any_text(spec, &changed(&spec.request, probe), shown);
    spec.probes.iter().filter(shows).map(|probe| probe.kind.as_str()).collect()
}

/// Whether anything that `spec` sends and signs tells the time.
#[must_use]
pub fn tells_time(spec: &Spec) -> bool {
    let by_scheme = |sign: &SignSpec| sign.scheme == Scheme::Stripe;
    let names =
        Names { data: &spec.columns(), setup: &spec.captured(), identity: true, body: true };
    let payload =
        |sign: &SignSpec| Template::parse(&sign.payload, &names).is_ok_and(|t| t.tells_time());
    spec.sign.as_ref().is_some_and(|sign| by_scheme(sign) || payload(sign))
        || any_text(spec, &spec.request, Template::tells_time)
}

/// The columns of data, and what a setup captures, that nothing of `spec` names; as they
/// are written: `data.NAME`, `setup.NAME`.
#[must_use]
pub fn idle_names(spec: &Spec) -> Vec<String> {
    let (columns, captured) = (spec.columns(), spec.captured());
    let names = Names { data: &columns, setup: &captured, identity: true, body: true };
    let mut texts = spec.texts();
    texts.extend(spec.tags.values().map(String::as_str));
    texts.extend(spec.sign.iter().map(|sign| sign.payload.as_str()));
    let headers = spec.expect.iter().flat_map(|expect| &expect.header);
    texts.extend(headers.map(|(_, pattern)| pattern.as_str()));
    let templates: Vec<Template> =
        texts.iter().filter_map(|text| Template::parse(text, &names).ok()).collect();
    let own = columns.iter().map(|name| format!("data.{name}"));
    let own = own.chain(captured.iter().map(|name| format!("setup.{name}")));
    own.filter(|name| !templates.iter().any(|template| template.names(name))).collect()
}
