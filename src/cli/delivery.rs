//! What goes to GitHub after a run: log, outputs, summary, comment, issue.

use std::path::Path;
use std::time::Duration;

use super::World;
use super::action::PublishOptions;
use super::results::Results;
use crate::gate::VerdictKind;
use crate::plan::SuiteReport;
use crate::publish::PublishWarning;
use crate::publish::actions::{self, ActionsEnv};
use crate::publish::github::{self, Event, GitHub, GitHubSettings, IssueOptions, Subject};
use crate::report;
use crate::secret::Secret;

/// For everything that is published on GitHub.
const DEADLINE: Duration = Duration::from_secs(30);

/// Hides every secret in a step's log: before anything else is printed.
pub(super) fn mask(secrets: &[Secret], world: &World) {
    if ActionsEnv::from_vars(&world.vars).active {
        for line in actions::masks(secrets) {
            world.output.result(&line);
        }
    }
}

/// A step's own channels: annotations, outputs, summary. Does nothing elsewhere.
pub(super) fn step(
    suite: &SuiteReport,
    baseline: Option<&SuiteReport>,
    exit_code: u8,
    results: &Results,
    world: &World,
) {
    let env = ActionsEnv::from_vars(&world.vars);
    if !env.active {
        return;
    }
    for line in actions::annotations(suite) {
        world.output.result(&line);
    }
    if let Some(path) = &env.output {
        let outputs = actions::outputs(suite, exit_code, results.dir(), &results.junit());
        told(actions::write_outputs(path, &outputs, rand::random()), world);
    }
    if let Some(path) = &env.summary {
        let markdown = report::markdown(suite, baseline, report::SUMMARY_BUDGET);
        told(actions::write_summary(path, &markdown), world);
    }
}

/// The exit code of a step that has no report.
pub(super) fn exit_code_only(code: u8, world: &World) {
    let env = ActionsEnv::from_vars(&world.vars);
    if let (true, Some(path)) = (env.active, &env.output) {
        let outputs = [("exit-code".to_owned(), code.to_string())];
        told(actions::write_outputs(path, &outputs, rand::random()), world);
    }
}

/// The comment and the issue, as far as they are wanted and the token allows.
/// Whatever goes wrong is a warning.
pub(super) fn github(
    suite: &SuiteReport,
    baseline: Option<&SuiteReport>,
    options: &PublishOptions,
    world: &World,
) -> anyhow::Result<()> {
    let env = ActionsEnv::from_vars(&world.vars);
    let (Some(repository), Some(token)) = (env.repository.clone(), options.token.clone()) else {
        return Ok(());
    };
    if !options.comment && !options.issue_on_failure {
        return Ok(());
    }
    let settings =
        GitHubSettings { api_url: env.api_url.clone(), repository, token, deadline: DEADLINE };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match GitHub::connect(&settings) {
            Ok(mut github) => {
                if options.comment {
                    let body = report::markdown(suite, baseline, report::COMMENT_BUDGET);
                    told(comment(&mut github, &env, &options.comment_id, &body).await, world);
                }
                if options.issue_on_failure {
                    let issue = issue(suite, baseline, options.close_on_recovery);
                    told(github::publish_issue(&mut github, &issue).await, world);
                }
            }
            Err(warning) => told(Err(warning), world),
        }
    });
    Ok(())
}

async fn comment(
    github: &mut GitHub,
    env: &ActionsEnv,
    comment_id: &str,
    body: &str,
) -> Result<(), PublishWarning> {
    let event = Event {
        name: env.event_name.clone(),
        payload: env.event_path.as_deref().map(read_event).transpose()?.unwrap_or_default(),
        commit: env.commit.clone(),
    };
    match github::subject(github, &event).await? {
        Subject::PullRequest(number) => {
            github::publish_comment(github, number, comment_id, body).await
        }
        Subject::None => Ok(()),
    }
}

fn read_event(path: &Path) -> Result<serde_json::Value, PublishWarning> {
    let failed = |reason: String| {
        PublishWarning::new("the comment", reason, "look at the file at GITHUB_EVENT_PATH")
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| failed(error.to_string()))
}

fn issue(suite: &SuiteReport, baseline: Option<&SuiteReport>, close: bool) -> IssueOptions {
    let run = suite.context.run_url.as_deref().filter(|url| url.starts_with("https://"));
    let link = run.map_or_else(String::new, |url| format!(" ([run]({url}))"));
    let headline = report::escape::markdown(&suite.headline);
    IssueOptions {
        environment: suite.environment.name.clone(),
        profile: suite.profile.clone(),
        passed: suite.verdict == VerdictKind::Pass,
        close_on_recovery: close,
        history_line: format!("{}: {headline}{link}", suite.started_at.human()),
        body: report::markdown(suite, baseline, report::COMMENT_BUDGET),
    }
}

fn told(done: Result<(), PublishWarning>, world: &World) {
    if let Err(warning) = done {
        let text = warning.to_string();
        if ActionsEnv::from_vars(&world.vars).active {
            world.output.result(&actions::command("warning", "load-gate", &text));
        } else {
            world.output.note(&format!("warning: {text}"));
        }
    }
}
