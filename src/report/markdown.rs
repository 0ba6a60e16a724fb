//! summary.md, the pull-request comment and the job summary, from one renderer.

use super::escape::{code, html, link, markdown as esc, one_line};
use super::figures::{self, QUANTILES};
use super::words::finding_word;
use super::{sparkline, words};
use crate::gate::{Finding, FindingVerdict, VerdictKind};
use crate::limits::RuleVerdict;
use crate::outcome::Outcome;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units;

/// The most characters of a comment, with room for its marker.
pub const COMMENT_BUDGET: usize = 65_000;
/// The most bytes of a job summary, with room for what other steps add.
pub const SUMMARY_BUDGET: usize = 1_000_000;
/// Room kept for the line that says that something was cut.
const ROOM_FOR_CUT: usize = 700;

/// The run in GitHub's Markdown, at most `budget` bytes (so no more
/// characters): what doesn't fit is left out block by block from the end, and
/// a line says so. Everything from a server or a config is inert.
#[must_use]
pub fn markdown(report: &SuiteReport, baseline: Option<&SuiteReport>, budget: usize) -> String {
    let mut page = String::new();
    let room = budget.saturating_sub(ROOM_FOR_CUT);
    let mut cut = false;
    for block in blocks(report, baseline) {
        if page.len() + block.len() + 2 > room {
            cut = true;
            continue;
        }
        if !page.is_empty() {
            page.push('\n');
        }
        page.push_str(&block);
    }
    if cut {
        let rest = report.context.run_url.as_deref().and_then(link);
        let rest = rest.map_or_else(
            || "the whole is in report.html".to_owned(),
            |url| format!("[the whole is with the run]({url})"),
        );
        add!(page, "\n_Cut to fit: {rest}._\n");
    }
    page.chars()
        .scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= budget).then_some(c)
        })
        .collect()
}

/// The page in blocks that each stand alone, the most important first.
fn blocks(report: &SuiteReport, baseline: Option<&SuiteReport>) -> Vec<String> {
    let mut blocks = vec![first_line(report)];
    let order = figures::worst_first(report);
    blocks.extend(order.iter().map(|scenario| thresholds(scenario)));
    blocks.extend(order.iter().filter_map(|scenario| evidence(scenario)));
    blocks.extend(rate_limits(&order));
    blocks.extend(changes(&order, baseline));
    blocks.extend(notices(report));
    blocks.push(footer(report));
    blocks.extend(order.iter().filter_map(|scenario| details(scenario)));
    blocks
}

const fn mark(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Pass => "✅",
        VerdictKind::Fail => "❌",
        VerdictKind::Inconclusive => "⚠️",
        VerdictKind::Skipped => "⏭️",
    }
}

const fn finding_mark(verdict: FindingVerdict) -> &'static str {
    match verdict {
        FindingVerdict::Pass => "✅",
        FindingVerdict::Fail => "❌",
        FindingVerdict::Inconclusive => "⚠️",
        FindingVerdict::Skipped => "⏭️",
        FindingVerdict::Info => "ℹ️",
    }
}

fn first_line(report: &SuiteReport) -> String {
    let headline: String = report.headline.chars().take(1000).collect();
    let mut text = format!("**{} {}**\n\n", mark(report.verdict), esc(&headline));
    add!(
        text,
        "{} · profile {} · {} · load-gate {}\n",
        code(&report.environment.name),
        code(&report.profile),
        report.started_at.human(),
        code(&report.tool_version),
    );
    if report.partial {
        text.push_str("\n_Partial: made from a checkpoint of a run that never ended._\n");
    }
    text
}

fn thresholds(scenario: &ScenarioReport) -> String {
    let verdict = &scenario.verdict;
    let mut text = format!("### {} {}: {}\n\n", mark(verdict.kind), verdict.scenario, verdict.kind);
    for reason in verdict.reasons.iter().chain(&verdict.clusters).take(8) {
        add!(text, "- {}\n", esc(reason));
    }
    let mut judged: Vec<&Finding> =
        verdict.findings.iter().filter(|f| f.threshold.is_some()).collect();
    if judged.is_empty() {
        return text;
    }
    judged.sort_by_key(|f| std::cmp::Reverse(f.verdict as u8));
    text.push_str("\n| | threshold | observed | 95 % interval | samples | verdict |\n");
    text.push_str("| --- | --- | ---: | --- | ---: | --- |\n");
    for finding in judged {
        let Some(t) = &finding.threshold else { continue };
        let shown = |v| t.say(v);
        let interval = t.interval.map(|(low, high)| format!("{} – {}", shown(low), shown(high)));
        add!(
            text,
            "| {} | {} {} | {} | {} | {} | {}{} |\n",
            finding_mark(finding.verdict),
            code(&t.key),
            code(&t.expression),
            t.observed.map_or_else(|| "–".to_owned(), shown),
            interval.unwrap_or_else(|| "–".to_owned()),
            units::count(t.samples),
            finding_word(finding.verdict),
            if t.close { " (close)" } else { "" },
        );
    }
    text
}

/// The first failing evidence: what a reader needs to start looking.
fn evidence(scenario: &ScenarioReport) -> Option<String> {
    let failed = |f: &&Finding| f.verdict == FindingVerdict::Fail;
    let finding = scenario.verdict.findings.iter().find(failed)?;
    let mut text = format!(
        "**First failing evidence, {}**: {}: {}\n",
        scenario.plan.scenario,
        esc(&finding.name),
        esc(&finding.message)
    );
    for line in finding.evidence.iter().take(3) {
        add!(text, "- {}\n", esc(line));
    }
    for e in scenario.recording.excerpts.iter().take(2) {
        add!(
            text,
            "- {} × {} (status {}), first at arrival {}: {}\n",
            units::count(e.count),
            e.outcome,
            e.status,
            e.arrival,
            code(&e.text)
        );
    }
    Some(text)
}

fn rate_limits(order: &[&ScenarioReport]) -> Option<String> {
    let told: Vec<_> = order
        .iter()
        .filter(|s| s.verdict.limiter.declared.is_some() || s.verdict.limiter.observed_hits > 0)
        .collect();
    if told.is_empty() {
        return None;
    }
    let mut text = String::from(
        "### Rate limits\n\n| scenario | declared | predicted 429 | observed 429 | inferred | rules |\n\
         | --- | --- | ---: | ---: | --- | --- |\n",
    );
    for scenario in told {
        let limiter = &scenario.verdict.limiter;
        let rules: Vec<String> = limiter
            .rules
            .iter()
            .map(|rule| format!("{} {}", rule_mark(rule.verdict), rule.name.name()))
            .collect();
        let predicted = limiter.predicted_hits;
        add!(
            text,
            "| {} | {} | {} | {} | {} | {} |\n",
            scenario.plan.scenario,
            limiter.declared.map_or_else(|| "none".to_owned(), |d| d.describe()),
            predicted.map_or_else(
                || "–".to_owned(),
                |(low, high)| format!("{} – {}", units::count(low), units::count(high))
            ),
            units::count(limiter.observed_hits),
            esc(&words::inference(&limiter.inferred)),
            if rules.is_empty() { "–".to_owned() } else { rules.join(", ") },
        );
        for rule in limiter.rules.iter().filter(|rule| rule.verdict == RuleVerdict::Fail) {
            add!(text, "| | ❌ {} | | | {} | |\n", rule.name.name(), esc(&rule.evidence));
        }
    }
    Some(text)
}

const fn rule_mark(verdict: RuleVerdict) -> &'static str {
    match verdict {
        RuleVerdict::Pass => "✅",
        RuleVerdict::Fail => "❌",
        RuleVerdict::NotExercised => "⏭️",
        RuleVerdict::Info => "ℹ️",
    }
}

/// What changed against the baseline, figure by figure; how certain a change is
/// says `load-gate compare`.
pub(super) fn changes(order: &[&ScenarioReport], baseline: Option<&SuiteReport>) -> Option<String> {
    let baseline = baseline?;
    let mut text = format!(
        "### Against the baseline of {}\n\n| scenario | figure | baseline | now | ratio |\n\
         | --- | --- | ---: | ---: | ---: |\n",
        baseline.started_at.human()
    );
    let mut any = false;
    for scenario in order {
        let id = scenario.plan.scenario;
        let Some(before) = figures::of(Some(baseline), id) else { continue };
        let (was, is) = (before.recording.total(), scenario.recording.total());
        if let (Some((old, _)), Some((new, _))) = (was.success_rate(), is.success_rate()) {
            any = true;
            let (old, new) = (units::percent(old), units::percent(new));
            add!(text, "| {id} | success rate | {old} | {new} | |\n");
        }
        let (was, is) =
            (figures::accepted(&before.recording), figures::accepted(&scenario.recording));
        for (name, q) in QUANTILES {
            let pair = (was.response_time.quantile(q), is.response_time.quantile(q));
            if let (Some(old), Some(new)) = pair {
                any = true;
                let ratio = new.0 as f64 / (old.0 as f64).max(1.0);
                add!(text, "| {id} | {name} | {old} | {new} | {ratio:.2} |\n");
            }
        }
    }
    if !any {
        text.push_str("| – | nothing to compare | | | |\n");
    }
    Some(text)
}

fn notices(report: &SuiteReport) -> Option<String> {
    if report.notices.is_empty() {
        return None;
    }
    let mut text = String::new();
    for notice in report.notices.iter().take(20) {
        add!(text, "- {}\n", esc(notice));
    }
    Some(text)
}

fn footer(report: &SuiteReport) -> String {
    let mut parts = Vec::new();
    if let Some(url) = report.context.run_url.as_deref().and_then(link) {
        parts.push(format!("[run]({url})"));
        parts.push(format!("[artifacts]({url}#artifacts)"));
    }
    if let Some(commit) = &report.context.commit {
        let short: String = commit.chars().take(12).collect();
        parts.push(format!("commit {}", code(&short)));
    }
    parts.push(format!("seed {}", report.seed));
    format!("{}\n", parts.join(" · "))
}

/// Collapsed: outcomes, latency table, sparkline, chart.
fn details(scenario: &ScenarioReport) -> Option<String> {
    let recording = &scenario.recording;
    let counts = &recording.total().outcomes;
    if counts.total() == 0 {
        return None;
    }
    let mut text = format!(
        "<details><summary>{}: {} arrivals in {}, outcomes and latency</summary>\n\n",
        html(scenario.plan.scenario.name()),
        units::count(counts.total()),
        recording.duration
    );
    text.push_str("| outcome | arrivals | share |\n| --- | ---: | ---: |\n");
    for (outcome, n) in counts.iter().filter(|(_, n)| *n > 0) {
        let share = units::percent(n as f64 / counts.total() as f64);
        add!(text, "| `{outcome}` | {} | {share} |\n", units::count(n));
    }
    let rows = figures::latency_rows(recording);
    if !rows.is_empty() {
        text.push_str("\n| | ");
        text.push_str(&QUANTILES.map(|(name, _)| name).join(" | "));
        text.push_str(" | samples |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        for (name, trend) in &rows {
            let cells = QUANTILES.map(|(_, q)| figures::quantile(trend, q)).join(" | ");
            add!(text, "| {} | {cells} | {} |\n", name.trim(), units::count(trend.count()));
        }
    }
    let p95 = figures::per_bin(recording, 0.95);
    if p95.iter().flatten().count() > 1 {
        add!(text, "\np95 over time `{}`\n", sparkline::sparkline(&p95, 60));
    }
    text.push_str(&chart(scenario));
    for e in recording.excerpts.iter().take(10) {
        add!(
            text,
            "- `{}` × {} (status {}): {}\n",
            e.outcome,
            units::count(e.count),
            e.status,
            code(&one_line(&e.text))
        );
    }
    text.push_str("\n</details>\n");
    Some(text)
}

/// A Mermaid chart of accepted and all arrivals per second.
fn chart(scenario: &ScenarioReport) -> String {
    let timeline = &scenario.recording.timeline;
    if timeline.bins.len() < 2 {
        return String::new();
    }
    let width = f64::from(timeline.width.max(1));
    let series = |count: &dyn Fn(&crate::measure::Second) -> u64| {
        let values: Vec<Option<f64>> =
            timeline.bins.iter().map(|bin| Some(count(bin) as f64 / width)).collect();
        let shown = sparkline::shrink(&values, 60);
        let shown: Vec<String> = shown.iter().map(|v| units::number(v.unwrap_or(0.0))).collect();
        shown.join(", ")
    };
    let end = units::number(timeline.bins.len() as f64 * width);
    format!(
        "\n```mermaid\nxychart-beta\n    title \"arrivals and accepted per second\"\n    \
         x-axis \"seconds\" 0 --> {end}\n    y-axis \"per second\"\n    line [{}]\n    line [{}]\n```\n\n",
        series(&|bin| bin.outcomes.total()),
        series(&|bin| bin.outcomes.get(Outcome::Accepted)),
    )
}
