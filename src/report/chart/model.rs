//! What a chart is: axes, layers, bounds, words, and the figures behind it.

use std::borrow::Cow;

use super::super::document::Table;
use super::scale::Axis;

/// What a chart draws in; positions are in the units of its axes.
#[derive(Clone, Debug)]
pub(in crate::report) enum Layer {
    /// A line, broken where there is no value.
    Line { key: &'static str, points: Vec<(f64, Option<f64>)> },
    /// Boxes, each from `(left, low)` to `(right, high)`.
    Boxes { key: &'static str, boxes: Vec<[f64; 4]> },
    /// Boxes of a heat map, each with its strength from 0 to 1.
    Heat { cells: Vec<([f64; 4], f64)> },
    /// Single points.
    Dots { key: &'static str, points: Vec<(f64, f64)> },
    /// Points that are to be met.
    Crosses { key: &'static str, points: Vec<(f64, f64)> },
}

/// A level that a figure is held to.
#[derive(Clone, Debug)]
pub(in crate::report) struct LimitLine {
    pub(in crate::report) at: f64,
    pub(in crate::report) label: String,
}

/// A stretch of the x axis with a name: a stage.
#[derive(Clone, Debug)]
pub(in crate::report) struct Shade {
    pub(in crate::report) from: f64,
    pub(in crate::report) to: f64,
    pub(in crate::report) label: String,
    /// Whether it is drawn darker than its neighbours.
    pub(in crate::report) dark: bool,
}

/// A name in the legend.
#[derive(Clone, Debug)]
pub(in crate::report) struct Key {
    pub(in crate::report) key: &'static str,
    pub(in crate::report) name: String,
}

/// What stands at each moment of a chart over the time of a load. The charts of a scenario
/// have the same moments.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Readings {
    pub(in crate::report) moments: Vec<String>,
    /// What is read off; nothing where a picture has no single values.
    pub(in crate::report) names: Vec<String>,
    /// For each moment a value a name.
    pub(in crate::report) rows: Vec<Vec<String>>,
}

/// One chart.
#[derive(Clone, Debug)]
pub(in crate::report) struct Chart {
    /// Unique within its chapter.
    pub(in crate::report) id: Cow<'static, str>,
    pub(in crate::report) title: String,
    pub(in crate::report) x: Axis,
    pub(in crate::report) y: Axis,
    pub(in crate::report) keys: Vec<Key>,
    pub(in crate::report) shades: Vec<Shade>,
    pub(in crate::report) layers: Vec<Layer>,
    pub(in crate::report) bounds: Vec<LimitLine>,
    /// What is to be seen, in words.
    pub(in crate::report) words: Vec<String>,
    /// Of a chart over the time of the load: what stands at its moments, which are
    /// evenly spaced along the x axis.
    pub(in crate::report) readings: Option<Readings>,
    /// The figures behind it.
    pub(in crate::report) data: Table,
    /// Series for renderers without pictures.
    pub(in crate::report) plain: Vec<(&'static str, Vec<Option<f64>>)>,
}

impl Chart {
    /// An empty chart.
    pub(in crate::report) fn new(
        id: impl Into<Cow<'static, str>>,
        title: impl Into<String>,
        x: Axis,
        y: Axis,
    ) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            x,
            y,
            keys: Vec::new(),
            shades: Vec::new(),
            layers: Vec::new(),
            bounds: Vec::new(),
            words: Vec::new(),
            readings: None,
            data: Table::new([]),
            plain: Vec::new(),
        }
    }
}

/// The colour of a key where style sheets don't reach: of the palette of Okabe
/// and Ito, which people who don't see all colours tell apart.
pub(in crate::report) fn colour(key: &str) -> &'static str {
    match key {
        "accepted" | "admitted" => "#008060",
        "rate_limited" | "refused" => "#d98e00",
        "contract" => "#b6588f",
        "rejected" | "p99" => "#c74a00",
        "server_error" | "bound" => "#b3261e",
        "unexpected" => "#7a5200",
        "timeout" | "p50" => "#3a9bd0",
        "transport" | "p95" | "sent" | "now" | "lag" | "flight" => "#0063a6",
        _ => "#767f8a",
    }
}
