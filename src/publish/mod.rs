//! Delivers rendered text: files, GitHub. May fail without changing the verdict.

pub mod actions;
pub mod files;
pub mod github;
pub mod inputs;
pub mod metrics;

/// Something that couldn't be published. A warning: it never changes the verdict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} could not be {deed}: {reason}; {todo}")]
pub struct PublishWarning {
    /// What.
    pub what: String,
    /// Why, in words; never a token.
    pub reason: String,
    /// What to do.
    pub todo: String,
    /// Whether it is as expected (a fork's read-only token): a notice is enough.
    pub expected: bool,
    /// What was to be done with it: `published`, `fetched`, `set`.
    pub deed: &'static str,
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
            deed: "published",
        }
    }

    /// The same of what was to be `deed` rather than published.
    #[must_use]
    pub const fn not(mut self, deed: &'static str) -> Self {
        self.deed = deed;
        self
    }
}
