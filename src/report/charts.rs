//! Charts over time: what is drawn of a scenario, and how it becomes SVG or Mermaid.

use super::{figures, sparkline};
use crate::outcome::Outcome;
use crate::suite::ScenarioReport;
use crate::units;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 64.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 26.0;
/// The most points of a line: more than the eye tells apart at this width.
const MOST_POINTS: usize = 360;

/// One series of a chart: its name, which is its CSS class, and its values,
/// evenly spaced in time.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) key: &'static str,
    pub(super) values: Vec<Option<f64>>,
}

/// A chart over time.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) title: &'static str,
    /// How long it lasts.
    pub(super) seconds: f64,
    /// Whether the series stand on one another.
    pub(super) stacked: bool,
    pub(super) series: Vec<Series>,
    /// How a value is said.
    pub(super) shown: fn(f64) -> String,
}

impl Chart {
    fn over_time(
        scenario: &ScenarioReport,
        title: &'static str,
        shown: fn(f64) -> String,
        series: Vec<Series>,
    ) -> Self {
        let timeline = &scenario.recording.timeline;
        let seconds = timeline.bins.len() as f64 * f64::from(timeline.width.max(1));
        Self { title, seconds, stacked: false, series, shown }
    }

    /// The rate asked for and the rates achieved.
    pub(super) fn rates(scenario: &ScenarioReport) -> Self {
        let timeline = &scenario.recording.timeline;
        let width = f64::from(timeline.width.max(1));
        let asked = (0..timeline.bins.len())
            .map(|i| Some(figures::asked_rate(scenario, (i as f64 + 0.5) * width)))
            .collect();
        let sent = timeline.bins.iter().map(|bin| Some(f64::from(bin.sent) / width)).collect();
        let series =
            vec![Series { key: "asked", values: asked }, Series { key: "sent", values: sent }];
        Self::over_time(scenario, "arrival rate", units::rate, series)
    }

    /// Response time of accepted arrivals, p50, p95 and p99 of each second.
    pub(super) fn latency(scenario: &ScenarioReport) -> Self {
        let series = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)].map(|(key, quantile)| Series {
            key,
            values: figures::per_bin(&scenario.recording, quantile),
        });
        let title = "response time of accepted arrivals";
        Self::over_time(scenario, title, units::millis, series.into())
    }

    /// Outcomes per second, accepted at the bottom.
    pub(super) fn outcomes(scenario: &ScenarioReport) -> Self {
        let timeline = &scenario.recording.timeline;
        let width = f64::from(timeline.width.max(1));
        let counts = &scenario.recording.total().outcomes;
        let there = |outcome: &Outcome| *outcome == Outcome::Accepted || counts.get(*outcome) > 0;
        let series = Outcome::ALL.into_iter().filter(there).map(|outcome| Series {
            key: outcome.name(),
            values: timeline
                .bins
                .iter()
                .map(|bin| Some(bin.outcomes.get(outcome) as f64 / width))
                .collect(),
        });
        let chart = Self::over_time(scenario, "outcomes per second", units::rate, series.collect());
        Self { stacked: true, ..chart }
    }

    /// What stands at each moment: all series together.
    fn heights(&self) -> Vec<Option<f64>> {
        let moments = self.series.iter().map(|s| s.values.len()).max().unwrap_or(0);
        let at = |i: usize| self.series.iter().filter_map(move |s| *s.values.get(i)?);
        (0..moments)
            .map(|i| at(i).reduce(if self.stacked { std::ops::Add::add } else { f64::max }))
            .collect()
    }
}

/// The chart as Mermaid: the sum and the first series where they are stacked,
/// else every series.
pub(super) fn mermaid(chart: &Chart) -> String {
    let line = |values: &[Option<f64>]| {
        let shown = sparkline::shrink(values, 60);
        let shown: Vec<String> = shown.iter().map(|v| units::number(v.unwrap_or(0.0))).collect();
        format!("    line [{}]\n", shown.join(", "))
    };
    let series = chart.series.iter().map(|series| line(&series.values));
    let (lines, title) = if chart.stacked {
        let first = chart.series.first().map_or("", |series| series.key);
        let lines = [line(&chart.heights())].into_iter().chain(series.take(1)).collect::<String>();
        (lines, format!("{}: all, {first}", chart.title))
    } else {
        (series.collect(), chart.title.to_owned())
    };
    let end = units::number(chart.seconds);
    format!(
        "```mermaid\nxychart-beta\n    title \"{title}\"\n    x-axis \"seconds\" 0 --> {end}\n    \
         y-axis \"\"\n{lines}```\n"
    )
}

/// The chart as inline SVG.
pub(super) fn svg(chart: &Chart) -> String {
    let series: Vec<Series> = chart
        .series
        .iter()
        .map(|s| Series { key: s.key, values: sparkline::shrink(&s.values, MOST_POINTS) })
        .collect();
    let drawn = Chart { series, ..chart.clone() };
    let top = nice(drawn.heights().into_iter().flatten().fold(0.0_f64, f64::max));
    let mut svg = frame(chart, top);
    if drawn.stacked {
        areas(&mut svg, &drawn, top);
    } else {
        paths(&mut svg, &drawn, top);
    }
    svg.push_str("</svg>");
    svg
}

fn paths(svg: &mut String, chart: &Chart, top: f64) {
    for series in &chart.series {
        let mut path = String::new();
        let mut pen_up = true;
        for (i, value) in series.values.iter().enumerate() {
            let Some(value) = value else {
                pen_up = true;
                continue;
            };
            let x = x_of((i as f64 + 0.5) / series.values.len() as f64);
            let pen = if pen_up { "M" } else { "L" };
            add!(path, "{pen}{x:.1} {:.1}", y_of(value / top));
            pen_up = false;
        }
        add!(svg, "<path class=\"line {}\" d=\"{path}\"/>", series.key);
    }
}

fn areas(svg: &mut String, chart: &Chart, top: f64) {
    let moments = chart.heights().len();
    let wide = (WIDTH - LEFT - 8.0) / moments.max(1) as f64;
    let mut below = vec![0.0; moments];
    for series in &chart.series {
        let mut path = String::new();
        for (i, (value, below)) in series.values.iter().zip(&mut below).enumerate() {
            let value = value.unwrap_or(0.0);
            if value > 0.0 {
                let x = x_of(i as f64 / moments as f64);
                let (y, foot) = (y_of((*below + value) / top), y_of(*below / top));
                add!(path, "M{x:.1} {foot:.1}V{y:.1}h{wide:.2}V{foot:.1}z");
            }
            *below += value;
        }
        if !path.is_empty() {
            add!(svg, "<path class=\"area {}\" d=\"{path}\"/>", series.key);
        }
    }
}

fn x_of(share: f64) -> f64 {
    LEFT + share * (WIDTH - LEFT - 8.0)
}

fn y_of(share: f64) -> f64 {
    TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)
}

/// 1, 2, 2.5 or 5 times a power of ten, not below `value`; 1 for nothing.
fn nice(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|top| *top >= value).unwrap_or(value)
}

fn frame(chart: &Chart, top: f64) -> String {
    // `title` and the labels are our own words and figures.
    let title = chart.title;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>"
    );
    for share in [0.0, 0.5, 1.0] {
        let y = y_of(share);
        let label = if share == 0.0 { "0".to_owned() } else { (chart.shown)(top * share) };
        add!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            WIDTH - 8.0,
            LEFT - 6.0,
            y + 4.0
        );
    }
    for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
        let at = units::clock(units::Nanos::from_secs_f64((chart.seconds * share).round()));
        add!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{at}</text>",
            x_of(share),
            HEIGHT - 8.0
        );
    }
    svg
}
