//! A scenario written in the config, as plain data: texts as they stand there, no secrets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ids::IdentityKind;
use crate::units::Nanos;

/// The most conditions and header checks of a scenario: they and the common checks
/// have a bit each.
pub const MOST_CHECKS: usize = 28;
/// The most values of all tags together: a label each, a bit each.
pub const MOST_LABELS: usize = 64;
/// The most probes.
pub const MOST_PROBES: usize = 16;
/// The most columns of data, and the most values of one.
pub const MOST_COLUMNS: usize = 32;
/// See [`MOST_COLUMNS`].
pub const MOST_VALUES: usize = 100_000;
/// The methods that a request can have.
pub const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// The longest body that is written in the config, in bytes.
pub const MOST_BODY: usize = 256 * 1024;

/// One scenario of the config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spec {
    /// What is sent.
    pub request: RequestSpec,
    /// What the answer must be, each under a name or as conditions of their own.
    pub expect: Vec<ExpectSpec>,
    /// What an identity is.
    pub identity: IdentityKind,
    /// The variables that hold its keys; a `*` at the end stands for numbers from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// How a request is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<SignSpec>,
    /// Templates of the tags' values, which name data only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The columns of data.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub data: BTreeMap<String, DataColumn>,
    /// What an identity sends before it takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<SetupSpec>,
    /// Requests that must be refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeSpec>,
    /// Whether it creates or changes anything there, if that is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<bool>,
}

/// A request, as templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestSpec {
    /// The method, in capitals.
    pub method: String,
    /// The path, perhaps with a query.
    pub path: String,
    /// Header names in lower case, and values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: BodySpec,
}

impl RequestSpec {
    /// Every template in it.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.headers.values().map(String::as_str).collect();
        all.push(&self.path);
        self.body.texts(&mut all);
        all
    }
}

fn texts_of<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => all.push(text),
        Value::Array(list) => list.iter().for_each(|item| texts_of(item, all)),
        Value::Object(map) => map.values().for_each(|item| texts_of(item, all)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A body, as templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodySpec {
    /// None.
    #[default]
    None,
    /// JSON whose texts are templates.
    Json(Value),
    /// A text.
    Text(String),
    /// Fields, sent as `application/x-www-form-urlencoded`.
    Form(BTreeMap<String, String>),
}

impl BodySpec {
    fn texts<'a>(&'a self, all: &mut Vec<&'a str>) {
        match self {
            Self::None => {}
            Self::Json(value) => texts_of(value, all),
            Self::Text(text) => all.push(text),
            Self::Form(fields) => all.extend(fields.values().map(String::as_str)),
        }
    }
}

/// What an answer must be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExpectSpec {
    /// One check of that name for all of it; `None`: a check a condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The statuses of success; empty: any 2xx.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// Conditions by path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub json: Vec<(String, Value)>,
    /// Patterns by header.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<(String, String)>,
}

/// How a request is signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignSpec {
    /// Which way.
    pub scheme: Scheme,
    /// The variable that holds the secret.
    pub secret: String,
    /// The header of the signature, in lower case.
    pub header: String,
    /// How its bytes are written.
    pub encoding: Encoding,
    /// What stands before it.
    pub prefix: String,
    /// What is signed, as a template.
    pub payload: String,
}

/// One request of each identity, and what its answer gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetupSpec {
    /// What is sent.
    pub request: RequestSpec,
    /// The statuses of success; empty: any 2xx.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// Where in the answer each value stands, by name, as [`super::Capture`] reads it.
    pub capture: BTreeMap<String, String>,
    /// How long the values hold; `None`: as long as the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expires>,
}

/// How long captured values hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expires {
    /// So long.
    After(Nanos),
    /// As many seconds as the answer has at that path.
    Told(String),
}

/// A signing scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// `t=…,v1=…` over `<t>.<body>`.
    Stripe,
    /// HMAC-SHA256 of the payload.
    HmacSha256,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// Values that requests take in turn, by chance or by weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataColumn {
    /// The values, as texts. Those of a file aren't part of a report.
    #[serde(skip)]
    pub values: Vec<String>,
    /// A fingerprint of the values, so that reports of other data differ.
    pub fingerprint: u64,
    /// How one is chosen.
    pub order: Turn,
    /// The weights, one a value, where `order` wants them.
    #[serde(skip)]
    pub weights: Vec<u32>,
}

/// How a value is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// One after the other.
    InTurn,
    /// By seed and number.
    Random,
    /// By seed and number, as often as its weight says.
    Weighted,
}

/// A request that must be refused: the scenario's, changed in what is named here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProbeSpec {
    /// Its name.
    pub kind: String,
    /// Headers that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// Headers that are other than the scenario's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Another body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<BodySpec>,
    /// Another path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Another method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What is wrong with the signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<Flaw>,
    /// The statuses of a refusal.
    pub status: Vec<u16>,
}

/// What can be wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// There is none.
    Missing,
    /// It was made with another secret.
    Wrong,
    /// It was made an hour ago.
    Expired,
}

impl Spec {
    /// Whether it may create or change data there: what it says, or else what its method says.
    #[must_use]
    pub fn may_write(&self) -> bool {
        let reads = ["GET", "HEAD", "OPTIONS"].contains(&self.request.method.as_str());
        self.writes.unwrap_or(!reads)
    }

    /// Every template that a column of data may stand in.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        let mut all = self.request.texts();
        all.extend(self.setup.iter().flat_map(|setup| setup.request.texts()));
        for expect in &self.expect {
            expect.json.iter().for_each(|(_, condition)| texts_of(condition, &mut all));
        }
        for probe in &self.probes {
            all.extend(probe.headers.values().chain(&probe.path).map(String::as_str));
            if let Some(body) = &probe.body {
                body.texts(&mut all);
            }
        }
        all
    }

    /// The names of what setup captures.
    #[must_use]
    pub fn captured(&self) -> Vec<&str> {
        self.setup.iter().flat_map(|setup| setup.capture.keys()).map(String::as_str).collect()
    }

    /// The names of the columns.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        self.data.keys().map(String::as_str).collect()
    }
}

/// Whether `status` is one of `success`; where none is named, whether it is any 2xx.
pub(super) fn is_among(success: &[u16], status: u16) -> bool {
    if success.is_empty() { (200..300).contains(&status) } else { success.contains(&status) }
}
