//! JSON Schema as OpenAPI uses it: values that fit, and what an answer's says as checks.

use serde_json::{Map, Value, json};

use super::draft::escape_texts;

/// How deep schemas are followed.
const DEEPEST: usize = 8;
/// How deep checks go into objects.
const CHECKED: usize = 3;
/// The most checks that are made of a schema.
const MOST: usize = 16;

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
}

impl<'a> Schemas<'a> {
    pub(super) const fn new(whole: &'a Value) -> Self {
        Self { whole }
    }

    /// What `value` refers to within the description, or itself.
    pub(super) fn resolve<'v>(&self, value: &'v Value) -> &'v Value
    where
        'a: 'v,
    {
        let mut value = value;
        for _ in 0..DEEPEST {
            let reference = value.get("$ref").and_then(Value::as_str);
            let Some(at) = reference.and_then(|reference| reference.strip_prefix('#')) else {
                break;
            };
            match self.whole.pointer(at) {
                Some(found) => value = found,
                None => break,
            }
        }
        value
    }

    /// An example that fits `schema`, its texts templates.
    pub(super) fn example(&self, schema: &Value) -> Value {
        self.example_at(schema, 0)
    }

    fn example_at(&self, schema: &Value, depth: usize) -> Value {
        let schema = self.resolve(schema);
        if depth >= DEEPEST {
            return Value::Null;
        }
        let listed = |key: &str| schema.get(key).and_then(|list| list.get(0));
        let given = ["example", "default", "const"].into_iter().find_map(|key| schema.get(key));
        if let Some(given) = given.or_else(|| listed("examples")).or_else(|| listed("enum")) {
            let mut given = given.clone();
            escape_texts(&mut given);
            return given;
        }
        if let Some(one) = listed("oneOf").or_else(|| listed("anyOf")) {
            return self.example_at(one, depth + 1);
        }
        match type_of(schema) {
            "object" => {
                let (properties, required) = self.properties(schema, depth);
                let wanted =
                    |name: &&String| required.is_empty() || required.contains(&name.as_str());
                let made = properties.iter().filter(|(name, _)| wanted(name));
                let made = made
                    .map(|(name, schema)| ((*name).clone(), self.example_at(schema, depth + 1)));
                Value::Object(made.collect::<Map<String, Value>>())
            }
            "array" => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                json!([self.example_at(items, depth + 1)])
            }
            "integer" => schema.get("minimum").filter(|n| n.is_i64()).cloned().unwrap_or(json!(1)),
            "number" => schema.get("minimum").cloned().unwrap_or(json!(1.5)),
            "boolean" => json!(true),
            _ => json!(text(schema)),
        }
    }

    /// Values for a parameter of `schema`.
    pub(super) fn values(&self, schema: &Value) -> Values {
        self.values_at(schema, 0)
    }

    fn values_at(&self, schema: &Value, depth: usize) -> Values {
        let schema = self.resolve(schema);
        let all = schema.get("enum").and_then(Value::as_array).filter(|all| !all.is_empty());
        if let Some(all) = all {
            return Values::Given(all.clone());
        }
        let given = ["example", "default", "const"].into_iter().find_map(|key| schema.get(key));
        if let Some(given) = given.or_else(|| schema.get("examples")?.get(0)) {
            return Values::Given(vec![given.clone()]);
        }
        match (type_of(schema), text(schema)) {
            ("array", _) if depth < DEEPEST => {
                self.values_at(schema.get("items").unwrap_or(&Value::Null), depth + 1)
            }
            ("integer" | "number", _) => Values::Made(json!(1)),
            ("boolean", _) => Values::Made(json!(true)),
            (_, text) if text.starts_with('{') => Values::Filled(text),
            (_, text) => Values::Made(json!(text)),
        }
    }

    /// The properties of an object, those of `allOf` with it, and which of them must be there.
    fn properties<'v>(
        &self,
        schema: &'v Value,
        depth: usize,
    ) -> (Vec<(&'v String, &'v Value)>, Vec<&'v str>)
    where
        'a: 'v,
    {
        let (mut all, mut required) = (Vec::new(), Vec::new());
        if depth < DEEPEST {
            let parts = schema.get("allOf").and_then(Value::as_array);
            for part in parts.into_iter().flatten() {
                let (theirs, must) = self.properties(self.resolve(part), depth + 1);
                all.extend(theirs);
                required.extend(must);
            }
        }
        all.extend(schema.get("properties").and_then(Value::as_object).into_iter().flatten());
        let own = schema.get("required").and_then(Value::as_array);
        required.extend(own.into_iter().flatten().filter_map(Value::as_str));
        (all, required)
    }
}

/// The type of a schema; empty where it may be of several.
fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        None if schema.get("properties").is_some() || schema.get("allOf").is_some() => "object",
        None if schema.get("items").is_some() => "array",
        // 3.1: `["string", "null"]` is no type of its own.
        Some(_) | None => "",
    }
}

/// A text of the format that `schema` names, as a template.
fn text(schema: &Value) -> &'static str {
    match schema.get("format").and_then(Value::as_str) {
        Some("uuid") => "{uuid}",
        Some("email") => "{email}",
        Some("date-time") => "{now}",
        Some("date") => "2026-01-01",
        Some("uri" | "url") => "https://example.com/",
        _ => "text",
    }
}

/// What `schema` says of an answer, as checks, and whether it says more.
pub(super) fn checks(schemas: &Schemas<'_>, schema: &Value) -> (Vec<(String, Value)>, bool) {
    let mut found = Vec::new();
    let mut more = false;
    collect(schemas, schema, "$", 0, &mut found, &mut more);
    if found.len() > MOST {
        found.truncate(MOST);
        more = true;
    }
    (found, more)
}

fn collect(
    schemas: &Schemas<'_>,
    schema: &Value,
    path: &str,
    depth: usize,
    found: &mut Vec<(String, Value)>,
    more: &mut bool,
) {
    let schema = schemas.resolve(schema);
    let nullable = schema.get("nullable").and_then(Value::as_bool).unwrap_or(false);
    let kind = type_of(schema);
    let known = ["array", "object", "string", "number", "integer", "boolean", "null"];
    let said = if known.contains(&kind) && !nullable { kind } else { "present" };
    found.push((path.to_owned(), json!(said)));
    if kind == "array" {
        // An empty list is one: what its items are can't be asked of none.
        *more |= schema.get("items").is_some();
    }
    if kind != "object" || nullable {
        return;
    }
    if depth >= CHECKED {
        *more = true;
        return;
    }
    let (properties, required) = schemas.properties(schema, 0);
    for (name, schema) in properties {
        if required.contains(&name.as_str()) {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            let step =
                if name.bytes().all(plain) { format!(".{name}") } else { format!("['{name}']") };
            collect(schemas, schema, &format!("{path}{step}"), depth + 1, found, more);
        }
    }
}
