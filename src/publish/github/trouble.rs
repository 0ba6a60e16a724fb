//! What went wrong with GitHub, in words that name the remedy.

use std::time::Duration;

use crate::publish::PublishWarning;

/// Why a request to GitHub came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// GitHub said no. `wait`: it said when to come back; `limited`: a rate limit.
    #[error("GitHub answered {status}: {message}")]
    Status { status: u16, message: String, wait: Option<Duration>, limited: bool },
    /// No answer in time: what was asked may or may not have been done.
    #[error("GitHub didn't answer in time")]
    Timeout,
    /// The connection failed: likewise.
    #[error("GitHub can't be reached: {0}")]
    Transport(String),
    /// The answer isn't what GitHub's API gives.
    #[error("GitHub's answer can't be read: {0}")]
    Malformed(String),
    /// Nothing was sent.
    #[error("{0}")]
    Setup(String),
}

impl Trouble {
    /// Whether what was asked may have been done all the same.
    pub(super) const fn ambiguous(&self) -> bool {
        match self {
            Self::Timeout | Self::Transport(_) | Self::Malformed(_) => true,
            Self::Status { status, .. } => *status >= 500,
            Self::Setup(_) => false,
        }
    }

    /// Whether asking again may help.
    pub(super) const fn passing(&self) -> bool {
        match self {
            Self::Status { limited, .. } => *limited || self.ambiguous(),
            Self::Timeout | Self::Transport(_) => true,
            Self::Malformed(_) | Self::Setup(_) => false,
        }
    }

    /// As a warning: `what` wasn't done, which needs `permission`; `fork`: the
    /// event is of a fork's pull request.
    pub(super) fn warn(&self, what: &str, permission: &str, fork: bool) -> PublishWarning {
        let expected = fork && matches!(self, Self::Status { status: 403, limited: false, .. });
        PublishWarning {
            what: what.to_owned(),
            reason: self.to_string(),
            todo: self.todo(permission, fork),
            expected,
            deed: "published",
        }
    }

    fn todo(&self, permission: &str, fork: bool) -> String {
        if let Self::Status { message, .. } = self
            && let Some(todo) = let_be(message)
        {
            return todo.to_owned();
        }
        match self {
            Self::Status { limited: true, .. } => {
                "GitHub limits the rate of writes: run again later".to_owned()
            }
            Self::Status { status: 401, .. } => {
                "the token is wrong or has expired: pass `github-token: ${{ github.token }}`"
                    .to_owned()
            }
            Self::Status { status: 403, .. } if fork => {
                "the token of a fork's pull request is read-only: see the job summary, or comment \
                 from a `workflow_run` job with `load-gate comment --from DIR`"
                    .to_owned()
            }
            Self::Status { status: 403, .. } => {
                format!("give the job `permissions: {permission}`")
            }
            Self::Status { status: 404 | 410, .. } => format!(
                "it doesn't exist, or the token may not see it: give the job `permissions: {permission}`"
            ),
            Self::Status { status: 422, .. } => {
                "GitHub refused the content: report it as a bug of load-gate".to_owned()
            }
            Self::Status { status: 300..=399, .. } => {
                "the repository has moved, or GITHUB_API_URL is wrong".to_owned()
            }
            Self::Status { .. } => "see https://www.githubstatus.com and run again".to_owned(),
            Self::Timeout | Self::Transport(_) => {
                "look at GITHUB_API_URL, HTTPS_PROXY and the network, and run again".to_owned()
            }
            Self::Malformed(_) => "look at GITHUB_API_URL and at proxies between".to_owned(),
            Self::Setup(_) => "mend the environment of the step".to_owned(),
        }
    }
}

/// What to do about what no permission helps against, by GitHub's own words.
fn let_be(message: &str) -> Option<&'static str> {
    let said = message.to_ascii_lowercase();
    if said.contains("is locked") {
        Some("its conversation is locked: unlock it, or look at the job summary")
    } else if said.contains("issues are disabled") || said.contains("issues has been disabled") {
        Some(
            "this repository has its issues switched off: switch them on under Settings, Features, \
             or leave `issue-on-failure` and `close-on-recovery` out",
        )
    } else if said.contains("archived") {
        Some("this repository is archived, so nothing can be written to it")
    } else {
        None
    }
}
