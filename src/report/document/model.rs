//! The document that every page is drawn from: sections, notes, tables, charts, quotes.

use super::super::chart::Chart;
use super::table::{Cell, Level, Mark, Table, Tone};

/// A remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) struct Note {
    pub(in crate::report) tone: Tone,
    pub(in crate::report) text: String,
}

impl Note {
    pub(in crate::report) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { tone, text: text.into() }
    }
}

/// What somebody else said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) struct Quote {
    /// Who or which, in our words.
    pub(in crate::report) title: String,
    /// The trace in which it can be looked up.
    pub(in crate::report) trace: Option<String>,
    /// Their words; may be empty.
    pub(in crate::report) text: String,
}

/// A piece of a section.
#[derive(Clone, Debug)]
pub(in crate::report) enum Block {
    /// Running text.
    Words(String),
    /// A list.
    Notes(Vec<Note>),
    Table(Table),
    /// A series small enough to stand in a line.
    Spark {
        name: &'static str,
        values: Vec<Option<f64>>,
    },
    Chart(Box<Chart>),
    Quotes(Vec<Quote>),
}

/// A part of a chapter under a heading of its own.
#[derive(Clone, Debug)]
pub(in crate::report) struct Section {
    pub(in crate::report) title: String,
    /// What it comes to, in a line.
    pub(in crate::report) lead: Option<String>,
    pub(in crate::report) blocks: Vec<(Level, Block)>,
}

impl Section {
    pub(in crate::report) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lead: None, blocks: Vec::new() }
    }

    pub(in crate::report) fn lead(mut self, lead: impl Into<String>) -> Self {
        self.lead = Some(lead.into());
        self
    }

    pub(in crate::report) fn add(&mut self, level: Level, block: Block) {
        self.blocks.push((level, block));
    }

    /// Adds a chart, where there is one.
    pub(in crate::report) fn chart(&mut self, level: Level, chart: Option<Chart>) {
        if let Some(chart) = chart {
            self.add(level, Block::Chart(Box::new(chart)));
        }
    }

    /// Takes its charts away.
    pub(in crate::report) fn without_charts(&mut self) {
        self.blocks.retain(|(_, block)| !matches!(block, Block::Chart(_)));
    }

    /// The same, when there is something in it.
    pub(in crate::report) fn filled(self) -> Option<Self> {
        (!self.blocks.is_empty()).then_some(self)
    }

    /// Its blocks of `levels`, tables cut to the last of them.
    pub(in crate::report) fn blocks_at(
        &self,
        levels: std::ops::RangeInclusive<Level>,
    ) -> Vec<Block> {
        let here = self.blocks.iter().filter(|(level, _)| levels.contains(level));
        here.filter_map(|(_, block)| match block {
            Block::Table(table) => table.up_to(*levels.end()).map(Block::Table),
            other => Some(other.clone()),
        })
        .collect()
    }
}

/// A figure against what it is held to.
#[derive(Clone, Debug)]
pub(in crate::report) struct Measure {
    pub(in crate::report) name: String,
    /// What was wanted, as it was written.
    pub(in crate::report) wanted: String,
    pub(in crate::report) value: String,
    pub(in crate::report) mark: Mark,
    pub(in crate::report) word: String,
    /// The end of its scale, which begins at 0.
    pub(in crate::report) top: f64,
    pub(in crate::report) at: Option<f64>,
    pub(in crate::report) interval: Option<(f64, f64)>,
    pub(in crate::report) bounds: Vec<f64>,
}

/// What is seen of a scenario first.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Card {
    /// The worst first.
    pub(in crate::report) measures: Vec<Measure>,
    pub(in crate::report) spark: Option<(&'static str, Vec<Option<f64>>)>,
    /// Against the baseline.
    pub(in crate::report) change: Option<String>,
    /// What was sent.
    pub(in crate::report) sent: String,
}

/// All of one scenario.
#[derive(Clone, Debug)]
pub(in crate::report) struct Chapter {
    pub(in crate::report) name: String,
    pub(in crate::report) mark: Mark,
    pub(in crate::report) verdict: &'static str,
    /// Why, the worst first.
    pub(in crate::report) reasons: Vec<Note>,
    pub(in crate::report) card: Card,
    pub(in crate::report) sections: Vec<Section>,
}

/// Something that is so of the whole run.
#[derive(Clone, Debug)]
pub(in crate::report) struct Fact {
    pub(in crate::report) name: &'static str,
    pub(in crate::report) value: Vec<Cell>,
    /// Where the value needs no name.
    pub(in crate::report) bare: bool,
    pub(in crate::report) level: Level,
}

/// The whole run as a document.
#[derive(Clone, Debug)]
pub(in crate::report) struct Document {
    /// Whose document it is.
    pub(in crate::report) title: &'static str,
    pub(in crate::report) mark: Mark,
    pub(in crate::report) verdict: &'static str,
    /// The verdict and its worst reason.
    pub(in crate::report) headline: String,
    pub(in crate::report) facts: Vec<Fact>,
    /// The page of the CI run, when it may be linked.
    pub(in crate::report) run_url: Option<String>,
    /// The dashboard at the run's time, when it may be linked.
    pub(in crate::report) dashboard: Option<String>,
    /// What keeps it from being a whole run.
    pub(in crate::report) partial: Option<&'static str>,
    /// What weakens all of it.
    pub(in crate::report) caveats: Vec<String>,
    /// The scenarios, the worst first.
    pub(in crate::report) chapters: Vec<Chapter>,
    /// Against the baseline, when there is one.
    pub(in crate::report) against: Option<Section>,
    /// The nights before, when they are known.
    pub(in crate::report) nights: Option<Section>,
    /// What to do next.
    pub(in crate::report) advice: Vec<Note>,
    /// How to do it again: a command.
    pub(in crate::report) repeat: Option<String>,
    /// What else to know.
    pub(in crate::report) notices: Vec<Note>,
    /// What was asked for and didn't run.
    pub(in crate::report) left_out: Vec<Note>,
    /// What figures rest on.
    pub(in crate::report) small_print: &'static str,
}
