//! The closing summary for a terminal, and the full text of one scenario.

use super::figures::{self, QUANTILES};
use super::table::{self, Side};
use super::words::{finding_word, inference, verdict_word};
use super::{escape, sparkline};
use crate::gate::{About, Finding, FindingVerdict, VerdictKind};
use crate::limits::RuleVerdict;
use crate::measure::Ended;
use crate::outcome::Outcome;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units;

/// How text is dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether ANSI colours are used.
    pub color: bool,
    /// Columns a line may take before it is folded (at least 40).
    pub width: usize,
}

impl Style {
    /// No colours, 100 columns: for files.
    pub const PLAIN: Self = Self { color: false, width: 100 };
}

#[derive(Clone, Copy)]
enum Ink {
    Good,
    Bad,
    Doubtful,
    Quiet,
    Strong,
}

/// A page that grows line by line.
struct Page {
    style: Style,
    text: String,
}

impl Page {
    fn paint(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Good => "32",
            Ink::Bad => "1;31",
            Ink::Doubtful => "33",
            Ink::Quiet => "2",
            Ink::Strong => "1",
        };
        if self.style.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn gap(&mut self) {
        if !self.text.ends_with("\n\n") && !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn heading(&mut self, title: &str) {
        self.gap();
        let painted = self.paint(Ink::Strong, title);
        self.line(&format!("  {painted}"));
    }

    /// Folded to the width, later lines indented two further.
    fn words(&mut self, indent: usize, ink: Option<Ink>, text: &str) {
        let most = self.style.width.max(40).saturating_sub(indent);
        let mut lines: Vec<String> = vec![String::new()];
        for word in escape::one_line(text).split(' ') {
            let room = most.saturating_sub(if lines.len() > 1 { 2 } else { 0 });
            match lines.last_mut() {
                Some(line) if line.is_empty() => line.push_str(word),
                Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        for (i, line) in lines.iter().enumerate() {
            let pad = " ".repeat(indent + if i > 0 { 2 } else { 0 });
            let painted = ink.map_or_else(|| line.clone(), |ink| self.paint(ink, line));
            self.line(&format!("{pad}{painted}"));
        }
    }

    fn rows(
        &mut self,
        rows: &[Vec<String>],
        sides: &[Side],
        paint: impl Fn(usize, usize) -> Option<Ink>,
    ) {
        let lines = table::lines(rows, sides, 4, |r, c, cell| {
            paint(r, c).map_or_else(|| cell.to_owned(), |ink| self.paint(ink, cell))
        });
        for line in lines {
            self.line(&line);
        }
    }
}

const fn verdict_ink(kind: VerdictKind) -> Ink {
    match kind {
        VerdictKind::Pass => Ink::Good,
        VerdictKind::Fail => Ink::Bad,
        VerdictKind::Inconclusive | VerdictKind::Skipped => Ink::Doubtful,
    }
}

const fn finding_ink(verdict: FindingVerdict) -> Ink {
    match verdict {
        FindingVerdict::Pass => Ink::Good,
        FindingVerdict::Fail => Ink::Bad,
        FindingVerdict::Inconclusive => Ink::Doubtful,
        FindingVerdict::Info | FindingVerdict::Skipped => Ink::Quiet,
    }
}

/// The closing summary of a run: the headline, then every scenario, the worst
/// first.
#[must_use]
pub fn summary_text(report: &SuiteReport, style: Style) -> String {
    let mut page = Page { style, text: String::new() };
    header(&mut page, report);
    for scenario in figures::worst_first(report) {
        scenario_section(&mut page, scenario);
    }
    footer(&mut page, report);
    page.text
}

/// The whole text of one scenario (`<scenario>-<timestamp>.txt`).
#[must_use]
pub fn scenario_text(report: &SuiteReport, scenario: &ScenarioReport, style: Style) -> String {
    let mut page = Page { style, text: String::new() };
    let kind = scenario.verdict.kind;
    let first = format!("{}: {kind}", scenario.plan.scenario);
    page.words(0, Some(verdict_ink(kind)), &first);
    where_and_when(&mut page, report);
    scenario_section(&mut page, scenario);
    footer(&mut page, report);
    page.text
}

fn header(page: &mut Page, report: &SuiteReport) {
    // One line whatever its length: the first line is the verdict, for `head -1` too.
    let headline = page.paint(verdict_ink(report.verdict), &escape::one_line(&report.headline));
    page.line(&headline);
    where_and_when(page, report);
}

fn where_and_when(page: &mut Page, report: &SuiteReport) {
    let (environment, profile) = (&report.environment, &report.profile);
    let what = format!("{} {} · profile {profile}", environment.name, environment.url);
    page.words(0, Some(Ink::Quiet), &what);
    let when = format!(
        "{} · seed {} · load-gate {}",
        report.started_at.human(),
        report.seed,
        report.tool_version
    );
    page.words(0, Some(Ink::Quiet), &when);
    if report.partial {
        page.words(
            0,
            Some(Ink::Doubtful),
            "partial: made from a checkpoint of a run that never ended",
        );
    }
}

fn footer(page: &mut Page, report: &SuiteReport) {
    if !report.notices.is_empty() {
        page.gap();
        for notice in &report.notices {
            page.words(0, Some(Ink::Quiet), &format!("note: {notice}"));
        }
    }
}

fn scenario_section(page: &mut Page, scenario: &ScenarioReport) {
    page.gap();
    let kind = scenario.verdict.kind;
    let name = page.paint(Ink::Strong, scenario.plan.scenario.name());
    let word = page.paint(verdict_ink(kind), verdict_word(kind));
    page.line(&format!("{name}  {word}"));
    for reason in &scenario.verdict.reasons {
        page.words(2, Some(verdict_ink(kind)), &format!("• {reason}"));
    }
    for cluster in &scenario.verdict.clusters {
        page.words(2, Some(Ink::Doubtful), &format!("• {cluster}"));
    }
    if let Ended::Skipped { .. } = scenario.recording.ended {
        return;
    }
    thresholds(page, scenario);
    outcomes(page, scenario);
    latency(page, scenario);
    other_findings(page, scenario);
    limits(page, scenario);
    probes(page, scenario);
    generator(page, scenario);
    excerpts(page, scenario);
}

fn thresholds(page: &mut Page, scenario: &ScenarioReport) {
    let mut judged: Vec<&Finding> =
        scenario.verdict.findings.iter().filter(|f| f.threshold.is_some()).collect();
    if judged.is_empty() {
        return;
    }
    judged.sort_by_key(|f| std::cmp::Reverse(f.verdict as u8));
    page.heading("thresholds");
    let rows: Vec<Vec<String>> = judged.iter().map(|f| threshold_row(f)).collect();
    let sides = [Side::Left, Side::Left, Side::Left, Side::Right, Side::Left, Side::Right];
    page.rows(&rows, &sides, |r, c| match (c, judged.get(r)) {
        (0, Some(f)) => Some(finding_ink(f.verdict)),
        (4 | 5, _) => Some(Ink::Quiet),
        (6, _) => Some(Ink::Doubtful),
        _ => None,
    });
}

fn threshold_row(finding: &Finding) -> Vec<String> {
    let mut row = vec![finding_word(finding.verdict).to_owned()];
    let Some(t) = &finding.threshold else { return row };
    let shown = |v| t.say(v);
    row.push(escape::one_line(&t.key));
    row.push(escape::one_line(&t.expression));
    row.push(t.observed.map_or_else(|| "–".to_owned(), shown));
    row.push(t.interval.map_or_else(String::new, |(low, high)| {
        format!("95 % CI {} – {}", shown(low), shown(high))
    }));
    row.push(format!("n={}", units::count(t.samples)));
    row.push(if t.close { "close".to_owned() } else { String::new() });
    row
}

fn outcomes(page: &mut Page, scenario: &ScenarioReport) {
    let recording = &scenario.recording;
    let counts = &recording.total().outcomes;
    let total = counts.total();
    let planned = recording.generator.planned;
    page.heading(&format!(
        "arrivals  {} of {} planned, {} over {}",
        units::count(total),
        units::count(planned),
        units::rate(figures::achieved_rate(recording)),
        recording.duration
    ));
    if total == 0 {
        page.words(4, Some(Ink::Quiet), "none was sent");
        return;
    }
    let shown: Vec<(Outcome, u64)> = counts.iter().filter(|(_, n)| *n > 0).collect();
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|(outcome, n)| {
            let share = *n as f64 / total as f64;
            let bar = "█".repeat((share * 24.0).round().clamp(0.0, 24.0) as usize);
            vec![outcome.name().to_owned(), units::count(*n), units::percent(share), bar]
        })
        .collect();
    let sides = [Side::Left, Side::Right, Side::Right, Side::Left];
    page.rows(&rows, &sides, |r, c| match (c, shown.get(r)) {
        (0 | 3, Some((outcome, _))) => Some(match outcome {
            Outcome::Accepted => Ink::Good,
            Outcome::RateLimited => Ink::Doubtful,
            _ => Ink::Bad,
        }),
        (2, _) => Some(Ink::Quiet),
        _ => None,
    });
}

fn latency(page: &mut Page, scenario: &ScenarioReport) {
    let rows = figures::latency_rows(&scenario.recording);
    if rows.is_empty() {
        return;
    }
    page.heading("latency");
    let mut head = vec![String::new()];
    head.extend(QUANTILES.map(|(name, _)| name.to_owned()));
    head.push("samples".to_owned());
    let mut cells = vec![head];
    cells.extend(rows.iter().map(|(name, trend)| {
        let mut row = vec![(*name).to_owned()];
        row.extend(QUANTILES.map(|(_, q)| figures::quantile(trend, q)));
        row.push(units::count(trend.count()));
        row
    }));
    let mut sides = vec![Side::Left];
    sides.resize(8, Side::Right);
    page.rows(&cells, &sides, |r, c| (r == 0 || c == 7).then_some(Ink::Quiet));
    let p95 = figures::per_bin(&scenario.recording, 0.95);
    if p95.iter().flatten().count() > 1 {
        let line = sparkline::sparkline(&p95, 60);
        page.line(&format!("    p95 over time  {line}"));
    }
}

fn other_findings(page: &mut Page, scenario: &ScenarioReport) {
    let told = |f: &&Finding| {
        matches!(f.about, About::Run | About::Check)
            && f.threshold.is_none()
            && f.verdict != FindingVerdict::Pass
    };
    let checks = &scenario.recording.checks;
    let failing: Vec<_> = checks.iter().filter(|c| c.fails > 0).collect();
    let findings: Vec<&Finding> = scenario.verdict.findings.iter().filter(told).collect();
    if findings.is_empty() && checks.is_empty() {
        return;
    }
    page.heading("checks");
    for finding in &findings {
        let ink = finding_ink(finding.verdict);
        let text =
            format!("{}  {}: {}", finding_word(finding.verdict), finding.name, finding.message);
        page.words(4, Some(ink), &text);
    }
    for check in &failing {
        let total = units::count(check.passes.saturating_add(check.fails));
        let text = format!("{}: failed {} of {total}", check.name, units::count(check.fails));
        page.words(4, Some(Ink::Bad), &text);
    }
    let looked_at = checks.iter().filter(|c| c.passes.saturating_add(c.fails) > 0).count();
    if looked_at == 0 {
        page.words(4, None, "no answer's contract was there to be checked");
    } else if looked_at > failing.len() {
        let held = looked_at - failing.len();
        page.words(4, None, &format!("{held} of {} checks held on every answer", checks.len()));
    }
}

fn limits(page: &mut Page, scenario: &ScenarioReport) {
    let limiter = &scenario.verdict.limiter;
    page.heading("rate limits");
    let declared = limiter.declared.map_or_else(|| "none".to_owned(), |d| d.describe());
    let predicted = limiter.predicted_hits.map_or_else(
        || "–".to_owned(),
        |(low, high)| format!("{} to {} × 429", units::count(low), units::count(high)),
    );
    let rows = [
        ("declared", declared),
        ("predicted", predicted),
        ("observed", format!("{} × 429", units::count(limiter.observed_hits))),
        ("inferred", inference(&limiter.inferred)),
    ]
    .map(|(name, value)| vec![name.to_owned(), value]);
    page.rows(&rows, &[Side::Left, Side::Left], |_, c| (c == 0).then_some(Ink::Quiet));
    let mut rules: Vec<_> = limiter.rules.iter().collect();
    rules.sort_by_key(|rule| rule_rank(rule.verdict));
    let rows: Vec<Vec<String>> = rules
        .iter()
        .map(|rule| {
            let evidence = escape::one_line(&rule.evidence);
            vec![rule.verdict.name().to_owned(), rule.name.name().to_owned(), evidence]
        })
        .collect();
    page.rows(&rows, &[Side::Left; 3], |r, c| match (c, rules.get(r)) {
        (0, Some(rule)) => Some(match rule.verdict {
            RuleVerdict::Pass => Ink::Good,
            RuleVerdict::Fail => Ink::Bad,
            RuleVerdict::NotExercised | RuleVerdict::Info => Ink::Quiet,
        }),
        _ => None,
    });
}

fn probes(page: &mut Page, scenario: &ScenarioReport) {
    let probes = &scenario.recording.probes;
    if probes.is_empty() {
        return;
    }
    page.heading("probes (each must be refused)");
    let rows: Vec<Vec<String>> = probes
        .iter()
        .map(|p| {
            let mut row = vec![p.kind.name().to_owned(), format!("{} sent", units::count(p.sent))];
            let parts = [
                (p.held, "held"),
                (p.breached, "BREACHED"),
                (p.other, "refused oddly"),
                (p.neither, "no say"),
            ];
            let told: Vec<String> = parts
                .iter()
                .filter(|(n, _)| *n > 0)
                .map(|(n, what)| format!("{} {what}", units::count(*n)))
                .collect();
            row.push(told.join(", "));
            row
        })
        .collect();
    let sides = [Side::Left, Side::Right, Side::Left];
    page.rows(&rows, &sides, |r, c| {
        let breached = probes.get(r).is_some_and(|p| p.breached > 0);
        (c == 2).then_some(if breached { Ink::Bad } else { Ink::Good })
    });
}

fn generator(page: &mut Page, scenario: &ScenarioReport) {
    let recording = &scenario.recording;
    let generator = &recording.generator;
    if generator.planned == 0 && generator.sent == 0 {
        return;
    }
    page.heading("generator");
    let mut text = format!(
        "sent {} of {}, dropped {}; schedule lag in holds p99 {}; at most {} in flight; {} connections opened",
        units::count(generator.sent),
        units::count(generator.planned),
        units::count(generator.dropped),
        figures::quantile(&generator.lag_hold, 0.99),
        units::count(generator.max_in_flight),
        units::count(recording.connections.opened),
    );
    if let Some(cpu) = generator.cpu_seconds {
        add!(text, "; CPU {}", units::span(units::Nanos::from_secs_f64(cpu)));
    }
    if let Some(memory) = generator.peak_memory {
        add!(text, "; memory {}", units::bytes(memory));
    }
    page.words(4, None, &text);
    for finding in &scenario.verdict.findings {
        if finding.about == About::Generator && finding.verdict != FindingVerdict::Pass {
            page.words(4, Some(finding_ink(finding.verdict)), &finding.message);
        }
    }
}

fn excerpts(page: &mut Page, scenario: &ScenarioReport) {
    let excerpts = &scenario.recording.excerpts;
    let canary = scenario.recording.canary.as_ref().filter(|c| !c.note.is_empty());
    if excerpts.is_empty() && canary.is_none() {
        return;
    }
    page.heading("answers, one of each kind");
    if let Some(canary) = canary {
        let text =
            format!("canary: {} (status {}): {}", canary.outcome, canary.status, canary.note);
        page.words(4, Some(Ink::Doubtful), &text);
    }
    for e in excerpts {
        let status = if e.status == 0 { "no status".to_owned() } else { e.status.to_string() };
        let check = e.check.as_ref().map(|c| format!(", check {c}")).unwrap_or_default();
        let count = units::count(e.count);
        let first = format!("{} ×{count} ({status}{check}), first at {}", e.outcome, e.at);
        page.words(4, None, &first);
        if !e.text.is_empty() {
            page.words(6, Some(Ink::Quiet), &e.text);
        }
    }
}

const fn rule_rank(verdict: RuleVerdict) -> u8 {
    match verdict {
        RuleVerdict::Fail => 0,
        RuleVerdict::Info => 1,
        RuleVerdict::Pass => 2,
        RuleVerdict::NotExercised => 3,
    }
}
