//! Charts: a model of scales, layers and figures, drawn as SVG that needs no script.

mod mermaid;
mod model;
mod scale;
mod svg;

pub(super) use mermaid::mermaid;
pub(super) use model::{Chart, Key, Layer, LimitLine, Readings, Shade, colour};
pub(super) use scale::{Axis, Scale};
pub(super) use svg::{bullet, sparkline, svg};
