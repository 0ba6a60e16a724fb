//! The pull request's comment: a line, a table, a line; whatever else is to be said is folded.

use super::document::dashboard;
use super::escape::{code, link, markdown as esc};
use super::past::EarlierRuns;
use super::{figures, markdown, words};
use crate::gate::{Finding, FindingVerdict, Method, ThresholdResult, VerdictKind};
use crate::suite::{Call, Figure, FigureComparison, ScenarioReport, SuiteReport, compare_suites};
use crate::units::{self, Nanos};

/// The most characters of a comment, with room for its marker.
pub const COMMENT_BUDGET: usize = 65_000;
/// The most characters of the reason in the first line.
const MOST_REASON: usize = 140;
/// Failing rules that are told in full; more are counted.
const MOST_FAILING: usize = 12;
/// The most caveats that are told, and of each the most characters.
const MOST_CAVEATS: usize = 10;
const MOST_CAVEAT: usize = 1000;
/// Room kept for what says that something was left out.
const ROOM: usize = 600;

/// What the comment is about, beside the run.
#[derive(Clone, Copy, Debug)]
pub struct Masthead<'a> {
    /// Which of several comments it is; `None`: environment and profile say it.
    pub name: Option<&'a str>,
    /// A baseline older than this is said to be old.
    pub old_baseline: Nanos,
}

impl Default for Masthead<'_> {
    fn default() -> Self {
        Self { name: None, old_baseline: OLD_BASELINE }
    }
}

/// A baseline older than this is said to be old, where nobody says otherwise: three days.
pub const OLD_BASELINE: Nanos = Nanos::from_secs(3 * 24 * 3600);

/// The comment on `report`, at most [`COMMENT_BUDGET`] bytes, so no more
/// characters. What doesn't fit is left out: first what is folded, then the
/// rows of scenarios that passed. Everything from a server or a config is inert.
#[must_use]
pub fn comment<'a>(
    report: &SuiteReport,
    past: impl Into<EarlierRuns<'a>>,
    masthead: Masthead<'_>,
) -> String {
    let past = past.into();
    let baseline = past.baseline;
    let mut page = first_line(report, masthead);
    let failing = failing(report);
    let tail = [failing.text, last_line(report, baseline, masthead.old_baseline)].concat();
    let room = COMMENT_BUDGET.saturating_sub(page.len() + tail.len() + ROOM);
    page.push_str(&table(report, baseline, room));
    page.push_str(&tail);
    let room = COMMENT_BUDGET.saturating_sub(page.len() + ROOM);
    let rest = markdown::folded(report, past, &failing.told, room);
    if !rest.is_empty() {
        add!(
            page,
            "\n<details><summary>Thresholds, rate limits, latency</summary>\n\n{rest}\n</details>\n"
        );
    }
    cut(page)
}

/// The last guard, for texts that are absurdly long where they must stand.
fn cut(page: String) -> String {
    if page.len() <= COMMENT_BUDGET {
        return page;
    }
    let mut end = COMMENT_BUDGET;
    while !page.is_char_boundary(end) {
        end -= 1;
    }
    page[..end].to_owned()
}

fn first_line(report: &SuiteReport, masthead: Masthead<'_>) -> String {
    let name = match masthead.name {
        Some(name) => code(name),
        None => format!("{} {}", code(&report.environment.name), code(&report.profile)),
    };
    let mark = markdown::mark(report.verdict);
    let mut text = format!(
        "{mark} **{}** · load-gate · {name} · {}\n\n",
        report.verdict,
        esc(&reason(report))
    );
    if report.partial {
        text.push_str("_Partial: made from a checkpoint of a run that never ended._\n\n");
    }
    for caveat in report.caveats.iter().take(MOST_CAVEATS) {
        let short: String = caveat.chars().take(MOST_CAVEAT).collect();
        add!(text, "> ⚠️ **{}**\n\n", esc(&short));
    }
    text
}

/// What the headline says beside the verdict, short enough for a glance.
fn reason(report: &SuiteReport) -> String {
    let verdict = report.verdict.name();
    let said = report.headline.strip_prefix(verdict).unwrap_or(&report.headline);
    let said = words::at_a_glance(said.trim_start_matches([':', ',', ' ']));
    if said.chars().count() <= MOST_REASON {
        return said.into_owned();
    }
    let mut short: String = said.chars().take(MOST_REASON - 1).collect();
    // At a word's end, where there is one near.
    if let Some(at) = short.rfind(' ').filter(|at| *at > MOST_REASON / 2) {
        short.truncate(at);
    }
    short + "…"
}

/// A row a scenario, the worst first; those that passed go where there is no room.
fn table(report: &SuiteReport, baseline: Option<&SuiteReport>, room: usize) -> String {
    let against = baseline.and_then(|base| compare_suites(base, report, true).ok());
    let change = |scenario: &ScenarioReport| {
        let all = against.as_ref()?.scenarios.iter();
        let ours = all.into_iter().find(|c| c.scenario == scenario.plan.scenario)?;
        ours.figures.iter().find(|f| f.figure == Figure::P95)
    };
    let known = |scenario: &ScenarioReport| change(scenario).is_some_and(|c| c.change.is_some());
    let delta = if report.scenarios.iter().any(known) { " (Δ)" } else { "" };
    let mut text = format!(
        "| | p95 / limit{delta} | success / limit | {} / predicted | |\n\
         | --- | ---: | ---: | ---: | --- |\n",
        refused_by(report)
    );
    let mut left_out = 0;
    for scenario in figures::worst_first(report) {
        let row = row(scenario, change(scenario));
        if scenario.verdict.kind == VerdictKind::Pass && text.len() + row.len() > room {
            left_out += 1;
        } else {
            text.push_str(&row);
        }
    }
    if left_out > 0 {
        add!(text, "| {left_out} more, all passed | | | | |\n");
    }
    text
}

/// `429`, the status that all of them declare, or `refused`.
fn refused_by(report: &SuiteReport) -> String {
    let said = |scenario: &ScenarioReport| scenario.verdict.limiter.refused_by();
    let mut statuses: Vec<String> = report.scenarios.iter().map(said).collect();
    statuses.sort_unstable();
    statuses.dedup();
    match statuses.as_slice() {
        [one] => one.clone(),
        _ => "refused".to_owned(),
    }
}

fn row(scenario: &ScenarioReport, change: Option<&FigureComparison>) -> String {
    let verdict = &scenario.verdict;
    format!(
        "| {} | {} | {} | {} | {}&nbsp;{} |\n",
        esc(verdict.scenario.name()),
        latency(scenario, change),
        success(scenario),
        refusals(scenario),
        markdown::mark(verdict.kind),
        verdict.kind,
    )
}

/// Whether anything was sent that could be measured.
fn sent(scenario: &ScenarioReport) -> bool {
    scenario.recording.total().outcomes.sent() > 0
}

fn results(scenario: &ScenarioReport) -> impl Iterator<Item = &ThresholdResult> {
    scenario.verdict.findings.iter().filter_map(|finding| finding.threshold.as_ref())
}

fn latency(scenario: &ScenarioReport, change: Option<&FigureComparison>) -> String {
    let p95 = |t: &&ThresholdResult| {
        t.metric.name() == "response_time" && t.method == Method::Percentile(95.0)
    };
    let judged = results(scenario).find(p95);
    let measured = figures::accepted(&scenario.recording).response_time.quantile(0.95);
    let observed = judged
        .and_then(|t| t.observed.map(|value| t.say(value)))
        .or_else(|| measured.map(units::span));
    let Some(observed) = observed.filter(|_| sent(scenario)) else { return "–".to_owned() };
    let limit = judged.and_then(|t| t.bound.map(|bound| format!(" / {}", whole(&t.say(bound)))));
    format!(
        "{}{}{}",
        whole(&observed),
        limit.unwrap_or_default(),
        change.map(delta).unwrap_or_default()
    )
}

/// ` (+11 %, +6.2 % … +16 %)`: how p95 stands to the baseline's, with what noise leaves room for.
fn delta(compared: &FigureComparison) -> String {
    let Some(change) = compared.change else { return String::new() };
    let said = |ratio| whole(&units::change(ratio));
    let (value, low, high) = (said(change.value), said(change.low), said(change.high));
    let text = format!("{value}, {low}&nbsp;…&nbsp;{high}");
    match compared.call {
        Call::Higher | Call::Lower => format!(" (**{text}**)"),
        _ => format!(" ({text})"),
    }
}

/// A figure and its unit on one line.
fn whole(text: &str) -> String {
    text.replace(' ', "&nbsp;")
}

fn success(scenario: &ScenarioReport) -> String {
    let Some((rate, _)) = scenario.recording.total().success_rate().filter(|_| sent(scenario))
    else {
        return "–".to_owned();
    };
    let limit = results(scenario).find_map(|t| match t.metric.name() {
        "success_rate" => t.bound,
        "errors" => t.bound.map(|bound| 1.0 - bound),
        _ => None,
    });
    let limit = limit.map(|limit| format!(" / {}", whole(&units::percent(limit))));
    format!("{}{}", whole(&units::percent(rate)), limit.unwrap_or_default())
}

fn refusals(scenario: &ScenarioReport) -> String {
    let limiter = &scenario.verdict.limiter;
    if !sent(scenario) && limiter.observed_hits == 0 {
        return "–".to_owned();
    }
    let observed = units::count(limiter.observed_hits);
    match limiter.predicted_hits {
        Some((low, high)) if low == high => format!("{observed} / {}", units::count(low)),
        Some((low, high)) => {
            format!("{observed} / {}&nbsp;to&nbsp;{}", units::count(low), units::count(high))
        }
        None => observed,
    }
}

/// What fails, as Markdown, and which sentences that has told.
struct Failing {
    text: String,
    told: Vec<String>,
}

/// Everything that fails, and nothing else, each sentence once.
fn failing(report: &SuiteReport) -> Failing {
    let bad = |finding: &&Finding| finding.verdict == FindingVerdict::Fail;
    let mut text = String::new();
    let mut told: Vec<String> = Vec::new();
    let mut shown: Vec<&str> = Vec::new();
    let mut more = 0;
    let first = reason(report);
    for scenario in figures::worst_first(report) {
        for finding in scenario.verdict.findings.iter().filter(bad) {
            if told.contains(&finding.message) {
                continue;
            }
            if told.len() >= MOST_FAILING {
                more += 1;
                continue;
            }
            told.push(finding.message.clone());
            let evidence: Vec<&str> = finding.evidence.iter().take(2).map(String::as_str).collect();
            let mut evidence = evidence.into_iter().filter(|line| !shown.contains(line)).peekable();
            let name = esc(scenario.plan.scenario.name());
            // The first line says it already, and in full: what it rests on is left to say.
            if !first.ends_with(&finding.message) {
                add!(text, "- {name}: {}\n", esc(&finding.message));
            } else if evidence.peek().is_some() {
                add!(text, "- {name}\n");
            }
            let fresh: Vec<&str> = evidence.collect();
            for line in &fresh {
                add!(text, "  - {}\n", esc(line));
            }
            shown.extend(fresh);
        }
    }
    if more > 0 {
        add!(text, "- and {more} more, below\n");
    }
    if !text.is_empty() {
        text.insert(0, '\n');
    }
    Failing { text, told }
}

/// Commit, run, report, the baseline's age.
fn last_line(report: &SuiteReport, baseline: Option<&SuiteReport>, old_baseline: Nanos) -> String {
    let mut parts = Vec::new();
    if let Some(commit) = &report.context.commit {
        parts.push(code(&commit.chars().take(8).collect::<String>()));
    }
    if let Some(url) = report.context.run_url.as_deref().and_then(link) {
        parts.push(format!("[report]({url}#artifacts)"));
        parts.push(format!("[run]({url})"));
    }
    if let Some(url) = dashboard(report) {
        parts.push(format!("[dashboard]({url})"));
    }
    if let Some(base) = baseline {
        let age = report.started_at.since(base.started_at);
        let warning = if age > old_baseline { "⚠️ " } else { "" };
        parts.push(format!("{warning}baseline {} old", units::age(age)));
    }
    if parts.is_empty() { String::new() } else { format!("\n{}\n", parts.join(" · ")) }
}
