//! report.html: the whole run as one offline page without a script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::escape::{link, one_line};
use super::figures::{self, QUANTILES};
use super::words::finding_word;
use super::{charts, words};
use crate::gate::{FindingVerdict, VerdictKind};
use crate::limits::RuleVerdict;
use crate::outcome::Outcome;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units;

const STYLE: &str = include_str!("report.css");

/// The page. Text of others is escaped by maud; nothing is loaded from anywhere.
#[must_use]
pub fn report_html(report: &SuiteReport, baseline: Option<&SuiteReport>) -> String {
    let order = figures::worst_first(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { "load-gate: " (report.verdict) " · " (one_line(&report.environment.name)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(report))
                main {
                    @for scenario in &order { (section(scenario, baseline)) }
                    @if !report.notices.is_empty() {
                        section { h2 { "Notes" } ul { @for n in &report.notices { li { (one_line(n)) } } } }
                    }
                }
                footer {
                    "load-gate " (one_line(&report.tool_version)) " · run " (one_line(&report.run_id))
                    " · seed " (report.seed) " · intervals are 95 %, distribution-free, independent samples assumed"
                }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

fn header(report: &SuiteReport) -> Markup {
    let run = report.context.run_url.as_deref().and_then(link);
    html! {
        header class=(report.verdict.name()) {
            h1 { (one_line(&report.headline)) }
            p {
                b { (one_line(&report.environment.name)) } " " (one_line(&report.environment.url))
                " · profile " b { (one_line(&report.profile)) } " · " (report.started_at.human())
                @if let Some(commit) = &report.context.commit {
                    " · commit " code { (one_line(commit).chars().take(12).collect::<String>()) }
                }
                @if let Some(url) = run { " · " a href=(url) { "CI run" } }
            }
            @if report.partial { p { b { "Partial: made from a checkpoint of a run that never ended." } } }
        }
    }
}

fn badge(kind: VerdictKind) -> Markup {
    html! { span class={ "badge " (kind.name()) } { (kind.name()) } }
}

fn section(scenario: &ScenarioReport, baseline: Option<&SuiteReport>) -> Markup {
    let verdict = &scenario.verdict;
    let id = scenario.plan.scenario.name();
    let sent = scenario.recording.total().outcomes.total() > 0;
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (id) " " (badge(verdict.kind)) }
            @if !verdict.reasons.is_empty() || !verdict.clusters.is_empty() {
                ul class="reasons" {
                    @for reason in verdict.reasons.iter().chain(&verdict.clusters) { li { (one_line(reason)) } }
                }
            }
            (thresholds(scenario))
            @if sent {
                (outcomes(scenario))
                @if scenario.recording.timeline.bins.len() > 1 { (graphs(scenario)) }
                (latency(scenario, figures::of(baseline, scenario.plan.scenario)))
            }
            (limits(scenario))
            (rules(scenario))
            (excerpts(scenario))
        }
    }
}

fn thresholds(scenario: &ScenarioReport) -> Markup {
    let judged: Vec<_> =
        scenario.verdict.findings.iter().filter(|f| f.threshold.is_some()).collect();
    html! {
        @if !judged.is_empty() {
            h3 { "Thresholds" }
            table {
                thead { tr { th { "threshold" } th { "expression" } th.n { "observed" } th { "95 % interval" } th.n { "samples" } th { "verdict" } } }
                tbody {
                    @for f in judged {
                        @if let Some(t) = &f.threshold {
                            @let shown = |v| t.say(v);
                            tr {
                                td { code { (one_line(&t.key)) } }
                                td { code { (one_line(&t.expression)) } }
                                td.n { @if let Some(v) = t.observed { (shown(v)) } @else { "–" } }
                                td { @if let Some((low, high)) = t.interval { (shown(low)) " – " (shown(high)) } @else { "–" } }
                                td.n { (units::count(t.samples)) }
                                td { (word(f.verdict)) @if t.close { " close" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn word(verdict: FindingVerdict) -> Markup {
    let class = match verdict {
        FindingVerdict::Pass => "pass",
        FindingVerdict::Fail => "fail",
        FindingVerdict::Inconclusive => "inconclusive",
        FindingVerdict::Info | FindingVerdict::Skipped => "skipped",
    };
    html! { span class={ "badge " (class) } { (finding_word(verdict).to_lowercase()) } }
}

fn outcomes(scenario: &ScenarioReport) -> Markup {
    let recording = &scenario.recording;
    let counts = &recording.total().outcomes;
    html! {
        h3 { "Arrivals" }
        p {
            (units::count(counts.sent())) " of " (units::count(recording.generator.planned)) " planned arrivals sent in "
            (recording.duration) ", " (units::rate(figures::achieved_rate(recording))) " on average; schedule lag in holds p99 "
            (figures::quantile(&recording.generator.lag_hold, 0.99)) "; " (units::count(recording.generator.dropped)) " dropped"
        }
        table.legend {
            tbody {
                @for (outcome, n) in counts.iter().filter(|(_, n)| *n > 0) {
                    tr {
                        td { span class={ "key " (outcome.name()) } {} (outcome) }
                        td.n { (units::count(n)) }
                        td.n { (units::percent(n as f64 / counts.total() as f64)) }
                    }
                }
            }
        }
    }
}

fn graphs(scenario: &ScenarioReport) -> Markup {
    let accepted = scenario.recording.total().outcomes.get(Outcome::Accepted) > 0;
    html! {
        figure {
            figcaption { "Arrival rate " span.key.asked {} "asked " span.key.sent {} "sent" }
            (PreEscaped(charts::rates(scenario)))
        }
        figure { figcaption { "Outcomes per second" } (PreEscaped(charts::outcomes(scenario))) }
        @if accepted {
            figure {
                figcaption { "Response time of accepted arrivals " span.key.p50 {} "p50 " span.key.p95 {} "p95 " span.key.p99 {} "p99" }
                (PreEscaped(charts::latency(scenario)))
            }
        }
    }
}

fn latency(scenario: &ScenarioReport, before: Option<&ScenarioReport>) -> Markup {
    let rows = figures::latency_rows(&scenario.recording);
    let old = before.map(|b| figures::accepted(&b.recording).response_time.clone());
    html! {
        @if !rows.is_empty() {
            h3 { "Latency" }
            table {
                thead { tr { th {} @for (name, _) in QUANTILES { th.n { (name) } } th.n { "samples" } } }
                tbody {
                    @for (name, trend) in &rows {
                        tr {
                            td class=[name.starts_with(' ').then_some("in")] { (name.trim()) }
                            @for (_, q) in QUANTILES { td.n { (figures::quantile(trend, q)) } }
                            td.n { (units::count(trend.count())) }
                        }
                    }
                    @if let Some(old) = old {
                        tr {
                            td { "baseline: response time, accepted" }
                            @for (_, q) in QUANTILES { td.n { (figures::quantile(&old, q)) } }
                            td.n { (units::count(old.count())) }
                        }
                    }
                }
            }
        }
    }
}

fn limits(scenario: &ScenarioReport) -> Markup {
    let limiter = &scenario.verdict.limiter;
    html! {
        h3 { "Rate limits" }
        table {
            tbody {
                tr { td { "declared" } td { @if let Some(d) = limiter.declared { (d.describe()) } @else { "none" } } }
                tr { td { "predicted 429" } td {
                    @if let Some((low, high)) = limiter.predicted_hits { (units::count(low)) " to " (units::count(high)) } @else { "–" }
                } }
                tr { td { "observed 429" } td { (units::count(limiter.observed_hits)) } }
                tr { td { "inferred" } td { (words::inference(&limiter.inferred)) } }
                @for rule in &limiter.rules {
                    @let class = match rule.verdict {
                        RuleVerdict::Pass => "pass",
                        RuleVerdict::Fail => "fail",
                        RuleVerdict::NotExercised | RuleVerdict::Info => "skipped",
                    };
                    tr {
                        td { (rule.name.name()) }
                        td { span class={ "badge " (class) } { (rule.verdict.name()) } " " (one_line(&rule.evidence)) }
                    }
                }
            }
        }
    }
}

fn rules(scenario: &ScenarioReport) -> Markup {
    let others: Vec<_> = scenario
        .verdict
        .findings
        .iter()
        .filter(|f| f.threshold.is_none() && !matches!(f.about, crate::gate::About::Limiter(_)))
        .collect();
    html! {
        @if !others.is_empty() {
            h3 { "Checks, probes, generator" }
            table { tbody { @for f in others {
                tr { td { (one_line(&f.name)) } td { (word(f.verdict)) } td { (one_line(&f.message)) } }
            } } }
        }
    }
}

fn excerpts(scenario: &ScenarioReport) -> Markup {
    html! {
        @if !scenario.recording.excerpts.is_empty() {
            h3 { "Answers, one of each kind" }
            table { tbody { @for e in &scenario.recording.excerpts {
                tr {
                    td { (e.outcome) " × " (units::count(e.count)) }
                    td.n { @if e.status == 0 { "–" } @else { (e.status) } }
                    td { code { (one_line(&e.text)) } }
                }
            } } }
        }
    }
}
