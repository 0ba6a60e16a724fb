//! Delivers rendered text: files, GitHub. May fail without changing the verdict.

pub mod actions;
pub mod files;
pub mod github;
pub mod inputs;
pub mod metrics;

/// Something that couldn't be published. A warning: it never changes the verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} could not be {}: {reason}; {todo}", if *.fetched { "fetched" } else { "published" })]
pub struct PublishWarning {
    /// What.
    pub what: String,
    /// Why, in words; never a token.
    pub reason: String,
    /// What to do.
    pub todo: String,
    /// Whether it is as expected (a fork's read-only token): a notice is enough.
    pub expected: bool,
    /// Whether it was to be fetched, rather than published.
    pub fetched: bool,
}

impl PublishWarning {
    /// A warning.
    #[must_use]
    pub fn new(
        what: impl Into<String>,
        reason: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            reason: reason.into(),
            todo: todo.into(),
            expected: false,
            fetched: false,
        }
    }

    /// The same of what was to be fetched.
    #[must_use]
    pub fn not_fetched(mut self) -> Self {
        self.fetched = true;
        self
    }
}
