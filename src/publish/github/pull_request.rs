//! Which pull request a run belongs to, from the event that started it.

use serde_json::Value;

use super::GitHub;
use crate::publish::PublishWarning;

/// The event that started the workflow.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// `GITHUB_EVENT_NAME`.
    pub name: String,
    /// What stands in the file at `GITHUB_EVENT_PATH`.
    pub payload: Value,
    /// `GITHUB_SHA`.
    pub commit: Option<String>,
}

/// What a comment would be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// That pull request.
    PullRequest(u64),
    /// None: the event has no pull request, which is no error.
    None,
}

/// The pull request of `event`: named by the payload of `pull_request`,
/// `pull_request_target` and `workflow_run`, looked up by commit for push and for
/// `workflow_run` of a fork; none for schedule, `workflow_dispatch` and the rest.
///
/// # Errors
/// When GitHub can't be asked.
pub async fn subject(github: &GitHub, event: &Event) -> Result<Subject, PublishWarning> {
    let payload = &event.payload;
    match event.name.as_str() {
        "pull_request" | "pull_request_target" => {
            Ok(number(&payload["pull_request"]).map_or(Subject::None, Subject::PullRequest))
        }
        "workflow_run" => {
            let run = &payload["workflow_run"];
            if let Some(number) = run["pull_requests"].get(0).and_then(number) {
                return Ok(Subject::PullRequest(number));
            }
            // Of a fork's run the payload names no pull request.
            match run["head_sha"].as_str() {
                Some(commit) if run["event"] == "pull_request" => by_commit(github, commit).await,
                _ => Ok(Subject::None),
            }
        }
        "push" => match payload["after"].as_str().or(event.commit.as_deref()) {
            Some(commit) => by_commit(github, commit).await,
            None => Ok(Subject::None),
        },
        _ => Ok(Subject::None),
    }
}

fn number(pull_request: &Value) -> Option<u64> {
    pull_request["number"].as_u64()
}

async fn by_commit(github: &GitHub, commit: &str) -> Result<Subject, PublishWarning> {
    // From an event, but it becomes part of a path all the same.
    if commit.is_empty() || !commit.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(Subject::None);
    }
    let route = github.route(&format!("commits/{commit}/pulls?per_page=100"));
    let found = github.get(&route).await.map_err(|refusal| {
        refusal.warning("the comment (its pull request was looked for)", "pull-requests: write")
    })?;
    let open = found.as_array().into_iter().flatten().filter(|pull| pull["state"] == "open");
    // Several may contain the commit: the one whose head it is comes first.
    let best = open.max_by_key(|pull| pull["head"]["sha"] == commit);
    Ok(best.and_then(number).map_or(Subject::None, Subject::PullRequest))
}
