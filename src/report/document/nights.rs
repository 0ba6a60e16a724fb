//! The nights before a run: figures with sparklines, and where p95 moved for good.

use super::super::escape::one_line;
use super::super::sparkline::sparkline;
use super::model::{Block, Note, Section};
use super::table::{Cell, Column, Level, Table, Tone};
use crate::suite::{Drift, History, Night, NightFigures, drifts};
use crate::units::{self, Timestamp};

/// Nights that are drawn.
const DRAWN: usize = 60;
/// Moves that are told, the newest ones.
const MOST_TOLD: usize = 10;

/// What a row shows: its name, the figure, and how it is said.
type TableRow = (&'static str, fn(&NightFigures) -> Option<f64>, fn(f64) -> String);

const ROWS: [TableRow; 3] = [
    ("p95", |figures| figures.p95_ms, units::millis),
    ("success", |figures| figures.success_rate, units::percent),
    ("429", |figures| figures.rate_limit_hits.map(|n| n as f64), |n| units::count(n as u64)),
];

/// The section; `None` with fewer than two nights.
pub(super) fn section(history: &History) -> Option<Section> {
    let nights = history.newest_series();
    if nights.len() < 2 {
        return None;
    }
    let mut section = Section::new("nights").lead(span(&nights));
    let found = drifts(&nights);
    let told = found.iter().skip(found.len().saturating_sub(MOST_TOLD));
    let notes: Vec<Note> = told.map(|drift| Note::new(tone(drift), sentence(drift))).collect();
    if !notes.is_empty() {
        section.add(Level::Glance, Block::Notes(notes));
    }
    let columns = vec![
        Column::words(""),
        Column::words("figure"),
        Column::figures("newest"),
        Column::figures("median"),
        Column::words("over the nights"),
    ];
    let mut table = Table::new(columns);
    for line in lines(&nights) {
        table.row([
            Cell::words(line.scenario),
            Cell::words(line.figure),
            Cell::figure(line.newest),
            Cell::figure(line.median),
            Cell::figure(line.drawn),
        ]);
    }
    section.add(Level::Glance, Block::Table(table));
    section.filled()
}

fn tone(drift: &Drift) -> Tone {
    if drift.ratio > 1.0 { Tone::Doubtful } else { Tone::Good }
}

/// One scenario's figure over the nights.
pub(in crate::report) struct NightLine {
    pub(in crate::report) scenario: String,
    pub(in crate::report) figure: &'static str,
    pub(in crate::report) newest: String,
    pub(in crate::report) median: String,
    /// A block a night.
    pub(in crate::report) drawn: String,
}

/// Three figures a scenario, over the nights of one series.
pub(in crate::report) fn lines(nights: &[&Night]) -> Vec<NightLine> {
    let names: std::collections::BTreeSet<&String> =
        nights.iter().flat_map(|night| night.scenarios.keys()).collect();
    let of = |name: &String, row: &TableRow| {
        let values: Vec<Option<f64>> = nights
            .iter()
            .map(|night| night.scenarios.get(name).and_then(row.1).filter(|v| v.is_finite()))
            .collect();
        let mut known: Vec<f64> = values.iter().copied().flatten().collect();
        known.sort_by(f64::total_cmp);
        let say = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), row.2);
        NightLine {
            scenario: one_line(name),
            figure: row.0,
            newest: say(values.last().copied().flatten()),
            median: say(known.get(known.len() / 2).copied()),
            drawn: sparkline(
                values.get(values.len().saturating_sub(DRAWN)..).unwrap_or(&values),
                DRAWN,
            ),
        }
    };
    let mut all = Vec::new();
    for name in names {
        all.extend(ROWS.iter().map(|row| of(name, row)));
    }
    all
}

/// `p95 of onboarding rose by 11 % on 2026-11-12 (100 ms to 111 ms), between commits a and b`.
pub(in crate::report) fn sentence(drift: &Drift) -> String {
    let (before, after) = drift.levels;
    let moved = if drift.ratio > 1.0 { "rose" } else { "fell" };
    let mut text = format!(
        "p95 of {} {moved} by {:.0} % on {} ({} to {})",
        one_line(&drift.scenario),
        (drift.ratio - 1.0).abs() * 100.0,
        date(drift.since),
        units::millis(before),
        units::millis(after)
    );
    if let (Some(before), Some(after)) = &drift.commits {
        let short = |sha: &String| one_line(sha).chars().take(8).collect::<String>();
        add!(text, ", between commits {} and {}", short(before), short(after));
    }
    text
}

fn date(at: Timestamp) -> String {
    at.rfc3339().chars().take(10).collect()
}

/// `42 nights, 2026-09-07 to 2026-11-12`.
pub(in crate::report) fn span(nights: &[&Night]) -> String {
    let n = nights.len();
    match (nights.first(), nights.last()) {
        (Some(first), Some(last)) if n > 1 => {
            format!("{n} nights, {} to {}", date(first.started_at), date(last.started_at))
        }
        (Some(only), _) => format!("one night, {}", date(only.started_at)),
        _ => "no night".to_owned(),
    }
}
