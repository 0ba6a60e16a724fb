//! A draft as TOML: the table with its comments, fit to be pasted into a config.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::draft::{Body, Checks, Draft};

/// How deep values go: readers of TOML go no deeper than 80, with the tables around them.
const DEEPEST: usize = 64;

/// The tables of `drafts`, in their order.
pub(super) fn render(drafts: &[(String, Draft)]) -> String {
    let tables: Vec<String> = drafts.iter().map(|(name, draft)| table(name, draft)).collect();
    tables.join("\n")
}

fn table(name: &str, draft: &Draft) -> String {
    let mut text = String::new();
    // Writing to a String can't fail.
    let _ = writeln!(text, "[scenarios.{name}]");
    request(&mut text, draft);
    expect(&mut text, draft);
    let _ = match draft.method.as_str() {
        "GET" | "HEAD" | "OPTIONS" => writeln!(text, "writes = false"),
        _ => writeln!(text, "writes = true   # unless it creates and changes nothing"),
    };
    for note in &draft.notes {
        let _ = writeln!(text, "# {}", one_line(note));
    }
    let setup = draft.setup.as_deref();
    if draft.identity || setup.is_some_and(|setup| setup.identity) {
        let variable = variable(name);
        let _ = writeln!(
            text,
            "\n[scenarios.{name}.identity]\nenv = \"{variable}_*\"   # {variable}_1, {variable}_2, … in the \
             environment, never here"
        );
    }
    if let Some(setup) = setup {
        let _ = writeln!(text, "\n[scenarios.{name}.setup]");
        request(&mut text, setup);
        if !setup.status.is_empty() {
            let _ = writeln!(text, "expect = {{ status = {} }}", statuses(&setup.status));
        }
        let captures: Vec<String> = setup
            .captures
            .iter()
            .map(|(name, place)| format!("{} = {}", key(name), quoted(place)))
            .collect();
        let _ = writeln!(text, "capture = {{ {} }}", captures.join(", "));
        if let Some(expires) = &setup.expires {
            let _ = writeln!(text, "expires = {}", quoted(expires));
        }
        for note in &setup.notes {
            let _ = writeln!(text, "# {}", one_line(note));
        }
    }
    // A column of both is one.
    let data: BTreeMap<_, _> =
        setup.iter().flat_map(|setup| &setup.data).chain(&draft.data).collect();
    if !data.is_empty() {
        let _ = writeln!(text, "\n[scenarios.{name}.data]");
        for (name, values) in data {
            let values: Vec<String> = values.iter().filter_map(inline).collect();
            let _ = writeln!(text, "{} = [{}]", key(name), values.join(", "));
        }
    }
    let _ = writeln!(
        text,
        "\n[scenarios.{name}.profiles]\nsmoke = [{{ duration = \"5s\", target = 5 }}, {{ duration = \
         \"20s\", target = 5 }}]\n\n[scenarios.{name}.thresholds]\nsuccess_rate = [\"rate>0.99\"]"
    );
    text
}

fn request(text: &mut String, draft: &Draft) {
    let _ = writeln!(text, "method = {}", quoted(&draft.method));
    let _ = writeln!(text, "path = {}", quoted(&path(draft)));
    let mut headers = draft.headers.clone();
    let mut body = None;
    match &draft.body {
        Body::None => {}
        Body::Json(value) => {
            body = inline(value).map(|value| format!("json = {value}"));
            if body.is_none() {
                // TOML has no null, no number beyond 64 bits and no endless depth.
                body = Some(format!("body = {}", quoted(&text_of(value))));
                let said = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
                if !headers.iter().any(said) {
                    headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
                }
            }
        }
        Body::Text(text) => body = Some(format!("body = {}", quoted(text))),
        Body::Form(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), quoted(value)))
                .collect();
            body = Some(format!("form = {{ {} }}", fields.join(", ")));
        }
    }
    if !headers.is_empty() {
        let headers: Vec<String> = headers
            .iter()
            .map(|(name, value)| format!("{} = {}", key(name), quoted(value)))
            .collect();
        let _ = writeln!(text, "headers = {{ {} }}", headers.join(", "));
    }
    if let Some(body) = body {
        let _ = writeln!(text, "{body}");
    }
}

fn expect(text: &mut String, draft: &Draft) {
    let status = Some(format!("status = {}", statuses(&draft.status)));
    let status = status.filter(|_| !draft.status.is_empty());
    let mut tables: Vec<Vec<String>> = draft.checks.iter().map(checked).collect();
    tables.retain(|table| !table.is_empty());
    match (tables.first_mut(), status) {
        (Some(first), status) => first.splice(0..0, status).for_each(drop),
        (None, status) => tables.extend(status.map(|status| vec![status])),
    }
    let tables: Vec<String> =
        tables.iter().map(|parts| format!("{{ {} }}", parts.join(", "))).collect();
    let _ = match tables.as_slice() {
        [] => Ok(()),
        [one] => writeln!(text, "expect = {one}"),
        _ => writeln!(text, "expect = [{}]", tables.join(", ")),
    };
}

fn checked(checks: &Checks) -> Vec<String> {
    let mut parts = Vec::new();
    let json: Vec<String> = checks
        .json
        .iter()
        .filter_map(|(path, value)| Some(format!("{} = {}", quoted(path), inline(value)?)))
        .collect();
    if !json.is_empty() {
        parts.push(format!("json = {{ {} }}", json.join(", ")));
    }
    let headers: Vec<String> = checks
        .header
        .iter()
        .map(|(name, pattern)| format!("{} = {}", key(name), quoted(pattern)))
        .collect();
    if !headers.is_empty() {
        parts.push(format!("header = {{ {} }}", headers.join(", ")));
    }
    parts
}

fn statuses(all: &[u16]) -> String {
    match all {
        [one] => one.to_string(),
        _ => format!("{all:?}"),
    }
}

fn path(draft: &Draft) -> String {
    let query: Vec<String> = draft
        .query
        .iter()
        .map(
            |(name, value)| {
                if value.is_empty() { name.clone() } else { format!("{name}={value}") }
            },
        )
        .collect();
    let path = if query.is_empty() {
        draft.path.clone()
    } else {
        format!("{}?{}", draft.path, query.join("&"))
    };
    fit(&path)
}

/// What no path may have, percent-encoded; placeholders stay.
fn fit(path: &str) -> String {
    let mut fit = String::with_capacity(path.len());
    for c in path.replace("{{", "%7B").replace("}}", "%7D").chars() {
        if c.is_ascii_graphic() && !"\"<>\\^`|".contains(c) {
            fit.push(c);
        } else {
            let mut buffer = [0; 4];
            for byte in c.encode_utf8(&mut buffer).bytes() {
                let _ = write!(fit, "%{byte:02X}");
            }
        }
    }
    fit
}

/// `SEARCH_KEY` for `search`.
fn variable(name: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = name.chars().map(upper).collect();
    let digit = name.starts_with(|c: char| c.is_ascii_digit());
    if digit { format!("KEY_{name}_KEY") } else { format!("{name}_KEY") }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A key of TOML, in quotes where it must be.
fn key(name: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { quoted(name) }
}

/// A basic string of TOML, on one line.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A value of JSON as one of TOML, in one line; `None`: TOML has none like it.
pub(super) fn inline(value: &Value) -> Option<String> {
    inline_at(value, 0)
}

fn inline_at(value: &Value, depth: usize) -> Option<String> {
    Some(match value {
        Value::Array(_) | Value::Object(_) if depth >= DEEPEST => return None,
        Value::Null => return None,
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(n), _) => n.to_string(),
            (None, _) if number.is_u64() => return None,
            (None, Some(x)) if x.is_finite() => format!("{x:?}"),
            _ => return None,
        },
        Value::String(text) => quoted(text),
        Value::Array(list) => {
            let items: Option<Vec<String>> =
                list.iter().map(|item| inline_at(item, depth + 1)).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let items: Option<Vec<String>> = map
                .iter()
                .map(|(name, item)| {
                    Some(format!("{} = {}", key(name), inline_at(item, depth + 1)?))
                })
                .collect();
            format!("{{ {} }}", items?.join(", "))
        }
    })
}

/// JSON as a text that is a template: its own braces doubled, its texts' placeholders kept.
fn text_of(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let items: Vec<String> = map
                .iter()
                .map(|(name, item)| {
                    format!(
                        "{}:{}",
                        super::draft::escaped(&Value::from(name.as_str()).to_string()),
                        text_of(item)
                    )
                })
                .collect();
            format!("{{{{{}}}}}", items.join(","))
        }
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(text_of).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}
