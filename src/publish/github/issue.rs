//! A failing night reaches someone: one labelled issue per environment and profile.

use serde_json::{Value, json};

use super::GitHub;
use super::client::Refusal;
use crate::publish::PublishWarning;

/// The label by which the issues are found.
const LABEL: &str = "load-gate";
/// Runs kept in the issue's history.
const MOST_HISTORY: usize = 20;
/// Begins the history within an issue's body.
const HISTORY: &str = "<!-- load-gate:history -->";

/// What the issue is about.
#[derive(Clone, Debug)]
pub struct IssueOptions {
    /// The environment's name.
    pub environment: String,
    /// The profile.
    pub profile: String,
    /// Whether the run was green.
    pub passed: bool,
    /// Whether a green run closes the issue.
    pub close_on_recovery: bool,
    /// One line on this run for the history: moment, verdict, link.
    pub history_line: String,
    /// The verdict in full, Markdown, already inert.
    pub body: String,
}

/// Raises the issue, or refreshes it; a green run comments and closes it where
/// that is wanted.
///
/// # Errors
/// Whatever GitHub has against it, with the permission that may be missing.
pub async fn publish_issue(
    github: &mut GitHub,
    options: &IssueOptions,
) -> Result<(), PublishWarning> {
    let done = write(github, options).await;
    done.map_err(|refusal| refusal.warning("the issue on failing runs", "issues: write"))
}

async fn write(github: &mut GitHub, options: &IssueOptions) -> Result<(), Refusal> {
    let open = find(github, &marker(options)).await?;
    match (open, options.passed) {
        (None, true) => Ok(()),
        (None, false) => {
            let route = github.route("issues");
            let body = json!({
                "title": format!("load-gate: {} on {} does not pass", options.profile, options.environment),
                "labels": [LABEL],
                "body": text(options, ""),
            });
            github.post(&route, &body).await.map(drop)
        }
        (Some((number, body)), false) => {
            let route = github.route(&format!("issues/{number}"));
            github.patch(&route, &json!({ "body": text(options, &body) })).await.map(drop)
        }
        (Some((number, body)), true) => recover(github, options, number, &body).await,
    }
}

async fn recover(
    github: &mut GitHub,
    options: &IssueOptions,
    number: u64,
    body: &str,
) -> Result<(), Refusal> {
    let route = github.route(&format!("issues/{number}"));
    if !options.close_on_recovery {
        let body = json!({ "body": text(options, body) });
        return github.patch(&route, &body).await.map(drop);
    }
    let comments = github.route(&format!("issues/{number}/comments"));
    let comment = json!({ "body": format!("Recovered: {}", options.history_line) });
    github.post(&comments, &comment).await?;
    let body =
        json!({ "body": text(options, body), "state": "closed", "state_reason": "completed" });
    github.patch(&route, &body).await.map(drop)
}

fn marker(options: &IssueOptions) -> String {
    super::marker(&format!("issue/{}/{}", options.environment, options.profile))
}

/// The open issue with our marker: its number and body.
async fn find(github: &GitHub, marker: &str) -> Result<Option<(u64, String)>, Refusal> {
    for page in 1..=10 {
        let query = format!("issues?state=open&labels={LABEL}&per_page=100&page={page}");
        let issues = github.get(&github.route(&query)).await?;
        let Some(issues) = issues.as_array() else { break };
        let found = issues.iter().find_map(|issue| ours(issue, marker));
        if found.is_some() || issues.len() < 100 {
            return Ok(found);
        }
    }
    Ok(None)
}

fn ours(issue: &Value, marker: &str) -> Option<(u64, String)> {
    let body = issue["body"].as_str().filter(|body| body.starts_with(marker))?;
    Some((issue["number"].as_u64()?, body.to_owned()))
}

/// The issue's text: this run's verdict, and the runs before it.
fn text(options: &IssueOptions, before: &str) -> String {
    let old = before.split_once(HISTORY).map_or("", |(_, history)| history);
    let old = old.lines().filter(|line| line.starts_with("- "));
    let lines: Vec<String> = std::iter::once(format!("- {}", options.history_line))
        .chain(old.map(str::to_owned))
        .take(MOST_HISTORY)
        .collect();
    let marker = marker(options);
    let mut body: String = options.body.chars().take(50_000).collect();
    if body.len() < options.body.len() {
        body.push('…');
    }
    format!("{marker}\n{body}\n\n### The last runs\n\n{HISTORY}\n{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_history_grows_at_its_head_and_stays_bounded() {
        let mut options = IssueOptions {
            environment: "staging".to_owned(),
            profile: "full".to_owned(),
            passed: false,
            close_on_recovery: true,
            history_line: String::new(),
            body: "fail".to_owned(),
        };
        let mut body = String::new();
        for run in 0..30 {
            options.history_line = format!("run {run}");
            body = text(&options, &body);
        }
        let lines: Vec<&str> = body.lines().filter(|line| line.starts_with("- ")).collect();
        assert_eq!(lines.len(), MOST_HISTORY);
        assert_eq!(lines[0], "- run 29");
        assert!(body.starts_with("<!-- load-gate:issue/staging/full -->"));
    }
}
