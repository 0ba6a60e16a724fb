//! One comment of ours, found again by its marker and updated in place.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::Api;
use super::pull_request::{number, text};
use super::trouble::Trouble;
use crate::report::escape;

/// The most characters that GitHub takes as a body.
pub(super) const MOST_BODY: usize = 65_536;

/// The hidden first line of our comment: `id` in characters that can't end an
/// HTML comment; of an id that had others, with a part of its hash.
pub(super) fn marker(prefix: &str, id: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let mut name: String = id.chars().take(64).map(|c| if safe(c) { c } else { '-' }).collect();
    if name != id || name.contains("--") {
        while name.contains("--") {
            name = name.replace("--", "-");
        }
        let hash = hex::encode(Sha256::digest(id.as_bytes()));
        name = format!("{}.{}", name.trim_matches('-'), hash.get(..8).unwrap_or_default());
    }
    format!("<!-- {prefix}:{name} -->")
}

/// `marker` and `page`, cut to what GitHub takes.
pub(super) fn body(marker: &str, page: &str) -> String {
    format!("{marker}\n{page}").chars().take(MOST_BODY).collect()
}

/// The newest of `entries` that begins with `marker` and is ours.
pub(super) async fn newest_of_ours<'a>(
    api: &Api,
    entries: &'a [Value],
    marker: &str,
) -> Option<&'a Value> {
    let marked: Vec<&Value> = entries
        .iter()
        .filter(|entry| text(entry, "/body").is_some_and(|body| body.starts_with(marker)))
        .collect();
    let login =
        if marked.iter().all(|entry| is_jobs_own(entry)) { None } else { api.login().await };
    let ours = |entry: &&&Value| {
        is_jobs_own(entry) || (login.is_some() && text(entry, "/user/login") == login.as_deref())
    };
    marked.iter().filter(ours).max_by_key(|entry| number(entry, "/id")).copied()
}

fn is_jobs_own(entry: &Value) -> bool {
    text(entry, "/user/type") == Some("Bot")
        && text(entry, "/user/login") == Some("github-actions[bot]")
}

/// The verdict that a comment of ours tells: the first words in bold.
fn told_verdict(body: &str) -> Option<&str> {
    let (_, page) = body.split_once('\n')?;
    page.lines().next()?.split("**").nth(1)
}

/// Our comment on a pull request.
pub(super) struct Sticky {
    /// The pull request.
    pub(super) pull: u64,
    /// Its first line.
    pub(super) marker: String,
    /// Whether another verdict than the last makes a new comment.
    pub(super) anew: bool,
}

impl Sticky {
    /// Updates the comment, or makes it. After an answer that leaves open whether it
    /// was made, it is looked for before anything is sent again.
    pub(super) async fn upsert(&self, api: &Api, body: &str) -> Result<(), Trouble> {
        let comments = api.repo(&format!("issues/{}/comments", self.pull));
        let mut tried = 0;
        loop {
            let all = api.list(&comments).await?;
            let done = match newest_of_ours(api, &all, &self.marker).await {
                Some(ours) if text(ours, "/body") == Some(body) => return Ok(()),
                Some(ours) if self.is_news(ours, body) => self.renew(api, ours, body).await,
                Some(ours) => match edit(api, ours, body).await {
                    // Somebody deleted it in the meantime.
                    Err(Trouble::Status { status: 404 | 410, .. }) => self.make(api, body).await,
                    done => return done,
                },
                None => self.make(api, body).await,
            };
            match done {
                Err(trouble)
                    if tried < api.retries() && (trouble.passing() || trouble.ambiguous()) =>
                {
                    api.rest(&trouble, tried).await?;
                    tried += 1;
                }
                done => return done,
            }
        }
    }

    fn is_news(&self, ours: &Value, body: &str) -> bool {
        self.anew && text(ours, "/body").and_then(told_verdict) != told_verdict(body)
    }

    async fn make(&self, api: &Api, body: &str) -> Result<(), Trouble> {
        let comments = api.repo(&format!("issues/{}/comments", self.pull));
        api.post(&comments, &json!({ "body": body })).await.map(drop)
    }

    /// A new comment, and the earlier one as a line that isn't found again.
    async fn renew(&self, api: &Api, ours: &Value, body: &str) -> Result<(), Trouble> {
        let comments = api.repo(&format!("issues/{}/comments", self.pull));
        let made = api.post(&comments, &json!({ "body": body })).await?;
        let was = text(ours, "/body").and_then(told_verdict).unwrap_or("another verdict");
        let newer = text(&made, "/html_url").and_then(escape::link);
        let newer = newer.map_or_else(
            || "a newer comment".to_owned(),
            |url| format!("[a newer comment]({url})"),
        );
        let line =
            format!("load-gate · earlier: {} · {newer} has the last run", escape::markdown(was));
        match edit(api, ours, &line).await {
            // The newer one is there, and it is the one that is found.
            Err(Trouble::Status { status: 404 | 410, .. }) => Ok(()),
            done => done,
        }
    }
}

async fn edit(api: &Api, entry: &Value, body: &str) -> Result<(), Trouble> {
    let id = number(entry, "/id").unwrap_or_default();
    api.patch(&api.repo(&format!("issues/comments/{id}")), &json!({ "body": body })).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_cannot_end_the_marker() {
        assert_eq!(marker("load-gate", "nightly"), "<!-- load-gate:nightly -->");
        for id in ["--> @everyone", "a--b", "<!--", "", "-", "é", &"x".repeat(999)] {
            let marker = marker("load-gate", id);
            assert_eq!(marker.matches("--").count(), 2, "{marker}");
            assert_eq!(marker.matches('>').count(), 1, "{marker}");
        }
        assert_ne!(marker("load-gate", "a b"), marker("load-gate", "a-b"));
    }

    #[test]
    fn a_body_is_cut_to_characters() {
        assert_eq!(body("m", &"é".repeat(70_000)).chars().count(), MOST_BODY);
    }
}
