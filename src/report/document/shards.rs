//! The machines that a run was sent from: one row each, the odd ones first.

use super::super::shard_text::{offset, told};
use super::model::{Block, Note, Section};
use super::table::{Cell, Column, Level, Table, Tone};
use crate::gate::GeneratorBounds;
use crate::measure::{ShardRow, Shards};
use crate::suite::ScenarioReport;
use crate::units::{self, Nanos};

/// The most rows; of more shards the odd ones and the first.
const MOST_ROWS: usize = 64;
/// Of so few machines every row is shown at a glance; of more the odd ones.
const FEW: usize = 8;
/// An answer time that many times the median of all machines is odd.
const ODD: u64 = 2;

/// A row for each shard, where there are several.
pub(super) fn section(scenario: &ScenarioReport) -> Option<Section> {
    let shards = scenario.recording.shards.as_ref().filter(|shards| shards.of > 1)?;
    let there = scenario.verdict.findings.iter().find(|f| f.name == crate::gate::ALL_SHARDS);
    let mut section = Section::new("shards");
    if let Some(found) = there {
        section = section.lead(&found.message);
    }
    let (rows, left_out) = shown(shards, &scenario.plan.criteria.generator);
    let mut table = heads();
    let few = rows.len() <= FEW;
    let odd = rows.iter().filter(|(_, odd)| odd.is_some()).count();
    if !few && odd > 0 {
        let more = if odd == MOST_ROWS { " or more" } else { "" };
        let how = "late, behind, short of its part, or answered in twice the usual time";
        section.add(Level::Glance, Block::Words(format!("{odd}{more} stand out: {how}")));
    }
    for (row, odd) in rows {
        let level = if few || odd.is_some() { Level::Glance } else { Level::Detail };
        table.row_at(level, cells(row, odd));
    }
    if !table.rows.is_empty() {
        section.add(Level::Glance, Block::Table(table));
    }
    if left_out > 0 {
        let more = units::count(left_out as u64);
        let text = format!("{more} more shards, none of them odd, stand in suite.json");
        section.add(Level::Detail, Block::Words(text));
    }
    let strangers = shards.strangers.iter().take(MOST_ROWS);
    let strangers: Vec<Note> =
        strangers.map(|text| Note::new(Tone::Doubtful, format!("not merged: {text}"))).collect();
    if !strangers.is_empty() {
        section.add(Level::Detail, Block::Notes(strangers));
    }
    Some(section)
}

/// The rows that are shown, each with how it stands out, and how many aren't.
fn shown<'a>(
    shards: &'a Shards,
    bounds: &GeneratorBounds,
) -> (Vec<(&'a ShardRow, Option<&'static str>)>, usize) {
    let usual = median(shards);
    let mut rows: Vec<_> =
        shards.rows.iter().map(|row| (row, oddity(bounds, usual, row))).collect();
    let left_out = rows.len().saturating_sub(MOST_ROWS);
    if left_out > 0 {
        rows.sort_by_key(|(row, odd)| (odd.is_none(), row.shard));
        rows.truncate(MOST_ROWS);
        rows.sort_by_key(|(row, _)| row.shard);
    }
    (rows, left_out)
}

/// The same rows, a line of words each, for pages that have no tables: number and words.
pub(in crate::report) fn lines(scenario: &ScenarioReport) -> Vec<(u32, String)> {
    let shards = scenario.recording.shards.as_ref().filter(|shards| shards.of > 1);
    let bounds = &scenario.plan.criteria.generator;
    let rows = shards.map(|shards| shown(shards, bounds).0).unwrap_or_default();
    rows.into_iter().map(|(row, _)| (row.shard, told(row))).collect()
}

fn heads() -> Table {
    Table::new([
        Column::figures("shard"),
        Column::figures("rate"),
        Column::figures("sent"),
        Column::figures("of"),
        Column::figures("dropped"),
        Column::figures("lag p99"),
        Column::figures("p50"),
        Column::figures("p95"),
        Column::figures("service p95").at(Level::Detail),
        Column::figures("late"),
        Column::words("clock").at(Level::Detail),
        Column::words(""),
    ])
}

fn cells(row: &ShardRow, odd: Option<&'static str>) -> Vec<Cell> {
    let tone = odd.map_or(Tone::Plain, |_| Tone::Doubtful);
    let span = |span: Option<Nanos>| Cell::figure_or_dash(span.map(units::span));
    let rate = row.rate().map(units::rate);
    let late = if row.late.is_zero() { String::new() } else { units::span(row.late) };
    let clock = row.clock_offset.map_or_else(
        || "unknown".to_owned(),
        |known| format!("{} ± {}", offset(known), units::span(row.clock_error)),
    );
    vec![
        Cell::figure(row.shard.to_string()).toned(tone),
        Cell::figure_or_dash(rate),
        Cell::figure(units::count(row.sent)),
        Cell::figure(units::count(row.planned)),
        Cell::figure(units::count(row.dropped)),
        span(row.lag_p99),
        span(row.response_p50),
        span(row.response_p95),
        span(row.service_p95),
        Cell::figure(late),
        Cell::words(clock),
        // Colour alone would not tell everybody.
        Cell::words(odd.unwrap_or_default()).toned(tone),
    ]
}

/// The median of the machines' p95; of two, the lower one: the other may be the slow one.
fn median(shards: &Shards) -> Option<Nanos> {
    let mut all: Vec<Nanos> = shards.rows.iter().filter_map(|row| row.response_p95).collect();
    all.sort_unstable();
    all.get(all.len().saturating_sub(1) / 2).copied()
}

/// How a row stands out, if it does: the machine fell short, or it was answered slowly.
fn oddity(bounds: &GeneratorBounds, usual: Option<Nanos>, row: &ShardRow) -> Option<&'static str> {
    if !row.late.is_zero() {
        return Some("late");
    }
    if row.lag_p99.is_some_and(|lag| lag > bounds.max_lag) {
        return Some("behind");
    }
    if row.dropped > 0 || row.sent < row.planned {
        return Some("short");
    }
    let slow = row.response_p95.zip(usual).is_some_and(|(own, usual)| own.0 > usual.0 * ODD);
    slow.then_some("slow answers")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ScenarioId;
    use crate::measure::{Ended, Recording};
    use crate::units::Timestamp;

    const NOW: Timestamp = Timestamp { unix_millis: 0 };

    #[test]
    fn of_two_machines_the_slow_one_stands_out() {
        let nothing = Recording::empty(ScenarioId::fixed("webhook"), NOW, Ended::Completed);
        let row = |shard, millis| ShardRow {
            response_p95: Some(Nanos::from_millis(millis)),
            ..nothing.row_of(shard)
        };
        let bounds = GeneratorBounds { max_lag: Nanos::MAX, max_dropped: 0.0, max_off_plan: 0.0 };
        let shards = Shards { of: 2, rows: vec![row(1, 10), row(2, 1000)], ..Shards::default() };
        let usual = median(&shards);
        let odd = shards.rows.iter().map(|row| oddity(&bounds, usual, row));
        assert_eq!(odd.collect::<Vec<_>>(), [None, Some("slow answers")]);
    }

    #[test]
    fn of_many_machines_it_is_said_that_the_rows_shown_are_the_odd_ones() {
        let mut report = crate::report::fixtures::pass().scenarios.remove(0);
        let said = |report: &ScenarioReport| {
            let blocks = section(report).expect("several machines").blocks;
            let words = blocks.into_iter().filter_map(|(level, block)| match block {
                Block::Words(text) => Some((level, text)),
                _ => None,
            });
            words.collect::<Vec<_>>()
        };
        let rows: Vec<ShardRow> = (1..=20).map(|shard| report.recording.row_of(shard)).collect();
        report.recording.shards = Some(Shards { of: 20, rows, ..Shards::default() });
        assert_eq!(said(&report), []);
        for row in report.recording.shards.iter_mut().flat_map(|shards| &mut shards.rows[..2]) {
            row.dropped = 1;
        }
        let told =
            "2 stand out: late, behind, short of its part, or answered in twice the usual time";
        assert_eq!(said(&report), [(Level::Glance, told.to_owned())]);
    }
}
