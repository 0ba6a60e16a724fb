//! `load-gate comment --from DIR`: publishes a finished run's comment, for forks.
//!
//! The directory may come from a stranger's artifact: its suite.json is read
//! with suspicion, rendered again here, and the pull request is the event's.

use super::action::PublishOptions;
use super::args::CommentArgs;
use super::{UsageError, World, delivery, inputs};
use crate::secret::Secret;

/// Publishes; the exit code is 0 whatever GitHub says: the gate has spoken already.
pub(super) fn comment(args: &CommentArgs, world: &World) -> anyhow::Result<u8> {
    let suite = inputs::read_suite(&args.from)?;
    let variable = |name: &str| world.vars.get(name).filter(|value| !value.is_empty());
    let token = variable("GITHUB_TOKEN").or_else(|| variable("INPUT_GITHUB_TOKEN"));
    let Some(token) = token else {
        return Err(UsageError::Plain(
            "GITHUB_TOKEN is not set: nothing can be published".to_owned(),
        )
        .into());
    };
    if variable("GITHUB_REPOSITORY").is_none() {
        let message = "GITHUB_REPOSITORY is not set: run this in a workflow";
        return Err(UsageError::Plain(message.to_owned()).into());
    }
    let token = Secret::new(token.as_str());
    delivery::mask(std::slice::from_ref(&token), world);
    let options = PublishOptions {
        comment: true,
        comment_id: args.comment_id.clone(),
        issue_on_failure: false,
        close_on_recovery: false,
        token: Some(token),
    };
    delivery::github(&suite, None, &options, world)?;
    Ok(0)
}
