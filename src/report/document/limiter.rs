//! The limiter of a scenario: declared, predicted, observed, inferred, and its rules.

use super::super::words;
use super::grain::Grain;
use super::model::{Block, Section};
use super::table::{Cell, Column, Level, Table};
use super::windows;
use crate::admission::DeclaredLimit;
use crate::limits::{RuleResult, RuleVerdict};
use crate::suite::ScenarioReport;
use crate::units;

/// The limiter's section.
pub(super) fn section(scenario: &ScenarioReport, grain: Grain) -> Section {
    let limiter = &scenario.verdict.limiter;
    let declared = limiter.declared.iter().chain(&limiter.beside);
    let declared: Vec<String> = declared.map(DeclaredLimit::describe).collect();
    let declared = if declared.is_empty() { "none".to_owned() } else { declared.join(" and ") };
    let predicted = limiter.predicted_hits.map(|(low, high)| {
        let probable = limiter.probable_hits.filter(|_| low < high);
        let probable = probable.map(|hits| format!(", probably about {}", units::count(hits)));
        format!("{} to {}{}", units::count(low), units::count(high), probable.unwrap_or_default())
    });
    let status = limiter.refused_by();
    let (expected, came) = (format!("predicted {status}"), format!("observed {status}"));
    let facts = Table::of_facts([
        ("declared", Cell::words(declared)),
        (expected.as_str(), Cell::figure_or_dash(predicted)),
        (came.as_str(), Cell::figure(units::count(limiter.observed_hits))),
        ("inferred", Cell::words(words::inference(&limiter.inferred))),
    ]);
    let mut section = Section::new("rate limits");
    section.add(Level::Glance, Block::Table(facts));
    let (broken, rest): (Vec<&RuleResult>, Vec<&RuleResult>) = limiter
        .rules
        .iter()
        .partition(|rule| matches!(rule.verdict, RuleVerdict::Fail | RuleVerdict::Inconclusive));
    for (level, mut rules) in [(Level::Glance, broken), (Level::Detail, rest)] {
        rules.sort_by_key(|rule| rank(rule.verdict));
        let mut table =
            Table::new([Column::words("verdict"), Column::words("rule"), Column::words("seen")]);
        for rule in rules {
            let cells = [Cell::words(rule.name.name()), Cell::words(&rule.evidence)];
            table.row([vec![words::rule(rule.verdict)], cells.to_vec()].concat());
        }
        if !table.rows.is_empty() {
            section.add(level, Block::Table(table));
        }
    }
    for chart in windows::charts(scenario, grain) {
        section.chart(Level::Full, Some(chart));
    }
    section
}

const fn rank(verdict: RuleVerdict) -> u8 {
    match verdict {
        RuleVerdict::Fail => 0,
        RuleVerdict::Inconclusive => 1,
        RuleVerdict::Info => 2,
        RuleVerdict::Pass => 3,
        RuleVerdict::NotExercised => 4,
    }
}
