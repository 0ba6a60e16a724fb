//! Which pull request an event is about.

use serde_json::Value;

use super::client::Api;
use super::trouble::Trouble;

/// The pull request of the event, `None` where it has none (a schedule, a
/// dispatch, a push without an open one). `sha`: the commit of the job.
pub(super) async fn which(
    api: &Api,
    event: &str,
    payload: &Value,
    sha: Option<&str>,
) -> Result<Option<u64>, Trouble> {
    match event {
        "pull_request" | "pull_request_target" => {
            Ok(number(payload, "/pull_request/number").or_else(|| number(payload, "/number")))
        }
        "issue_comment" => {
            let about_pull = payload.pointer("/issue/pull_request").is_some();
            Ok(number(payload, "/issue/number").filter(|_| about_pull))
        }
        "merge_group" => Ok(text(payload, "/merge_group/head_ref").and_then(of_queue)),
        "deployment_status" | "deployment" => match text(payload, "/deployment/sha").or(sha) {
            Some(sha) => of_commit(api, sha).await,
            None => Ok(None),
        },
        "workflow_dispatch" => match sha {
            Some(sha) => of_commit(api, sha).await,
            None => Ok(None),
        },
        "workflow_run" => of_workflow_run(api, payload).await,
        "push" => {
            let after = text(payload, "/after").or(sha);
            match after {
                Some(sha) => of_commit(api, sha).await,
                None => Ok(None),
            }
        }
        _ => Ok(None),
    }
}

/// Whether such an event can be about a pull request.
pub(super) fn may_have_one(event: &str) -> bool {
    let known = [
        "pull_request",
        "pull_request_target",
        "push",
        "workflow_run",
        "workflow_dispatch",
        "issue_comment",
        "merge_group",
        "deployment",
        "deployment_status",
    ];
    known.contains(&event)
}

/// The pull request of a merge queue's branch: `…/pr-123-0123abcd…`.
fn of_queue(head_ref: &str) -> Option<u64> {
    let (_, rest) = head_ref.rsplit_once("/pr-")?;
    rest.split('-').next()?.parse().ok()
}

/// Whether the event is known to be about a run of this repository's own branches.
pub(super) fn ran_here(payload: &Value, repository: Option<&str>) -> bool {
    let head = text(payload, "/workflow_run/head_repository/full_name")
        .or_else(|| text(payload, "/pull_request/head/repo/full_name"));
    head.is_some() && head == repository
}

/// Whether the event is of a fork's pull request, whose token is read-only.
pub(super) fn is_fork(payload: &Value) -> bool {
    let head = text(payload, "/pull_request/head/repo/full_name");
    let base = text(payload, "/pull_request/base/repo/full_name");
    payload.pointer("/pull_request").is_some() && head != base
}

async fn of_workflow_run(api: &Api, payload: &Value) -> Result<Option<u64>, Trouble> {
    let about_one = ["pull_request", "pull_request_target", "push"];
    if text(payload, "/workflow_run/event").is_some_and(|event| !about_one.contains(&event)) {
        return Ok(None);
    }
    // Those that a fork's commit has in other repositories aren't ours to comment on.
    let here = payload.pointer("/repository/id");
    let listed = payload.pointer("/workflow_run/pull_requests").and_then(Value::as_array);
    let ours = listed.into_iter().flatten().find(|pull| {
        let base = pull.pointer("/base/repo/id");
        base.is_none() || here.is_none() || base == here
    });
    if let Some(found) = ours.and_then(|pull| number(pull, "/number")) {
        return Ok(Some(found));
    }
    let Some(sha) = text(payload, "/workflow_run/head_sha") else { return Ok(None) };
    if let Some(found) = of_commit(api, sha).await? {
        return Ok(Some(found));
    }
    // A fork's commit isn't one of this repository: by its branch.
    let owner = text(payload, "/workflow_run/head_repository/owner/login");
    let branch = text(payload, "/workflow_run/head_branch");
    let (Some(owner), Some(branch)) = (owner, branch) else { return Ok(None) };
    let head: String =
        url::form_urlencoded::byte_serialize(format!("{owner}:{branch}").as_bytes()).collect();
    let pulls = api.list(&api.repo(&format!("pulls?state=open&head={head}"))).await?;
    let same = pulls.iter().find(|pull| text(pull, "/head/sha") == Some(sha));
    Ok(same.and_then(|pull| number(pull, "/number")))
}

/// The open pull request of a commit: the one whose head it is, else the first.
async fn of_commit(api: &Api, sha: &str) -> Result<Option<u64>, Trouble> {
    let hash = !sha.is_empty() && sha.chars().all(|c| c.is_ascii_hexdigit());
    // A deleted branch is pushed as zeros.
    if !hash || sha.chars().all(|c| c == '0') {
        return Ok(None);
    }
    let pulls = match api.list(&api.repo(&format!("commits/{sha}/pulls"))).await {
        Err(Trouble::Status { status: 404 | 422, .. }) => return Ok(None),
        pulls => pulls?,
    };
    let open = || pulls.iter().filter(|pull| text(pull, "/state").is_none_or(|s| s == "open"));
    let head = open().find(|pull| text(pull, "/head/sha") == Some(sha)).or_else(|| open().next());
    Ok(head.and_then(|pull| number(pull, "/number")))
}

pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

pub(super) fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}
