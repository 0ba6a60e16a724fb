//! What is published on GitHub, and how.

use super::client::Patience;
use crate::report::OLD_BASELINE;
use crate::units::Nanos;

/// The comment that is kept when nobody names another.
pub const DEFAULT_ID: &str = "load-gate";

/// When the pull request gets a comment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CommentMode {
    /// One comment, edited in place by every run: an edit notifies nobody.
    #[default]
    Always,
    /// Edited in place as long as the verdict stays; a changed verdict is a new
    /// comment, which notifies, and the earlier one is folded into a line.
    OnChange,
    /// None.
    Never,
}

impl CommentMode {
    /// The mode of that name; `true` and `false` are `always` and `never`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "always" | "true" => Some(Self::Always),
            "on-change" => Some(Self::OnChange),
            "never" | "false" => Some(Self::Never),
            _ => None,
        }
    }
}

/// What is published, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishOptions {
    /// When to comment on the pull request.
    pub comment: CommentMode,
    /// Names the comment: one is kept for each.
    pub comment_id: String,
    /// The pull request, where the event doesn't tell.
    pub pull_request: Option<u64>,
    /// Whether a failure raises or refreshes an issue.
    pub issue_on_failure: bool,
    /// Whether an inconclusive run counts as a failure for that.
    pub issue_on_inconclusive: bool,
    /// Whether a pass closes the issue.
    pub close_on_recovery: bool,
    /// Who is given an issue that is raised or opened again.
    pub assignees: Vec<String>,
    /// A baseline older than this is said to be old in the comment.
    pub old_baseline: Nanos,
    /// How long GitHub is waited for.
    pub patience: Patience,
}

impl PublishOptions {
    /// The same, with nothing said on GitHub but in the step's own channels.
    #[must_use]
    pub fn silent(self) -> Self {
        Self {
            comment: CommentMode::Never,
            issue_on_failure: false,
            close_on_recovery: false,
            ..self
        }
    }
}

impl Default for PublishOptions {
    fn default() -> Self {
        Self {
            comment: CommentMode::Always,
            comment_id: DEFAULT_ID.to_owned(),
            pull_request: None,
            issue_on_failure: false,
            issue_on_inconclusive: false,
            close_on_recovery: false,
            assignees: Vec::new(),
            old_baseline: OLD_BASELINE,
            patience: Patience::default(),
        }
    }
}
