//! What an identity sends before it takes part: one request, and what its answer gives.

use std::time::Duration;

use http::HeaderMap;
use serde_json::Value;

use super::super::call::{Answer, Captured};
use super::super::{json, judge};
use super::path::JsonPath;
use super::request::Built;
use super::spec::{Expires, SetupSpec, is_among};
use super::template::Names;
use crate::secret::Secret;

/// The longest value that is captured, in bytes.
const MOST_CAPTURED: usize = 16 * 1024;
/// The shortest lifetime that can be renewed in time.
const SHORTEST: f64 = 1.0;
/// The longest that is reckoned with: what is said to last longer lasts as long as a run.
const LONGEST: f64 = 7.0 * 86_400.0;

/// Where in an answer a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Capture {
    /// In its JSON.
    Json(JsonPath),
    /// In a header.
    Header(String),
    /// In a cookie that it sets.
    Cookie(String),
}

impl Capture {
    /// Reads `$.path`, `header NAME` or `cookie NAME`.
    ///
    /// # Errors
    /// What could stand there.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let expected = "expected a path such as `$.access_token`, `header NAME` or `cookie NAME`";
        if text.starts_with('$') {
            let path = JsonPath::parse(text).map_err(|(_, expected)| expected)?;
            return if path.is_many() {
                Err("expected a path to one value")
            } else {
                Ok(Self::Json(path))
            };
        }
        let plain = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
        match text.split_once(' ') {
            Some(("header", name)) => {
                let name = Some(name.trim()).filter(plain).ok_or(expected)?;
                Ok(Self::Header(name.to_lowercase()))
            }
            Some(("cookie", name)) => {
                let fits = |name: &&str| plain(name) && !name.contains(['=', ';']);
                let name = Some(name.trim()).filter(fits).ok_or(expected)?;
                Ok(Self::Cookie(name.to_owned()))
            }
            _ => Err(expected),
        }
    }

    fn of(&self, body: Option<&Value>, headers: Option<&HeaderMap>) -> Option<String> {
        match self {
            Self::Json(path) => scalar(path.find(body?).first()?),
            Self::Header(name) => Some(headers?.get(name)?.to_str().ok()?.trim().to_owned()),
            Self::Cookie(name) => {
                let mut all = headers?.get_all("set-cookie").iter();
                all.find_map(|cookie| {
                    let pair = cookie.to_str().ok()?.split(';').next()?;
                    let (own, value) = pair.split_once('=')?;
                    (own.trim() == name).then(|| value.trim().to_owned())
                })
            }
        }
    }

    const fn is_json(&self) -> bool {
        matches!(self, Self::Json(_))
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The setup of a scenario.
pub(super) struct Setup {
    pub(super) request: Built,
    status: Vec<u16>,
    captures: Vec<(String, String, Capture)>,
    lifetime: Lifetime,
}

enum Lifetime {
    Run,
    Fixed(Duration),
    /// In seconds, in the answer: as written, and read.
    Told(String, JsonPath),
}

impl Setup {
    pub(super) fn new(spec: &SetupSpec, names: &Names<'_>) -> Self {
        let captures = spec.capture.iter().filter_map(|(name, text)| {
            Some((name.clone(), text.clone(), Capture::parse(text).ok()?))
        });
        let lifetime = match &spec.expires {
            None => Lifetime::Run,
            Some(Expires::After(span)) => Lifetime::Fixed((*span).into()),
            Some(Expires::Told(path)) => JsonPath::parse(path)
                .map_or(Lifetime::Run, |read| Lifetime::Told(path.clone(), read)),
        };
        Self {
            request: Built::new(&spec.request, names),
            status: spec.status.clone(),
            captures: captures.collect(),
            lifetime,
        }
    }

    /// What `answer` gives; `known` is never quoted.
    pub(super) fn captured(
        &self,
        answer: &Answer<'_>,
        known: &[Secret],
    ) -> Result<Captured, String> {
        let body = answer.body.ok_or("its answer is larger than max_body")?;
        if !is_among(&self.status, answer.status) {
            let quoted = judge::quoted(answer.status, body, known, answer.secrets);
            return Err(match quoted {
                Some(text) => format!("it was answered {}: {text}", answer.status),
                None => format!("it was answered {}", answer.status),
            });
        }
        let parsed = json::read(body).map(|json| json.value);
        let wants_json = self.captures.iter().any(|(.., capture)| capture.is_json())
            || matches!(self.lifetime, Lifetime::Told(..));
        if wants_json && parsed.is_none() {
            return Err("its answer isn't JSON".to_owned());
        }
        let mut values = Vec::with_capacity(self.captures.len());
        for (name, text, capture) in &self.captures {
            let value = capture.of(parsed.as_ref(), answer.headers);
            let value = value.filter(|value| !value.is_empty() && value.len() <= MOST_CAPTURED);
            let value =
                value.ok_or_else(|| format!("its answer has no value for {name} at {text}"))?;
            values.push((name.clone(), Secret::new(value)));
        }
        Ok(Captured::new(values, self.lifetime.of(parsed.as_ref())?))
    }
}

impl Lifetime {
    fn of(&self, body: Option<&Value>) -> Result<Option<Duration>, String> {
        let (text, path) = match self {
            Self::Run => return Ok(None),
            Self::Fixed(span) => return Ok(Some(*span)),
            Self::Told(text, path) => (text, path),
        };
        let found = body.and_then(|body| path.find(body).first().copied());
        let seconds = found.and_then(|value| match value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        });
        match seconds {
            Some(s) if s >= SHORTEST => Ok(Some(Duration::from_secs_f64(s.min(LONGEST)))),
            Some(_) => Err(format!("what it gives expires within a second ({text})")),
            None => Err(format!("its answer has no seconds at {text}")),
        }
    }
}
