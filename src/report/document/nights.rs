//! The nights before a run: figures with sparklines, and where p95 moved for good.

use std::collections::BTreeSet;

use super::super::chart::{Axis, Chart, Layer, Scale};
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

/// Scenarios of which a chart is drawn.
const MOST_CHARTS: usize = 12;
const MILLIS_A_DAY: f64 = 86_400_000.0;

/// What a row shows: its name, the figure, and how it is said.
type TableRow = (&'static str, fn(&NightFigures) -> Option<f64>, fn(f64) -> String);

const ROWS: [TableRow; 3] = [
    ("p95", |figures| figures.p95_ms, units::millis),
    ("success", |figures| figures.success_rate, units::percent),
    ("refused", |figures| figures.rate_limit_hits.map(|n| n as f64), |n| units::count(n as u64)),
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
    let names: BTreeSet<&String> = nights.iter().flat_map(|night| night.scenarios.keys()).collect();
    for name in names.into_iter().take(MOST_CHARTS) {
        section.chart(Level::Full, chart(&nights, name));
    }
    section.filled()
}

/// p95 of one scenario, night by night; `None` with fewer than two of them.
fn chart(nights: &[&Night], name: &str) -> Option<Chart> {
    let figures = |night: &Night| night.scenarios.get(name).copied();
    let p95 = |night: &&Night| {
        let value = figures(night)?.p95_ms.filter(|value| value.is_finite())?;
        Some((days(night.started_at), value))
    };
    let points: Vec<(f64, f64)> = nights.iter().filter_map(p95).collect();
    let (first, last) = (points.first()?.0, points.last()?.0);
    if points.len() < 2 || last <= first {
        return None;
    }
    let most = points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    let x = Axis { scale: Scale::Days, low: first, high: last, shown: day, name: "nights" };
    let mut data = Table::new([
        Column::words("night"),
        Column::figures("p95"),
        Column::figures("success"),
        Column::figures("refused"),
    ]);
    for night in nights {
        let Some(of) = figures(night) else { continue };
        let cells = ROWS.map(|(_, take, say)| Cell::figure_or_dash(take(&of).map(say)));
        data.row([Cell::words(date(night.started_at))].into_iter().chain(cells));
    }
    let line = points.iter().map(|(at, value)| (*at, Some(*value))).collect();
    let name = one_line(name);
    let id: String = name.chars().filter(char::is_ascii_alphanumeric).take(60).collect();
    Some(Chart {
        layers: vec![Layer::Line { key: "p95", points: line }, Layer::Dots { key: "p95", points }],
        data,
        ..Chart::new(id, format!("p95 of {name}"), x, Axis::up_to(most, units::millis, "p95"))
    })
}

fn days(at: Timestamp) -> f64 {
    at.unix_millis as f64 / MILLIS_A_DAY
}

/// A day as an axis names it, its hour where it isn't a whole one.
fn day(days: f64) -> String {
    let minutes = (days * 1440.0).round() as i64;
    let text = Timestamp { unix_millis: minutes * 60_000 }.rfc3339();
    let at = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    if minutes % 1440 == 0 { at(0, 10) } else { format!("{} {}", at(5, 10), at(11, 16)) }
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
    let names: BTreeSet<&String> = nights.iter().flat_map(|night| night.scenarios.keys()).collect();
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
        "p95 of {} {moved} {} on {} ({} to {})",
        one_line(&drift.scenario),
        units::by(drift.ratio),
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
