//! What an identity of a written scenario sends before it takes part, read from the config.

use std::collections::BTreeMap;

use super::diagnostics::{Diagnostics, Wrong, quote};
use super::reader::Section;
use super::texts::{entries, method, path, read_body, read_headers};
use super::tree::{Node, TreeEntry, Value};
use super::values::{mismatch, span, text};
use super::written_checks::statuses;
use crate::scenario::{Capture, Expires, JsonPath, Names, RequestSpec, SetupSpec};
use crate::units::Nanos;

/// The most values that are captured.
const MOST_CAPTURES: usize = 16;
/// How long captured values hold at most.
const WEEK: Nanos = Nanos::from_secs(7 * 86_400);

/// The setup in `section`, if there is one.
pub(super) fn read_setup(section: &mut Section<'_, '_>, names: &Names<'_>) -> Option<SetupSpec> {
    const KNOWN: [&str; 9] =
        ["method", "path", "headers", "json", "body", "form", "expect", "capture", "expires"];
    let (table, place, at) = section.table("setup")?;
    let mut setup = Section::new(table, &place, at, &KNOWN, section.problems);
    let method = setup.value("method", method).unwrap_or_else(|| "GET".to_owned());
    let path = setup.required("path", "path = \"/oauth/token\"", |node| path(node, names));
    let headers = read_headers(&mut setup, "headers", names);
    let body = read_body(&mut setup, names);
    let status = setup.table("expect").and_then(|(table, place, path)| {
        let mut expect = Section::new(table, &place, path, &["status"], setup.problems);
        expect.required("status", "status = 200", statuses)
    });
    let capture = read_captures(&mut setup);
    let expires = setup.value("expires", expires);
    let request = RequestSpec { method, path: path?, headers, body };
    Some(SetupSpec { request, status: status.unwrap_or_default(), capture, expires })
}

fn read_captures(setup: &mut Section<'_, '_>) -> BTreeMap<String, String> {
    let mut captures = BTreeMap::new();
    let (place, path) = (setup.place_of("capture"), setup.join("capture"));
    entries(setup, "capture", |name, entry, path, problems| {
        if let Some(text) = read_capture(name, entry, path, problems) {
            captures.insert(name.to_owned(), text);
        }
    });
    let is_empty = match setup.node("capture").map(|node| &node.value) {
        None => true,
        Some(Value::Table(table)) => table.is_empty(),
        Some(_) => false,
    };
    let wrong = match captures.len() {
        0 if is_empty => Some("nothing is captured".to_owned()),
        n if n > MOST_CAPTURES => Some(format!("these are {n} values")),
        _ => None,
    };
    if let Some(message) = wrong {
        let expected =
            format!("expected 1 to {MOST_CAPTURES}: capture = {{ token = \"$.access_token\" }}");
        setup.problems.at(&place, &path, Wrong::new(message, expected));
    }
    captures
}

fn read_capture(
    name: &str,
    entry: &TreeEntry,
    path: &str,
    problems: &mut Diagnostics,
) -> Option<String> {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || name.len() > 40 || !name.bytes().all(fits) {
        let message = format!("{} can't be the name of a value", quote(name));
        let wrong = Wrong::new(message, "expected 1 to 40 letters, digits and `_`");
        problems.at(&entry.key, path, wrong);
        return None;
    }
    let read = text(&entry.node).and_then(|text| match Capture::parse(&text) {
        Ok(_) => Ok(text),
        Err(expected) => {
            Err(Wrong::new(format!("{} is no place in an answer", quote(&text)), expected))
        }
    });
    read.map_err(|wrong| problems.at(&entry.node.place, path, wrong)).ok()
}

/// How long values hold: a duration, or the path to a number of seconds.
fn expires(node: &Node) -> Result<Expires, Wrong> {
    match &node.value {
        Value::Text(text) if text.starts_with('$') => match JsonPath::parse(text) {
            Ok(path) if !path.is_many() => Ok(Expires::Told(text.clone())),
            Ok(_) => Err(Wrong::new("this points at several values", "expected a path to one")),
            Err((_, expected)) => {
                Err(Wrong::new(format!("{} is no path into JSON", quote(text)), expected))
            }
        },
        Value::Text(_) => span(node, Nanos::from_secs(1), WEEK).map(Expires::After),
        _ => Err(mismatch(node, "a duration such as \"10m\", or a path such as \"$.expires_in\"")),
    }
}
