//! A run as a document, built once; the renderers of text, Markdown and HTML know no figure's meaning.

mod advice;
mod against;
mod build;
mod card;
mod comparison;
mod grain;
mod judged;
mod limiter;
mod measured;
mod model;
mod nights;
mod over_one_another;
mod over_time;
mod resources;
mod shapes;
mod shards;
mod table;
mod windows;

pub(super) use build::dashboard;
pub(super) use grain::Grain;
pub(super) use model::{Block, Card, Chapter, Document, Fact, Measure, Note, Quote, Section};
pub(super) use nights::{lines as night_lines, sentence as drift_sentence, span as nights_span};
pub(super) use shards::lines as shard_lines;
pub(super) use table::{Cell, Column, Dress, Level, Mark, Table, Tone};
