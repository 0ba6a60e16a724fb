//! Tables of typed cells, and what a cell, a tone and a level are.

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
pub(in crate::report) struct TableRow {
    pub(in crate::report) cells: Vec<Cell>,
    pub(in crate::report) level: Level,
}

/// A table of typed cells.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Table {
    pub(in crate::report) columns: Vec<Column>,
    pub(in crate::report) rows: Vec<TableRow>,
}

impl Table {
    pub(in crate::report) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Names and what stands for each.
    pub(in crate::report) fn of_facts<'n>(
        facts: impl IntoIterator<Item = (&'n str, Cell)>,
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
        self.rows.push(TableRow { cells: cells.into_iter().collect(), level });
    }

    /// What of it is told up to `level`, without columns in which nothing
    /// stands; `None` where nothing is left.
    pub(in crate::report) fn up_to(&self, level: Level) -> Option<Self> {
        let rows: Vec<&TableRow> = self.rows.iter().filter(|row| row.level <= level).collect();
        let stands = |c: usize| {
            let mut cells = rows.iter().filter_map(|row| row.cells.get(c));
            cells.any(|cell| !cell.text.is_empty() || matches!(cell.dress, Dress::Bar(_)))
        };
        let told: Vec<usize> = (0..self.columns.len())
            .filter(|c| self.columns[*c].level <= level && stands(*c))
            .collect();
        let cut = |row: &TableRow| {
            let cells = told.iter().filter_map(|c| row.cells.get(*c).cloned()).collect();
            TableRow { cells, level: row.level }
        };
        let columns = told.iter().map(|c| self.columns[*c]).collect();
        let rows: Vec<TableRow> = rows.into_iter().map(cut).collect();
        (!rows.is_empty()).then_some(Self { columns, rows })
    }

    /// Whether any column has a heading.
    pub(in crate::report) fn has_head(&self) -> bool {
        self.columns.iter().any(|column| !column.name.is_empty())
    }
}
