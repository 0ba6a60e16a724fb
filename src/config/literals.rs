//! Credentials that stand in a written scenario's table: refused, wherever in it they stand.

use super::diagnostics::{Diagnostics, Place, Wrong};
use super::tree::{Table, Value};
use crate::scenario::blanked;
use crate::secret::shows_secret;

/// Headers whose value is a credential.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-access-token",
    "private-token",
];
/// Parts of the table that aren't looked through: what a probe shows must be refused
/// anyway, and these two name variables, which is held where they are read.
const APART: [&str; 3] = ["probes", "sign.secret", "identity.env"];
/// What to do instead.
pub(super) const BY_ENVIRONMENT: &str =
    "secrets come through the environment only, never from a file";

/// Reports every credential in `table`, which is the scenario's that `path` names.
pub(super) fn refuse(table: &Table, path: &str, problems: &mut Diagnostics) {
    in_table(table, path, path.len() + 1, problems);
}

/// `own`: how much of a path leads to the scenario's table.
fn in_table(table: &Table, path: &str, own: usize, problems: &mut Diagnostics) {
    let of_headers = path.ends_with(".headers");
    for (key, entry) in table {
        let path = format!("{path}.{key}");
        if APART.contains(&path.get(own..).unwrap_or_default()) {
            continue;
        }
        if shows_secret(key) {
            problems.at(&entry.key, "", credential());
        }
        let named = of_headers && CREDENTIALS.contains(&key.to_lowercase().as_str());
        match &entry.node.value {
            Value::Text(text)
                if (named && !text.is_empty() || of_headers && is_scheme(text))
                    && !text.contains('{') =>
            {
                problems.at(&entry.node.place, &path, credential());
            }
            value => in_value(value, &entry.node.place, &path, own, problems),
        }
    }
}

fn in_value(value: &Value, place: &Place, path: &str, own: usize, problems: &mut Diagnostics) {
    match value {
        Value::Text(text) if shows_secret(&blanked(text, of_name)) => {
            problems.at(place, path, credential());
        }
        Value::List(items) => {
            for item in items {
                in_value(&item.value, &item.place, path, own, problems);
            }
        }
        Value::Table(table) => in_table(table, path, own, problems),
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Flag(_) | Value::Moment => {}
    }
}

/// Whether a header's value is a scheme with a credential after it.
fn is_scheme(value: &str) -> bool {
    let (scheme, rest) = value.trim().split_once(' ').unwrap_or_default();
    let known = ["bearer", "basic", "token", "apikey"];
    known.contains(&scheme.to_lowercase().as_str()) && rest.trim().len() >= 8
}

fn credential() -> Wrong {
    let expected = "expected `{identity}`, with an identity table that names its variable, or what a \
                    setup captures (`{setup.NAME}`)";
    Wrong::new("a credential stands here", expected).help(BY_ENVIRONMENT).hidden()
}

/// What a placeholder's inside may have: fewer characters than secrets do.
fn of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._:".contains(c)
}
