//! What of a text that others wrote is, or may be, a secret.

use crate::scenario::{FILLED, blanked};
use crate::secret::mask;

/// What the names of secrets have in them.
const SECRET_NAMES: [&str; 14] = [
    "authorization",
    "api-key",
    "api_key",
    "apikey",
    "token",
    "secret",
    "password",
    "passwd",
    "cookie",
    "session",
    "signature",
    "credential",
    "access_key",
    "private_key",
];

/// Whether something of that name, or `text` itself (a template), is or may be a secret.
pub(super) fn is_secret(name: &str, text: &str) -> bool {
    let name = name.to_lowercase();
    let named = SECRET_NAMES.iter().any(|part| name.contains(part))
        || name == "key"
        || is_number_secret(&name);
    (named && !text.is_empty() && !is_placeholder(text))
        || mask(text, &[]) != text
        || gives_secret(text)
}

/// Whether a number of that name is a secret; most are counts and ids (`max_tokens`,
/// `session_id`).
pub(super) fn is_number_secret(name: &str) -> bool {
    ["password", "passwd", "secret", "pin"].contains(&name.to_lowercase().as_str())
}

/// Whether all of `text` is filled in for each request.
pub(super) fn is_placeholder(text: &str) -> bool {
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    inner.is_some_and(|inner| !inner.contains(['{', '}']))
}

/// Whether a template has a secret's name in it with a value of its own after it:
/// `password=…`, `"token": "…"`, `<secret>…`.
pub(super) fn gives_secret(template: &str) -> bool {
    any_named(template, false)
}

/// Whether a template has a secret's name in it, unless a placeholder is its value.
pub(super) fn names_secret(template: &str) -> bool {
    any_named(template, true)
}

fn any_named(template: &str, alone: bool) -> bool {
    let text = looked_through(template);
    let ends = SECRET_NAMES.iter().flat_map(|name| {
        text.match_indices(name).map(|(at, found)| text.get(at + found.len()..).unwrap_or_default())
    });
    ends.into_iter().any(|rest| {
        let of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ']');
        let rest = rest.trim_start_matches(of_name);
        let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || "\"'\\".contains(c));
        let mut after = rest.chars();
        match after.next() {
            Some(sign @ (':' | '=' | '>')) => is_given(sign, after.as_str()),
            _ => alone,
        }
    })
}

/// Whether `rest`, after a name and `sign`, begins with a value that isn't filled in.
fn is_given(sign: char, rest: &str) -> bool {
    let rest = rest.trim_start();
    let quote = rest.trim_start_matches('\\');
    if let Some(inner) = quote.strip_prefix(['"', '\'']) {
        let inner = inner.trim_start_matches('\\');
        return !inner.is_empty() && !inner.starts_with(['"', '\'', FILLED]);
    }
    // What is no value of its own: the next field, an object, a tag within.
    let none = match sign {
        ':' => ",{}",
        '=' => "&",
        _ => "<",
    };
    !rest.is_empty() && !rest.starts_with(FILLED) && !rest.starts_with(|c| none.contains(c))
}

/// A template in lower case, without its placeholders.
fn looked_through(template: &str) -> String {
    let text = template.to_lowercase().replace("%3d", "=").replace("%3a", ":").replace("%22", "\"");
    blanked(&text, |c| c.is_alphanumeric() || "._:-".contains(c))
}
