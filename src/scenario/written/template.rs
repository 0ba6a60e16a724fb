//! Texts with values in braces: read once, filled in for every request.

use std::fmt;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::random::Draw;

/// The longest text that `{random:N}` gives.
const MOST_RANDOM: usize = 256;

/// A text with placeholders.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Value(Source, Kind),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// The arrival's number.
    Number,
    /// The run's name.
    Run,
    /// A random UUID, version 4.
    Uuid,
    /// An address at example.com that no other request has.
    Email,
    /// The moment, RFC 3339 in UTC, whole seconds.
    Now,
    /// The moment, seconds since 1970.
    Unix,
    /// The moment, milliseconds since 1970.
    UnixMillis,
    /// That many letters and digits.
    Random(usize),
    /// Who sends: the key or the address.
    Identity,
    /// Of a key `name:secret`, what stands before the colon.
    IdentityName,
    /// And what stands after it.
    IdentitySecret,
    /// The body, exactly as sent: in what is signed only.
    Body,
    /// A column of data.
    Data(String),
    /// What the identity's setup captured.
    Setup(String),
}

/// What a value becomes: base64 wherever it stands, a type where it stands alone in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Int,
    Number,
    Flag,
    Base64,
}

/// Which names a template may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// The columns of data.
    pub data: &'a [&'a str],
    /// What setup captures.
    pub setup: &'a [&'a str],
    /// Whether there is an identity to show.
    pub identity: bool,
    /// Whether the body may be named.
    pub body: bool,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Where in the text.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// The names and types that could have stood there.
    pub known: Vec<String>,
    /// The word that is none of them; empty where it isn't about a word.
    pub word: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for TemplateError {}

/// What the values of one request are drawn from.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) n: u64,
    pub(super) unix: std::time::Duration,
    pub(super) run: &'a str,
    pub(super) serial: &'a str,
    pub(super) identity: &'a str,
    pub(super) body: &'a str,
    pub(super) data: &'a dyn Fn(&str) -> Option<String>,
    pub(super) setup: &'a dyn Fn(&str) -> Option<String>,
    /// The random stream of one kind of value: the same placeholder has the same
    /// value everywhere in a request.
    pub(super) draw: &'a dyn Fn(&str) -> Draw,
}

impl Template {
    /// Reads `text`. `{{` and `}}` are braces.
    ///
    /// # Errors
    /// A brace that isn't closed or opened, an unknown name or type, and where it stands.
    pub fn parse(text: &str, names: &Names<'_>) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut at = 0;
        while let Some(found) = text[at..].find(['{', '}']) {
            let start = at + found;
            plain.push_str(&text[at..start]);
            let rest = &text[start..];
            if rest.starts_with("{{") || rest.starts_with("}}") {
                plain.push_str(&rest[..1]);
                at = start + 2;
                continue;
            }
            let close = rest.find('}').filter(|_| rest.starts_with('{'));
            let Some(close) = close else {
                let message = "this brace stands alone: write {{ or }} for a brace".to_owned();
                return Err(wrong(start..start + 1, message));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            let inner = start + 1..start + close;
            parts.push(placeholder(&text[inner.clone()], inner, names)?);
            at = start + close + 1;
        }
        plain.push_str(&text[at..]);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self { parts })
    }

    /// A text without placeholders.
    pub(super) fn literal(text: &str) -> Self {
        Self { parts: vec![Part::Text(text.to_owned())] }
    }

    /// The columns of data that it names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(Source::Data(name), _) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Whether it names that value: `data.NAME` or `setup.NAME`.
    pub(super) fn names(&self, wanted: &str) -> bool {
        self.values().any(|source| match source {
            Source::Data(name) => wanted.strip_prefix("data.") == Some(name),
            Source::Setup(name) => wanted.strip_prefix("setup.") == Some(name),
            _ => false,
        })
    }

    /// A column that it asks for by type, and a value of it that is of another.
    pub fn misfit<'v>(
        &self,
        values: impl Fn(&str) -> Option<&'v [String]>,
    ) -> Option<(&str, &'static str, &'v str)> {
        self.parts.iter().find_map(|part| {
            let Part::Value(Source::Data(column), kind) = part else { return None };
            let name = kind.typed()?;
            let wrong = |value: &&String| kind.of((*value).clone()).is_string();
            Some((column.as_str(), name, values(column)?.iter().find(wrong)?.as_str()))
        })
    }

    /// Whether it shows the key or the address of who sends.
    #[must_use]
    pub fn shows_identity(&self) -> bool {
        use Source::{Identity, IdentityName, IdentitySecret};
        self.values().any(|source| matches!(source, Identity | IdentityName | IdentitySecret))
    }

    /// Whether it tells the time.
    #[must_use]
    pub fn tells_time(&self) -> bool {
        self.values().any(|s| matches!(s, Source::Now | Source::Unix | Source::UnixMillis))
    }

    /// Whether it shows what a setup captured.
    #[must_use]
    pub fn shows_captured(&self) -> bool {
        self.values().any(|source| matches!(source, Source::Setup(_)))
    }

    fn values(&self) -> impl Iterator<Item = &Source> {
        self.parts.iter().filter_map(|part| match part {
            Part::Value(source, _) => Some(source),
            Part::Text(_) => None,
        })
    }

    /// Whether its text is the same for every request but for data.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        let bounded = |part: &Part| matches!(part, Part::Text(_) | Part::Value(Source::Data(_), _));
        self.parts.iter().all(bounded)
    }

    /// Its only text, where it has no placeholder.
    #[must_use]
    pub fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text, every value put through `escape`.
    pub(super) fn text(&self, values: &Values<'_>, escape: impl Fn(&str, &mut String)) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Value(source, Kind::Base64) => {
                    escape(&STANDARD.encode(values.get(source)), &mut text);
                }
                Part::Value(source, _) => escape(&values.get(source), &mut text),
            }
        }
        text
    }

    /// The value in JSON: typed where one placeholder stands alone.
    pub(super) fn json(&self, values: &Values<'_>) -> Value {
        if let [Part::Value(source, kind)] = self.parts.as_slice() {
            let text = values.get(source);
            return kind.of(text);
        }
        Value::String(self.text(values, |value, out| out.push_str(value)))
    }
}

fn wrong(span: Range<usize>, message: String) -> TemplateError {
    TemplateError { span, message, known: Vec::new(), word: String::new() }
}

const PLAIN: [(&str, Source); 10] = [
    ("n", Source::Number),
    ("run", Source::Run),
    ("uuid", Source::Uuid),
    ("email", Source::Email),
    ("now", Source::Now),
    ("unix", Source::Unix),
    ("unix_ms", Source::UnixMillis),
    ("identity", Source::Identity),
    ("identity.name", Source::IdentityName),
    ("identity.secret", Source::IdentitySecret),
];

fn placeholder(text: &str, span: Range<usize>, names: &Names<'_>) -> Result<Part, TemplateError> {
    let (name, kind) = match text.split_once(':') {
        Some((name, kind)) => (name.trim(), Some(kind.trim())),
        None => (text.trim(), None),
    };
    if name == "random" {
        let length = kind.and_then(|n| n.parse().ok()).filter(|n| (1..=MOST_RANDOM).contains(n));
        let wrong =
            || wrong(span, format!("expected {{random:N}} with 1 to {MOST_RANDOM} characters"));
        return Ok(Part::Value(Source::Random(length.ok_or_else(wrong)?), Kind::Text));
    }
    let source = source(name, names).ok_or_else(|| {
        let mut known: Vec<String> = PLAIN.iter().map(|(name, _)| (*name).to_owned()).collect();
        known.retain(|name| names.identity || !name.starts_with("identity"));
        known.push("random:8".to_owned());
        known.extend(names.data.iter().map(|name| format!("data.{name}")));
        known.extend(names.setup.iter().map(|name| format!("setup.{name}")));
        known.extend(names.body.then(|| "body".to_owned()));
        let message = if name.split('.').next() == Some("identity") && !names.identity {
            "there is no identity to show: add an identity table, or a limit by ip".to_owned()
        } else {
            format!("unknown value `{name}`")
        };
        TemplateError { span: span.clone(), message, known, word: name.to_owned() }
    })?;
    let kind = match kind {
        None | Some("string" | "text") => Kind::Text,
        Some("int") => Kind::Int,
        Some("number" | "float") => Kind::Number,
        Some("bool") => Kind::Flag,
        Some("base64") => Kind::Base64,
        Some(other) => {
            let known = ["int", "number", "bool", "string", "base64"].map(str::to_owned).to_vec();
            let message = format!("unknown type `{other}`");
            return Err(TemplateError { span, message, known, word: other.to_owned() });
        }
    };
    if let Some(typed) = kind.typed().filter(|_| !source.can_be(kind)) {
        let message = format!("`{name}` is never of the type `{typed}`");
        let known = vec![name.to_owned()];
        return Err(TemplateError { span, message, known, word: String::new() });
    }
    Ok(Part::Value(source, kind))
}

impl Source {
    /// Whether there is a value of it that is of this type.
    const fn can_be(&self, kind: Kind) -> bool {
        match self {
            Self::Identity
            | Self::IdentityName
            | Self::IdentitySecret
            | Self::Data(_)
            | Self::Setup(_) => true,
            Self::Number | Self::Unix | Self::UnixMillis => !matches!(kind, Kind::Flag),
            Self::Run | Self::Uuid | Self::Email | Self::Now | Self::Random(_) | Self::Body => {
                matches!(kind, Kind::Text | Kind::Base64)
            }
        }
    }
}

fn source(name: &str, names: &Names<'_>) -> Option<Source> {
    if let Some((_, source)) = PLAIN.iter().find(|(plain, _)| *plain == name) {
        let allowed = names.identity || !name.starts_with("identity");
        return allowed.then(|| source.clone());
    }
    if let Some(column) = name.strip_prefix("data.") {
        return names.data.contains(&column).then(|| Source::Data(column.to_owned()));
    }
    if let Some(captured) = name.strip_prefix("setup.") {
        return names.setup.contains(&captured).then(|| Source::Setup(captured.to_owned()));
    }
    (name == "body" && names.body).then_some(Source::Body)
}

impl Values<'_> {
    fn get(&self, source: &Source) -> String {
        match source {
            Source::Number => self.n.to_string(),
            Source::Run => self.run.to_owned(),
            Source::Uuid => self.uuid(),
            Source::Email => format!("loadgate-{}@example.com", self.serial),
            Source::Now => rfc3339(self.unix.as_secs()),
            Source::Unix => self.unix.as_secs().to_string(),
            Source::UnixMillis => self.unix.as_millis().to_string(),
            Source::Random(length) => (self.draw)("random").alphanumeric(*length),
            Source::Identity => self.identity.to_owned(),
            Source::IdentityName => self.halves().0.to_owned(),
            Source::IdentitySecret => self.halves().1.to_owned(),
            Source::Body => self.body.to_owned(),
            Source::Data(name) => (self.data)(name).unwrap_or_default(),
            Source::Setup(name) => (self.setup)(name).unwrap_or_default(),
        }
    }

    /// The two halves of a key `name:secret`; one without a colon is a name.
    fn halves(&self) -> (&str, &str) {
        self.identity.split_once(':').unwrap_or((self.identity, ""))
    }

    /// RFC 9562, 5.4: 122 random bits, version 4, variant 1.
    fn uuid(&self) -> String {
        let mut draw = (self.draw)("uuid");
        let bits = (u128::from(draw.word()) << 64) | u128::from(draw.word());
        let bits = bits & !(0xf << 76) | (4 << 76);
        let bits = bits & !(0b11 << 62) | (0b10 << 62);
        let hex = format!("{bits:032x}");
        [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
    }
}

fn rfc3339(unix: u64) -> String {
    let moment = i64::try_from(unix).ok().and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    moment.and_then(|moment| moment.format(&Rfc3339).ok()).unwrap_or_default()
}

impl Kind {
    /// Its name, where it is a type of JSON's other than text.
    const fn typed(self) -> Option<&'static str> {
        match self {
            Self::Int => Some("int"),
            Self::Number => Some("number"),
            Self::Flag => Some("bool"),
            Self::Text | Self::Base64 => None,
        }
    }

    /// A value that isn't of its kind stays a text: nothing is guessed.
    fn of(self, text: String) -> Value {
        let typed = match self {
            Self::Text => None,
            Self::Base64 => return Value::String(STANDARD.encode(text)),
            Self::Int => {
                let signed = text.parse::<i64>().map(Value::from);
                signed.or_else(|_| text.parse::<u64>().map(Value::from)).ok()
            }
            // As it is written: 2 and 2.0 are the same number, but not to every reader.
            Self::Number => text.parse::<serde_json::Number>().map(Value::Number).ok(),
            Self::Flag => text.parse::<bool>().ok().map(Value::from),
        };
        typed.unwrap_or(Value::String(text))
    }
}
