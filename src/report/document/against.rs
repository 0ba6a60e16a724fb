//! What changed against the baseline, figure by figure; how certain a change is says `load-gate compare`.

use super::super::figures::{self, QUANTILES};
use super::model::{Block, Section};
use super::table::{Cell, Column, Level, Table};
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units;

/// The section; `None` without a baseline.
pub(super) fn section(
    order: &[&ScenarioReport],
    baseline: Option<&SuiteReport>,
) -> Option<Section> {
    let baseline = baseline?;
    let mut section =
        Section::new(format!("against the baseline of {}", baseline.started_at.human()));
    let mut table = Table::new([
        Column::words("scenario"),
        Column::words("figure"),
        Column::figures("baseline"),
        Column::figures("now"),
        Column::figures("change"),
    ]);
    for scenario in order {
        if let Some(before) = figures::of(Some(baseline), scenario.plan.scenario) {
            rows(&mut table, before, scenario);
        }
    }
    section.add(
        Level::Glance,
        if table.rows.is_empty() {
            Block::Words("nothing to compare".to_owned())
        } else {
            Block::Table(table)
        },
    );
    Some(section)
}

fn rows(table: &mut Table, before: &ScenarioReport, now: &ScenarioReport) {
    let mut row = |name: &str, was: String, is: String, ratio: Option<f64>| {
        let ratio = ratio.map(units::change).unwrap_or_default();
        let id = now.plan.scenario.to_string();
        let figures = [was, is, ratio].map(Cell::figure);
        table.row([vec![Cell::words(id), Cell::words(name)], figures.to_vec()].concat());
    };
    let rate = |s: &ScenarioReport| s.recording.total().success_rate().map(|(rate, _)| rate);
    if let (Some(was), Some(is)) = (rate(before), rate(now)) {
        row("success rate", units::percent(was), units::percent(is), None);
    }
    let (was, is) = (figures::accepted(&before.recording), figures::accepted(&now.recording));
    for (name, q) in QUANTILES {
        let pair = (was.response_time.quantile(q), is.response_time.quantile(q));
        if let (Some(was), Some(is)) = pair {
            let ratio = is.0 as f64 / (was.0 as f64).max(1.0);
            row(name, units::span(was), units::span(is), Some(ratio));
        }
    }
}
