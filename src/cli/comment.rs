//! `load-gate comment --from DIR`: publishes a finished run's comment, for forks.
//!
//! The directory may come from a stranger's artifact: its suite.json is read
//! with suspicion, rendered again here, and the pull request is the event's.

use super::args::CommentArgs;
use super::delivery;
use super::interrupts::Interrupts;
use super::world::{INCONCLUSIVE, UsageError, World};
use crate::publish::actions::ActionsEnv;
use crate::publish::github::{self, PublishOptions};
use crate::report::EarlierRuns;
use crate::secret::Secret;

/// Publishes; the exit code is 0 whatever GitHub says: the gate has spoken already. It is 3
/// where an interrupt cut that short.
pub(super) fn comment(args: &CommentArgs, world: &World) -> anyhow::Result<u8> {
    let variable = |name: &str| world.vars.get(name).filter(|value| !value.is_empty());
    let token = variable("GITHUB_TOKEN").or_else(|| variable("INPUT_GITHUB_TOKEN"));
    let Some(token) = token.map(|token| Secret::new(token.as_str())) else {
        let message = "GITHUB_TOKEN is not set: nothing can be published";
        return Err(UsageError::Plain(message.to_owned()).into());
    };
    delivery::mask(std::slice::from_ref(&token), world);
    if variable("GITHUB_REPOSITORY").is_none() {
        let message = "GITHUB_REPOSITORY is not set: run this in a workflow";
        return Err(UsageError::Plain(message.to_owned()).into());
    }
    let interrupts = Interrupts::listen()?;
    let env = ActionsEnv::from_vars(&world.vars);
    let suite = github::read_untrusted(&args.from, &env).map_err(|problem| {
        UsageError::Plain(format!(
            "{}: {problem}; name the results directory of a run",
            args.from.display()
        ))
    })?;
    let options =
        PublishOptions { comment_id: args.comment_id.clone(), ..PublishOptions::default() };
    let (past, stop) = (EarlierRuns::default(), &interrupts.stop);
    let whole = delivery::github(&suite, past, &options, Some(&token), stop, world);
    Ok(if whole { 0 } else { INCONCLUSIVE })
}
