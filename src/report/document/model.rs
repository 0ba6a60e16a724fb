//! The document that every page is drawn from: sections, tables of typed cells, notes, charts, quotes.

use super::super::charts::Chart;

/// How close to the verdict something stands: what is told first, and what only
/// to somebody who asks for everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum Level {
    /// Needed to act on the verdict.
    Glance,
    /// The figures behind it.
    Detail,
    /// All that is known.
    Full,
}

/// What a text means for the verdict; a renderer dresses it accordingly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Tone {
    Plain,
    Good,
    Bad,
    Doubtful,
    Quiet,
}

/// What became of something that was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Mark {
    Pass,
    Fail,
    Inconclusive,
    Skipped,
    Info,
}

impl Mark {
    /// What it means for the verdict.
    pub(in crate::report) const fn tone(self) -> Tone {
        match self {
            Self::Pass => Tone::Good,
            Self::Fail => Tone::Bad,
            Self::Inconclusive => Tone::Doubtful,
            Self::Skipped | Self::Info => Tone::Quiet,
        }
    }
}

/// What kind of text a cell holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) enum Dress {
    /// Words, perhaps of others.
    Words,
    /// Words under those of the row before.
    Under,
    /// A figure, formatted by `units`.
    Figure,
    /// A name or expression as it was written.
    Code,
    /// What became of something.
    Mark(Mark),
    /// The name of a series that has a colour of its own.
    Key(&'static str),
    /// A share from 0 to 1, for the eye only.
    Bar(f64),
}

/// A typed cell.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Cell {
    /// Its text, not yet escaped for any format.
    pub(in crate::report) text: String,
    pub(in crate::report) dress: Dress,
    pub(in crate::report) tone: Tone,
}

impl Cell {
    fn new(text: impl Into<String>, dress: Dress) -> Self {
        Self { text: text.into(), dress, tone: Tone::Plain }
    }

    pub(in crate::report) fn words(text: impl Into<String>) -> Self {
        Self::new(text, Dress::Words)
    }

    pub(in crate::report) fn under(text: impl Into<String>) -> Self {
        Self::new(text, Dress::Under)
    }

    pub(in crate::report) fn figure(text: impl Into<String>) -> Self {
        Self::new(text, Dress::Figure)
    }

    /// A figure that may not be there.
    pub(in crate::report) fn figure_or_dash(text: Option<String>) -> Self {
        Self::figure(text.unwrap_or_else(|| "–".to_owned()))
    }

    pub(in crate::report) fn code(text: impl Into<String>) -> Self {
        Self::new(text, Dress::Code)
    }

    pub(in crate::report) fn mark(mark: Mark, word: &str) -> Self {
        Self { text: word.to_owned(), dress: Dress::Mark(mark), tone: mark.tone() }
    }

    pub(in crate::report) fn key(name: &'static str, tone: Tone) -> Self {
        Self { text: name.to_owned(), dress: Dress::Key(name), tone }
    }

    pub(in crate::report) fn bar(share: f64, tone: Tone) -> Self {
        Self { text: String::new(), dress: Dress::Bar(share), tone }
    }

    pub(in crate::report) fn toned(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) struct Column {
    /// Its heading; may be empty.
    pub(in crate::report) name: &'static str,
    /// Whether its cells are figures, which lean to the right.
    pub(in crate::report) figures: bool,
    pub(in crate::report) level: Level,
}

impl Column {
    pub(in crate::report) const fn words(name: &'static str) -> Self {
        Self { name, figures: false, level: Level::Glance }
    }

    pub(in crate::report) const fn figures(name: &'static str) -> Self {
        Self { name, figures: true, level: Level::Glance }
    }

    pub(in crate::report) const fn at(self, level: Level) -> Self {
        Self { level, ..self }
    }
}

/// A row of a table.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Row {
    pub(in crate::report) cells: Vec<Cell>,
    pub(in crate::report) level: Level,
}

/// A table of typed cells.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Table {
    pub(in crate::report) columns: Vec<Column>,
    pub(in crate::report) rows: Vec<Row>,
}

impl Table {
    pub(in crate::report) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Names and what stands for each.
    pub(in crate::report) fn of_facts(
        facts: impl IntoIterator<Item = (&'static str, Cell)>,
    ) -> Self {
        let mut table = Self::new([Column::words(""), Column::words("")]);
        for (name, value) in facts {
            table.row([Cell::words(name).toned(Tone::Quiet), value]);
        }
        table
    }

    pub(in crate::report) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.row_at(Level::Glance, cells);
    }

    pub(in crate::report) fn row_at(
        &mut self,
        level: Level,
        cells: impl IntoIterator<Item = Cell>,
    ) {
        self.rows.push(Row { cells: cells.into_iter().collect(), level });
    }

    /// What of it is told up to `level`, without columns in which nothing
    /// stands; `None` where nothing is left.
    pub(in crate::report) fn up_to(&self, level: Level) -> Option<Self> {
        let rows: Vec<&Row> = self.rows.iter().filter(|row| row.level <= level).collect();
        let stands = |c: usize| {
            let mut cells = rows.iter().filter_map(|row| row.cells.get(c));
            cells.any(|cell| !cell.text.is_empty() || matches!(cell.dress, Dress::Bar(_)))
        };
        let told: Vec<usize> = (0..self.columns.len())
            .filter(|c| self.columns[*c].level <= level && stands(*c))
            .collect();
        let cut = |row: &Row| {
            let cells = told.iter().filter_map(|c| row.cells.get(*c).cloned()).collect();
            Row { cells, level: row.level }
        };
        let columns = told.iter().map(|c| self.columns[*c]).collect();
        let rows: Vec<Row> = rows.into_iter().map(cut).collect();
        (!rows.is_empty()).then_some(Self { columns, rows })
    }

    /// Whether any column has a heading.
    pub(in crate::report) fn has_head(&self) -> bool {
        self.columns.iter().any(|column| !column.name.is_empty())
    }
}

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

/// All of one scenario.
#[derive(Clone, Debug)]
pub(in crate::report) struct Chapter {
    pub(in crate::report) name: String,
    pub(in crate::report) mark: Mark,
    pub(in crate::report) verdict: &'static str,
    /// Why, the worst first.
    pub(in crate::report) reasons: Vec<Note>,
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
    pub(in crate::report) mark: Mark,
    pub(in crate::report) verdict: &'static str,
    /// The verdict and its worst reason.
    pub(in crate::report) headline: String,
    pub(in crate::report) facts: Vec<Fact>,
    /// The page of the CI run, when it may be linked.
    pub(in crate::report) run_url: Option<String>,
    /// What keeps it from being a whole run.
    pub(in crate::report) partial: Option<&'static str>,
    /// The scenarios, the worst first.
    pub(in crate::report) chapters: Vec<Chapter>,
    /// Against the baseline, when there is one.
    pub(in crate::report) against: Option<Section>,
    /// The nights before, when they are known.
    pub(in crate::report) nights: Option<Section>,
    /// What to do next.
    pub(in crate::report) advice: Vec<Note>,
    /// What else to know.
    pub(in crate::report) notices: Vec<Note>,
    /// What was asked for and didn't run.
    pub(in crate::report) left_out: Vec<Note>,
    /// What figures rest on.
    pub(in crate::report) small_print: &'static str,
}
