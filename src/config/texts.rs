//! The texts of a written scenario's requests: templates, paths, headers and bodies, checked where they stand.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::diagnostics::{Diagnostics, Wrong, listing, quote, suggestion, unknown};
use super::reader::Section;
use super::tree::{Node, TreeEntry, Value};
use super::values::{mismatch, text};
use crate::scenario::{
    ADDRESS_HEADER, BodySpec, METHODS, MOST_BODY, Names, OWN_HEADERS, Template, TemplateError,
};

/// The longest text of a template outside bodies, in bytes.
pub(super) const MOST_TEXT: usize = 4096;

/// The most headers of a request.
const MOST_HEADERS: usize = 64;

/// That `error` is wrong with a text.
pub(super) fn in_template(error: TemplateError) -> Wrong {
    let TemplateError { span, message, known, word } = error;
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    let expected = if names.is_empty() {
        "a value is written as {n}, {uuid} or {data.NAME}".to_owned()
    } else {
        format!("known: {}", listing(names.iter().copied()))
    };
    let wrong = Wrong::new(message, expected).within(span);
    match suggestion(&word, names).filter(|_| !word.is_empty()) {
        Some(name) => wrong.help(format!("did you mean {}?", quote(name))),
        None => wrong,
    }
}

/// A text of at most `most` bytes that is a template.
pub(super) fn template(node: &Node, names: &Names<'_>, most: usize) -> Result<String, Wrong> {
    let Value::Text(text) = &node.value else { return Err(mismatch(node, "a string")) };
    if text.len() > most {
        let message = format!("this has {} bytes", text.len());
        return Err(Wrong::new(message, format!("expected at most {most} bytes")));
    }
    Template::parse(text, names).map_err(in_template)?;
    Ok(text.clone())
}

pub(super) fn method(node: &Node) -> Result<String, Wrong> {
    let name = text(node)?.to_uppercase();
    if METHODS.contains(&name.as_str()) {
        Ok(name)
    } else {
        Err(unknown("method", &name, &METHODS))
    }
}

/// A path on the environment's host: nothing in it can lead to another.
pub(super) fn path(node: &Node, names: &Names<'_>) -> Result<String, Wrong> {
    let path = template(node, names, MOST_TEXT)?;
    let expected = "expected a path such as `/api/v1/search?limit={data.limit}`";
    let wrong = |message: &str| Err(Wrong::new(message, expected));
    if path.contains("://") || path.starts_with("//") {
        return wrong("this is a URL: where a run goes is the environment's to say").map_err(
            |wrong: Wrong| wrong.help("write what comes after the host, from its first `/`"),
        );
    }
    if !path.starts_with('/') {
        return wrong("a path begins with `/`");
    }
    if path.contains('#') || path.contains('\\') {
        return wrong("there is a `#` or a backslash in this path");
    }
    if path.chars().any(|c| c.is_control() || c == ' ') {
        return wrong("there is a space or a control character in this path");
    }
    let unfit = |c: &char| !c.is_ascii_graphic() || "\"<>^`|".contains(*c);
    if let Some(c) = path.chars().find(unfit) {
        return wrong(&format!("{} can't stand in a path as it is", quote(&c.to_string())))
            .map_err(|wrong: Wrong| {
                wrong.help("percent-encode it, such as %C3%A9 for é; values are encoded anyway")
            });
    }
    if let Some(at) = bad_escape(&path) {
        return wrong("a `%` stands here without two hexadecimal digits")
            .map_err(|wrong: Wrong| wrong.help("a percent sign itself is %25").within(at..at + 1));
    }
    if path.contains("{{") || path.contains("}}") {
        return wrong("a brace can't stand in a path as it is").map_err(|wrong: Wrong| {
            wrong.help("a value is written with one on each side, such as {n}; a brace itself %7B")
        });
    }
    let before_query = path.split('?').next().unwrap_or_default();
    let up = |part: &str| matches!(part.to_lowercase().replace("%2e", ".").as_str(), "." | "..");
    if before_query.split('/').any(up) {
        return wrong("this path leads upward");
    }
    Ok(path)
}

/// Where a `%` is no percent escape.
fn bad_escape(path: &str) -> Option<usize> {
    let mut signs = path.match_indices('%').map(|(at, _)| at);
    signs.find(|at| {
        let digits = path.as_bytes().get(at + 1..at + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Calls `each` with every entry of the table at `key`.
pub(super) fn entries<'t>(
    section: &mut Section<'t, '_>,
    key: &str,
    mut each: impl FnMut(&'t str, &'t TreeEntry, &str, &mut Diagnostics),
) {
    let Some((table, _, path)) = section.table(key) else { return };
    for (name, entry) in table {
        each(name, entry, &format!("{path}.{name}"), section.problems);
    }
}

pub(super) fn read_headers(
    section: &mut Section<'_, '_>,
    key: &str,
    names: &Names<'_>,
) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    entries(section, key, |name, entry, path, problems| {
        let name = match header_name(name) {
            Ok(name) => name,
            Err(wrong) => {
                problems.at(&entry.key, path, wrong);
                return;
            }
        };
        match Ok(name).and_then(|name| {
            let value = template(&entry.node, names, MOST_TEXT)?;
            let ends = value.chars().any(char::is_control);
            let wrong = || Wrong::new("a header is one line", "expected no control characters");
            if ends { Err(wrong()) } else { Ok((name, value)) }
        }) {
            Ok((name, value)) => {
                if headers.insert(name, value).is_some() {
                    let wrong = Wrong::new("this header is there twice", "expected it once");
                    problems.at(&entry.key, path, wrong);
                }
            }
            Err(wrong) => problems.at(&entry.node.place, path, wrong),
        }
    });
    if headers.len() > MOST_HEADERS {
        let message = format!("these are {} headers", headers.len());
        let wrong = Wrong::new(message, format!("expected at most {MOST_HEADERS}"));
        section.problems.at(&section.place_of(key), &section.join(key), wrong);
    }
    headers
}

/// The name of a header that a scenario may set, in lower case.
pub(super) fn header_name(name: &str) -> Result<String, Wrong> {
    let name = field_name(name)?;
    if OWN_HEADERS.contains(&name.as_str()) {
        return Err(Wrong::new(
            format!("`{name}` is not a scenario's to set"),
            if name == "host" {
                "expected another header: where a run goes is the environment's to say"
            } else {
                "expected another header: load-gate sets this one itself"
            },
        ));
    }
    if name == ADDRESS_HEADER {
        return Err(Wrong::new(
            format!("`{name}` is an identity's to show"),
            "expected identity = { kind = \"address\" }: each sends from an address of its own",
        ));
    }
    Ok(name)
}

/// The name of any header, in lower case.
pub(super) fn field_name(name: &str) -> Result<String, Wrong> {
    let name = name.to_lowercase();
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        return Err(Wrong::new(
            format!("{} can't be a header's name", quote(&name)),
            "expected 1 to 64 letters, digits, `-` and `_`",
        ));
    }
    Ok(name)
}

pub(super) fn read_body(section: &mut Section<'_, '_>, names: &Names<'_>) -> BodySpec {
    let given: Vec<&str> =
        ["json", "body", "form"].into_iter().filter(|key| section.node(key).is_some()).collect();
    if let [_, second, ..] = given.as_slice() {
        let wrong = Wrong::new("a request has one body", "expected one of json, body and form");
        let place = section.place_of(second);
        section.problems.at(&place, &section.join(second), wrong);
    }
    match given.first() {
        Some(&"json") => {
            let Some(node) = section.node("json") else { return BodySpec::None };
            let path = section.join("json");
            let read = json(node, names, &path, section.problems);
            let bytes = read.as_ref().map_or(0, |json| json.to_string().len());
            bounded(section, "json", bytes);
            read.map_or(BodySpec::None, BodySpec::Json)
        }
        Some(&"body") => section
            .value("body", |node| template(node, names, MOST_BODY))
            .map_or(BodySpec::None, BodySpec::Text),
        Some(_) => {
            let mut fields = BTreeMap::new();
            entries(section, "form", |name, entry, path, problems| {
                match scalar(&entry.node, names) {
                    Ok(value) => drop(fields.insert(name.to_owned(), value)),
                    Err(wrong) => problems.at(&entry.node.place, path, wrong),
                }
            });
            let bytes =
                fields.iter().map(|(name, value): (&String, &String)| name.len() + value.len() + 2);
            bounded(section, "form", bytes.sum());
            BodySpec::Form(fields)
        }
        None => BodySpec::None,
    }
}

/// Reports a body of so many bytes, if these are too many.
fn bounded(section: &mut Section<'_, '_>, key: &str, bytes: usize) {
    if bytes > MOST_BODY {
        let message = format!("this body has {bytes} bytes");
        let wrong = Wrong::new(message, format!("expected at most {MOST_BODY} bytes"));
        let (place, path) = (section.place_of(key), section.join(key));
        section.problems.at(&place, &path, wrong);
    }
}

/// A text, number or flag as the text that a form has for it.
pub(super) fn scalar(node: &Node, names: &Names<'_>) -> Result<String, Wrong> {
    match &node.value {
        Value::Integer(Some(n)) => Ok(n.to_string()),
        Value::Float(x) => Ok(x.to_string()),
        Value::Flag(flag) => Ok(flag.to_string()),
        _ => template(node, names, MOST_TEXT),
    }
}

/// TOML as JSON; its texts are templates.
pub(super) fn json(
    node: &Node,
    names: &Names<'_>,
    path: &str,
    problems: &mut Diagnostics,
) -> Option<Json> {
    match &node.value {
        Value::Text(_) => match template(node, names, MOST_BODY) {
            Ok(text) => Some(Json::String(text)),
            Err(wrong) => {
                problems.at(&node.place, path, wrong);
                None
            }
        },
        Value::Integer(Some(n)) => Some((*n).into()),
        Value::Float(x) if x.is_finite() => Some((*x).into()),
        Value::Flag(flag) => Some((*flag).into()),
        Value::List(items) => {
            let read = |item| json(item, names, path, problems);
            items.iter().map(read).collect::<Option<Vec<_>>>().map(Json::Array)
        }
        Value::Table(table) => {
            let mut map = serde_json::Map::new();
            for (key, entry) in table {
                let value = json(&entry.node, names, &format!("{path}.{key}"), problems)?;
                map.insert(key.clone(), value);
            }
            Some(Json::Object(map))
        }
        Value::Integer(None) | Value::Float(_) | Value::Moment => {
            problems.at(&node.place, path, mismatch(node, "a value that JSON has"));
            None
        }
    }
}
