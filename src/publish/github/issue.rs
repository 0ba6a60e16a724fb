//! One issue per environment and profile that says how the last runs went.

use serde_json::{Value, json};

use super::client::Api;
use super::pull_request::{number, text};
use super::sticky;
use super::trouble::Trouble;
use crate::gate::VerdictKind;
use crate::publish::PublishWarning;
use crate::publish::inputs::name_inputs;
use crate::report::{escape, markdown};
use crate::suite::{ScenarioReport, SuiteReport};

/// What it is called where something of it fails.
pub(super) const ISSUE: &str = "the issue on failing runs";
/// The label of our issues.
const LABEL: &str = "load-gate";
/// Pages of the issues that we made that are looked through for one without the label.
const PAGES_WITHOUT_LABEL: u32 = 5;
/// Runs that the history keeps.
const MOST_HISTORY: usize = 20;
/// Characters of one line of the history.
const MOST_LINE: usize = 600;
/// Bytes of the run's own page in the body, so that the history always fits.
const PAGE_BUDGET: usize = 50_000;
const HISTORY: &str = "<!-- load-gate-history -->";

/// When the issue is raised and closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When<'a> {
    /// Whether a failing run raises it at all.
    pub(super) raise: bool,
    /// Whether an inconclusive run raises it, as a failed one does.
    pub(super) inconclusive_too: bool,
    /// Whether a pass closes it.
    pub(super) close: bool,
    /// Who is given it when it is raised or opened again.
    pub(super) assignees: &'a [String],
}

/// What of the issue GitHub wouldn't do.
pub(super) enum Undone {
    /// The issue itself.
    Page(Trouble),
    /// The word on it that the verdict changed: edits alone notify nobody.
    Word(Trouble),
    /// Giving it to somebody.
    Assignees(Trouble),
    /// Giving it to these, of whom GitHub says nothing.
    LeftOut(Vec<String>),
}

impl From<Trouble> for Undone {
    fn from(trouble: Trouble) -> Self {
        Self::Page(trouble)
    }
}

impl Undone {
    /// In words, with what to do.
    pub(super) fn warn(&self) -> PublishWarning {
        let permission = "issues: write";
        match self {
            Self::Page(trouble) => trouble.warn(ISSUE, permission, false),
            Self::Word(trouble) => {
                trouble.warn("the word on the issue that its verdict changed", permission, false)
            }
            Self::Assignees(trouble) => {
                trouble.warn("the issue's assignees", permission, false).not("set")
            }
            Self::LeftOut(names) => PublishWarning::new(
                "the issue's assignees",
                format!("GitHub left out `{}`", names.join("`, `")),
                "name accounts with access to this repository",
            )
            .not("set"),
        }
    }
}

/// Raises, refreshes or closes the issue, as the verdict wants.
pub(super) async fn keep(api: &Api, report: &SuiteReport, when: When<'_>) -> Result<(), Undone> {
    let place = format!("{}/{}", report.environment.name, report.profile);
    let marker = sticky::marker("load-gate-issue", &place);
    let raise = when.raise
        && (report.verdict == VerdictKind::Fail
            || (when.inconclusive_too && report.verdict == VerdictKind::Inconclusive));
    let close = when.close && report.verdict == VerdictKind::Pass;
    if (!when.raise && !close) || lacks_secrets(report) {
        return Ok(());
    }
    let mut tried = 0;
    loop {
        if let Some(ours) = find(api, &marker).await? {
            return refresh(api, report, &marker, &ours, raise, when).await;
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
            Err(trouble) => return Err(trouble.into()),
            Ok(made) => {
                return assign(api, number(&made, "/number").unwrap_or_default(), when).await;
            }
        }
    }
}

/// Whether nothing stands between the run and a pass but secrets that nobody has set:
/// that is said, and isn't an incident.
fn lacks_secrets(report: &SuiteReport) -> bool {
    let mut unset = report.scenarios.iter().filter(|scenario| scenario.plan.skip.is_some());
    let rest = |scenario: &ScenarioReport| {
        scenario.plan.skip.is_some() || scenario.verdict.kind == VerdictKind::Pass
    };
    report.verdict == VerdictKind::Inconclusive
        && unset.next().is_some()
        && report.scenarios.iter().all(rest)
}

/// Our issue: by its label, or where somebody took that off by its marker alone.
async fn find(api: &Api, marker: &str) -> Result<Option<Ours>, Trouble> {
    let labelled = api.list(&api.repo(&format!("issues?labels={LABEL}&state=all"))).await?;
    if let Some(ours) = among(api, &labelled, marker).await {
        return Ok(Some(ours));
    }
    let creator = api.login().await.unwrap_or_else(|| "github-actions[bot]".to_owned());
    let creator: String = url::form_urlencoded::byte_serialize(creator.as_bytes()).collect();
    let path = api.repo(&format!("issues?creator={creator}&state=all"));
    match api.list_some(&path, PAGES_WITHOUT_LABEL).await {
        Ok(unlabelled) => Ok(among(api, &unlabelled, marker).await),
        // GitHub knows no user of that name: then there is no issue of theirs.
        Err(Trouble::Status { status: 422, .. }) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

async fn among(api: &Api, entries: &[Value], marker: &str) -> Option<Ours> {
    let issues: Vec<_> =
        entries.iter().filter(|entry| entry.get("pull_request").is_none()).cloned().collect();
    let ours = sticky::newest_of_ours(api, &issues, marker).await?;
    Some(Ours {
        number: number(ours, "/number").unwrap_or_default(),
        open: text(ours, "/state") != Some("closed"),
        body: text(ours, "/body").unwrap_or_default().to_owned(),
    })
}

/// Gives the issue to whom it may concern. It stands whatever comes of that.
async fn assign(api: &Api, number: u64, when: When<'_>) -> Result<(), Undone> {
    if when.assignees.is_empty() {
        return Ok(());
    }
    let path = api.repo(&format!("issues/{number}/assignees"));
    let sent = json!({ "assignees": when.assignees });
    let issue = api.post(&path, &sent).await.map_err(Undone::Assignees)?;
    // Who can't be given it is passed over in silence, with the status of a success.
    let holders = issue.get("assignees").and_then(Value::as_array);
    let holds = |name: &String| {
        let mut logins = holders.into_iter().flatten().filter_map(|who| text(who, "/login"));
        logins.any(|login| login.eq_ignore_ascii_case(name))
    };
    let left_out: Vec<String> = when.assignees.iter().filter(|n| !holds(n)).cloned().collect();
    if left_out.is_empty() { Ok(()) } else { Err(Undone::LeftOut(left_out)) }
}

struct Ours {
    number: u64,
    open: bool,
    body: String,
}

async fn refresh(
    api: &Api,
    report: &SuiteReport,
    marker: &str,
    issue: &Ours,
    raise: bool,
    when: When<'_>,
) -> Result<(), Undone> {
    if !issue.open && !raise {
        return Ok(());
    }
    let path = api.repo(&format!("issues/{}", issue.number));
    let recovered = report.verdict == VerdictKind::Pass && when.close;
    let reopened = raise && !issue.open;
    let mut change = json!({ "body": body(report, marker, &issue.body), "title": title(report) });
    let changed = last_verdict(&issue.body).is_some_and(|was| was != report.verdict.name());
    if recovered {
        change["state"] = json!("closed");
        change["state_reason"] = json!("completed");
    } else if reopened {
        change["state"] = json!("open");
    }
    // Edits notify nobody. Where saying it fails, the edit still counts.
    let word = if recovered { "Recovered:" } else { "Now" };
    let said = if recovered || changed || reopened {
        let text = format!("{word} {}", line(report));
        api.post(&format!("{path}/comments"), &json!({ "body": text })).await.map(drop)
    } else {
        Ok(())
    };
    api.patch(&path, &change).await?;
    let given = if reopened { assign(api, issue.number, when).await } else { Ok(()) };
    said.map_err(Undone::Word).and(given)
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
    headline.split([':', ',', ' ']).next().filter(|word| !word.is_empty())
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
    let page = name_inputs(&page);
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
