//! GitHub's API: the pull request's comment, and the issue that a failing night raises.

mod client;
mod comment;
mod issue;
mod pull_request;

pub use client::{GitHub, GitHubSettings};
pub use comment::{MOST_BODY, marker, publish_comment};
pub use issue::{IssueOptions, publish_issue};
pub use pull_request::{Event, Subject, subject};
