//! Secrets from environment variables: trimmed, checked, never quoted.

use std::collections::BTreeMap;

use super::diagnostics::{Diagnostics, Wrong};
use super::inputs::{SecretInputs, Sources};
use crate::secret::Secret;

/// Reads every secret there is. A malformed one is reported by its variable's
/// name alone.
pub(super) fn read(
    sources: &Sources<'_>,
    notices: &mut Vec<String>,
    problems: &mut Diagnostics,
) -> SecretInputs {
    SecretInputs {
        keys: numbered(sources, "TEST_API_KEY_", notices, problems),
        webhook: read_one(sources, "STRIPE_WEBHOOK_SECRET", problems),
        github_token: read_one(sources, "GITHUB_TOKEN", problems),
        rings: BTreeMap::new(),
    }
}

/// Reads what the scenarios of the config ask for: a variable, or with a `*` at its
/// end those with a number there.
pub(super) fn read_rings<'a>(
    names: impl Iterator<Item = &'a String>,
    sources: &Sources<'_>,
    notices: &mut Vec<String>,
    problems: &mut Diagnostics,
) -> BTreeMap<String, Vec<Secret>> {
    let mut rings = BTreeMap::new();
    for name in names {
        rings.entry(name.clone()).or_insert_with(|| match name.strip_suffix('*') {
            Some(stem) => numbered(sources, stem, notices, problems),
            None => read_one(sources, name, problems).into_iter().collect(),
        });
    }
    rings
}

/// The secrets of `stem` with a number from 1 after it, in that order, each once.
fn numbered(
    sources: &Sources<'_>,
    stem: &str,
    notices: &mut Vec<String>,
    problems: &mut Diagnostics,
) -> Vec<Secret> {
    let mut numbered: Vec<(u64, &str)> = sources
        .vars
        .keys()
        .filter_map(|name| {
            let digits = name.strip_prefix(stem)?;
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            digits.parse().ok().filter(|n| plain && *n > 0).map(|n| (n, name.as_str()))
        })
        .collect();
    numbered.sort_unstable();
    let mut keys: Vec<(Secret, &str)> = Vec::new();
    for (_, name) in numbered {
        let Some(secret) = read_one(sources, name, problems) else { continue };
        match keys.iter().find(|(known, _)| known.expose() == secret.expose()) {
            Some((_, first)) => {
                notices.push(format!("{name} is the same key as {first}: it is used once"));
            }
            None => keys.push((secret, name)),
        }
    }
    keys.into_iter().map(|(secret, _)| secret).collect()
}

/// The secret in variable `name`: blank is absent, white space around it (the
/// newline of `echo`) is trimmed.
fn read_one(sources: &Sources<'_>, name: &str, problems: &mut Diagnostics) -> Option<Secret> {
    let text = sources.variable(name)?.trim();
    if text.bytes().all(|b| b.is_ascii_graphic()) {
        return Some(Secret::new(text));
    }
    let wrong = Wrong::new(
        "there is a space, a line break or another character in it that no key has",
        "expected visible ASCII characters only",
    );
    problems.outside(name, wrong.help("set it again, without quotes or line breaks inside"));
    None
}
