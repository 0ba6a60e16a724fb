//! A table in the making: what goes over, what stays behind, and what of it is a secret.

use std::collections::BTreeMap;

use serde_json::Value;

use super::secrets::{gives_secret, is_number_secret, is_placeholder, is_secret, names_secret};
use crate::scenario::{ADDRESS_HEADER, OWN_HEADERS};
use crate::secret::mask;

/// What a client tells of itself, beside what the transport and the runner do.
const LEFT_OUT: [&str; 2] = ["accept-encoding", ADDRESS_HEADER];

/// The body of a request, its texts templates.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Body {
    #[default]
    None,
    Json(Value),
    Text(String),
    Form(Vec<(String, String)>),
}

/// What an answer's JSON, by path, and headers are held against.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Checks {
    pub(super) json: Vec<(String, Value)>,
    pub(super) header: Vec<(String, String)>,
}

impl Checks {
    /// Adds a check to the first of `all` that has none under `name`; `least` is what every
    /// other implies.
    fn add<T: Clone + PartialEq>(
        all: &mut Vec<Self>,
        part: fn(&mut Self) -> &mut Vec<(String, T)>,
        name: &str,
        value: T,
        least: &T,
    ) {
        for checks in all.iter_mut() {
            let own = part(checks).iter_mut().find(|(own, _)| own == name);
            let Some((_, own)) = own else {
                part(checks).push((name.to_owned(), value));
                return;
            };
            if own == least {
                *own = value;
                return;
            }
            if value == *least || *own == value {
                return;
            }
        }
        let mut checks = Self::default();
        part(&mut checks).push((name.to_owned(), value));
        all.push(checks);
    }
}

/// One request and what is expected of its answer. All texts are templates.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    pub(super) method: String,
    /// From its first `/`, without the query.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    pub(super) status: Vec<u16>,
    /// Each table names a path and a header once; what asks one twice has more tables.
    pub(super) checks: Vec<Checks>,
    pub(super) data: BTreeMap<String, Vec<Value>>,
    /// Values of its answer that others show: names and places.
    pub(super) captures: Vec<(String, String)>,
    pub(super) expires: Option<String>,
    pub(super) setup: Option<Box<Draft>>,
    /// Whether an identity is shown.
    pub(super) identity: bool,
    /// What stayed behind, and what to look at.
    pub(super) notes: Vec<String>,
}

/// How a secret is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Whole,
    Bearer,
    Basic,
}

impl Shown {
    fn template(self) -> &'static str {
        match self {
            Self::Whole => "{identity}",
            Self::Bearer => "Bearer {identity}",
            Self::Basic => "Basic {identity:base64}",
        }
    }
}

/// `text` as a template that gives it back.
pub(super) fn escaped(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// Sets what is said under `name`; what was said under it before makes way, and whether
/// there was something.
fn set<T>(all: &mut Vec<(String, T)>, name: &str, value: T, same: impl Fn(&str) -> bool) -> bool {
    let own = all.iter_mut().find(|(own, _)| same(own));
    let is_there = own.is_some();
    match own {
        Some(own) => *own = (name.to_owned(), value),
        None => all.push((name.to_owned(), value)),
    }
    is_there
}

/// A text with what has a meaning in a query encoded; what no path may have is encoded anyway.
fn in_query(text: &str) -> String {
    let encoded = text.replace('%', "%25").replace('&', "%26");
    encoded.replace('+', "%2B").replace('#', "%23")
}

/// Why a scenario can't send that header, if it can't.
fn unfit_header(name: &str, value: &str) -> Option<&'static str> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        Some("a header's name has 1 to 64 letters, digits, `-` and `_` here")
    } else if value.len() > 4096 {
        Some("a header has 4 KiB at most")
    } else {
        value.chars().any(char::is_control).then_some("a header is one line")
    }
}

/// The beginning of `text`, fit for a comment.
fn escape_line(text: &str) -> String {
    text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Makes every text of `value` a template that gives it back.
pub(super) fn escape_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = escaped(text),
        Value::Array(list) => list.iter_mut().for_each(escape_texts),
        Value::Object(map) => map.values_mut().for_each(escape_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

impl Draft {
    /// Every text that it sends; of JSON all of it as one.
    fn texts(&self) -> Vec<String> {
        let pairs = self.headers.iter().chain(&self.query).map(|(_, value)| value.clone());
        let mut all: Vec<String> = pairs.chain([self.path.clone()]).collect();
        match &self.body {
            Body::None => {}
            Body::Json(value) => all.push(value.to_string()),
            Body::Text(text) => all.push(text.clone()),
            Body::Form(fields) => all.extend(fields.iter().map(|(_, value)| value.clone())),
        }
        all
    }

    /// Whether what a setup captured is shown in it.
    pub(super) fn shows_setup(&self) -> bool {
        self.shows("{setup.")
    }

    /// Whether it sends that.
    pub(super) fn shows(&self, part: &str) -> bool {
        self.texts().iter().any(|text| text.contains(part))
    }

    /// Notes what of `filled`, which a shell would have filled in, stands in the request as a
    /// text.
    pub(super) fn note_filled(&mut self, filled: &[String]) {
        let all = self.texts();
        for text in filled {
            let quoted = Value::from(escaped(text)).to_string();
            let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            // In a form `+` is a blank.
            let decoded = escaped(&text.replace('+', " "));
            let there = [escaped(text), quoted.trim_matches('"').to_owned(), encoded, decoded];
            if all.iter().any(|own| there.iter().any(|text| own.contains(text.as_str()))) {
                let text = escape_line(text);
                self.note(format!(
                    "`{text}` is for a shell to fill in, and a text here: write a value for it, \
                     such as {{data.NAME}}, {{unix}} or {{identity}}"
                ));
            }
        }
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        // A note that quotes something must not quote a secret.
        let note = mask(&note, &[]);
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Says what kind of body it has, unless that is said already.
    pub(super) fn kind(&mut self, kind: &str) {
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            self.header_as("Content-Type", kind.to_owned());
        }
    }

    /// Takes a header over; `value` is a template. What it holds of a secret becomes the
    /// identity.
    pub(super) fn header(&mut self, name: &str, value: &str) {
        let lower = name.to_lowercase();
        if OWN_HEADERS.contains(&lower.as_str()) || LEFT_OUT.contains(&lower.as_str()) {
            self.note(format!("the header `{lower}` stayed behind: load-gate sees to it itself"));
            return;
        }
        if let Some(why) = unfit_header(&lower, value) {
            self.note(format!("the header `{}` stayed behind: {why}", escape_line(&lower)));
            return;
        }
        if lower == "cookie" && !is_placeholder(value) {
            self.note("the cookies stayed behind: capture them in a setup (`cookie NAME`)");
            return;
        }
        let value = if is_secret(name, value) {
            let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
            let held = is_placeholder(rest.trim());
            match scheme.to_lowercase().as_str() {
                "bearer" if held => value.to_owned(),
                "bearer" => self.shown(Shown::Bearer),
                "basic" => self.shown(Shown::Basic),
                "" => self.shown(Shown::Whole),
                _ => {
                    let scheme = escaped(scheme);
                    format!("{scheme} {}", self.shown(Shown::Whole))
                }
            }
        } else {
            value.to_owned()
        };
        self.header_as(name, value);
    }

    /// Sends a cookie that is the identity's.
    pub(super) fn cookie(&mut self, value: &str) {
        self.header_as("Cookie", value.to_owned());
    }

    fn header_as(&mut self, name: &str, value: String) {
        let lower = name.to_lowercase();
        set(&mut self.headers, name, value, |own| own.to_lowercase() == lower);
    }

    /// Shows the identity in the header of that name.
    pub(super) fn show(&mut self, name: &str, how: Shown) {
        let shown = self.shown(how);
        self.header_as(name, shown);
    }

    /// Holds what stands at `path` in the answer against `condition`.
    pub(super) fn check_json(&mut self, path: &str, condition: Value) {
        let said = condition.as_str();
        let text = said.and_then(|text| text.strip_prefix("= "));
        let pattern = said.and_then(|text| text.strip_prefix("~ "));
        let condition = if text.or(pattern).is_some_and(|text| is_secret(path, text)) {
            self.note(format!("what `{path}` is may be a secret: that it is there is checked"));
            Value::from("present")
        } else {
            // After `=` a number is one: a text of digits stands as it is.
            let digits = text.filter(|text| text.trim().parse::<serde_json::Number>().is_ok());
            digits.map(Value::from).unwrap_or(condition)
        };
        Checks::add(&mut self.checks, |c| &mut c.json, path, condition, &Value::from("present"));
    }

    /// Holds that header of the answer against `pattern`.
    pub(super) fn check_header(&mut self, name: &str, pattern: &str) {
        let name = name.to_lowercase();
        let pattern = if pattern != "*" && is_secret(&name, pattern) {
            self.note(format!("what `{name}` is may be a secret: that it is there is checked"));
            "*"
        } else {
            pattern
        };
        let pattern = pattern.to_owned();
        Checks::add(&mut self.checks, |c| &mut c.header, &name, pattern, &"*".to_owned());
    }

    /// Captures what stands at `place` in the answer under that name.
    pub(super) fn capture(&mut self, name: &str, place: String) {
        if set(&mut self.captures, name, place, |own| own == name) {
            self.note(format!("several captures are called {name} here: the last was taken"));
        }
    }

    /// The template that shows the identity in that way.
    pub(super) fn shown(&mut self, how: Shown) -> String {
        self.identity = true;
        how.template().to_owned()
    }

    /// A value of a query, form or body of that name.
    pub(super) fn value(&mut self, name: &str, text: &str) -> String {
        if !is_secret(name, text) {
            return text.to_owned();
        }
        if gives_secret(text) {
            self.note(format!("`{name}` had a secret within: all of it stayed behind"));
        }
        self.hidden(name)
    }

    /// What stands for a secret of that name: the identity, or its secret half.
    fn hidden(&mut self, name: &str) -> String {
        if self.identity {
            self.note(format!(
                "`{name}` shows the key as well: one like `name:secret` has two halves, \
                 {{identity.name}} and {{identity.secret}}"
            ));
        }
        let lower = name.to_lowercase();
        let half = ["secret", "password", "passwd"].iter().any(|part| lower.contains(part))
            || is_number_secret(name);
        self.identity = true;
        if half { "{identity.secret}" } else { "{identity}" }.to_owned()
    }

    /// Takes a pair over that isn't encoded yet, name and value templates.
    pub(super) fn ask(&mut self, name: &str, value: &str) {
        let before = self.query.len();
        self.query(name, value);
        for (name, value) in self.query.iter_mut().skip(before) {
            *name = in_query(name).replace('=', "%3D");
            *value = in_query(value);
        }
    }

    /// Takes a pair of the query over as it stands in a URL, name and value templates.
    pub(super) fn query(&mut self, name: &str, value: &str) {
        if self.may_name(name) {
            let value = self.value(name, value);
            self.query.push((name.to_owned(), value));
        }
    }

    /// Takes a field of a form over; `value` is a template.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        if self.may_name(&escaped(name)) {
            let value = self.value(name, value);
            self.field_as(name, value);
        }
    }

    pub(super) fn field_as(&mut self, name: &str, value: String) {
        if !matches!(self.body, Body::Form(_)) {
            self.body = Body::Form(Vec::new());
        }
        let Body::Form(fields) = &mut self.body else { return };
        if set(fields, name, value, |own| own == name) {
            self.note(format!("a form has each field once: the last `{name}` was taken"));
        }
    }

    /// Whether a name, as a template, is no more than that: what is no form reads as one of
    /// long names.
    fn may_name(&mut self, name: &str) -> bool {
        let more = name.contains(char::is_whitespace) && names_secret(name);
        let fit = !more && !gives_secret(name);
        if !fit {
            self.note("a field whose name may hold a secret stayed behind");
        }
        fit
    }

    /// Takes a text over as the body, a template; one that may hold a secret stays behind.
    pub(super) fn text(&mut self, text: &str) {
        if names_secret(text) {
            self.note("the body may hold a secret: it stayed behind, say it as json or form");
        } else {
            self.body = Body::Text(self.value("", text));
        }
    }

    /// JSON whose texts are templates, its secrets shown as the identity.
    pub(super) fn json_value(&mut self, name: &str, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.value(name, text),
            Value::Array(list) => list.iter_mut().for_each(|item| self.json_value(name, item)),
            Value::Object(map) => {
                for (key, item) in map.iter_mut() {
                    self.json_value(key, item);
                }
            }
            Value::Number(_) if is_number_secret(name) => {
                *value = Value::String(self.hidden(name));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Takes over the path and query of `url`; its host stays behind.
    pub(super) fn url(&mut self, url: &str) {
        let rest = url.split_once("://").map(|(_, rest)| rest);
        let from_path = match rest {
            Some(rest) => {
                let at = rest.find(['/', '?']).unwrap_or(rest.len());
                let host = rest[..at].rsplit('@').next().unwrap_or_default();
                if rest[..at].contains('@') {
                    self.note("the URL had a user in it, which stayed behind");
                }
                if !host.is_empty() {
                    self.note(format!("the environment's url says where it goes; it was {host}"));
                }
                &rest[at..]
            }
            // `{{host}}/path`, `host/path` or `/path`.
            None => url.find('/').map_or("", |at| &url[at..]),
        };
        let from_path = from_path.split('#').next().unwrap_or_default();
        let (path, query) = from_path.split_once('?').unwrap_or((from_path, ""));
        self.path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.query(name, value);
        }
    }
}
