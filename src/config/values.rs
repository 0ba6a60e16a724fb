//! One value each: what a setting may be, and the words for what it may not.

use rustls::pki_types::ServerName;
use url::Url;

use super::diagnostics::{Wrong, quote};
use super::tree::{Node, Value};
use crate::plan::LONGEST_NAME;
use crate::units::Nanos;

/// The highest arrival rate that can be asked for, per second, of all machines together.
pub(super) const MAX_RATE: f64 = 10_000_000.0;
/// The longest load, in seconds.
pub(super) const MAX_LOAD_SECONDS: u64 = 24 * 3600;
/// The largest factor of `--rate-scale` and `--duration-scale`.
const MAX_SCALE: f64 = 1000.0;
/// The largest cap on an answer's body.
const MAX_BODY: u64 = 64 << 20;

/// The mistake that `node` is of another type.
pub(super) fn mismatch(node: &Node, expected: &str) -> Wrong {
    Wrong::new(format!("this is {}", node.value.kind()), format!("expected {expected}"))
}

pub(super) fn flag(node: &Node) -> Result<bool, Wrong> {
    match node.value {
        Value::Flag(flag) => Ok(flag),
        _ => Err(mismatch(node, "true or false")),
    }
}

/// A non-empty string without control characters, at most [`LONGEST_NAME`] bytes.
pub(super) fn text(node: &Node) -> Result<String, Wrong> {
    let Value::Text(text) = &node.value else { return Err(mismatch(node, "a string")) };
    plain(text).map(|()| text.clone())
}

/// A name that is a key, of what `whose` says: as any text.
pub(super) fn name(name: &str, whose: &str) -> Result<(), Wrong> {
    let wrong = |_| Wrong::new(format!("this can't be {whose} name"), expected_plain());
    plain(name).map_err(wrong)
}

fn plain(text: &str) -> Result<(), Wrong> {
    let message = if text.trim().is_empty() {
        "this is empty"
    } else if text.chars().any(char::is_control) {
        "there is a control character in it"
    } else if text.len() > LONGEST_NAME {
        "this is too long"
    } else {
        return Ok(());
    };
    Err(Wrong::new(message, expected_plain()))
}

fn expected_plain() -> String {
    format!("expected 1 to {LONGEST_NAME} characters, without control characters")
}

/// A whole number from `low` to `high`.
pub(super) fn integer(node: &Node, low: u64, high: u64) -> Result<u64, Wrong> {
    let expected = format!("a whole number from {low} to {high}");
    match node.value {
        Value::Integer(n) => {
            let n = n.and_then(|n| u64::try_from(n).ok()).filter(|n| (low..=high).contains(n));
            n.ok_or_else(|| Wrong::new("this is out of range", format!("expected {expected}")))
        }
        _ => Err(mismatch(node, &expected)),
    }
}

/// A number from `low` to `high`; integers are taken too.
pub(super) fn number(node: &Node, low: f64, high: f64) -> Result<f64, Wrong> {
    let expected = format!("a number from {low} to {high}");
    let value = match node.value {
        Value::Integer(Some(n)) => n as f64,
        Value::Integer(None) => f64::NAN,
        Value::Float(x) => x,
        _ => return Err(mismatch(node, &expected)),
    };
    if (low..=high).contains(&value) {
        // `-0.0` is in the range and would print as "-0".
        Ok(value.abs())
    } else {
        Err(Wrong::new("this is out of range", format!("expected {expected}")))
    }
}

/// An arrival rate per second.
pub(super) fn rate(node: &Node) -> Result<f64, Wrong> {
    number(node, 0.0, MAX_RATE).map_err(|wrong| Wrong {
        expected: format!("expected arrivals per second, 0 to {MAX_RATE}, decimals allowed"),
        ..wrong
    })
}

/// A span from `low` to `high`.
pub(super) fn span(node: &Node, low: Nanos, high: Nanos) -> Result<Nanos, Wrong> {
    match &node.value {
        Value::Text(text) => span_text(text, low, high),
        Value::Integer(_) | Value::Float(_) => {
            Err(mismatch(node, "a duration in quotes, such as \"90s\" or \"1m30s\""))
        }
        _ => Err(mismatch(node, "a duration such as \"1m30s\"")),
    }
}

/// A span in words (`1m30s`, `500ms`, `1.5h`), from `low` to `high`.
pub(super) fn span_text(text: &str, low: Nanos, high: Nanos) -> Result<Nanos, Wrong> {
    let trimmed = text.trim();
    let expected = "expected a duration such as `500ms`, `30s` or `1m30s`";
    let parsed = if trimmed == "0" {
        Nanos::ZERO
    } else if let Ok(span) = humantime::parse_duration(trimmed) {
        Nanos::from(span)
    } else {
        let message = format!("{} is not a duration", quote(text));
        return Err(Wrong::new(message, expected));
    };
    if parsed < low || parsed > high {
        let range = format!("expected {} to {}", bound(low), bound(high));
        return Err(Wrong::new(format!("{} is out of range", quote(text)), range));
    }
    Ok(parsed)
}

fn bound(span: Nanos) -> String {
    humantime::format_duration(span.into()).to_string()
}

/// A size in bytes: `1MiB`, `512KiB`, `1_000_000` or `"1000000"`.
pub(super) fn size(node: &Node) -> Result<u64, Wrong> {
    let expected = "expected a size such as \"1MiB\", \"512KiB\" or \"65536B\", 1B to 64MiB";
    let parsed = match &node.value {
        Value::Integer(Some(n)) => u64::try_from(*n).ok(),
        Value::Text(text) => size_text(text),
        _ => None,
    };
    parsed
        .filter(|size| (1..=MAX_BODY).contains(size))
        .ok_or_else(|| Wrong::new("this is not a size that can be taken", expected))
}

fn size_text(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "kib" | "k" => 1 << 10,
        "mb" => 1_000_000,
        "mib" | "m" => 1 << 20,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// A list whose every item is read by `parse`; the first wrong item is told.
pub(super) fn list<T: PartialEq>(
    node: &Node,
    lengths: std::ops::RangeInclusive<usize>,
    expected: &str,
    parse: impl Fn(&Node) -> Result<T, Wrong>,
) -> Result<Vec<T>, Wrong> {
    let Value::List(items) = &node.value else { return Err(mismatch(node, expected)) };
    if !lengths.contains(&items.len()) {
        let message = format!("this has {} items", items.len());
        return Err(Wrong::new(message, format!("expected {expected}")));
    }
    let mut list = Vec::with_capacity(items.len());
    for (number, item) in (1..).zip(items) {
        let value = parse(item).map_err(|wrong| Wrong {
            message: format!("item {number}: {}", wrong.message),
            ..wrong
        })?;
        if list.contains(&value) {
            let message = format!("item {number} is there twice");
            return Err(Wrong::new(message, format!("expected {expected}")));
        }
        list.push(value);
    }
    Ok(list)
}

/// A base URL: absolute, http or https, without user, query or fragment. The URL
/// is given back as the `url` crate writes it, so that what is guarded is what is
/// asked.
pub(super) fn base_url(text: &str) -> Result<Url, Wrong> {
    let expected = "expected a base URL such as `https://api.example.org`";
    let wrong = |message: &str| Wrong::new(message, expected);
    let mut url = Url::parse(text.trim()).map_err(|error| {
        // The text itself may hold a password: only the parser's words are told.
        Wrong::new(format!("this is not a URL: {error}"), expected)
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("this is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("there is a user or password in this URL")
            .help("secrets come through the environment only: TEST_API_KEY_1, …"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("there is a query or fragment in this URL"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("there is no host in this URL"));
    }
    if let Some(url::Host::Domain(name)) = url.host() {
        let name = name.trim_end_matches('.');
        if name.len() > 253 || name.split('.').any(|label| label.len() > 63) {
            let message = "the host's name is longer than DNS has them";
            return Err(Wrong::new(
                message,
                "expected at most 253 characters, 63 between two dots",
            ));
        }
        if url.scheme() == "https" && ServerName::try_from(name).is_err() {
            return Err(wrong("no certificate can be for the host's name"));
        }
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

/// `url` as it stands in plans and reports: without the last slash.
pub(super) fn url_text(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

/// A positive factor, at most 1000.
pub(super) fn scale(text: &str) -> Result<f64, Wrong> {
    let value = text.trim().parse::<f64>().ok();
    value.filter(|x| *x > 0.0 && *x <= MAX_SCALE).ok_or_else(|| {
        Wrong::new(
            format!("{} can't be a factor", quote(text)),
            "expected a number above 0, at most 1000, such as 0.5",
        )
    })
}
