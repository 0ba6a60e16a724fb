//! One issue per environment and profile that says how the last runs went.

use serde_json::json;

use super::client::Api;
use super::pull_request::{number, text};
use super::sticky;
use super::trouble::Trouble;
use crate::gate::VerdictKind;
use crate::report::{escape, markdown};
use crate::suite::SuiteReport;

/// The label of our issues.
const LABEL: &str = "load-gate";
/// Runs that the history keeps.
const MOST_HISTORY: usize = 20;
/// Characters of one line of the history.
const MOST_LINE: usize = 600;
/// Bytes of the run's own page in the body, so that the history always fits.
const PAGE_BUDGET: usize = 50_000;
const HISTORY: &str = "<!-- load-gate-history -->";

/// When the issue is raised and closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When {
    /// Whether a failing run raises it at all.
    pub(super) raise: bool,
    /// Whether an inconclusive run raises it, as a failed one does.
    pub(super) inconclusive_too: bool,
    /// Whether a pass closes it.
    pub(super) close: bool,
}

/// Raises, refreshes or closes the issue, as the verdict wants.
pub(super) async fn keep(api: &Api, report: &SuiteReport, when: When) -> Result<(), Trouble> {
    let place = format!("{}/{}", report.environment.name, report.profile);
    let marker = sticky::marker("load-gate-issue", &place);
    let raise = when.raise
        && (report.verdict == VerdictKind::Fail
            || (when.inconclusive_too && report.verdict == VerdictKind::Inconclusive));
    let mut tried = 0;
    loop {
        let all = api.list(&api.repo(&format!("issues?labels={LABEL}&state=all"))).await?;
        let issues: Vec<_> =
            all.into_iter().filter(|issue| issue.get("pull_request").is_none()).collect();
        if let Some(ours) = sticky::newest_of_ours(api, &issues, &marker).await {
            let issue = Ours {
                number: number(ours, "/number").unwrap_or_default(),
                open: text(ours, "/state") != Some("closed"),
                body: text(ours, "/body").unwrap_or_default(),
            };
            return refresh(api, report, &marker, &issue, raise, when.close).await;
        }
        if !raise {
            return Ok(());
        }
        let new = json!({
            "title": title(report),
            "body": body(report, &marker, ""),
            "labels": [LABEL],
        });
        match api.post(&api.repo("issues"), &new).await {
            Err(trouble) if tried < api.retries() && (trouble.passing() || trouble.ambiguous()) => {
                api.rest(&trouble, tried).await?;
                tried += 1;
            }
            done => return done,
        }
    }
}

struct Ours<'a> {
    number: u64,
    open: bool,
    body: &'a str,
}

async fn refresh(
    api: &Api,
    report: &SuiteReport,
    marker: &str,
    issue: &Ours<'_>,
    raise: bool,
    close: bool,
) -> Result<(), Trouble> {
    if !issue.open && !raise {
        return Ok(());
    }
    let path = api.repo(&format!("issues/{}", issue.number));
    let recovered = report.verdict == VerdictKind::Pass && close;
    let mut change = json!({ "body": body(report, marker, issue.body), "title": title(report) });
    let changed = last_verdict(issue.body).is_some_and(|was| was != report.verdict.name());
    if recovered {
        // Said before it is closed; where that fails, closing still counts.
        let text = format!("Recovered: {}", line(report));
        let said = api.post(&format!("{path}/comments"), &json!({ "body": text })).await;
        change["state"] = json!("closed");
        change["state_reason"] = json!("completed");
        api.patch(&path, &change).await?;
        return said;
    }
    if raise && !issue.open {
        change["state"] = json!("open");
    }
    if changed || (raise && !issue.open) {
        // Edits notify nobody. Where it fails, the edit still counts.
        let text = format!("Now {}", line(report));
        let said = api.post(&format!("{path}/comments"), &json!({ "body": text })).await;
        api.patch(&path, &change).await?;
        return said;
    }
    api.patch(&path, &change).await
}

fn title(report: &SuiteReport) -> String {
    let name = |text: &str| escape::one_line(text).chars().take(80).collect::<String>();
    let what = match report.verdict {
        VerdictKind::Fail => "fails",
        VerdictKind::Inconclusive | VerdictKind::Skipped => "is inconclusive",
        VerdictKind::Pass => "passes",
    };
    format!("load-gate: {} {what} ({})", name(&report.environment.name), name(&report.profile))
}

/// The verdict of the newest run in the history of `body`.
fn last_verdict(body: &str) -> Option<&str> {
    let (_, history) = body.rsplit_once(HISTORY)?;
    let newest = history.lines().find_map(|line| line.strip_prefix("- "))?;
    let headline = newest.split_once(' ')?.1;
    headline.split([':', ',', ' ', '\u{2060}']).next().filter(|word| !word.is_empty())
}

/// One run in one line.
fn line(report: &SuiteReport) -> String {
    let headline: String = report.headline.chars().take(150).collect();
    let run = report.context.run_url.as_deref().and_then(escape::link);
    let run = run.map_or_else(String::new, |url| format!(" ([run]({url}))"));
    format!("{} {}{run}", report.started_at.rfc3339(), escape::markdown(&headline))
}

/// Marker, page of this run, and the last runs, this one first.
fn body(report: &SuiteReport, marker: &str, old: &str) -> String {
    let page = markdown(report, None, PAGE_BUDGET).replace(HISTORY, "");
    let earlier = old.rsplit_once(HISTORY).map_or("", |(_, history)| history);
    let newest = format!("- {}", line(report));
    let kept = earlier.lines().map(str::trim_end).filter(|l| l.starts_with("- ") && *l != newest);
    let mut lines = vec![newest.clone()];
    lines.extend(
        kept.filter(|l| l.chars().count() <= MOST_LINE).take(MOST_HISTORY - 1).map(str::to_owned),
    );
    sticky::body(marker, &format!("{page}\n### Last runs\n{HISTORY}\n{}\n", lines.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures;

    #[test]
    fn the_history_is_bounded_and_newest_first() {
        let mut report = fixtures::pass();
        let mut text = String::new();
        for day in 0..30 {
            report.started_at.unix_millis += 86_400_000 * (day % 2 + 1);
            text = body(&report, "<!-- m -->", &text);
        }
        let (_, history) = text.rsplit_once(HISTORY).expect("a history");
        assert_eq!(history.lines().filter(|l| l.starts_with("- ")).count(), MOST_HISTORY);
        assert!(history.trim_start().starts_with(&format!("- {}", line(&report))));
        assert!(text.starts_with("<!-- m -->\n"));
    }

    #[test]
    fn hostile_runs_stay_inert_and_small() {
        for (name, report) in fixtures::all() {
            let text = body(&report, "<!-- m -->", "");
            assert!(text.chars().count() <= sticky::MOST_BODY, "{name}");
            assert!(!text.contains("@everyone"), "{name}");
        }
    }
}
