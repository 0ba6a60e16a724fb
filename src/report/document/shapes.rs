//! Charts of the shape of response times: percentiles, the heat of every second, and how they follow the rate.

use super::super::chart::{Axis, Chart, Key, Layer, Readings};
use super::super::figures::{self, bin_quantile};
use super::grain::Grain;
use super::over_time::{bounds_on_latency, keys_of_both, stages};
use super::table::{Cell, Column, Table};
use crate::measure::{Trend, span_of};
use crate::suite::ScenarioReport;
use crate::units;

/// Quantiles of the curve.
const CURVE: [f64; 16] = [
    0.0, 0.25, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9999,
];

/// How far out a quantile is: 1 at p0, 10 at p90, 100 at p99.
fn reach(q: f64) -> f64 {
    1.0 / (1.0 - q).max(1e-9)
}

/// What an x value of the curve is called: `p99.9`.
fn quantile_name(reach: f64) -> String {
    let percent = 100.0 * (1.0 - 1.0 / reach);
    format!("p{}", units::number((percent * 1e4).round() / 1e4))
}

fn curve(trend: &Trend) -> Vec<(f64, f64)> {
    // No further than where one sample in ten stands behind a figure.
    let end = (trend.count() as f64 / 2.0).max(2.0);
    let at = |q: f64| Some((q, trend.quantile(q)?.as_millis_f64().max(0.001)));
    CURVE.into_iter().filter(|q| reach(*q) <= end).filter_map(at).collect()
}

/// The percentile curve on a log axis, with thresholds as crosses and the
/// baseline as a thin line; both are called by `names`.
pub(super) fn percentiles(
    scenario: &ScenarioReport,
    before: Option<&ScenarioReport>,
    names: [&'static str; 2],
) -> Option<Chart> {
    let now = curve(&figures::accepted(&scenario.recording).response_time);
    if now.len() < 3 {
        return None;
    }
    let then = before.map(|before| curve(&figures::accepted(&before.recording).response_time));
    let goals: Vec<(f64, f64)> = bounds_on_latency(scenario)
        .iter()
        .filter_map(|(q, t)| Some((reach(*q), t.bound?)))
        .filter(|(_, bound)| *bound > 0.0)
        .collect();
    let line = |key, points: &[(f64, f64)]| Layer::Line {
        key,
        points: points.iter().map(|(q, v)| (reach(*q), Some(*v))).collect(),
    };
    let mut layers = Vec::new();
    let mut keys = vec![Key { key: "now", name: names[0].to_owned() }];
    if let Some(then) = &then {
        layers.push(line("before", then));
        keys.push(Key { key: "before", name: names[1].to_owned() });
    }
    layers.push(line("now", &now));
    let values = || {
        now.iter()
            .chain(then.iter().flatten())
            .map(|(_, v)| *v)
            .chain(goals.iter().map(|(_, v)| *v))
    };
    let y = Axis::log(
        values().fold(f64::INFINITY, f64::min),
        // A cross at the very edge would be half a cross.
        values().fold(0.0, f64::max) * 1.15,
        units::millis,
        "response time",
    );
    let end =
        now.iter().map(|(q, _)| reach(*q)).chain(goals.iter().map(|(q, _)| *q)).fold(2.0, f64::max);
    let x = Axis { low: 1.0, ..Axis::log(1.0, end, quantile_name, "percentile") };
    if !goals.is_empty() {
        layers.push(Layer::Crosses { key: "bound", points: goals });
        keys.push(Key { key: "bound", name: "threshold".to_owned() });
    }
    Some(Chart {
        keys,
        layers,
        data: percentile_table(&now, then.as_deref(), names),
        ..Chart::new("percentiles", "response time by percentile", x, y)
    })
}

fn percentile_table(
    now: &[(f64, f64)],
    then: Option<&[(f64, f64)]>,
    [this, other]: [&'static str; 2],
) -> Table {
    let columns = [Column::words("percentile"), Column::figures(this)].into_iter();
    let mut data = Table::new(columns.chain(then.map(|_| Column::figures(other))));
    for (q, value) in now {
        let was = then.map(|then| {
            let was = then.iter().find(|(other, _)| other == q).map(|(_, v)| units::millis(*v));
            Cell::figure_or_dash(was)
        });
        let cells = [Cell::words(quantile_name(reach(*q))), Cell::figure(units::millis(*value))];
        data.row(cells.into_iter().chain(was));
    }
    data
}

/// How often which response time came, second by second.
pub(super) fn heat(scenario: &ScenarioReport, grain: Grain) -> Option<Chart> {
    let tall = grain.tall;
    let timeline = &scenario.recording.timeline;
    let width = f64::from(timeline.width.max(1));
    let group = Grain::group(timeline.bins.len(), grain.columns);
    let mut cells: Vec<((usize, u16), u64)> = Vec::new();
    let mut rows = std::collections::BTreeMap::<u16, u64>::new();
    for (i, bins) in timeline.bins.chunks(group).enumerate() {
        let mut column = std::collections::BTreeMap::<u16, u64>::new();
        for (bucket, n) in bins.iter().flat_map(|bin| &bin.response) {
            *column.entry(bucket / tall).or_default() += u64::from(n);
            *rows.entry(bucket / tall).or_default() += u64::from(n);
        }
        cells.extend(column.into_iter().map(|(row, n)| ((i, row), n)));
    }
    let most = cells.iter().map(|(_, n)| *n).max()? as f64;
    let edge = |row: u16| span_of(row * tall).as_millis_f64();
    let (low, high) = (*rows.first_key_value()?.0, *rows.last_key_value()?.0);
    let end = timeline.bins.len() as f64 * width;
    let heat = cells.iter().map(|((i, row), n)| {
        let from = (i * group) as f64 * width;
        let to = (from + group as f64 * width).min(end);
        // The root, so that a few stand out from none.
        ([from, edge(*row), to, edge(row + 1)], (*n as f64 / most).sqrt())
    });
    let layers = vec![Layer::Heat { cells: heat.collect() }];
    let mut data = Table::new([
        Column::words("from"),
        Column::words("to"),
        Column::figures("accepted arrivals"),
    ]);
    for (row, n) in &rows {
        let edges = [edge(*row), edge(row + 1)].map(|ms| Cell::words(units::millis(ms)));
        data.row(edges.into_iter().chain([Cell::figure(units::count(*n))]));
    }
    let y = Axis::log(edge(low), edge(high + 1), units::millis, "response time");
    let words = "the stronger the colour, the more accepted arrivals took that long";
    Some(Chart {
        shades: stages(scenario),
        layers,
        words: vec![words.to_owned()],
        readings: Some(Readings::default()),
        data,
        ..Chart::new("heat", "how many arrivals took how long", Axis::seconds(end), y)
    })
}

/// The rate and the p95 of each second.
fn rates_and_p95(scenario: &ScenarioReport) -> Vec<(f64, f64)> {
    let timeline = &scenario.recording.timeline;
    let width = f64::from(timeline.width.max(1));
    let point = |bin: &crate::measure::Second| {
        Some((f64::from(bin.sent) / width, bin_quantile(bin, 0.95)?))
    };
    timeline.bins.iter().filter_map(point).collect()
}

/// The p95 of each second against its rate, over that of the run `before` where there is one:
/// where a target saturates, a knee shows.
pub(super) fn knee(scenario: &ScenarioReport, before: Option<&ScenarioReport>) -> Option<Chart> {
    let points = rates_and_p95(scenario);
    let then = before.map(rates_and_p95);
    let all = || points.iter().chain(then.iter().flatten());
    let most = all().map(|(rate, _)| *rate).fold(0.0, f64::max);
    let least = points.iter().map(|(rate, _)| *rate).fold(f64::INFINITY, f64::min);
    // One rate all along shows nothing.
    if points.len() < 5 || most < least * 1.5 {
        return None;
    }
    let top = all().map(|(_, p95)| *p95).fold(0.0, f64::max);
    let x = Axis::up_to(most, units::rate, "arrivals sent a second");
    let data = knee_table(&points, then.as_deref(), x.high);
    let y = Axis::up_to(top, units::millis, "p95");
    let keys = then.as_ref().map(|_| keys_of_both()).unwrap_or_default();
    let then = then.map(|points| Layer::Dots { key: "before", points });
    let layers = then.into_iter().chain([Layer::Dots { key: "p95", points }]).collect();
    Some(Chart {
        keys,
        layers,
        data,
        ..Chart::new("knee", "p95 of a second against its rate", x, y)
    })
}

fn knee_table(points: &[(f64, f64)], then: Option<&[(f64, f64)]>, high: f64) -> Table {
    const STEPS: i32 = 8;
    let names = ["sent", "seconds", "median p95", "worst p95"].map(Column::figures);
    let base = then.map(|_| Column::figures("median p95 of the base"));
    let mut data = Table::new(names.into_iter().chain(base));
    for i in 0..STEPS {
        let edge = |i: i32| high * f64::from(i) / f64::from(STEPS);
        let sorted = |points: &[(f64, f64)]| {
            let within = points.iter().filter(|(rate, _)| *rate > edge(i) && *rate <= edge(i + 1));
            let mut p95s: Vec<f64> = within.map(|(_, p95)| *p95).collect();
            p95s.sort_by(f64::total_cmp);
            p95s
        };
        let median = |p95s: &[f64]| p95s.get(p95s.len() / 2).copied().map(units::millis);
        let now = sorted(points);
        if let (Some(middle), Some(worst)) = (median(&now), now.last()) {
            let cells = [
                format!("to {}", units::rate(edge(i + 1))),
                units::count(now.len() as u64),
                middle,
                units::millis(*worst),
            ];
            let base = then.map(|then| Cell::figure_or_dash(median(&sorted(then))));
            data.row(cells.map(Cell::figure).into_iter().chain(base));
        }
    }
    data
}
