//! What a run says on GitHub: one comment, one issue. Failing changes no verdict.

mod client;
mod issue;
mod nights;
mod options;
mod pull_request;
mod sticky;
mod trouble;

use std::path::Path;

use serde_json::Value;

use super::PublishWarning;
use super::actions::ActionsEnv;
use super::inputs::name_inputs;
use crate::input;
use crate::report::{EarlierRuns, Masthead, comment, escape};
use crate::secret::Secret;
use crate::suite::{MOST_SUITE, SuiteReport, read_suite};
use client::Api;
pub use client::Patience;
pub use nights::{Found, Search, Which};
pub use options::{CommentMode, DEFAULT_ID, PublishOptions};
use sticky::Sticky;
use trouble::Trouble;

/// What is said of figures that another repository's run brought along.
const FORKS_CLAIM: &str = "these figures are the fork's own claim: its run made them, with its \
                           code; what they come to was judged here";
/// The largest event payload that is read, in bytes.
pub const MOST_EVENT: u64 = 32 << 20;
const COMMENT: &str = "the pull request's comment";
const BASELINE: &str = "the baseline";

/// Publishes `report` as `options` say; what couldn't be done comes back in words.
pub async fn publish(
    report: &SuiteReport,
    past: EarlierRuns<'_>,
    options: &PublishOptions,
    env: &ActionsEnv,
    token: Option<&Secret>,
) -> Vec<PublishWarning> {
    let comment = wants_comment(options, env);
    let issue = options.issue_on_failure || options.close_on_recovery;
    if !comment && !issue {
        return Vec::new();
    }
    let what = if comment { COMMENT } else { issue::ISSUE };
    let api = match open(env, options, token, what) {
        Ok(api) => api,
        Err(warning) => return vec![warning],
    };
    let mut warnings = Vec::new();
    if comment {
        warnings.extend(comment_on(&api, report, past, options, env).await.err());
    }
    if issue {
        // With a time of its own, whatever the comment took.
        let api = match open(env, options, token, issue::ISSUE) {
            Ok(api) => api,
            Err(warning) => return vec![warning],
        };
        let when = issue::When {
            raise: options.issue_on_failure,
            inconclusive_too: options.issue_on_inconclusive,
            close: options.close_on_recovery,
            assignees: &options.assignees,
        };
        let kept = issue::keep(&api, report, when).await;
        warnings.extend(kept.err().map(|undone| undone.warn()));
    }
    warnings
}

/// The repository's default branch, as the event tells it.
#[must_use]
pub fn default_branch(env: &ActionsEnv) -> Option<String> {
    let payload = payload(env).ok()?;
    pull_request::text(&payload, "/repository/default_branch").map(str::to_owned)
}

/// Fetches results of earlier runs from their artifacts.
///
/// # Errors
/// Where GitHub can't be asked or refuses; that nothing is found is no error.
pub async fn fetch_nights(
    search: &Search,
    patience: Patience,
    env: &ActionsEnv,
    token: Option<&Secret>,
) -> Result<Found, PublishWarning> {
    let options = PublishOptions { patience, ..PublishOptions::default() };
    let api = open(env, &options, token, BASELINE)?;
    let found = nights::fetch(&api, search).await;
    found.map_err(|trouble| trouble.warn(BASELINE, "actions: read", false).not("fetched"))
}

/// Says on the pull request that there is no result, and why: an earlier comment's
/// verdict must not stand there as this commit's.
pub async fn publish_failure(
    problem: &str,
    options: &PublishOptions,
    env: &ActionsEnv,
    token: Option<&Secret>,
) -> Option<PublishWarning> {
    if !wants_comment(options, env) {
        return None;
    }
    let api = match open(env, options, token, COMMENT) {
        Ok(api) => api,
        Err(warning) => return Some(warning),
    };
    keep_comment(&api, &failure_page(problem, &options.comment_id), options, env).await.err()
}

/// What is said where load-gate couldn't run.
#[must_use]
pub fn failure_page(problem: &str, comment_id: &str) -> String {
    let name = if comment_id == DEFAULT_ID {
        String::new()
    } else {
        format!(" · {}", escape::code(comment_id))
    };
    let lines: Vec<String> = problem
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(40)
        .map(|line| {
            let plain = line.chars().filter(|c| !c.is_control() && *c != '`');
            plain.take(300).collect()
        })
        .collect();
    format!(
        "⛔ **not run** · load-gate{name} · there is no verdict\n\n```text\n{}\n```\n",
        lines.join("\n")
    )
}

/// Reads the suite.json of `dir`, an artifact of a run that may be a fork's: it is
/// validated, and the commit and the links come from the event alone.
///
/// # Errors
/// In words, when there is no such file or it isn't what load-gate writes.
pub fn read_untrusted(dir: &Path, env: &ActionsEnv) -> Result<SuiteReport, String> {
    let text = input::read_text_unlinked(&dir.join("suite.json"), MOST_SUITE)
        .map_err(|reason| format!("suite.json can't be read: {reason}"))?;
    let mut report = read_suite(&text)
        .map_err(|error| format!("suite.json: {}", escape::one_line(&error.to_string())))?;
    report = report.judged_anew(None);
    let payload = payload(env).unwrap_or_default();
    if !pull_request::ran_here(&payload, env.repository.as_deref()) {
        report.caveats.insert(0, FORKS_CLAIM.to_owned());
    }
    let told = |pointer| pull_request::text(&payload, pointer).map(str::to_owned);
    report.context.run_url = told("/workflow_run/html_url");
    report.context.commit = told("/workflow_run/head_sha").or_else(|| env.commit.clone());
    // No link of theirs stands in a comment of ours.
    report.context.dashboard = None;
    report.context.repository.clone_from(&env.repository);
    Ok(report)
}

fn wants_comment(options: &PublishOptions, env: &ActionsEnv) -> bool {
    let there_may_be_one =
        options.pull_request.is_some() || pull_request::may_have_one(&env.event_name);
    options.comment != CommentMode::Never && there_may_be_one
}

fn open(
    env: &ActionsEnv,
    options: &PublishOptions,
    token: Option<&Secret>,
    what: &str,
) -> Result<Api, PublishWarning> {
    let Some(token) = token else {
        let todo = "pass `github-token: ${{ github.token }}`";
        return Err(PublishWarning::new(what, "there is no GitHub token", todo));
    };
    let repository = env.repository.as_deref().unwrap_or_default();
    Api::new(&env.api_url, repository, token, options.patience)
        .map_err(|trouble| trouble.warn(what, "", false))
}

async fn comment_on(
    api: &Api,
    report: &SuiteReport,
    past: EarlierRuns<'_>,
    options: &PublishOptions,
    env: &ActionsEnv,
) -> Result<(), PublishWarning> {
    // The comment's own id is said where there are several of them.
    let name = Some(options.comment_id.as_str()).filter(|id| *id != DEFAULT_ID);
    let page = comment(report, past, Masthead { name, old_baseline: options.old_baseline });
    keep_comment(api, &name_inputs(&page), options, env).await
}

/// Puts `page` on the event's pull request, if it has one.
async fn keep_comment(
    api: &Api,
    page: &str,
    options: &PublishOptions,
    env: &ActionsEnv,
) -> Result<(), PublishWarning> {
    let payload = match (payload(env), options.pull_request) {
        (Ok(payload), _) => payload,
        // Whose number is given needs no event.
        (Err(_), Some(_)) => Value::Null,
        (Err(reason), None) => {
            let trouble = Trouble::Setup(format!("the event can't be read: {reason}"));
            return Err(trouble.warn(COMMENT, "", false));
        }
    };
    let fork = pull_request::is_fork(&payload);
    let event = env.event_name.as_str();
    let warn = |trouble: Trouble| trouble.warn(COMMENT, "pull-requests: write", fork);
    let pull = match options.pull_request {
        Some(number) => Some(number),
        None => {
            pull_request::which(api, event, &payload, env.commit.as_deref()).await.map_err(warn)?
        }
    };
    let Some(pull) = pull else { return Ok(()) };
    let sticky = Sticky {
        pull,
        marker: sticky::marker("load-gate", &options.comment_id),
        anew: options.comment == CommentMode::OnChange,
    };
    sticky.upsert(api, &sticky::body(&sticky.marker, page)).await.map_err(warn)
}

fn payload(env: &ActionsEnv) -> Result<Value, String> {
    let path = env.event_path.as_deref().ok_or("GITHUB_EVENT_PATH is not set")?;
    let text = input::read_text(path, MOST_EVENT).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}
