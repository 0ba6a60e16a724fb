//! Draws charts as SVG: colours as attributes for readers without style sheets, classes for the rest.

use super::model::{Chart, Layer, colour};
use super::scale::{Axis, Scale};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 16.0;
const BOTTOM: f64 = 24.0;
/// How near to one another dots may stand; each is twice as wide.
const DOT: f64 = 3.0;
const GREY: &str = "#767f8a";

/// The frame that layers are drawn into.
struct Frame<'a> {
    x: &'a Axis,
    y: &'a Axis,
    svg: String,
    /// Its words by where they are anchored: what they share is said once.
    words: [String; 3],
}

/// Where a text is anchored.
#[derive(Clone, Copy)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Frame<'_> {
    fn x_of(&self, value: f64) -> f64 {
        LEFT + self.x.share(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y_of(&self, value: f64) -> f64 {
        TOP + (1.0 - self.y.share(value)) * (HEIGHT - TOP - BOTTOM)
    }

    /// A box, from side to side in whole units, so that neighbours leave no seam, and
    /// from top to bottom in tenths: `[left, right, top, bottom]`.
    fn place(&self, [left, low, right, high]: [f64; 4]) -> [i64; 4] {
        let across = |value| self.x_of(value).round() as i64;
        let down = |value| (self.y_of(value) * 10.0).round() as i64;
        [across(left), across(right), down(high), down(low)]
    }

    /// Boxes as a path, those that touch each other from side to side in one outline.
    fn outline(&self, boxes: &[[f64; 4]]) -> String {
        let places: Vec<[i64; 4]> = boxes.iter().map(|b| self.place(*b)).collect();
        places.chunk_by(|a, b| a[1] == b[0]).map(one_outline).collect()
    }

    /// Boxes of one strength, to whole units all round: neighbours in a row are one.
    fn cells(&self, boxes: impl Iterator<Item = [f64; 4]>) -> String {
        let whole = |tenths: i64| (tenths + 5).div_euclid(10);
        let mut places: Vec<[i64; 4]> = boxes.map(|b| self.place(b)).collect();
        for place in &mut places {
            *place = [place[0], place[1], whole(place[2]), whole(place[3])];
        }
        places.sort_by_key(|[left, _, top, bottom]| (*top, *bottom, *left));
        let mut path = String::new();
        let same_row = |a: &[i64; 4], b: &[i64; 4]| a[1] == b[0] && a[2..] == b[2..];
        for run in places.chunk_by(same_row) {
            let ([left, _, top, bottom], [_, right, ..]) = (run[0], run[run.len() - 1]);
            add!(path, "M{left} {top}h{}v{}h-{}z", right - left, bottom - top, right - left);
        }
        path
    }

    fn text(&mut self, x: f64, y: f64, (class, anchor): (&str, Anchor), text: &str) {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        add!(
            self.words[anchor as usize],
            "<text{class} x=\"{}\" y=\"{}\">{}</text>",
            short(x),
            short(y),
            super::super::escape::html(text)
        );
    }

    /// The picture, its words above all.
    fn finish(mut self) -> String {
        let [start, middle, end] = &self.words;
        add!(
            self.svg,
            "<g fill=\"{GREY}\" font-size=\"11\">{start}<g text-anchor=\"middle\">{middle}</g><g text-anchor=\"end\">{end}</g></g>"
        );
        self.svg.push_str("</svg>");
        self.svg
    }
}

/// One decimal, none where it is 0.
fn short(value: f64) -> String {
    tenths((value * 10.0).round() as i64)
}

/// Tenths as a path has them: `3`, `-.4`, `12.5`.
fn tenths(n: i64) -> String {
    let (sign, whole, rest) = (if n < 0 { "-" } else { "" }, n.abs() / 10, n.abs() % 10);
    match (whole, rest) {
        (_, 0) => format!("{sign}{whole}"),
        (0, _) => format!("{sign}.{rest}"),
        _ => format!("{sign}{whole}.{rest}"),
    }
}

/// The outline of boxes side by side: along their tops and back along their bottoms.
fn one_outline(boxes: &[[i64; 4]]) -> String {
    let (first, last) = (boxes[0], boxes[boxes.len() - 1]);
    let mut path = format!("M{} {}", first[0], tenths(first[2]));
    steps(&mut path, "", boxes.iter().map(|b| (b[1] - b[0], b[2])));
    add!(path, "V{}", tenths(last[3]));
    steps(&mut path, "-", boxes.iter().rev().map(|b| (b[1] - b[0], b[3])));
    path.push('z');
    path
}

/// Steps to one side, each so wide and at its height; equal heights are one step.
fn steps(path: &mut String, side: &str, steps: impl Iterator<Item = (i64, i64)>) {
    let (mut wide, mut at) = (0, None);
    for (more, height) in steps.filter(|(more, _)| *more > 0) {
        if let Some(before) = at.filter(|before| *before != height) {
            add!(path, "h{side}{wide}v{}", tenths(height - before));
            wide = 0;
        }
        (wide, at) = (wide + more, Some(height));
    }
    if wide > 0 {
        add!(path, "h{side}{wide}");
    }
}

/// A line through places, broken where there is none. Each is told from the one before,
/// in whole tenths, so that no rounding adds up; one that stands alone is a dot.
fn line(places: impl Iterator<Item = Option<(f64, f64)>>) -> String {
    let tenths = |(x, y): (f64, f64)| ((x * 10.0).round() as i64, (y * 10.0).round() as i64);
    let places: Vec<Option<(i64, i64)>> = places.map(|place| place.map(tenths)).collect();
    let pieces = places.split(Option::is_none);
    pieces.map(|piece| one_line(&piece.iter().flatten().copied().collect::<Vec<_>>())).collect()
}

/// An unbroken line: of places side by side at one height the first and the last.
fn one_line(places: &[(i64, i64)]) -> String {
    let Some(((x, y), rest)) = places.split_first() else { return String::new() };
    let mut path = format!("M{} {}", tenths(*x), tenths(*y));
    if rest.is_empty() {
        return path + "h0";
    }
    let (mut pen, mut from) = ("l", (*x, *y));
    for (i, (x, y)) in rest.iter().enumerate() {
        if *y == from.1 && rest.get(i + 1).is_some_and(|(_, next)| next == y) {
            continue;
        }
        let (right, down) = (tenths(x - from.0), tenths(y - from.1));
        // A sign parts two numbers as well as a space does.
        let gap = if down.starts_with('-') { "" } else { " " };
        add!(path, "{pen}{right}{gap}{down}");
        (pen, from) = (" ", (*x, *y));
    }
    path
}

/// The chart as inline SVG.
pub(in crate::report) fn svg(chart: &Chart) -> String {
    let title = super::super::escape::html(&chart.title);
    let svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    );
    let mut frame = Frame { x: &chart.x, y: &chart.y, svg, words: Default::default() };
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
        frame.text(WIDTH - RIGHT - 4.0, above, ("of-bound", Anchor::End), &bound.label);
    }
    frame.finish()
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
            frame.text(f64::midpoint(x, end), TOP - 5.0, ("stage", Anchor::Middle), &shade.label);
        }
    }
}

fn grid(frame: &mut Frame<'_>) {
    let mut lines = String::new();
    for (value, name) in frame.y.ticks() {
        let y = frame.y_of(value);
        add!(lines, "M{LEFT} {}H{}", short(y), short(WIDTH - RIGHT));
        frame.text(LEFT - 6.0, y + 4.0, ("", Anchor::End), &name);
    }
    let ticks = frame.x.ticks();
    let last = ticks.len().saturating_sub(1);
    for (i, (value, name)) in ticks.into_iter().enumerate() {
        let x = frame.x_of(value);
        if frame.x.scale != Scale::Time {
            add!(lines, "M{} {TOP}V{}", short(x), short(HEIGHT - BOTTOM));
        }
        let anchor = match i {
            0 => Anchor::Start,
            _ if i == last && x > WIDTH - 40.0 => Anchor::End,
            _ => Anchor::Middle,
        };
        let class = if i % 2 == 1 { "odd" } else { "" };
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
            let place = |(x, y): &(f64, Option<f64>)| Some((frame.x_of(*x), frame.y_of((*y)?)));
            let path = line(points.iter().map(place));
            add!(
                frame.svg,
                "<path class=\"line {key}\" d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\" stroke-linecap=\"round\"/>",
                colour(key)
            );
        }
        Layer::Boxes { key, boxes } => {
            let path = frame.outline(boxes);
            let fill = colour(key);
            add!(
                frame.svg,
                "<path class=\"area {key}\" d=\"{path}\" fill=\"{fill}\" shape-rendering=\"crispEdges\"/>"
            );
        }
        Layer::Heat { cells } => heat(frame, cells),
        Layer::Dots { key, points } => {
            // A line of no length with round ends is a dot; one stands for those it would cover.
            let whole = |at: f64| (at / DOT).round() as i64 * DOT as i64;
            let place = |(x, y): &(f64, f64)| (whole(frame.x_of(*x)), whole(frame.y_of(*y)));
            let places: std::collections::BTreeSet<_> = points.iter().map(place).collect();
            let mut path = String::new();
            for (x, y) in places {
                add!(path, "M{x} {y}h0");
            }
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
        let path = frame.cells(here.map(|(b, _)| *b));
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
    let values = super::super::sparkline::shrink(values, 72);
    let top = values.iter().flatten().fold(0.0_f64, |a, b| a.max(*b)).max(f64::MIN_POSITIVE);
    let step = 220.0 / values.len().max(2).saturating_sub(1) as f64;
    let path = line(
        values
            .iter()
            .enumerate()
            .map(|(i, value)| Some((i as f64 * step, 30.0 - (*value)? / top * 27.0))),
    );
    format!(
        "<svg class=\"spark\" viewBox=\"0 0 220 32\" width=\"220\" height=\"32\" aria-hidden=\"true\" preserveAspectRatio=\"none\"><path class=\"line p95\" d=\"{path}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" stroke-linecap=\"round\"/></svg>",
        colour("p95")
    )
}
