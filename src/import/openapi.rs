//! One operation of an OpenAPI description (3.x, JSON or YAML): path, example body, the answer's schema as checks.

use serde_json::{Map, Value};

use super::check;
use super::draft::{Body, Draft, Shown, escape_texts, escaped};
use super::error::ImportError;
use super::hurl_text::plain;
use super::render::render;
use super::schema::{Schemas, Values};
use super::schema_checks::checks;
use crate::scenario::METHODS;

/// The most headers of an answer that are checked.
const MOST_HEADERS: usize = 8;
/// The most operations that an error lists.
const MOST_LISTED: usize = 30;

/// The table of the operation that `wanted` names: its `operationId`, or `GET /path`.
///
/// # Errors
/// It is no OpenAPI description, or there is no such operation; those there are, are named.
pub fn openapi(text: &str, wanted: Option<&str>, name: &str) -> Result<String, ImportError> {
    let whole = read(text)?;
    if whole.get("openapi").and_then(Value::as_str).is_none_or(|v| !v.starts_with("3.")) {
        return Err(ImportError::new("this is no OpenAPI description of version 3"));
    }
    let operations = operations(&whole);
    let found = match (wanted, operations.as_slice()) {
        (None, [one]) => one,
        (None, _) => return Err(none("name one operation with --operation", &operations)),
        (Some(wanted), all) => {
            let is_it = |operation: &&Operation<'_>| operation.is_called(wanted);
            let found = all.iter().find(is_it);
            found.ok_or_else(|| none("there is no such operation", all))?
        }
    };
    let draft = Reading { schemas: Schemas::new(&whole), whole: &whole }.draft(found);
    check::held(render(&[(name.to_owned(), draft)]), name)
}

/// JSON, or YAML.
fn read(text: &str) -> Result<Value, ImportError> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    serde_norway::from_str(text).map_err(|error| {
        let line = error.location().map(|place| place.line());
        ImportError { line, message: "this is neither JSON nor YAML".to_owned() }
    })
}

struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    item: &'a Value,
    said: &'a Value,
}

impl Operation<'_> {
    fn id(&self) -> Option<&str> {
        self.said.get("operationId")?.as_str()
    }

    fn is_called(&self, wanted: &str) -> bool {
        let named = wanted.split_once(' ').is_some_and(|(method, path)| {
            method.eq_ignore_ascii_case(self.method) && path.trim() == self.path
        });
        named || self.id() == Some(wanted)
    }
}

fn operations(whole: &Value) -> Vec<Operation<'_>> {
    let paths = whole.get("paths").and_then(Value::as_object);
    let mut all = Vec::new();
    for (path, item) in paths.into_iter().flatten() {
        for method in METHODS {
            if let Some(said) = item.get(method.to_lowercase()) {
                all.push(Operation { method, path, item, said });
            }
        }
    }
    all
}

fn none(why: &str, all: &[Operation<'_>]) -> ImportError {
    let named: Vec<String> = all
        .iter()
        .take(MOST_LISTED)
        .map(|operation| {
            let own = format!("{} {}", operation.method, operation.path);
            operation.id().map_or(own.clone(), |id| format!("{id} ({own})"))
        })
        .collect();
    let more = all.len().saturating_sub(MOST_LISTED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    ImportError::new(format!("{why}; there are {}{more}", named.join(", ")))
}

struct Reading<'a> {
    schemas: Schemas<'a>,
    whole: &'a Value,
}

impl Reading<'_> {
    fn draft(&self, operation: &Operation<'_>) -> Draft {
        let mut draft = Draft { method: operation.method.to_owned(), ..Draft::default() };
        let mut path = escaped(&(self.base(operation, &mut draft) + operation.path));
        for parameter in self.parameters(operation) {
            self.parameter(&parameter, &mut path, &mut draft);
        }
        draft.path = path;
        self.security(operation, &mut draft);
        self.body(operation, &mut draft);
        self.answer(operation, &mut draft);
        for note in self.schemas.notes() {
            draft.note(note);
        }
        draft
    }

    /// What stands before every path: that of the first server, its variables as they are
    /// unless somebody says otherwise.
    fn base(&self, operation: &Operation<'_>, draft: &mut Draft) -> String {
        let levels = [operation.said, operation.item, self.whole];
        let server = levels.into_iter().find_map(|level| level.pointer("/servers/0"));
        let url = server.and_then(|server| server.get("url")?.as_str()).unwrap_or_default();
        let variables = server.and_then(|server| server.get("variables")?.as_object());
        let url = variables.into_iter().flatten().fold(url.to_owned(), |url, (name, said)| {
            let usual = said.get("default").and_then(Value::as_str);
            usual.map_or(url.clone(), |usual| url.replace(&format!("{{{name}}}"), usual))
        });
        let mut of_server = Draft::default();
        of_server.url(&url);
        for note in of_server.notes {
            draft.note(note);
        }
        if of_server.path.contains('{') {
            draft.note("the server's path has variables, which stayed behind");
            return String::new();
        }
        of_server.path.trim_end_matches('/').to_owned()
    }

    /// The item's parameters, and the operation's own over them.
    fn parameters(&self, operation: &Operation<'_>) -> Vec<Value> {
        let mut all: Vec<Value> = Vec::new();
        let lists = [operation.item.get("parameters"), operation.said.get("parameters")];
        for parameter in lists.into_iter().flatten().filter_map(Value::as_array).flatten() {
            let parameter = self.schemas.resolve(parameter).clone();
            let same =
                |own: &Value| own["name"] == parameter["name"] && own["in"] == parameter["in"];
            all.retain(|own| !same(own));
            all.push(parameter);
        }
        all
    }

    fn parameter(&self, parameter: &Value, path: &mut String, draft: &mut Draft) {
        let text = |key: &str| parameter.get(key).and_then(Value::as_str).unwrap_or_default();
        let (name, place) = (text("name"), text("in"));
        let required = parameter.get("required").and_then(Value::as_bool).unwrap_or(false);
        match place {
            "path" => {}
            "query" | "header" if required => {}
            "query" | "header" => {
                draft.note(format!("the optional {place} parameter `{name}` stayed behind"));
                return;
            }
            _ => {
                draft.note(format!("the {place} parameter `{name}` stayed behind"));
                return;
            }
        }
        let schema = parameter.get("schema").unwrap_or(&Value::Null);
        let given =
            parameter.get("example").or_else(|| self.first_of(parameter.get("examples"))).cloned();
        let values =
            given.map_or_else(|| self.schemas.values(schema), |value| Values::Given(vec![value]));
        let shown = shown(place, name, values, draft);
        match place {
            "path" => *path = path.replace(&format!("{{{{{name}}}}}"), &shown),
            "query" => draft.ask(&escaped(name), &shown),
            _ => draft.header(name, &shown),
        }
    }

    fn security(&self, operation: &Operation<'_>, draft: &mut Draft) {
        let wanted = operation.said.get("security").or_else(|| self.whole.get("security"));
        let Some(first) = wanted.and_then(|all| all.get(0)).and_then(Value::as_object) else {
            return;
        };
        for name in first.keys() {
            let at = format!("/components/securitySchemes/{name}");
            let Some(scheme) = self.whole.pointer(&at).map(|scheme| self.schemas.resolve(scheme))
            else {
                continue;
            };
            let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
            match (text("type"), text("in"), text("scheme").to_lowercase().as_str()) {
                ("apiKey", "header", _) => draft.show(text("name"), Shown::Whole),
                ("apiKey", "query", _) => {
                    let shown = draft.shown(Shown::Whole);
                    draft.query.push((text("name").to_owned(), shown));
                }
                ("apiKey", "cookie", _) => {
                    let shown = draft.shown(Shown::Whole);
                    draft.cookie(&format!("{}={shown}", escaped(text("name"))));
                }
                ("http", _, "basic") => draft.show("Authorization", Shown::Basic),
                ("http", _, "bearer") | ("openIdConnect", ..) => {
                    draft.show("Authorization", Shown::Bearer);
                }
                ("oauth2", ..) => self.oauth(scheme, draft),
                _ => draft.note(format!("the security scheme {name} stayed behind")),
            }
        }
    }

    /// Client credentials become a setup; other flows want a token that was had before.
    fn oauth(&self, scheme: &Value, draft: &mut Draft) {
        let url = scheme.pointer("/flows/clientCredentials/tokenUrl").and_then(Value::as_str);
        let Some(url) = url else {
            draft.show("Authorization", Shown::Bearer);
            draft.note("OAuth by a person can't be repeated by a run: each key is a token");
            return;
        };
        let mut setup = Draft { method: "POST".to_owned(), identity: true, ..Draft::default() };
        setup.url(&escaped(url));
        let text = |text: &str| text.to_owned();
        setup.body = Body::Form(vec![
            (text("grant_type"), text("client_credentials")),
            (text("client_id"), text("{identity.name}")),
            (text("client_secret"), text("{identity.secret}")),
        ]);
        setup.capture("token", text("$.access_token"));
        setup.expires = Some(text("$.expires_in"));
        draft.setup = Some(Box::new(setup));
        draft.header("Authorization", "Bearer {setup.token}");
    }

    fn body(&self, operation: &Operation<'_>, draft: &mut Draft) {
        let body = operation.said.get("requestBody").map(|body| self.schemas.resolve(body));
        let Some(body) = body else { return };
        let Some(content) = body.get("content").and_then(Value::as_object) else { return };
        let found = json_in(content).or_else(|| media(content, "x-www-form-urlencoded"));
        let Some((kind, said)) = found else {
            let kinds: Vec<&str> = content.keys().map(String::as_str).collect();
            draft.note(format!("a body of {} stayed behind", kinds.join(", ")));
            return;
        };
        let given = said.get("example").or_else(|| self.first_of(said.get("examples"))).cloned();
        let schema = said.get("schema").unwrap_or(&Value::Null);
        let value = match given {
            Some(mut given) => {
                escape_texts(&mut given);
                Some(given)
            }
            None => self.schemas.example(schema),
        };
        let Some(mut value) = value else {
            draft.note("the body's schema has no end: write a body that fits");
            return;
        };
        draft.json_value("", &mut value);
        match value {
            Value::Object(map) if kind.contains("urlencoded") => {
                map.iter().for_each(|(name, value)| draft.field_as(name, scalar(value)));
            }
            value => {
                let kind = plain_kind(kind);
                if kind != "application/json" && !kind.contains('*') {
                    draft.header("Content-Type", kind);
                }
                draft.body = Body::Json(value);
            }
        }
    }

    fn answer(&self, operation: &Operation<'_>, draft: &mut Draft) {
        let responses = operation.said.get("responses").and_then(Value::as_object);
        let good = |(status, _): &(&String, &Value)| status.starts_with('2');
        let Some((status, response)) = responses.into_iter().flatten().find(good) else {
            draft.note("no 2xx answer is described: any is success");
            return;
        };
        if let Ok(status) = status.parse() {
            draft.status = vec![status];
        }
        let response = self.schemas.resolve(response);
        let content = response.get("content").and_then(Value::as_object);
        self.headers(response, draft);
        let Some((kind, said)) = content.and_then(json_in) else {
            let first = content.and_then(|content| content.keys().next());
            if let Some(kind) = first.map(|kind| plain_kind(kind)).filter(|k| !k.contains('*')) {
                draft.check_header("content-type", &format!("{}*", escaped(kind)));
            }
            return;
        };
        if !kind.contains('*') {
            draft.check_header("content-type", &format!("{}*", escaped(plain_kind(kind))));
        }
        let schema = said.get("schema").unwrap_or(&Value::Null);
        let (found, more) = checks(&self.schemas, schema);
        for (path, condition) in found {
            draft.check_json(&path, condition);
        }
        if more {
            draft.note("the answer's schema says more than is checked here");
        }
    }

    /// The headers that an answer must have.
    fn headers(&self, response: &Value, draft: &mut Draft) {
        let all = response.get("headers").and_then(Value::as_object);
        let required = |(_, header): &(&String, &Value)| {
            self.schemas.resolve(header).get("required") == Some(&Value::Bool(true))
        };
        for (name, _) in all.into_iter().flatten().filter(required).take(MOST_HEADERS) {
            draft.check_header(name, "*");
        }
    }

    /// The value of the first of `examples`.
    fn first_of<'v>(&'v self, examples: Option<&'v Value>) -> Option<&'v Value> {
        self.schemas.resolve(examples?.as_object()?.values().next()?).get("value")
    }
}

/// The template that shows a parameter; of a path or a query, its values become a column
/// unless they may be secrets.
fn shown(place: &str, name: &str, values: Values, draft: &mut Draft) -> String {
    let (values, given) = match values {
        Values::Filled(template) => return template.to_owned(),
        Values::Made(value) => (vec![value], false),
        Values::Given(values) => (scalars(name, values, draft), true),
    };
    if place == "header" {
        return escaped(&values.first().map(scalar).unwrap_or_default());
    }
    for value in values.iter().filter(|_| given) {
        let mut own = value.clone();
        escape_texts(&mut own);
        let mut shown = own.clone();
        draft.json_value(name, &mut shown);
        if shown != own {
            return scalar(&shown);
        }
    }
    let mut column = plain(name);
    if draft.data.get(&column).is_some_and(|own| *own != values) {
        column = format!("{place}_{column}");
    }
    let template = format!("{{data.{column}}}");
    draft.data.insert(column, values);
    template
}

/// What of `values` a column can have: of a list its first item, of an object nothing.
fn scalars(name: &str, values: Vec<Value>, draft: &mut Draft) -> Vec<Value> {
    let mut kept = Vec::new();
    for mut value in values {
        if let Value::Array(list) = &mut value {
            draft.note(format!("`{name}` takes a list: only its first item was taken"));
            value = list.first_mut().map(Value::take).unwrap_or_default();
        }
        match value {
            Value::Null => {}
            Value::Array(_) | Value::Object(_) => {
                draft.note(format!("a value of `{name}` is no text or number: it stayed behind"));
            }
            Value::Number(number) if number.as_i64().is_none() && number.is_u64() => {
                kept.push(Value::from(number.to_string()));
            }
            value => kept.push(value),
        }
    }
    if kept.is_empty() {
        kept.push(Value::from("text"));
    }
    kept
}

/// The first media type with `part` in its name.
fn media<'a>(content: &'a Map<String, Value>, part: &str) -> Option<(&'a String, &'a Value)> {
    content.iter().find(|(kind, _)| kind.to_lowercase().contains(part))
}

/// The media type that is JSON, or any.
fn json_in(content: &Map<String, Value>) -> Option<(&String, &Value)> {
    media(content, "json").or_else(|| media(content, "*/*"))
}

/// A media type without its parameters.
fn plain_kind(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim()
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
