//! baseline.md: the document of a run, for readers who weren't there.

use super::escape::{code, markdown as esc};
use super::figures::{self, QUANTILES};
use super::words::finding_word;
use super::{markdown, words};
use crate::gate::VerdictKind;
use crate::measure::{Ended, Trend};
use crate::outcome::Outcome;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units::{self, Nanos};

/// The document. Every figure is from the report; recommendations follow from
/// figures by the rules written here.
#[must_use]
pub fn baseline_md(report: &SuiteReport, baseline: Option<&SuiteReport>) -> String {
    let mut page = format!("# Load test of {}\n\n", esc(&report.environment.name));
    add!(page, "**{}**\n\n", esc(&report.headline));
    overview(&mut page, report);
    for scenario in &report.scenarios {
        section(&mut page, scenario);
    }
    let order: Vec<&ScenarioReport> = report.scenarios.iter().collect();
    match markdown::changes(&order, baseline) {
        Some(changes) => page.push_str(&changes.replacen("###", "##", 1)),
        None => page.push_str("## Against a baseline\n\nNone was given.\n"),
    }
    page.push_str("\n## Recommendations\n\n");
    let advice: Vec<String> = report.scenarios.iter().flat_map(recommendations).collect();
    if advice.is_empty() {
        page.push_str("None: no figure of this run asks for one.\n");
    }
    for line in advice {
        add!(page, "- {line}\n");
    }
    left_out(&mut page, report);
    page
}

fn overview(page: &mut String, report: &SuiteReport) {
    let context = &report.context;
    let rows = [
        ("date", format!("{} to {}", report.started_at.human(), report.finished_at.human())),
        (
            "environment",
            format!("{} {}", code(&report.environment.name), code(&report.environment.url)),
        ),
        (
            "profile",
            format!(
                "{}, rates × {}, durations × {}",
                code(&report.profile),
                units::number(report.rate_scale),
                units::number(report.duration_scale)
            ),
        ),
        ("seed", report.seed.to_string()),
        ("run", code(&report.run_id)),
        (
            "load-gate",
            format!(
                "{} {}",
                code(&report.tool_version),
                code(report.tool_commit.as_deref().unwrap_or(""))
            ),
        ),
        ("commit under test", code(context.commit.as_deref().unwrap_or(""))),
    ];
    page.push_str("| | |\n| --- | --- |\n");
    for (name, value) in rows {
        add!(page, "| {name} | {value} |\n");
    }
    page.push('\n');
}

fn section(page: &mut String, scenario: &ScenarioReport) {
    let (plan, recording) = (&scenario.plan, &scenario.recording);
    add!(page, "## {}: {}\n\n", plan.scenario, scenario.verdict.kind);
    for reason in &scenario.verdict.reasons {
        add!(page, "- {}\n", esc(reason));
    }
    page.push_str("\n### Configuration and load profile\n\n");
    let engine = &plan.engine;
    add!(
        page,
        "{} identities share the load, {} set aside; timeout {}, connect timeout {}, at most {} in flight.\n\n\
         | stage | duration | target rate |\n| ---: | ---: | ---: |\n",
        plan.identities.count,
        plan.identities.set_aside,
        engine.timeout,
        engine.connect_timeout,
        units::count(u64::from(engine.max_in_flight)),
    );
    for (i, stage) in plan.stages.iter().enumerate() {
        add!(page, "| {} | {} | {} |\n", i + 1, stage.duration, units::rate(stage.target));
    }
    let counts = &recording.total().outcomes;
    if counts.total() == 0 {
        page.push_str("\nNo load was sent, so there are no figures.\n\n");
        return;
    }
    throughput(page, scenario);
    latency(page, scenario);
    limits(page, scenario);
    errors(page, scenario);
    thresholds(page, scenario);
    resources(page, scenario);
}

fn throughput(page: &mut String, scenario: &ScenarioReport) {
    let recording = &scenario.recording;
    let total = recording.total();
    add!(
        page,
        "\n### Throughput\n\n{} of {} planned arrivals sent in {} ({}); {} requests in all, {} sent, {} received.\n\n\
         | outcome | arrivals | share |\n| --- | ---: | ---: |\n",
        units::count(total.outcomes.sent()),
        units::count(recording.generator.planned),
        recording.duration,
        units::rate(figures::achieved_rate(recording)),
        units::count(total.requests),
        units::bytes(total.bytes_sent),
        units::bytes(total.bytes_received),
    );
    for (outcome, n) in total.outcomes.iter() {
        let share = units::percent(n as f64 / total.outcomes.total() as f64);
        add!(page, "| {outcome} | {} | {share} |\n", units::count(n));
    }
}

fn trend_row(page: &mut String, name: &str, trend: &Trend) {
    let cells = QUANTILES.map(|(_, q)| figures::quantile(trend, q)).join(" | ");
    let mean = trend.mean().map_or_else(|| "–".to_owned(), |ns| units::span(Nanos(ns as u64)));
    add!(page, "| {name} | {mean} | {cells} | {} |\n", units::count(trend.count()));
}

fn trend_head(page: &mut String) {
    let names = QUANTILES.map(|(name, _)| name).join(" | ");
    add!(page, "| | mean | {names} | samples |\n");
    page.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
}

fn latency(page: &mut String, scenario: &ScenarioReport) {
    page.push_str(
        "\n### Latency\n\nResponse time counts from the moment an arrival was due, service time from its sending.\n\n",
    );
    trend_head(page);
    for (name, trend) in figures::latency_rows(&scenario.recording) {
        trend_row(page, name.trim(), &trend);
    }
    let connections = &scenario.recording.connections;
    add!(
        page,
        "\n### Connections\n\n{} opened, {} failed. TLS is part of connecting.\n\n",
        units::count(connections.opened),
        units::count(connections.failed)
    );
    trend_head(page);
    trend_row(page, "DNS", &connections.dns);
    trend_row(page, "connect and TLS", &connections.connect);
    let total = scenario.recording.total();
    trend_row(page, "waiting", &total.waiting);
    trend_row(page, "receiving", &total.receiving);
}

fn limits(page: &mut String, scenario: &ScenarioReport) {
    let limiter = &scenario.verdict.limiter;
    page.push_str("\n### Rate limit\n\n");
    let declared = limiter.declared.map_or_else(|| "none".to_owned(), |d| d.describe());
    let (low, high) = limiter.predicted_hits.unwrap_or((0, 0));
    add!(
        page,
        "Declared: {declared}. Predicted {} to {} answers with 429, observed {}. Inferred: {}.\n\n",
        units::count(low),
        units::count(high),
        units::count(limiter.observed_hits),
        esc(&words::inference(&limiter.inferred)),
    );
    for rule in &limiter.rules {
        let (name, word) = (rule.name.name(), rule.verdict.name());
        add!(page, "- {name}: {word}: {}\n", esc(&rule.evidence));
    }
}

fn errors(page: &mut String, scenario: &ScenarioReport) {
    page.push_str("\n### Errors\n\n");
    let excerpts = &scenario.recording.excerpts;
    if excerpts.is_empty() {
        page.push_str("None was quoted.\n");
    }
    for e in excerpts {
        let check = e.check.as_ref().map(|c| format!(", check {}", code(c))).unwrap_or_default();
        add!(
            page,
            "- {} × {} (status {}{check}): {}\n",
            units::count(e.count),
            e.outcome,
            e.status,
            code(&e.text)
        );
    }
}

fn thresholds(page: &mut String, scenario: &ScenarioReport) {
    page.push_str(
        "\n### Thresholds and rules\n\n| rule | verdict | observed |\n| --- | --- | --- |\n",
    );
    for finding in &scenario.verdict.findings {
        let close = finding.threshold.as_ref().is_some_and(|t| t.close);
        add!(
            page,
            "| {} | {}{} | {} |\n",
            esc(&finding.name),
            finding_word(finding.verdict),
            if close { ", close" } else { "" },
            esc(&finding.message)
        );
    }
}

fn resources(page: &mut String, scenario: &ScenarioReport) {
    let generator = &scenario.recording.generator;
    let unknown = || "not measured".to_owned();
    let cpu = generator.cpu_seconds.map_or_else(unknown, |s| units::span(Nanos::from_secs_f64(s)));
    add!(
        page,
        "\n### Resources\n\n- Generator: CPU time {cpu}, peak memory {}, at most {} requests in flight.\n\
         - Target: not measured.\n\n",
        generator.peak_memory.map_or_else(unknown, units::bytes),
        units::count(generator.max_in_flight),
    );
}

fn recommendations(scenario: &ScenarioReport) -> Vec<String> {
    let id = scenario.plan.scenario;
    let recording = &scenario.recording;
    let counts = &recording.total().outcomes;
    let share = |outcome| counts.get(outcome) as f64 / counts.total().max(1) as f64;
    let mut advice = Vec::new();
    if share(Outcome::RateLimited) > 0.05 {
        advice.push(format!(
            "{id}: {} of the arrivals were refused by the limiter: spread the load over more identities \
             or lower the rate, so that latency rests on accepted work.",
            units::percent(share(Outcome::RateLimited))
        ));
    }
    for (outcome, what) in [
        (Outcome::Rejected, "mend what the requests carry (see Errors)"),
        (Outcome::ServerError, "look at the target's own log at those moments"),
        (Outcome::Timeout, "the target did not answer in time: look for saturation"),
        (Outcome::Transport, "connections broke: look at load balancer and network"),
        (Outcome::Dropped, "the generator fell short: more CPU or a higher max_in_flight"),
    ] {
        if share(outcome) > 0.001 {
            advice.push(format!(
                "{id}: {} ended as {outcome}: {what}.",
                units::percent(share(outcome))
            ));
        }
    }
    let close =
        scenario.verdict.findings.iter().filter(|f| f.threshold.as_ref().is_some_and(|t| t.close));
    advice.extend(
        close.map(|f| {
            format!("{id}: {} is a close call: a longer run would settle it.", esc(&f.name))
        }),
    );
    advice
}

fn left_out(page: &mut String, report: &SuiteReport) {
    page.push_str("\n## Skipped and left out\n\n");
    let mut lines: Vec<String> = Vec::new();
    for scenario in &report.scenarios {
        if let Ended::Skipped { reason } = &scenario.recording.ended {
            lines.push(format!("{}: {}", scenario.plan.scenario, esc(reason)));
        } else if scenario.verdict.kind == VerdictKind::Skipped {
            lines.push(format!("{}: skipped", scenario.plan.scenario));
        }
    }
    lines.extend(report.notices.iter().map(|notice| esc(notice)));
    if lines.is_empty() {
        lines.push("Nothing.".to_owned());
    }
    for line in lines {
        add!(page, "- {line}\n");
    }
}
