//! Draws charts as SVG: colours as attributes for readers without style sheets, classes for the rest.

use super::model::{Chart, Layer, colour};
use super::scale::{Axis, Scale};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 24.0;
const GREY: &str = "#767f8a";

/// The frame that layers are drawn into.
struct Frame<'a> {
    x: &'a Axis,
    y: &'a Axis,
    svg: String,
}

impl Frame<'_> {
    fn x_of(&self, value: f64) -> f64 {
        LEFT + self.x.share(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y_of(&self, value: f64) -> f64 {
        TOP + (1.0 - self.y.share(value)) * (HEIGHT - TOP - BOTTOM)
    }

    /// A rectangle as a piece of a path, to whole units from side to side, so that
    /// neighbours leave no seam.
    fn rect(&self, [left, low, right, high]: [f64; 4]) -> String {
        let (x, y) = (self.x_of(left).round(), self.y_of(low));
        let (wide, tall) = (self.x_of(right).round() - x, y - self.y_of(high));
        format!("M{x} {}v{}h{wide}v{}z", short(y), short(-tall), short(tall))
    }

    /// The same, to whole units all round.
    fn cell(&self, [left, low, right, high]: [f64; 4]) -> String {
        let (x, y) = (self.x_of(left).round(), self.y_of(low).round());
        let (wide, tall) = (self.x_of(right).round() - x, y - self.y_of(high).round());
        format!("M{x} {y}v-{tall}h{wide}v{tall}z")
    }

    fn text(&mut self, x: f64, y: f64, (class, anchor): (&str, &str), text: &str) {
        add!(
            self.svg,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\" fill=\"{GREY}\" font-size=\"11\">{}</text>",
            short(x),
            short(y),
            super::super::escape::html(text)
        );
    }
}

/// One decimal, none where it is 0.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// The chart as inline SVG.
pub(in crate::report) fn svg(chart: &Chart) -> String {
    let title = super::super::escape::html(&chart.title);
    let svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    );
    let mut frame = Frame { x: &chart.x, y: &chart.y, svg };
    shades(&mut frame, chart);
    grid(&mut frame);
    for layer in &chart.layers {
        self::layer(&mut frame, layer);
    }
    for bound in &chart.bounds {
        let y = frame.y_of(bound.at);
        add!(
            frame.svg,
            "<path class=\"bound\" d=\"M{LEFT} {}H{}\" fill=\"none\" stroke=\"{}\" stroke-dasharray=\"6 3\"/>",
            short(y),
            short(WIDTH - RIGHT),
            colour("bound")
        );
        let above = if y < TOP + 12.0 { y + 12.0 } else { y - 4.0 };
        frame.text(WIDTH - RIGHT - 4.0, above, ("of-bound", "end"), &bound.label);
    }
    frame.svg.push_str("</svg>");
    frame.svg
}

fn shades(frame: &mut Frame<'_>, chart: &Chart) {
    for shade in &chart.shades {
        let (x, end) = (frame.x_of(shade.from), frame.x_of(shade.to));
        if shade.dark {
            add!(
                frame.svg,
                "<rect class=\"shade\" x=\"{}\" y=\"{TOP}\" width=\"{}\" height=\"{}\" fill=\"{GREY}\" fill-opacity=\".12\"/>",
                short(x),
                short(end - x),
                short(HEIGHT - TOP - BOTTOM)
            );
        }
        if end - x > 6.5 * shade.label.len() as f64 {
            frame.text(f64::midpoint(x, end), TOP - 5.0, ("stage", "middle"), &shade.label);
        }
    }
}

fn grid(frame: &mut Frame<'_>) {
    let mut lines = String::new();
    for (value, name) in frame.y.ticks() {
        let y = frame.y_of(value);
        add!(lines, "M{LEFT} {}H{}", short(y), short(WIDTH - RIGHT));
        frame.text(LEFT - 6.0, y + 4.0, ("tick", "end"), &name);
    }
    let ticks = frame.x.ticks();
    let last = ticks.len().saturating_sub(1);
    for (i, (value, name)) in ticks.into_iter().enumerate() {
        let x = frame.x_of(value);
        if frame.x.scale != Scale::Time {
            add!(lines, "M{} {TOP}V{}", short(x), short(HEIGHT - BOTTOM));
        }
        let anchor = match i {
            0 => "start",
            _ if i == last && x > WIDTH - 40.0 => "end",
            _ => "middle",
        };
        let class = if i % 2 == 1 { "tick odd" } else { "tick" };
        frame.text(x, HEIGHT - 8.0, (class, anchor), &name);
    }
    add!(
        frame.svg,
        "<path class=\"grid\" d=\"{lines}\" fill=\"none\" stroke=\"{GREY}\" stroke-opacity=\".35\"/>"
    );
}

fn layer(frame: &mut Frame<'_>, layer: &Layer) {
    match layer {
        Layer::Line { key, points } => {
            let mut path = String::new();
            let mut pen_up = true;
            for (x, y) in points {
                if let Some(y) = y {
                    let pen = if pen_up { 'M' } else { 'L' };
                    add!(path, "{pen}{} {}", short(frame.x_of(*x)), short(frame.y_of(*y)));
                }
                pen_up = y.is_none();
            }
            add!(
                frame.svg,
                "<path class=\"line {key}\" d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\"/>",
                colour(key)
            );
        }
        Layer::Boxes { key, boxes } => {
            let path: String = boxes.iter().map(|b| frame.rect(*b)).collect();
            let fill = colour(key);
            add!(
                frame.svg,
                "<path class=\"area {key}\" d=\"{path}\" fill=\"{fill}\" shape-rendering=\"crispEdges\"/>"
            );
        }
        Layer::Heat { cells } => heat(frame, cells),
        Layer::Dots { key, points } => {
            // A line of no length with round ends is a dot.
            let dot =
                |(x, y): &(f64, f64)| format!("M{:.0} {:.0}h0", frame.x_of(*x), frame.y_of(*y));
            let places: std::collections::BTreeSet<String> = points.iter().map(dot).collect();
            let path: String = places.into_iter().collect();
            add!(
                frame.svg,
                "<path class=\"dots {key}\" d=\"{path}\" stroke=\"{}\" stroke-width=\"6\" stroke-linecap=\"round\" stroke-opacity=\".65\"/>",
                colour(key)
            );
        }
        Layer::Crosses { key, points } => {
            let cross = |(x, y): &(f64, f64)| {
                let (x, y) = (short(frame.x_of(*x) - 5.0), short(frame.y_of(*y) - 5.0));
                format!("M{x} {y}l10 10m0-10l-10 10")
            };
            let path: String = points.iter().map(cross).collect();
            add!(
                frame.svg,
                "<path class=\"cross {key}\" d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
                colour(key)
            );
        }
    }
}

/// Five strengths, each one path.
fn heat(frame: &mut Frame<'_>, cells: &[([f64; 4], f64)]) {
    for level in 1..=5_u8 {
        let here = cells.iter().filter(|(_, s)| (s * 5.0).ceil().clamp(1.0, 5.0) as u8 == level);
        let path: String = here.map(|(b, _)| frame.cell(*b)).collect();
        if !path.is_empty() {
            add!(
                frame.svg,
                "<path class=\"heat\" d=\"{path}\" fill=\"{}\" fill-opacity=\"{:.2}\" shape-rendering=\"crispEdges\"/>",
                colour("p95"),
                f64::from(level) * 0.19 + 0.05
            );
        }
    }
}

/// A figure against its bound: a bar to the value, the interval as a band, the
/// bound as a tick. `top` is the end of the scale, `tone` the class of what became
/// of it.
pub(in crate::report) fn bullet(
    top: f64,
    value: f64,
    interval: Option<(f64, f64)>,
    bounds: &[f64],
    tone: &str,
) -> String {
    const WIDE: f64 = 220.0;
    let along = |value: f64| (value / top.max(f64::MIN_POSITIVE)).clamp(0.0, 1.0) * WIDE;
    let x = |value: f64| short(along(value));
    let wide = |low: f64, high: f64| short((along(high) - along(low)).max(0.5));
    let mut svg = format!(
        "<svg class=\"bullet\" viewBox=\"-1 0 222 14\" width=\"222\" height=\"14\" aria-hidden=\"true\" preserveAspectRatio=\"none\"><rect class=\"track\" y=\"3\" width=\"{WIDE}\" height=\"8\" fill=\"{GREY}\" fill-opacity=\".18\"/>"
    );
    let ink = match tone {
        "pass" => colour("accepted"),
        "fail" => colour("bound"),
        _ => GREY,
    };
    add!(
        svg,
        "<rect class=\"bar {tone}\" y=\"4.5\" width=\"{}\" height=\"5\" fill=\"{ink}\"/>",
        x(value)
    );
    if let Some((low, high)) = interval {
        add!(
            svg,
            "<rect class=\"band {tone}\" x=\"{}\" y=\"2\" width=\"{}\" height=\"10\" fill=\"{ink}\" fill-opacity=\".35\"/>",
            x(low),
            wide(low, high)
        );
    }
    for bound in bounds {
        add!(
            svg,
            "<path class=\"goal\" d=\"M{} 0v14\" stroke=\"#1c2128\" stroke-width=\"2\"/>",
            x(*bound)
        );
    }
    svg.push_str("</svg>");
    svg
}

/// A series small enough for a card.
pub(in crate::report) fn sparkline(values: &[Option<f64>]) -> String {
    let values = super::super::sparkline::shrink(values, 110);
    let top = values.iter().flatten().fold(0.0_f64, |a, b| a.max(*b)).max(f64::MIN_POSITIVE);
    let step = 220.0 / values.len().max(2).saturating_sub(1) as f64;
    let mut path = String::new();
    let mut pen_up = true;
    for (i, value) in values.iter().enumerate() {
        if let Some(value) = value {
            let y = 30.0 - value / top * 27.0;
            add!(path, "{}{} {}", if pen_up { 'M' } else { 'L' }, short(i as f64 * step), short(y));
        }
        pen_up = value.is_none();
    }
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 220 32\" width=\"220\" height=\"32\" aria-hidden=\"true\" preserveAspectRatio=\"none\"><path class=\"line p95\" d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/></svg>",
        colour("p95")
    )
}
