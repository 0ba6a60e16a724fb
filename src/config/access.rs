//! Where a receiver or a monitoring is, and how it knows us: URLs without credentials, and those from variables alone.

use super::diagnostics::{Diagnostics, Wrong};
use super::inputs::Sources;
use super::receivers::Access;
use super::tree::Node;
use super::values::{base_url, text};
use crate::secret::Secret;

pub(super) fn url(node: &Node) -> Result<String, Wrong> {
    receiver_url(&text(node)?)
}

/// An http or https URL; credentials in it are refused without being quoted.
pub(super) fn receiver_url(text: &str) -> Result<String, Wrong> {
    let (plain, query) = text.trim().split_once('?').unwrap_or((text.trim(), ""));
    base_url(plain)?;
    Ok(if query.is_empty() { plain.to_owned() } else { format!("{plain}?{query}") })
}

/// `…_USERNAME` and `…_PASSWORD`, `…_TOKEN`, `…_HEADERS`.
pub(super) fn access(sources: &Sources<'_>, prefix: &str, problems: &mut Diagnostics) -> Access {
    let variable = |name: &str| sources.variable(&format!("{prefix}_{name}")).map(str::trim);
    for name in ["TOKEN", "USERNAME", "PASSWORD"] {
        if variable(name).is_some_and(|text| text.chars().any(char::is_control)) {
            let wrong = Wrong::new("a control character is in it", "expected one line");
            problems.outside(&format!("{prefix}_{name}"), wrong);
        }
    }
    let basic = variable("USERNAME")
        .map(|user| (user.to_owned(), Secret::new(variable("PASSWORD").unwrap_or_default())));
    Access {
        basic,
        bearer: variable("TOKEN").map(Secret::new),
        headers: headers(variable("HEADERS"), &format!("{prefix}_HEADERS"), problems),
        asked: Vec::new(),
    }
}

/// `name=value` between commas, as OpenTelemetry writes them; values may be percent-coded.
pub(super) fn headers(
    text: Option<&str>,
    from: &str,
    problems: &mut Diagnostics,
) -> Vec<(String, Secret)> {
    let mut found = Vec::new();
    for pair in text.unwrap_or_default().split(',').filter(|pair| !pair.trim().is_empty()) {
        match pair.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() => {
                let value = percent_decoded(value.trim());
                found.push((name.trim().to_lowercase(), Secret::new(value)));
            }
            _ => {
                let wrong =
                    Wrong::new("a header has no `=`", "expected name=value, more after commas");
                problems.outside(from, wrong);
            }
        }
    }
    found
}

pub(super) fn percent_decoded(text: &str) -> String {
    // `form_urlencoded` reads `+` as a space; here it is a plus.
    let whole = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(whole.as_bytes());
    pairs.next().map_or_else(String::new, |(_, value)| value.into_owned())
}
