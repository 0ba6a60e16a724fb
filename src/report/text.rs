//! Draws a document as text for a terminal, and the full text of one scenario.

use super::document::{
    Block, Cell, Chapter, Document, Dress, Fact, Grain, Level, Mark, Measure, Note, Quote, Section,
    Table, Tone,
};
use super::past::EarlierRuns;
use super::table::{self, Lean, fold};
use super::{escape, sparkline};
use crate::suite::{ScenarioReport, SuiteReport};

/// How text is dressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether ANSI colours are used.
    pub color: bool,
    /// Columns a line may take before it is folded (at least 40).
    pub width: usize,
    /// Whether the figures of what passed are told too.
    pub verbose: bool,
}

impl Style {
    /// No colours, 100 columns, every figure: for files.
    pub const PLAIN: Self = Self { color: false, width: 100, verbose: true };

    /// The same, telling every figure or not.
    #[must_use]
    pub const fn verbose(self, verbose: bool) -> Self {
        Self { verbose, ..self }
    }

    /// `text` in the colour of what it means.
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Good => "32",
            Tone::Bad => "1;31",
            Tone::Doubtful => "33",
            Tone::Quiet => "2",
        };
        self.inked(code, text)
    }

    /// `text` bold: a name, a heading.
    pub(super) fn bold(self, text: &str) -> String {
        self.inked("1", text)
    }

    fn inked(self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// The closing summary of a run: the headline, then every scenario, the worst
/// first: a line of what passed, all that is needed to act of the rest, and
/// every figure where it is asked for ([`Style::verbose`]).
#[must_use]
pub fn summary_text(report: &SuiteReport, style: Style) -> String {
    let level = if style.verbose { Level::Detail } else { Level::Glance };
    draw(&Document::new(report, EarlierRuns::default()), style, level)
}

/// The text of `document`: of chapters that pass a line each where only a glance
/// is asked for.
pub(super) fn draw(document: &Document, style: Style, level: Level) -> String {
    let mut page = Page { style, level, text: String::new() };
    // One line whatever its length: the first line is the verdict, for `head -1` too.
    let headline = escape::one_line(&document.headline);
    page.line(&page.paint(document.mark.tone(), &headline));
    page.facts(document);
    let short = |chapter: &&Chapter| level == Level::Glance && chapter.mark == Mark::Pass;
    let (passed, rest): (Vec<&Chapter>, Vec<&Chapter>) = document.chapters.iter().partition(short);
    for chapter in rest {
        page.chapter(chapter);
    }
    page.in_short(&passed);
    if level == Level::Glance && document.mark != Mark::Pass && !document.advice.is_empty() {
        page.gap();
        page.heading("what to do next", "");
        page.notes(2, &document.advice);
    }
    page.notices(document);
    page.text
}

/// The whole text of one scenario (`<scenario>-<timestamp>.txt`).
#[must_use]
pub fn scenario_text(report: &SuiteReport, scenario: &ScenarioReport, style: Style) -> String {
    let mut document = Document::new(report, EarlierRuns::default());
    document.chapters = vec![Chapter::new(scenario, None, Grain::FINEST)];
    let mut page = Page { style, level: Level::Detail, text: String::new() };
    for chapter in &document.chapters {
        let first = format!("{}: {}", chapter.name, chapter.verdict);
        page.words(0, chapter.mark.tone(), &first);
        page.facts(&document);
        page.chapter(chapter);
    }
    page.notices(&document);
    page.text
}

/// A page that grows line by line.
struct Page {
    style: Style,
    /// Up to where it is told.
    level: Level,
    text: String,
}

impl Page {
    fn paint(&self, tone: Tone, text: &str) -> String {
        self.style.paint(tone, text)
    }

    fn width(&self) -> usize {
        self.style.width.max(40)
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn gap(&mut self) {
        if !self.text.ends_with("\n\n") && !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// Folded to the width, later lines indented two further.
    fn words(&mut self, indent: usize, tone: Tone, text: &str) {
        let most = self.width().saturating_sub(indent);
        for line in fold(&escape::one_line(text), most, 2) {
            let painted = self.paint(tone, line.trim_start());
            let deep = indent + line.len() - line.trim_start().len();
            self.line(&format!("{}{painted}", " ".repeat(deep)));
        }
    }

    fn facts(&mut self, document: &Document) {
        let facts = document.facts.iter().filter(|fact| fact.level == Level::Glance);
        let told = |fact: &Fact| {
            let value: Vec<&str> = fact.value.iter().map(|cell| cell.text.as_str()).collect();
            let name = if fact.bare { "" } else { fact.name };
            format!("{name} {}", value.join(" ")).trim().to_owned()
        };
        let line: Vec<String> = facts.map(told).collect();
        self.words(0, Tone::Quiet, &line.join(" · "));
        if let Some(partial) = document.partial {
            self.words(0, Tone::Doubtful, &format!("partial: {partial}"));
        }
        for caveat in &document.caveats {
            self.words(0, Tone::Bad, &format!("!! {caveat}"));
        }
    }

    fn notices(&mut self, document: &Document) {
        let noted = || document.left_out.iter().chain(&document.notices);
        if noted().next().is_some() {
            self.gap();
        }
        for notice in noted() {
            self.words(0, notice.tone, &format!("note: {}", notice.text));
        }
    }

    fn chapter(&mut self, chapter: &Chapter) {
        self.gap();
        let name = self.style.bold(&chapter.name);
        let verdict = self.paint(chapter.mark.tone(), &loud(chapter.mark, chapter.verdict));
        self.line(&format!("{name}  {verdict}"));
        self.notes(2, &chapter.reasons);
        for section in &chapter.sections {
            self.section(section);
        }
    }

    /// What passed: a line each, with every figure that was held to something.
    fn in_short(&mut self, passed: &[&Chapter]) {
        if !passed.is_empty() {
            self.gap();
        }
        let wide = passed.iter().map(|chapter| chapter.name.chars().count()).max().unwrap_or(0);
        for chapter in passed {
            let told = |m: &Measure| match m.mark {
                Mark::Pass => format!("{} {} ({})", m.name, m.value, m.wanted),
                _ => format!("{} {} ({}, {})", m.name, m.value, m.wanted, m.word),
            };
            let mut figures: Vec<String> = chapter.card.measures.iter().map(told).collect();
            figures.push(chapter.card.sent.clone());
            let name = format!("{:<wide$}", chapter.name);
            let start = format!("{name}  {}  ", chapter.verdict);
            let most = self.width();
            let hang = start.chars().count().min(most / 3);
            let text = format!("{start}{}", escape::one_line(&figures.join(" · ")));
            for (i, line) in fold(&text, most, hang).iter().enumerate() {
                match line.strip_prefix(&start) {
                    Some(rest) if i == 0 => {
                        let name = self.style.bold(&name);
                        let verdict = self.paint(chapter.mark.tone(), chapter.verdict);
                        self.line(&format!("{name}  {verdict}  {rest}"));
                    }
                    _ => self.line(line),
                }
            }
            self.notes(2, &chapter.reasons);
        }
    }

    fn section(&mut self, section: &Section) {
        let blocks = section.blocks_at(Level::Glance..=self.level);
        if blocks.is_empty() {
            return;
        }
        self.gap();
        self.heading(&section.title, section.lead.as_deref().unwrap_or_default());
        for block in &blocks {
            match block {
                Block::Words(text) => self.words(4, Tone::Plain, text),
                Block::Notes(notes) => self.notes(4, notes),
                Block::Table(table) => self.table(table),
                Block::Spark { name, values } => {
                    let room = self.width().saturating_sub(name.len() + 6).min(60);
                    self.line(&format!("    {name}  {}", sparkline::sparkline(values, room)));
                }
                Block::Quotes(quotes) => quotes.iter().for_each(|quote| self.quote(quote)),
                // A terminal has the sparkline.
                Block::Chart(_) => {}
            }
        }
    }

    fn heading(&mut self, title: &str, lead: &str) {
        let text = format!("{title}  {}", escape::one_line(lead));
        for (i, line) in fold(text.trim_end(), self.width() - 2, 2).iter().enumerate() {
            let rest = if i == 0 { line.strip_prefix(title) } else { None };
            let painted = rest.map(|rest| format!("{}{rest}", self.style.bold(title)));
            self.line(&format!("  {}", painted.as_deref().unwrap_or(line)));
        }
    }

    fn notes(&mut self, indent: usize, notes: &[Note]) {
        for note in notes {
            self.words(indent, note.tone, &format!("• {}", note.text));
        }
    }

    fn quote(&mut self, quote: &Quote) {
        let trace = quote.trace.as_deref().map(|trace| format!(", trace {trace}"));
        self.words(4, Tone::Plain, &format!("{}{}", quote.title, trace.unwrap_or_default()));
        if !quote.text.is_empty() {
            self.words(6, Tone::Quiet, &quote.text);
        }
    }

    fn table(&mut self, table: &Table) {
        let mut rows: Vec<Vec<String>> = Vec::new();
        if table.has_head() {
            rows.push(table.columns.iter().map(|column| column.name.to_owned()).collect());
        }
        let heads = rows.len();
        rows.extend(table.rows.iter().map(|row| row.cells.iter().map(text_of).collect()));
        let side = |figures: bool| if figures { Lean::Right } else { Lean::Left };
        let sides: Vec<Lean> = table.columns.iter().map(|column| side(column.figures)).collect();
        let lines = table::lines(&rows, &sides, (4, self.width()), |r, c, text| {
            let cell = r.checked_sub(heads).and_then(|r| table.rows.get(r)?.cells.get(c));
            let tone = match cell {
                Some(cell) => cell.tone,
                None if r < heads => Tone::Quiet,
                None => Tone::Plain,
            };
            self.paint(tone, text)
        });
        for line in lines {
            self.line(&line);
        }
    }
}

/// What is wrong is loud: colour is never the only sign.
fn loud(mark: Mark, word: &str) -> String {
    if mark == Mark::Fail { word.to_uppercase() } else { word.to_owned() }
}

fn text_of(cell: &Cell) -> String {
    match cell.dress {
        Dress::Bar(share) => "█".repeat((share * 24.0).round().clamp(0.0, 24.0) as usize),
        Dress::Under => format!("  {}", escape::one_line(&cell.text)),
        Dress::Mark(mark) => loud(mark, &cell.text),
        _ => escape::one_line(&cell.text),
    }
}
