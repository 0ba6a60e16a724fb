//! What was judged: thresholds, rules, and the answers they rest on.

use super::super::words;
use super::model::{Block, Note, Quote, Section};
use super::table::{Cell, Column, Level, Table, Tone};
use crate::gate::{self, About, Finding, FindingVerdict, ThresholdResult, VerdictKind};
use crate::measure::Excerpt;
use crate::measure::intervals::CONFIDENCE;
use crate::suite::ScenarioReport;
use crate::units;

/// The thresholds, the worst first.
pub(super) fn thresholds(scenario: &ScenarioReport) -> Option<Section> {
    let findings = scenario.verdict.findings.iter();
    let mut judged: Vec<(&Finding, &ThresholdResult)> =
        findings.filter_map(|f| f.threshold.as_ref().map(|t| (f, t))).collect();
    judged.sort_by_key(|(finding, _)| std::cmp::Reverse(finding.verdict as u8));
    let confidence = judged.first().map_or(CONFIDENCE, |(_, threshold)| threshold.confidence);
    let usual = (confidence - CONFIDENCE).abs() < 1e-9;
    let too_short = judged.iter().any(|(_, t)| !t.told && t.interval.is_some());
    let too_rare = judged.iter().find(|(_, t)| t.rare && t.interval.is_some());
    let mut table = Table::new([
        Column::words("verdict"),
        Column::words("metric"),
        Column::words("wanted"),
        Column::figures("observed"),
        Column::words(if usual { "95 % interval" } else { "interval" }),
        Column::words("rests on"),
        Column::words(""),
    ]);
    for (finding, threshold) in &judged {
        let shown = |v| threshold.say(v);
        let interval = threshold.interval;
        let interval = interval.map(|(low, high)| format!("{} – {}", shown(low), shown(high)));
        table.row([
            words::finding(finding.verdict),
            Cell::code(&threshold.key),
            Cell::code(&threshold.expression),
            Cell::figure_or_dash(threshold.observed.map(shown)),
            Cell::figure_or_dash(interval).toned(Tone::Quiet),
            Cell::words(threshold.rests_on()).toned(Tone::Quiet),
            Cell::words(if threshold.close { "close" } else { "" }).toned(Tone::Doubtful),
        ]);
    }
    let mut section = Section::new("thresholds");
    if !table.rows.is_empty() {
        section.add(Level::Glance, Block::Table(table));
    }
    let mut notes = Vec::new();
    if !usual && !judged.is_empty() {
        notes.push(format!("intervals of {}", units::confidence(confidence)));
    }
    if too_short {
        notes.push(gate::too_short());
    }
    if let Some((_, threshold)) = too_rare {
        notes.push(format!("{}: {}", threshold.key, gate::too_rare()));
    }
    if !notes.is_empty() {
        let notes = notes.iter().map(|line| Note::new(Tone::Quiet, line));
        section.add(Level::Glance, Block::Notes(notes.collect()));
    }
    section.filled()
}

/// The first rule that is broken, with what it rests on: where a reader starts looking.
pub(super) fn first_evidence(scenario: &ScenarioReport) -> Option<Section> {
    let failed = |f: &&Finding| f.verdict == FindingVerdict::Fail && !f.evidence.is_empty();
    let finding = scenario.verdict.findings.iter().find(failed)?;
    let mut section = Section::new("first failing evidence").lead(finding.name.clone());
    let notes = finding.evidence.iter().take(3).map(|line| Note::new(Tone::Plain, line));
    section.add(Level::Glance, Block::Notes(notes.collect()));
    Some(section)
}

/// Checks of the contract, and every other rule that is neither a threshold nor
/// the limiter's.
pub(super) fn rules(scenario: &ScenarioReport) -> Option<Section> {
    let mut section = Section::new("checks and rules");
    let others = scenario.verdict.findings.iter();
    let others = others.filter(|f| f.threshold.is_none() && !matches!(f.about, About::Limiter(_)));
    let mut table =
        Table::new([Column::words("verdict"), Column::words("rule"), Column::words("found")]);
    for finding in others {
        let level =
            if finding.verdict == FindingVerdict::Pass { Level::Full } else { Level::Detail };
        let cells = [Cell::words(&finding.name), Cell::words(&finding.message)];
        table.row_at(level, [vec![words::finding(finding.verdict)], cells.to_vec()].concat());
    }
    if !table.rows.is_empty() {
        section.add(Level::Detail, Block::Table(table));
    }
    let checks = &scenario.recording.checks;
    let failing: Vec<Note> = checks
        .iter()
        .filter(|check| check.fails > 0)
        .map(|check| {
            let total = units::count(check.passes.saturating_add(check.fails));
            let failed = units::count(check.fails);
            Note::new(Tone::Bad, format!("{}: failed {failed} of {total}", check.name))
        })
        .collect();
    let looked_at = checks.iter().filter(|c| c.passes.saturating_add(c.fails) > 0).count();
    let held = looked_at.saturating_sub(failing.len());
    if !failing.is_empty() {
        section.add(Level::Detail, Block::Notes(failing));
    }
    if looked_at == 0 && !section.blocks.is_empty() {
        let text = "no answer's contract was there to be checked";
        section.add(Level::Detail, Block::Words(text.to_owned()));
    } else if held > 0 {
        let text = format!("{held} of {} checks held on every answer", checks.len());
        section.add(Level::Detail, Block::Words(text));
    }
    section.filled()
}

/// One answer of each kind, quoted.
pub(super) fn answers(scenario: &ScenarioReport) -> Option<Section> {
    let mut section = Section::new("answers, one of each kind");
    let canary = scenario.recording.canary.as_ref().filter(|c| !c.note.is_empty());
    if let Some(canary) = canary {
        let text = format!("canary: {}, status {}: {}", canary.outcome, canary.status, canary.note);
        section.add(Level::Detail, Block::Notes(vec![Note::new(Tone::Doubtful, text)]));
    }
    // Of a failure the first two belong to the verdict.
    let first = if scenario.verdict.kind == VerdictKind::Fail { 2 } else { 0 };
    let quotes: Vec<Quote> = scenario.recording.excerpts.iter().map(quote).collect();
    let (first, rest) = quotes.split_at(first.min(quotes.len()));
    for (level, quotes) in [(Level::Glance, first), (Level::Detail, rest)] {
        if !quotes.is_empty() {
            section.add(level, Block::Quotes(quotes.to_vec()));
        }
    }
    section.filled()
}

fn quote(excerpt: &Excerpt) -> Quote {
    let status = match excerpt.status {
        0 => "no status".to_owned(),
        status => format!("status {status}"),
    };
    let check = excerpt.check.as_ref().map(|check| format!(", check {check}"));
    let title = format!(
        "{} × {} ({status}{}), first at {} (arrival {})",
        units::count(excerpt.count),
        excerpt.outcome,
        check.unwrap_or_default(),
        units::clock(excerpt.at),
        excerpt.arrival
    );
    Quote { title, trace: excerpt.trace.clone(), text: excerpt.text.clone() }
}
