//! JSON Schema as OpenAPI uses it: what a schema says with all that it is put together from, and values that fit.

use std::cell::{Cell, RefCell};

use serde_json::{Map, Value, json};

use super::draft::escape_texts;

/// How deep schemas are followed.
const DEEPEST: usize = 12;
/// How many schemas are looked at for one operation, however they branch.
const MOST_READ: u32 = 4_000;
/// The most items of a list that is made up.
const MOST_ITEMS: u64 = 16;
/// The longest text that is made up.
const LONGEST: u64 = 1_024;
const TYPES: [&str; 7] = ["array", "object", "string", "number", "integer", "boolean", "null"];

/// What a parameter may be.
pub(super) enum Values {
    /// As the description says, which may show secrets.
    Given(Vec<Value>),
    /// Made up for its type.
    Made(Value),
    /// A template, which values of data are not.
    Filled(&'static str),
}

/// The schemas of one description.
pub(super) struct Schemas<'a> {
    whole: &'a Value,
    left: Cell<u32>,
    notes: RefCell<Vec<String>>,
}

/// A schema with all that it is put together from (`$ref`, `allOf`, the one form of
/// `oneOf` or `anyOf` beside null).
pub(super) struct Whole<'v> {
    /// The parts, itself first.
    parts: Vec<&'v Value>,
    /// The forms that it may have, where they are several.
    pub(super) forms: Vec<&'v Value>,
    pub(super) nullable: bool,
}

impl<'v> Whole<'v> {
    fn get(&self, key: &str) -> Option<&'v Value> {
        self.parts.iter().find_map(|part| part.get(key))
    }

    /// Whether a part of it says `key: true`.
    pub(super) fn says(&self, key: &str) -> bool {
        self.parts.iter().any(|part| part.get(key) == Some(&Value::Bool(true)))
    }

    /// Its type; empty where it may be of several.
    pub(super) fn kind(&self) -> &'v str {
        let name = match self.get("type") {
            Some(Value::Array(names)) => {
                let mut names = names.iter().filter_map(Value::as_str).filter(|n| *n != "null");
                let first = names.next().unwrap_or("null");
                if names.next().is_some() { "" } else { first }
            }
            Some(name) => name.as_str().unwrap_or_default(),
            None if self.get("properties").is_some() => "object",
            None if self.get("items").is_some() => "array",
            None => "",
        };
        if TYPES.contains(&name) { name } else { "" }
    }

    pub(super) fn items(&self) -> Option<&'v Value> {
        self.get("items")
    }

    /// Its properties, and whether they must be there.
    pub(super) fn properties(&self) -> Vec<(&'v String, &'v Value, bool)> {
        let lists = self.parts.iter().filter_map(|part| part.get("required")?.as_array());
        let required: Vec<&str> = lists.flatten().filter_map(Value::as_str).collect();
        let maps = self.parts.iter().filter_map(|part| part.get("properties")?.as_object());
        let mut all: Vec<(&String, &Value, bool)> = Vec::new();
        for (name, schema) in maps.flatten() {
            if all.iter().all(|(known, ..)| *known != name) {
                all.push((name, schema, required.contains(&name.as_str())));
            }
        }
        all
    }

    /// Whether it and `other` are the same schema.
    pub(super) fn is(&self, other: &Value) -> bool {
        self.parts.first().is_some_and(|own| std::ptr::eq(*own, other))
    }

    /// Itself, without what it is put together from.
    pub(super) fn itself(&self) -> Option<&'v Value> {
        self.parts.first().copied()
    }

    /// The values that the description gives.
    fn given(&self) -> Vec<Value> {
        let one = ["example", "default", "const"].into_iter().find_map(|key| self.get(key));
        if let Some(one) = one {
            return vec![one.clone()];
        }
        let list = |key: &str| self.get(key).and_then(Value::as_array).filter(|l| !l.is_empty());
        list("examples").or_else(|| list("enum")).cloned().unwrap_or_default()
    }
}

impl<'a> Schemas<'a> {
    pub(super) fn new(whole: &'a Value) -> Self {
        Self { whole, left: Cell::new(MOST_READ), notes: RefCell::default() }
    }

    /// What was to be said of the schemas that were looked at, once.
    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.take()
    }

    fn note(&self, note: String) {
        self.notes.borrow_mut().push(note);
    }

    /// What `value` refers to within the description, or itself.
    pub(super) fn resolve<'v>(&self, value: &'v Value) -> &'v Value
    where
        'a: 'v,
    {
        let mut value = value;
        for _ in 0..DEEPEST {
            let Some(reference) = value.get("$ref").and_then(Value::as_str) else { break };
            let found = reference.strip_prefix('#').and_then(|at| self.whole.pointer(at));
            let Some(found) = found else {
                self.note(format!("`{reference}` isn't in this file: it stayed behind"));
                break;
            };
            value = found;
        }
        value
    }

    /// `schema` with all that it is put together from.
    pub(super) fn whole<'v>(&self, schema: &'v Value) -> Whole<'v>
    where
        'a: 'v,
    {
        let mut whole = Whole { parts: Vec::new(), forms: Vec::new(), nullable: false };
        self.gather(schema, &mut whole, 0);
        whole
    }

    fn gather<'v>(&self, schema: &'v Value, whole: &mut Whole<'v>, depth: usize)
    where
        'a: 'v,
    {
        let schema = self.resolve(schema);
        let known = whole.parts.iter().any(|part| std::ptr::eq(*part, schema));
        if known || depth >= DEEPEST || !self.may_read() {
            return;
        }
        whole.parts.push(schema);
        let null = |value: &Value| value.as_str() == Some("null") || value.is_null();
        let lists = |key: &str| schema.get(key).and_then(Value::as_array);
        whole.nullable |= schema.get("nullable") == Some(&Value::Bool(true))
            || lists("type").into_iter().chain(lists("enum")).flatten().any(null);
        for part in lists("allOf").into_iter().flatten() {
            self.gather(part, whole, depth + 1);
        }
        for forms in ["oneOf", "anyOf"].into_iter().filter_map(lists) {
            let is_null = |form: &&Value| form.get("type").is_some_and(null);
            whole.nullable |= forms.iter().any(|form| is_null(&form));
            let forms: Vec<&Value> = forms.iter().filter(|form| !is_null(form)).collect();
            match forms.as_slice() {
                [one] => self.gather(one, whole, depth + 1),
                _ => whole.forms.extend(forms),
            }
        }
    }

    fn may_read(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }

    /// An example that fits `schema`, its texts templates; `None`: it has no end, or too
    /// many parts.
    pub(super) fn example(&self, schema: &Value) -> Option<Value> {
        self.example_in(schema, &mut Vec::new())
    }

    fn example_in<'v>(&self, schema: &'v Value, above: &mut Vec<&'v Value>) -> Option<Value>
    where
        'a: 'v,
    {
        let whole = self.whole(schema);
        let itself = whole.itself()?;
        if above.len() >= DEEPEST || above.iter().any(|known| std::ptr::eq(*known, itself)) {
            return None;
        }
        if let Some(mut given) = whole.given().into_iter().next() {
            escape_texts(&mut given);
            return Some(given);
        }
        above.push(itself);
        let made = self.made(&whole, above);
        above.pop();
        made
    }

    fn made<'v>(&self, whole: &Whole<'v>, above: &mut Vec<&'v Value>) -> Option<Value>
    where
        'a: 'v,
    {
        if let (Some(first), "" | "object") = (whole.forms.first(), whole.kind()) {
            self.note(format!(
                "of {} forms that a value may have the first was taken",
                whole.forms.len()
            ));
            let mut value = self.example_in(first, above)?;
            if let (Value::Object(form), Some(Value::Object(rest))) =
                (&mut value, self.object(whole, above))
            {
                rest.into_iter().for_each(|(name, part)| {
                    form.entry(name).or_insert(part);
                });
            }
            return Some(value);
        }
        Some(match whole.kind() {
            "object" => self.object(whole, above)?,
            "array" => {
                let item = whole.items().and_then(|items| self.example_in(items, above));
                let least = whole.get("minItems").and_then(Value::as_u64).unwrap_or(1);
                let times = usize::try_from(least.clamp(1, MOST_ITEMS)).unwrap_or(1);
                Value::Array(item.map_or_else(Vec::new, |item| vec![item; times]))
            }
            "integer" => json!(bounded(whole, 1.0, 1.0).unwrap_or(1.0) as i64),
            "number" => json!(bounded(whole, 1.5, 0.5).unwrap_or(1.5)),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => Value::String(filled(whole).map_or_else(|| self.text(whole), str::to_owned)),
        })
    }

    fn object<'v>(&self, whole: &Whole<'v>, above: &mut Vec<&'v Value>) -> Option<Value>
    where
        'a: 'v,
    {
        let properties = whole.properties();
        let some_must = properties.iter().any(|(.., required)| *required);
        let mut made = Map::new();
        for (name, schema, required) in properties {
            if some_must && !required || self.whole(schema).says("readOnly") {
                continue;
            }
            match self.example_in(schema, above) {
                Some(value) => drop(made.insert(name.clone(), value)),
                None if required => return None,
                None => {}
            }
        }
        Some(Value::Object(made))
    }

    /// Values for a parameter of `schema`.
    pub(super) fn values(&self, schema: &Value) -> Values {
        self.values_at(schema, 0)
    }

    fn values_at(&self, schema: &Value, depth: usize) -> Values {
        let whole = self.whole(schema);
        // Each value of a parameter is worth sending, where one of a body is an example.
        let all = whole.get("enum").and_then(Value::as_array).filter(|all| !all.is_empty());
        let given = all.cloned().unwrap_or_else(|| whole.given());
        if !given.is_empty() {
            return Values::Given(given);
        }
        if let (Some(first), "") = (whole.forms.first().filter(|_| depth < DEEPEST), whole.kind()) {
            return self.values_at(first, depth + 1);
        }
        match whole.kind() {
            "array" if depth < DEEPEST => {
                self.values_at(whole.items().unwrap_or(&Value::Null), depth + 1)
            }
            "integer" => Values::Made(json!(bounded(&whole, 1.0, 1.0).unwrap_or(1.0) as i64)),
            "number" => Values::Made(json!(bounded(&whole, 1.0, 0.5).unwrap_or(1.0))),
            "boolean" => Values::Made(json!(true)),
            _ => match filled(&whole) {
                Some(template) => Values::Filled(template),
                None => Values::Made(Value::String(self.text(&whole))),
            },
        }
    }

    /// A text of the format and length that the schema asks for.
    fn text(&self, whole: &Whole<'_>) -> String {
        if let Some(pattern) = whole.get("pattern").and_then(Value::as_str) {
            let said: String = pattern.chars().take(80).collect();
            self.note(format!("a text was made up for the pattern `{said}`: write one that fits"));
        }
        let text = match whole.get("format").and_then(Value::as_str) {
            Some("date") => "2026-01-01",
            Some("time") => "12:00:00Z",
            Some("uri" | "url") => "https://example.com/",
            Some("hostname") => "example.com",
            Some("ipv4") => "192.0.2.1",
            Some("ipv6") => "2001:db8::1",
            Some("byte") => "dGV4dA==",
            Some(_) | None => "text",
        };
        let length = |key: &str| whole.get(key).and_then(Value::as_u64);
        let least = length("minLength").unwrap_or(0).min(LONGEST);
        let most = length("maxLength").unwrap_or(u64::MAX).max(least);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let least = usize::try_from(least).unwrap_or(0);
        if text != "text" {
            return text.to_owned();
        }
        let padding = "x".repeat(least.saturating_sub(text.len()));
        text.chars().chain(padding.chars()).take(most).collect()
    }
}

/// The template of a format whose values differ from request to request.
fn filled(whole: &Whole<'_>) -> Option<&'static str> {
    match whole.get("format")?.as_str()? {
        "uuid" => Some("{uuid}"),
        "email" => Some("{email}"),
        "date-time" => Some("{now}"),
        _ => None,
    }
}

/// `usual` within the bounds that a number has; `beyond` is a step past one that it must
/// not be.
fn bounded(whole: &Whole<'_>, usual: f64, beyond: f64) -> Option<f64> {
    let number = |key: &str| whole.get(key).and_then(Value::as_f64);
    // 3.0 says whether the bound itself is out, 3.1 says a bound of its own.
    let out = |key: &str| if whole.says(key) { beyond } else { 0.0 };
    let low = number("minimum").map(|low| low + out("exclusiveMinimum"));
    let low = low.into_iter().chain(number("exclusiveMinimum").map(|low| low + beyond));
    let high = number("maximum").map(|high| high - out("exclusiveMaximum"));
    let high = high.into_iter().chain(number("exclusiveMaximum").map(|high| high - beyond));
    let (low, high) = (low.reduce(f64::max), high.reduce(f64::min));
    let value = high.map_or(usual, |high| usual.min(high));
    Some(low.map_or(value, |low| value.max(low))).filter(|value| value.is_finite())
}
