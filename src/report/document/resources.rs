//! What the service itself had to do meanwhile, as its own monitoring knew it.

use super::super::chart::{Axis, Chart, Layer, LimitLine};
use super::grain::Grain;
use super::model::{Block, Note, Section};
use super::over_time::{Steps, keys_of_both, length, stages};
use super::table::{Cell, Column, Level, Table, Tone};
use crate::gate::{MetricKind, RESOURCE_NAME};
use crate::measure::{Resource, ResourceUnit};
use crate::suite::{ResourceFigures, ScenarioReport};
use crate::units::{self, Nanos};

/// The section; `None` where nobody was asked.
pub(super) fn section(
    scenario: &ScenarioReport,
    before: Option<&ScenarioReport>,
    grain: Grain,
) -> Option<Section> {
    let recording = &scenario.recording;
    let known = recording.resources.iter().filter(|resource| resource.count() > 0);
    let known: Vec<&Resource> = known.collect();
    let mut section = Section::new("resources of the service");
    let mut table = Table::new([
        Column::words("resource"),
        Column::figures("mean"),
        Column::figures("p95"),
        Column::figures("most"),
        Column::figures("baseline's mean"),
        Column::figures("baseline's most"),
        Column::figures("values").at(Level::Full),
    ]);
    for resource in &known {
        let now = ResourceFigures::of(resource);
        let was = before.and_then(|before| before.recording.resource(&resource.name));
        let was = was.and_then(ResourceFigures::of);
        let said = |figures: Option<ResourceFigures>, take: fn(ResourceFigures) -> f64| {
            figures.map(|figures| resource.unit.say(take(figures)))
        };
        table.row([
            Cell::words(&resource.name),
            Cell::figure_or_dash(said(now, |f| f.mean)),
            Cell::figure_or_dash(said(now, |f| f.p95)),
            Cell::figure_or_dash(said(now, |f| f.max)),
            Cell::figure(said(was, |f| f.mean).unwrap_or_default()).toned(Tone::Quiet),
            Cell::figure(said(was, |f| f.max).unwrap_or_default()).toned(Tone::Quiet),
            Cell::figure(units::count(resource.count())).toned(Tone::Quiet),
        ]);
    }
    if !table.rows.is_empty() {
        section.add(Level::Detail, Block::Table(table));
    }
    let missing = recording.resources.iter().filter_map(|resource| {
        let why = resource.missing.as_ref()?;
        Some(Note::new(Tone::Quiet, format!("{} is not known: {why}", resource.name)))
    });
    let missing: Vec<Note> = missing.collect();
    if !missing.is_empty() {
        section.add(Level::Full, Block::Notes(missing));
    }
    for resource in known {
        section.chart(Level::Full, Some(chart(scenario, resource, grain)));
    }
    section.filled()
}

/// The resources that both runs know, over one another.
pub(super) fn over_one_another(
    [before, now]: [&ScenarioReport; 2],
    grain: Grain,
    x: &Axis,
) -> Vec<Chart> {
    let pair = |resource: &'_ Resource| {
        let was = before.recording.resource(&resource.name).filter(|was| was.count() > 0)?;
        (was.unit == resource.unit).then(|| was.clone())
    };
    let known = now.recording.resources.iter().filter(|resource| resource.count() > 0);
    let both = known.filter_map(|resource| Some((resource, pair(resource)?)));
    both.map(|(is, was)| {
        let (old, new) = (chart(before, &was, grain), chart(now, is, grain));
        let y = if old.y.high > new.y.high { old.y } else { new.y };
        let mut readings = new.readings.unwrap_or_default();
        let told = old.readings.unwrap_or_default();
        readings.names = vec![format!("{}, base", is.name), format!("{}, new", is.name)];
        let none = || vec!["–".to_owned()];
        for (i, row) in readings.rows.iter_mut().enumerate() {
            *row = [told.rows.get(i).cloned().unwrap_or_else(none), row.clone()].concat();
        }
        let figures = ["base", "new"].map(Column::figures);
        let mut data = Table::new([Column::words("at")].into_iter().chain(figures));
        for i in 0..old.data.rows.len().max(new.data.rows.len()) {
            let of = |table: &Table, c: usize| table.rows.get(i)?.cells.get(c).cloned();
            let at = of(&new.data, 0).or_else(|| of(&old.data, 0));
            let values = [of(&old.data, 1), of(&new.data, 1)];
            let values = values.map(|value| value.unwrap_or_else(|| Cell::figure_or_dash(None)));
            data.row(at.into_iter().chain(values));
        }
        let lines = [("before", old.layers), ("now", new.layers)];
        let line = |(key, layers): (&'static str, Vec<Layer>)| {
            layers.into_iter().filter_map(move |layer| match layer {
                Layer::Line { points, .. } => Some(Layer::Line { key, points }),
                _ => None,
            })
        };
        Chart {
            keys: keys_of_both(),
            shades: stages(now),
            layers: lines.into_iter().flat_map(line).collect(),
            readings: Some(readings),
            data,
            ..Chart::new(new.id, new.title, x.clone(), y)
        }
    })
    .collect()
}

/// One resource over the time of the load.
fn chart(scenario: &ScenarioReport, resource: &Resource, grain: Grain) -> Chart {
    let recording = &scenario.recording;
    let start = recording.started_at.after(recording.load_offset);
    let points: Vec<(f64, Option<f64>)> = resource.points(start).collect();
    let bounds = bounds(scenario, resource);
    let (shown, name): (fn(f64) -> String, _) = match resource.unit {
        ResourceUnit::Number => (|v| ResourceUnit::Number.say(v), "value"),
        ResourceUnit::Share => (|v| ResourceUnit::Share.say(v), "share"),
        ResourceUnit::Bytes => (|v| ResourceUnit::Bytes.say(v), "bytes"),
        ResourceUnit::Seconds => (|v| ResourceUnit::Seconds.say(v), "time"),
    };
    let most = resource.known().fold(0.0, f64::max);
    // A bound far above everything would press the line to the floor.
    let near = |bound: &f64| *bound > 0.0 && *bound <= most * 4.0;
    let top = bounds.iter().map(|(at, _)| *at).filter(near).fold(most, f64::max);
    let mut data = Table::new([Column::words("at"), Column::figures("value")]);
    for (at, value) in grouped(&points, grain.rows) {
        let cells = [
            Cell::words(units::clock(Nanos::from_secs_f64(at))),
            Cell::figure_or_dash(value.map(|value| resource.unit.say(value))),
        ];
        data.row(cells);
    }
    let step = resource.step.as_secs_f64();
    // What was known last, as long as it is no older than a step.
    let readings = Steps::of(scenario, grain).moments(&resource.name, |from, to| {
        let there = points.iter().filter(|(at, _)| (from - step..to).contains(at));
        let value = there.filter_map(|(_, value)| *value).next_back();
        value.map_or_else(|| "–".to_owned(), |value| resource.unit.say(value))
    });
    let x = Axis::seconds(length(scenario));
    let points: Vec<_> = points.into_iter().filter(|(at, _)| *at <= x.high).collect();
    let y = match resource.unit {
        ResourceUnit::Bytes => Axis::bytes_to(top, shown, name),
        _ => Axis::up_to(top, shown, name),
    };
    let lines = bounds.into_iter().filter(|(at, _)| near(at));
    Chart {
        shades: stages(scenario),
        layers: vec![Layer::Line { key: "now", points: grouped(&points, grain.points) }],
        bounds: lines.map(|(at, label)| LimitLine { at, label }).collect(),
        readings: Some(readings),
        data,
        ..Chart::new(format!("resource-{}", plain(&resource.name)), &resource.name, x, y)
    }
}

/// At most so many of the points: of several that are next to one another the largest, at
/// the moment of the first.
fn grouped(points: &[(f64, Option<f64>)], most: usize) -> Vec<(f64, Option<f64>)> {
    let groups = points.chunks(Grain::group(points.len(), most));
    let one = |group: &[(f64, Option<f64>)]| {
        let largest = group.iter().filter_map(|(_, value)| *value).reduce(f64::max);
        Some((group.first()?.0, largest))
    };
    groups.filter_map(one).collect()
}

/// What thresholds allow of it.
fn bounds(scenario: &ScenarioReport, resource: &Resource) -> Vec<(f64, String)> {
    let thresholds = scenario.plan.criteria.thresholds.iter();
    let ours = thresholds.filter(|threshold| {
        threshold.metric.kind() == MetricKind::Gauge
            && threshold.selector.get(RESOURCE_NAME) == Some(resource.name.as_str())
    });
    let judged = scenario.verdict.findings.iter().filter_map(|finding| finding.threshold.as_ref());
    let judged: Vec<_> = judged.collect();
    ours.filter_map(|threshold| {
        let same = judged.iter().find(|result| {
            (&result.key, &result.expression) == (&threshold.key, &threshold.expression)
        });
        let bound = same?.bound?;
        let (method, sign) = (threshold.method, threshold.operator.sign());
        Some((bound, format!("{method} {sign} {}", resource.unit.say(bound))))
    })
    .collect()
}

/// A name that may stand in an id.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
}
