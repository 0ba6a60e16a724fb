//! What is quoted of a text by others: short, plain, and without secrets.

use super::clean::clean;
use super::known::Secret;
use super::mask::mask;

/// At most `max` characters of `text`, for quoting a server's answer: what hides is
/// removed, then secrets are masked, and again once it is cut; `…` marks the cut.
#[must_use]
pub fn excerpt(text: &str, max: usize, known: &[Secret]) -> String {
    // Cleaned first: what hides could split a secret in two that read as one.
    let start: String = text.chars().take(MOST_CLEANED).collect();
    let mut words = clean(&start);
    // More than is quoted, so that a secret at the cut is whole when it is looked for,
    // in the longest way of writing it.
    let longest = known.iter().map(|secret| secret.expose().len() * 12).max().unwrap_or(0);
    let longest = longest.max(MOST_LOOKED_AT);
    let cut = start.len() < text.len();
    if cut {
        // The beginning of a secret may be all of it that is here.
        let kept = words.chars().count().saturating_sub(longest);
        words = words.chars().take(kept).collect();
    }
    let enough: String = words.chars().take(max + longest).collect();
    let words = mask(&enough, known);
    if words.chars().count() <= max && !cut {
        return words;
    }
    let cut: String = words.chars().take(max.saturating_sub(1)).collect();
    let cut = mask(&cut, known);
    let mut cut: String = cut.chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// How much of a text is looked at for what is quoted of it, in characters.
const MOST_CLEANED: usize = 65_536;

/// How much more of it than is quoted is looked at for secrets, in characters.
const MOST_LOOKED_AT: usize = 2048;
