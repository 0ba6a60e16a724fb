//! What goes to GitHub after a run: log, outputs, summary, comment, issue.

use std::time::Duration;

use super::results::Results;
use super::signals;
use super::waiting::wait_for;
use super::world::{USAGE, World};
use crate::engine::{Ending, Stop};
use crate::publish::PublishWarning;
use crate::publish::actions::{self, ActionsEnv};
use crate::publish::github::{self, PublishOptions};
use crate::publish::inputs::name_inputs;
use crate::report::{self, EarlierRuns};
use crate::secret::Secret;
use crate::suite::SuiteReport;

/// How long an interrupted run takes for its comment and its issue: GitHub kills a
/// cancelled step after ten seconds.
const HURRIED: Duration = Duration::from_secs(2);

/// What becomes of a result on GitHub, beside the step's own summary and outputs.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The comment and the issue.
    pub(super) publish: PublishOptions,
    /// The token for GitHub; never sent to the load target.
    pub(super) token: Option<Secret>,
}

/// Hides every secret in a step's log: before anything else is printed.
pub(super) fn mask(secrets: &[Secret], world: &World) {
    if ActionsEnv::from_vars(&world.vars).active {
        // Of a key `name:secret` the secret may be shown alone.
        let halves = secrets.iter().filter_map(Secret::after_colon);
        let all: Vec<Secret> = secrets.iter().cloned().chain(halves).collect();
        for line in actions::masks(&all) {
            world.output.command(&line);
        }
    }
}

/// What to know, as notices of a step.
pub(super) fn notices(notices: &[String], world: &World) {
    if ActionsEnv::from_vars(&world.vars).active {
        for notice in notices {
            let notice = name_inputs(notice);
            world.output.command(&actions::command("notice", "load-gate", &notice));
        }
    }
}

/// What `work` prints, folded under a title in a step's log.
pub(super) fn grouped<T>(title: &str, world: &World, work: impl FnOnce() -> T) -> T {
    let active = ActionsEnv::from_vars(&world.vars).active;
    let say = |line: &str| {
        if active {
            world.output.note_command(line);
        }
    };
    // On the stream that the folded lines go to, or their order could be lost.
    say(&format!("::group::{title}"));
    let done = work();
    say("::endgroup::");
    done
}

/// A step's own channels: annotations, outputs, summary. Does nothing elsewhere.
pub(super) fn step(
    suite: &SuiteReport,
    past: EarlierRuns<'_>,
    exit_code: u8,
    results: &Results,
    world: &World,
) {
    let env = ActionsEnv::from_vars(&world.vars);
    if !env.active {
        return;
    }
    for line in actions::annotations(suite) {
        world.output.command(&name_inputs(&line));
    }
    if let Some(path) = &env.output {
        let outputs = actions::outputs(suite, exit_code, results.dir(), &results.junit());
        told(actions::write_outputs(path, &outputs, rand::random()), world);
    }
    if let Some(path) = &env.summary {
        let markdown = report::markdown(suite, past, report::SUMMARY_BUDGET);
        told(actions::write_summary(path, &name_inputs(&markdown)), world);
    }
}

/// The same of one of several machines' parts: its figures belong to nobody's verdict, so
/// there is a line instead of annotations and a page.
pub(super) fn part(suite: &SuiteReport, exit_code: u8, results: &Results, world: &World) {
    let env = ActionsEnv::from_vars(&world.vars);
    if !env.active {
        return;
    }
    if let Some(path) = &env.output {
        let outputs = actions::outputs(suite, exit_code, results.dir(), &results.junit());
        told(actions::write_outputs(path, &outputs, rand::random()), world);
    }
    if let Some((path, page)) = env.summary.as_ref().zip(report::shard_markdown(suite)) {
        told(actions::write_summary(path, &page), world);
    }
}

/// What there is to say of a step that has no report: why, its exit code, and that
/// what an earlier run said on the pull request isn't so any more.
pub(super) fn failed(error: &anyhow::Error, code: u8, delivery: &Delivery, world: &World) {
    let env = ActionsEnv::from_vars(&world.vars);
    if !env.active {
        return;
    }
    let problem = format!("{error:#}");
    let problem = name_inputs(&problem);
    world.output.command(&actions::command("error", "load-gate", &problem));
    if let Some(path) = &env.output {
        let verdict = if code == USAGE { "usage" } else { "inconclusive" };
        let outputs = [("verdict", verdict.to_owned()), ("exit-code", code.to_string())];
        let outputs = outputs.map(|(name, value)| (name.to_owned(), value));
        told(actions::write_outputs(path, &outputs, rand::random()), world);
    }
    if let Some(path) = &env.summary {
        let page = github::failure_page(&problem, &delivery.publish.comment_id);
        told(actions::write_summary(path, &page), world);
    }
    if env.repository.is_none() {
        return;
    }
    let token = delivery.token.as_ref();
    let warning = wait_for(async {
        let publishing = github::publish_failure(&problem, &delivery.publish, &env, token);
        let Some(stop) = signals::heard_by() else { return publishing.await };
        tokio::select! {
            biased;
            warning = publishing => warning,
            () = stop.over(Ending::Publishing) => Some(cut_short("the comments on GitHub")),
        }
    });
    if let Ok(Some(warning)) = warning {
        told(Err(warning), world);
    }
}

/// The comment and the issue, as far as they are wanted and the token allows.
/// Whatever goes wrong is a warning; `false` where an interrupt cut it short. What was
/// interrupted before has [`HURRIED`] for it, if there is as much left.
pub(super) fn github(
    suite: &SuiteReport,
    past: EarlierRuns<'_>,
    options: &PublishOptions,
    token: Option<&Secret>,
    stop: &Stop,
    world: &World,
) -> bool {
    let env = ActionsEnv::from_vars(&world.vars);
    if env.repository.is_none() {
        return true;
    }
    let what = "the comment and the issue on GitHub";
    let hurried = stop.left(Ending::Publishing).map(|left| left.min(HURRIED));
    let warnings = wait_for(async {
        tokio::select! {
            biased;
            warnings = github::publish(suite, past, options, &env, token) => Some(warnings),
            () = stop.interrupted(), if hurried.is_none() => None,
            () = tokio::time::sleep(hurried.unwrap_or_default()), if hurried.is_some() => None,
        }
    });
    let whole = !matches!(warnings, Ok(None));
    let warnings = match warnings {
        Ok(warnings) => warnings.unwrap_or_else(|| vec![cut_short(what)]),
        Err(wrong) => vec![PublishWarning::new(what, wrong.to_string(), MAY_BE_OLD)],
    };
    for warning in warnings {
        told(Err(warning), world);
    }
    whole
}

/// What to know of what wasn't said.
const MAY_BE_OLD: &str =
    "they may be those of an earlier run, or of this one before it was interrupted";

fn cut_short(what: &str) -> PublishWarning {
    PublishWarning::new(what, "the run was interrupted", MAY_BE_OLD)
}

fn told(done: Result<(), PublishWarning>, world: &World) {
    if let Err(warning) = done {
        let text = warning.to_string();
        let level = if warning.expected { "notice" } else { "warning" };
        if ActionsEnv::from_vars(&world.vars).active {
            world.output.command(&actions::command(level, "load-gate", &text));
        } else {
            world.output.note(&format!("{level}: {text}"));
        }
    }
}
