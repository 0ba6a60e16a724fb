//! The sticky comment: found by its marker, updated in place, nobody else's touched.

use std::time::Duration;

use serde_json::{Value, json};

use super::GitHub;
use super::client::Refusal;
use crate::publish::PublishWarning;

/// The most characters GitHub takes in a comment.
pub const MOST_BODY: usize = 65_536;
/// Pages of comments looked through at most: ten thousand comments.
const MOST_PAGES: u32 = 100;
/// What a comment needs.
const PERMISSION: &str = "pull-requests: write";

/// The hidden line by which a comment is found again. Characters that could end
/// it are left out of the id.
#[must_use]
pub fn marker(comment_id: &str) -> String {
    let id: String = comment_id
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        .take(100)
        .collect();
    // `--` ends an HTML comment in some readers.
    format!("<!-- load-gate:{} -->", id.replace("--", "-"))
}

/// Puts `body` into our comment on the pull request: the newest that carries the
/// marker of `comment_id` and that this token's user wrote, or a new one.
///
/// # Errors
/// Whatever GitHub has against it, with the permission that may be missing.
pub async fn publish_comment(
    github: &mut GitHub,
    pull_request: u64,
    comment_id: &str,
    body: &str,
) -> Result<(), PublishWarning> {
    let marker = marker(comment_id);
    let mut text = format!("{marker}\n{body}");
    if text.chars().count() > MOST_BODY {
        text = text.chars().take(MOST_BODY).collect();
    }
    write(github, pull_request, &marker, &json!({ "body": text }))
        .await
        .map_err(|refusal| refusal.warning("the pull request's comment", PERMISSION))
}

async fn write(
    github: &mut GitHub,
    pull_request: u64,
    marker: &str,
    body: &Value,
) -> Result<(), Refusal> {
    let me = whoami(github).await;
    let mut tried = false;
    loop {
        if let Some(id) = find(github, pull_request, marker, me.as_deref()).await? {
            let route = github.route(&format!("issues/comments/{id}"));
            return github.patch(&route, body).await.map(drop);
        }
        let route = github.route(&format!("issues/{pull_request}/comments"));
        match github.post(&route, body).await {
            Ok(_) => return Ok(()),
            // The answer may be lost and the comment there: look again before
            // creating a second one.
            Err(refusal) => {
                let wait = refusal.retry.unwrap_or(Duration::ZERO);
                if tried || refusal.retry.is_none() || !github.wait(wait).await {
                    return Err(refusal);
                }
                tried = true;
            }
        }
    }
}

/// The token's own user; `None` for a workflow's token, which may not ask.
async fn whoami(github: &GitHub) -> Option<String> {
    let user = github.get("/user").await.ok()?;
    user["login"].as_str().map(str::to_owned)
}

/// The newest comment that is ours.
async fn find(
    github: &GitHub,
    pull_request: u64,
    marker: &str,
    me: Option<&str>,
) -> Result<Option<u64>, Refusal> {
    let mut newest = None;
    for page in 1..=MOST_PAGES {
        let route =
            github.route(&format!("issues/{pull_request}/comments?per_page=100&page={page}"));
        let comments = github.get(&route).await?;
        let Some(comments) = comments.as_array() else { break };
        let ours = comments.iter().filter(|comment| is_ours(comment, marker, me));
        newest = ours.filter_map(|comment| comment["id"].as_u64()).max().max(newest);
        if comments.len() < 100 {
            break;
        }
    }
    Ok(newest)
}

/// Somebody may quote our marker: only what begins with it and was written by
/// this token's user counts. A workflow's token writes as github-actions[bot].
fn is_ours(comment: &Value, marker: &str, me: Option<&str>) -> bool {
    let author = comment["user"]["login"].as_str().unwrap_or_default();
    let by_us = match me {
        Some(me) => author == me,
        None => author == "github-actions[bot]" || author == "github-actions",
    };
    by_us && comment["body"].as_str().is_some_and(|body| body.starts_with(marker))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_can_not_be_ended_by_its_id() {
        assert_eq!(marker("nightly-eu"), "<!-- load-gate:nightly-eu -->");
        assert_eq!(marker("a --> <b> @x"), "<!-- load-gate:a-bx -->");
    }

    #[test]
    fn only_our_own_comments_are_ours() {
        let comment = |login: &str, body: &str| json!({ "user": { "login": login }, "body": body });
        let mine = marker("x");
        assert!(is_ours(&comment("github-actions[bot]", &format!("{mine}\nhi")), &mine, None));
        assert!(!is_ours(&comment("eve", &format!("{mine}\nhi")), &mine, None));
        assert!(!is_ours(&comment("github-actions[bot]", &format!("> {mine}")), &mine, None));
        assert!(is_ours(&comment("bot-user", &mine), &mine, Some("bot-user")));
        assert!(!is_ours(&comment("github-actions[bot]", &mine), &mine, Some("bot-user")));
    }
}
