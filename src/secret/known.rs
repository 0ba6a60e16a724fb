//! A secret that can't be printed or serialised, wiped when dropped.

use std::sync::{Arc, OnceLock};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroize as _;

use super::forms::Forms;

/// An API key, a webhook secret or a token. Has no `Display` and no
/// `Serialize`; `Debug` prints a placeholder; wiped from memory when dropped.
#[derive(Clone)]
pub struct Secret {
    text: SecretString,
    /// Of all its copies: each answer that is quoted has its own.
    forms: Arc<OnceLock<Forms>>,
}

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        let secret = SecretString::from(text.as_str());
        text.zeroize();
        Self { text: secret, forms: Arc::default() }
    }

    /// The secret itself: for a request header or a signature, nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// What stands after the first colon, of one like `name:secret`.
    #[must_use]
    pub fn after_colon(&self) -> Option<Self> {
        let (_, after) = self.expose().split_once(':')?;
        Some(Self::new(after))
    }

    /// How it may be written.
    pub(super) fn forms(&self) -> &Forms {
        self.forms.get_or_init(|| Forms::of(self.expose()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}
