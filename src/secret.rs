//! Secrets that can't be printed or serialised, and the mask for text that may quote one.

use secrecy::{ExposeSecret, SecretString};

/// An API key, a webhook secret or a token. Has no `Display` and no
/// `Serialize`; `Debug` prints a placeholder; wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret itself: for a request header or a signature, nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// Shapes of secrets that are masked even when nobody told us of them.
const SHAPES: [&str; 3] = ["rsolv_", "sk-", "whsec_"];

/// What stands where a secret stood.
const MASK: &str = "***";

/// `text` with every one of `known` (at least 4 characters long) and everything
/// shaped like a `rsolv_`, `sk-` or `whsec_` secret replaced by `***`.
#[must_use]
pub fn mask(text: &str, known: &[Secret]) -> String {
    let mut masked = text.to_owned();
    for secret in known {
        if secret.expose().len() >= 4 && masked.contains(secret.expose()) {
            masked = masked.replace(secret.expose(), MASK);
        }
    }
    for shape in SHAPES {
        masked = mask_shape(&masked, shape);
    }
    masked
}

fn mask_shape(text: &str, shape: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(shape) {
        let (before, from) = rest.split_at(at);
        let tail = &from[shape.len()..];
        let end = tail.find(|c: char| !is_secret_char(c)).unwrap_or(tail.len());
        masked.push_str(before);
        // `sk-` inside a word (`task-1`) and a bare prefix are not secrets.
        let inside_word = before.chars().next_back().is_some_and(char::is_alphanumeric);
        if end >= 6 && !inside_word {
            masked.push_str(MASK);
        } else {
            masked.push_str(&from[..shape.len() + end]);
        }
        rest = &tail[end..];
    }
    masked.push_str(rest);
    masked
}

const fn is_secret_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// At most `max` characters of `text`: control characters removed, white space
/// folded, secrets masked; `…` marks a cut. For quoting a server's answer.
#[must_use]
pub fn excerpt(text: &str, max: usize, known: &[Secret]) -> String {
    // Masked before the cut, so that a secret can't survive as a stump.
    let masked = mask(text, known);
    let mut words = String::new();
    for word in masked.split(|c: char| c.is_whitespace()) {
        let word: String = word.chars().filter(|c| !is_control(*c)).collect();
        if !word.is_empty() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(&word);
        }
    }
    if words.chars().count() <= max {
        return words;
    }
    let mut cut: String = words.chars().take(max.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// Control characters, and those that reorder or hide text on a terminal or page.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Secret::new("rsolv_abcdefgh")), "Secret(***)");
    }

    #[test]
    fn known_and_shaped_secrets_are_masked() {
        let known = [Secret::new("hunter22")];
        assert_eq!(mask("key hunter22 and rsolv_abc-DEF_123.", &known), "key *** and ***.");
        assert_eq!(
            mask("whsec_ is a prefix, task-123456 a word", &[]),
            "whsec_ is a prefix, task-123456 a word"
        );
        assert_eq!(mask("\"sk-ant-api03-xyz\"", &[]), "\"***\"");
    }

    #[test]
    fn an_excerpt_is_short_inert_and_masked() {
        let text = format!("a\u{1b}[31m\nb {}", "x".repeat(300));
        let cut = excerpt(&text, 200, &[]);
        assert_eq!(cut.chars().count(), 200);
        assert!(cut.starts_with("a[31m b xxx") && cut.ends_with('…'));
        let long_key = format!("{} rsolv_{}", "y".repeat(190), "k".repeat(43));
        assert!(!excerpt(&long_key, 200, &[]).contains("rsolv_k"));
    }
}
