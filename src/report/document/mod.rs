//! A run as a document, built once; the renderers of text, Markdown and HTML know no figure's meaning.

mod advice;
mod against;
mod build;
mod judged;
mod limiter;
mod measured;
mod model;
mod nights;

pub(super) use model::{
    Block, Cell, Chapter, Document, Dress, Fact, Level, Mark, Note, Quote, Section, Table, Tone,
};
pub(super) use nights::{lines as night_lines, sentence as drift_sentence, span as nights_span};
