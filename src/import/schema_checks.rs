//! What the schema of an answer says, as checks.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::schema::{Schemas, Whole};

/// How deep checks go into objects and lists.
const DEEPEST: usize = 6;
/// The most checks that are made of a schema.
const MOST: usize = 16;

/// A part of the schema that is still to be said.
struct Part<'v> {
    path: String,
    schema: &'v Value,
    /// Whether its path points at every element of a list.
    listed: bool,
    /// The schemas that it stands in.
    above: Vec<&'v Value>,
}

/// What `schema` says of an answer, as checks, those of the whole first; and whether it says
/// more.
pub(super) fn checks(schemas: &Schemas<'_>, schema: &Value) -> (Vec<(String, Value)>, bool) {
    let (mut found, mut more) = (Vec::new(), false);
    let first = Part { path: "$".to_owned(), schema, listed: false, above: Vec::new() };
    let mut waiting = VecDeque::from([first]);
    while let Some(part) = waiting.pop_front() {
        if found.len() >= MOST {
            more = true;
            break;
        }
        let whole = schemas.whole(part.schema);
        if whole.says("writeOnly") {
            continue;
        }
        let below = below(&whole, &part);
        let kind = kind_of(schemas, &whole);
        more |= below.is_none() || !whole.forms.is_empty();
        let below = below.unwrap_or_default();
        // What an element must have, it has as an object only.
        let said_by_others = part.path.ends_with("[*]") && kind == "object" && !below.is_empty();
        match (kind, whole.nullable) {
            ("", _) | (_, true) if !part.listed => found.push((part.path, json!("present"))),
            // Of an empty list nothing is present.
            ("", _) | (_, true) => more = true,
            (kind, false) if !said_by_others => found.push((part.path, json!(kind))),
            _ => {}
        }
        waiting.extend(below);
    }
    (found, more)
}

/// The type of a schema, or the one that all its forms have.
fn kind_of<'v>(schemas: &Schemas<'v>, whole: &Whole<'v>) -> &'v str {
    let mut forms = whole.forms.iter().map(|form| schemas.whole(form));
    match (whole.kind(), forms.next()) {
        ("", Some(first)) => {
            let same = |form: &Whole<'_>| !form.nullable && form.kind() == first.kind();
            if !first.nullable && forms.all(|form| same(&form)) { first.kind() } else { "" }
        }
        (kind, _) => kind,
    }
}

/// The parts that must be there within `whole`; `None`: there are some that aren't followed.
fn below<'v>(whole: &Whole<'v>, part: &Part<'v>) -> Option<Vec<Part<'v>>> {
    let inner: Vec<(String, &Value)> = match whole.kind() {
        "object" => whole
            .properties()
            .into_iter()
            .filter(|(.., required)| *required)
            .map(|(name, schema, _)| (step(name), schema))
            .collect(),
        "array" => whole.items().map(|items| ("[*]".to_owned(), items)).into_iter().collect(),
        _ => Vec::new(),
    };
    let again = part.above.iter().any(|known| whole.is(known));
    if !inner.is_empty() && (whole.nullable || again || part.above.len() >= DEEPEST) {
        return None;
    }
    let mut above = part.above.clone();
    above.extend(whole.itself());
    let listed = part.listed || whole.kind() == "array";
    let parts = inner.into_iter().map(|(step, schema)| Part {
        path: format!("{}{step}", part.path),
        schema,
        listed,
        above: above.clone(),
    });
    Some(parts.collect())
}

/// The step of a path to that name.
fn step(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if !name.is_empty() && name.bytes().all(plain) {
        format!(".{name}")
    } else if name.contains('\'') {
        format!("[\"{name}\"]")
    } else {
        format!("['{name}']")
    }
}
