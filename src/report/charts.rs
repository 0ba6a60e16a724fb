//! Inline SVG charts: rates, outcomes and response times over time.

use std::fmt::Write as _;

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

/// One line of a chart: its CSS class and its values, evenly spaced in time.
pub(super) struct Line {
    pub(super) class: &'static str,
    pub(super) values: Vec<Option<f64>>,
}

/// A chart of `lines` over `seconds`; `shown` formats a value of the y axis.
pub(super) fn lines(title: &str, seconds: f64, lines: &[Line], shown: fn(f64) -> String) -> String {
    let lines: Vec<Line> = lines
        .iter()
        .map(|l| Line { class: l.class, values: sparkline::shrink(&l.values, MOST_POINTS) })
        .collect();
    let values = lines.iter().flat_map(|line| line.values.iter().flatten());
    let top = nice(values.fold(0.0_f64, |a, b| a.max(*b)));
    let mut svg = frame(title, seconds, top, shown);
    for line in &lines {
        let mut path = String::new();
        let mut pen_up = true;
        for (i, value) in line.values.iter().enumerate() {
            let Some(value) = value else {
                pen_up = true;
                continue;
            };
            let x = x_of((i as f64 + 0.5) / line.values.len() as f64);
            let _ =
                write!(path, "{}{x:.1} {:.1}", if pen_up { "M" } else { "L" }, y_of(value / top));
            pen_up = false;
        }
        let _ = write!(svg, "<path class=\"line {}\" d=\"{path}\"/>", line.class);
    }
    svg.push_str("</svg>");
    svg
}

/// Outcomes per second, stacked, accepted at the bottom.
pub(super) fn outcomes(scenario: &ScenarioReport) -> String {
    let timeline = &scenario.recording.timeline;
    let width = f64::from(timeline.width.max(1));
    let group = timeline.bins.len().div_ceil(MOST_POINTS).max(1);
    let bins: Vec<Vec<f64>> = timeline
        .bins
        .chunks(group)
        .map(|bins| {
            let per_second = |o| {
                let sum: u64 = bins.iter().map(|bin| bin.outcomes.get(o)).sum();
                sum as f64 / width / bins.len() as f64
            };
            Outcome::ALL.into_iter().map(per_second).collect()
        })
        .collect();
    let top = nice(bins.iter().map(|bin| bin.iter().sum::<f64>()).fold(0.0, f64::max));
    let seconds = timeline.bins.len() as f64 * width;
    let mut svg = frame("Outcomes per second", seconds, top, units::rate);
    let wide = (WIDTH - LEFT - 8.0) / bins.len().max(1) as f64;
    for (k, outcome) in Outcome::ALL.into_iter().enumerate() {
        let mut path = String::new();
        for (i, bin) in bins.iter().enumerate() {
            let below: f64 = bin.iter().take(k).sum();
            let value = bin.get(k).copied().unwrap_or(0.0);
            if value > 0.0 {
                let x = x_of(i as f64 / bins.len() as f64);
                let (y, foot) = (y_of((below + value) / top), y_of(below / top));
                let _ = write!(path, "M{x:.1} {foot:.1}V{y:.1}h{wide:.2}V{foot:.1}z");
            }
        }
        if !path.is_empty() {
            let _ = write!(svg, "<path class=\"area {}\" d=\"{path}\"/>", outcome.name());
        }
    }
    svg.push_str("</svg>");
    svg
}

/// The rate asked for and the rates achieved.
pub(super) fn rates(scenario: &ScenarioReport) -> String {
    let timeline = &scenario.recording.timeline;
    let width = f64::from(timeline.width.max(1));
    let seconds = timeline.bins.len() as f64 * width;
    let asked = (0..timeline.bins.len())
        .map(|i| Some(figures::asked_rate(scenario, (i as f64 + 0.5) * width)))
        .collect();
    let sent = timeline.bins.iter().map(|bin| Some(f64::from(bin.sent) / width)).collect();
    let drawn = [Line { class: "asked", values: asked }, Line { class: "sent", values: sent }];
    lines("Arrival rate asked and sent", seconds, &drawn, units::rate)
}

/// Response time of accepted arrivals, p50, p95 and p99 of each second.
pub(super) fn latency(scenario: &ScenarioReport) -> String {
    let timeline = &scenario.recording.timeline;
    let seconds = timeline.bins.len() as f64 * f64::from(timeline.width.max(1));
    let drawn = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)].map(|(class, quantile)| Line {
        class,
        values: figures::per_bin(&scenario.recording, quantile),
    });
    lines("Response time of accepted arrivals", seconds, &drawn, units::millis)
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

fn frame(title: &str, seconds: f64, top: f64, shown: fn(f64) -> String) -> String {
    // `title` and the labels are our own words and figures.
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\"><title>{title}</title>"
    );
    for share in [0.0, 0.5, 1.0] {
        let y = y_of(share);
        let label = if share == 0.0 { "0".to_owned() } else { shown(top * share) };
        let _ = write!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            WIDTH - 8.0,
            LEFT - 6.0,
            y + 4.0
        );
    }
    for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
        let at = units::span(units::Nanos::from_secs_f64((seconds * share).round()));
        let label = if share == 0.0 { "0".to_owned() } else { at };
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{label}</text>",
            x_of(share),
            HEIGHT - 8.0
        );
    }
    svg
}
