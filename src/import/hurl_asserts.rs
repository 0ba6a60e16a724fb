//! Hurl's asserts and captures, as far as checks and captures of ours say the same.

use serde_json::{Value, json};

use super::draft::Draft;
use super::hurl_text::{Named, escape};
use crate::scenario::JsonPath;

/// Where a captured value stands: `jsonpath "$.a"` is `$.a`.
pub(super) fn place(query: &str) -> Option<String> {
    let (kind, rest) = query.split_once(char::is_whitespace)?;
    let (argument, rest) = text(rest.trim())?;
    if !rest.trim().is_empty() {
        return None;
    }
    match kind {
        "jsonpath" => {
            JsonPath::parse(&argument).is_ok_and(|path| !path.is_many()).then_some(argument)
        }
        "header" => Some(format!("header {argument}")),
        "cookie" => Some(format!("cookie {}", argument.split('[').next().unwrap_or_default())),
        _ => None,
    }
}

/// One assert, as a check; what can't be one is noted.
pub(super) fn assertion(line: &str, named: &Named<'_>, draft: &mut Draft) {
    if take(line, named, draft).is_none() {
        let what: String = line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        draft.note(format!("an assert stayed behind: {what} …"));
    }
}

fn take(line: &str, named: &Named<'_>, draft: &mut Draft) -> Option<()> {
    let (query, rest) = line.split_once(char::is_whitespace)?;
    match query {
        "status" => {
            let (relation, value) = rest.trim().split_once(char::is_whitespace)?;
            let status = value.trim().parse().ok().filter(|_| relation == "==")?;
            draft.status = vec![status];
        }
        "header" => {
            let (name, rest) = text(rest.trim())?;
            let (relation, value) =
                rest.trim().split_once(char::is_whitespace).unwrap_or((rest.trim(), ""));
            let mut value = || Some(named.template(&text(value.trim())?.0, draft));
            let pattern = match relation {
                "==" => value()?,
                "contains" => format!("*{}*", value()?),
                "startsWith" => format!("{}*", value()?),
                "endsWith" => format!("*{}", value()?),
                "exists" => "*".to_owned(),
                _ => return None,
            };
            draft.check_header(&name, &pattern);
        }
        "jsonpath" => {
            let (path, rest) = text(rest.trim())?;
            JsonPath::parse(&path).ok()?;
            let condition = condition(rest.trim(), named, draft)?;
            draft.check_json(&path, condition);
        }
        _ => return None,
    }
    Some(())
}

/// What follows a jsonpath.
fn condition(rest: &str, named: &Named<'_>, draft: &mut Draft) -> Option<Value> {
    let (word, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let value = value.trim();
    Some(match word {
        "exists" => json!("present"),
        "isString" => json!("string"),
        "isInteger" => json!("integer"),
        "isNumber" | "isFloat" => json!("number"),
        "isBoolean" => json!("boolean"),
        "isCollection" | "isList" => json!("array"),
        "isObject" => json!("object"),
        "not" if value == "exists" => json!("absent"),
        "not" if value == "isEmpty" => json!("nonempty"),
        "==" | "equals" => match text(value) {
            // A word of conditions is meant as the text it is.
            Some((text, rest)) if rest.trim().is_empty() => {
                json!(format!("= {}", named.template(&text, draft)))
            }
            _ if value.starts_with("{{") && value.ends_with("}}") => {
                json!(format!("= {}", named.template(value, draft)))
            }
            _ => match serde_json::from_str(value).ok()? {
                Value::Null => json!("null"),
                value => value,
            },
        },
        "<" | "<=" | ">" | ">=" | "!=" => {
            let number: f64 = value.parse().ok()?;
            json!(format!("{word} {number}"))
        }
        "not" => {
            let (relation, value) = value.split_once(char::is_whitespace)?;
            let number: f64 = value.trim().parse().ok().filter(|_| relation == "==")?;
            json!(format!("!= {number}"))
        }
        // A `*` would stand for anything.
        "contains" | "startsWith" | "endsWith" => {
            let (text, rest) = text(value)?;
            let is_plain = text.trim() == text && !text.is_empty() && !text.contains('*');
            if !is_plain || !rest.trim().is_empty() {
                return None;
            }
            let text = named.template(&text, draft);
            let (before, after) = match word {
                "startsWith" => ("", "*"),
                "endsWith" => ("*", ""),
                _ => ("*", "*"),
            };
            json!(format!("~ {before}{text}{after}"))
        }
        "count" if value == "== 0" => json!([]),
        _ => return None,
    })
}

/// A text in quotes, and what follows it.
fn text(rest: &str) -> Option<(String, &str)> {
    let inner = rest.strip_prefix('"')?;
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => return Some((out, chars.as_str())),
            '\\' => escape(&mut chars, &mut out),
            c => out.push(c),
        }
    }
    None
}
