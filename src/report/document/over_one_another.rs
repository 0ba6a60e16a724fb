//! The charts of two runs over one another: those that one run has, a line a run.

use super::super::chart::{Axis, Chart};
use super::super::figures::bin_quantile;
use super::grain::Grain;
use super::model::Section;
use super::over_time::{OF_ACCEPTED, Steps, keys_of_both, length, stages};
use super::table::Level;
use super::{resources, shapes};
use crate::measure::Second;
use crate::outcome::Outcome;
use crate::suite::ScenarioReport;
use crate::units;

/// A figure of a step in time.
struct Figure {
    /// What its readings are called; unique.
    name: &'static str,
    title: &'static str,
    /// What its axis measures.
    axis: &'static str,
    /// Of bins and the seconds that they last; nothing where none was measured.
    of: fn(&[Second], f64) -> Option<f64>,
    said: fn(f64) -> String,
    /// Whether there are whole ones of it only.
    whole: bool,
}

/// Every figure that one run has over its time, what a reader looks for first before the rest.
const FIGURES: [Figure; 9] = [
    timing("p95", "p95 of each second", |bins, _| worst(bins, 0.95)),
    rate("sent", "arrivals sent a second", |bins, s| Some(sum(bins, |b| b.sent.into()) / s)),
    timing("p50", "p50 of each second", |bins, _| worst(bins, 0.5)),
    timing("p99", "p99 of each second", |bins, _| worst(bins, 0.99)),
    rate("accepted", "accepted a second", |bins, s| Some(ended(bins, &[Outcome::Accepted]) / s)),
    rate("refused", "refused by the limiter a second", |bins, s| {
        Some(ended(bins, &[Outcome::RateLimited]) / s)
    }),
    rate("failed", "ended otherwise a second", |bins, s| {
        let all: f64 = sum(bins, |bin| bin.outcomes.total());
        Some((all - ended(bins, &[Outcome::Accepted, Outcome::RateLimited])) / s)
    }),
    Figure {
        said: units::number,
        whole: true,
        ..rate("in flight", "requests in flight, at most", |bins, _| {
            most(bins, |b| b.in_flight.into())
        })
    },
    Figure {
        axis: "lag",
        ..timing("lag", "schedule lag, at most", |bins, _| most(bins, |b| f64::from(b.lag) / 1e3))
    },
];

const fn timing(
    name: &'static str,
    title: &'static str,
    of: fn(&[Second], f64) -> Option<f64>,
) -> Figure {
    Figure { name, title, axis: OF_ACCEPTED, of, said: units::millis, whole: false }
}

const fn rate(
    name: &'static str,
    title: &'static str,
    of: fn(&[Second], f64) -> Option<f64>,
) -> Figure {
    Figure { name, title, axis: title, of, said: units::rate, whole: false }
}

fn worst(bins: &[Second], quantile: f64) -> Option<f64> {
    bins.iter().filter_map(|bin| bin_quantile(bin, quantile)).reduce(f64::max)
}

fn sum(bins: &[Second], of: impl Fn(&Second) -> u64) -> f64 {
    bins.iter().map(of).sum::<u64>() as f64
}

fn most(bins: &[Second], of: impl Fn(&Second) -> f64) -> Option<f64> {
    bins.iter().map(of).reduce(f64::max)
}

fn ended(bins: &[Second], outcomes: &[Outcome]) -> f64 {
    sum(bins, |bin| outcomes.iter().map(|outcome| bin.outcomes.get(*outcome)).sum())
}

/// Both runs over one another; `None` where there is nothing to draw.
pub(super) fn section(
    before: &ScenarioReport,
    now: &ScenarioReport,
    grain: Grain,
) -> Option<Section> {
    let mut section = Section::new("over one another");
    let long = length(before).max(length(now));
    let x = Axis::seconds(long);
    for figure in &FIGURES {
        section.chart(Level::Full, both([before, now], grain, figure, &x));
    }
    for (run, id, title) in [
        (before, "heat-base", "how many arrivals took how long: base"),
        (now, "heat-new", "how many arrivals took how long: new"),
    ] {
        let heat = shapes::heat(run, grain);
        let heat = heat.map(|heat| Chart {
            id: id.into(),
            title: title.to_owned(),
            x: x.clone(),
            shades: stages(now),
            ..heat
        });
        section.chart(Level::Full, heat);
    }
    for chart in resources::over_one_another([before, now], grain, &x) {
        section.chart(Level::Full, Some(chart));
    }
    section.chart(Level::Full, shapes::percentiles(now, Some(before), ["new", "base"]));
    section.chart(Level::Full, shapes::knee(now, Some(before)));
    section.filled()
}

/// One figure of both runs over time; `None` where both had nothing of it.
fn both(
    [before, now]: [&ScenarioReport; 2],
    grain: Grain,
    figure: &Figure,
    x: &Axis,
) -> Option<Chart> {
    let (was, is) = (Steps::of(before, grain), Steps::of(now, grain));
    let width = |run: &ScenarioReport| f64::from(run.recording.timeline.width.max(1));
    let one =
        |run: &ScenarioReport, bin: &Second| (figure.of)(std::slice::from_ref(bin), width(run));
    let most = [before, now]
        .into_iter()
        .flat_map(|run| run.recording.timeline.bins.iter().filter_map(move |bin| one(run, bin)))
        .fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let axis = if figure.whole { Axis::counting_to } else { Axis::up_to };
    let y = axis(most, figure.said, figure.axis);
    // The longer of the two has moments that the other hasn't.
    let longer = if length(before) > length(now) { &was } else { &is };
    let (mut readings, data) = longer.told(&["base", "new"], |first, bins, seconds| {
        let of = |run: &ScenarioReport| {
            // Steps of another width are other moments.
            let same = width(before) == width(now);
            let there = run.recording.timeline.bins.get(first..).unwrap_or_default();
            let there = there.get(..bins.len()).unwrap_or(there);
            let value = (same && !there.is_empty()).then(|| (figure.of)(there, seconds)).flatten();
            value.map_or_else(|| "–".to_owned(), figure.said)
        };
        vec![of(before), of(now)]
    });
    // Beside those of the other charts.
    readings.names.iter_mut().for_each(|name| *name = format!("{}, {name}", figure.name));
    Some(Chart {
        keys: keys_of_both(),
        shades: stages(now),
        layers: vec![
            was.line("before", |_, bin| one(before, bin)),
            is.line("now", |_, bin| one(now, bin)),
        ],
        readings: Some(readings),
        data,
        ..Chart::new(
            format!("{}-of-both", figure.name.replace(' ', "-")),
            figure.title,
            x.clone(),
            y,
        )
    })
}
