//! Secrets that can't be printed or serialised, and the mask for text that may quote one.

mod clean;
mod mask;
#[cfg(test)]
mod tests;
mod view;

pub use clean::{clean, text_of};
pub use mask::mask;

use std::sync::OnceLock;

use mask::Forms;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroize as _;

/// An API key, a webhook secret or a token. Has no `Display` and no
/// `Serialize`; `Debug` prints a placeholder; wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret {
    text: SecretString,
    forms: OnceLock<Forms>,
}

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        let secret = SecretString::from(text.as_str());
        text.zeroize();
        Self { text: secret, forms: OnceLock::new() }
    }

    /// The secret itself: for a request header or a signature, nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// How it may be written.
    fn forms(&self) -> &Forms {
        self.forms.get_or_init(|| Forms::of(self.expose()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// At most `max` characters of `text`, for quoting a server's answer: what hides is
/// removed, then secrets are masked, and again once it is cut; `…` marks the cut.
#[must_use]
pub fn excerpt(text: &str, max: usize, known: &[Secret]) -> String {
    // Cleaned first: what hides could split a secret in two that read as one.
    let start: String = text.chars().take(MOST_CLEANED).collect();
    let words = clean(&start);
    // More than is quoted, so that a secret at the cut is whole when it is looked for,
    // in the longest way of writing it.
    let longest = known.iter().map(|secret| secret.expose().len() * 12).max().unwrap_or(0);
    let enough: String = words.chars().take(max + longest.max(MOST_LOOKED_AT)).collect();
    let words = mask(&enough, known);
    if words.chars().count() <= max {
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
