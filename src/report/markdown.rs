//! Draws a document in GitHub's Markdown: summary.md, the comment, the job summary, baseline.md.

use super::document::{
    Block, Cell, Chapter, Document, Dress, Level, Mark, Note, Quote, Section, Table,
};
use super::escape::{code, html, markdown as esc, one_line};
use super::past::EarlierRuns;
use super::{chart, sparkline};
use crate::gate::VerdictKind;
use crate::suite::SuiteReport;

/// The most bytes of a job summary, with room for what other steps add.
pub const SUMMARY_BUDGET: usize = 1_000_000;
/// Room kept for the line that says that something was cut.
const ROOM_FOR_CUT: usize = 700;

/// The run in GitHub's Markdown, at most `budget` bytes (so no more
/// characters): what doesn't fit is left out block by block from the end, and
/// a line says so. Everything from a server or a config is inert.
#[must_use]
pub fn markdown<'a>(
    report: &SuiteReport,
    past: impl Into<EarlierRuns<'a>>,
    budget: usize,
) -> String {
    let document = Document::new(report, past);
    let mut page = String::new();
    let room = budget.saturating_sub(ROOM_FOR_CUT);
    let mut cut = false;
    for block in blocks(&document) {
        if page.len() + block.len() + 2 > room {
            cut = true;
            continue;
        }
        if !page.is_empty() {
            page.push('\n');
        }
        page.push_str(&block);
    }
    if cut {
        let rest = document.run_url.map_or_else(
            || "the whole is in report.html".to_owned(),
            |url| format!("[the whole is with the run]({url})"),
        );
        add!(page, "\n_Cut to fit: {rest}._\n");
    }
    page.chars()
        .scan(0, |bytes, c| {
            *bytes += c.len_utf8();
            (*bytes <= budget).then_some(c)
        })
        .collect()
}

/// baseline.md: the document of a run, for readers who weren't there.
#[must_use]
pub fn baseline_md<'a>(report: &SuiteReport, past: impl Into<EarlierRuns<'a>>) -> String {
    let document = Document::new(report, past);
    let mut page = format!("# Load test of {}\n\n", esc(&report.environment.name));
    add!(page, "**{}**\n\n", esc(&document.headline));
    for caveat in &document.caveats {
        add!(page, "**{}**\n\n", esc(caveat));
    }
    page.push_str("| | |\n| --- | --- |\n");
    for fact in &document.facts {
        let value: Vec<String> = fact.value.iter().map(cell).collect();
        add!(page, "| {} | {} |\n", fact.name, value.join(" "));
    }
    for chapter in &document.chapters {
        add!(page, "\n## {}: {}\n", chapter.name, chapter.verdict);
        if !chapter.reasons.is_empty() {
            page.push('\n');
        }
        notes(&mut page, &chapter.reasons);
        for section in &chapter.sections {
            section_at(&mut page, section, Level::Glance..=Level::Full, 3);
        }
    }
    match &document.against {
        Some(section) => section_at(&mut page, section, Level::Glance..=Level::Full, 2),
        None => page.push_str("\n## Against a baseline\n\nNone was given.\n"),
    }
    if let Some(section) = &document.nights {
        section_at(&mut page, section, Level::Glance..=Level::Full, 2);
    }
    page.push_str("\n## Recommendations\n\n");
    if document.advice.is_empty() {
        page.push_str("None: no figure of this run asks for one.\n");
    }
    notes(&mut page, &document.advice);
    page.push_str("\n## Skipped and left out\n\n");
    if document.left_out.is_empty() && document.notices.is_empty() {
        page.push_str("Nothing.\n");
    }
    notes(&mut page, &document.left_out);
    notes(&mut page, &document.notices);
    page
}

/// The page in blocks that each stand alone, the most important first.
fn blocks(document: &Document) -> Vec<String> {
    let mut blocks = vec![first_lines(document)];
    blocks.extend(document.chapters.iter().map(glance));
    for section in [&document.against, &document.nights].into_iter().flatten() {
        let mut text = String::new();
        section_at(&mut text, section, Level::Glance..=Level::Detail, 3);
        blocks.push(text.trim_start().to_owned());
    }
    if !document.notices.is_empty() {
        let mut text = String::new();
        notes(&mut text, document.notices.get(..20).unwrap_or(&document.notices));
        blocks.push(text);
    }
    blocks.push(footer(document));
    blocks.extend(document.chapters.iter().filter_map(details));
    blocks
}

/// What the comment folds: everything but the first lines and the last, without
/// the sentences that are `told` already, and at most `budget` bytes.
pub(super) fn folded(
    report: &SuiteReport,
    past: EarlierRuns<'_>,
    told: &[String],
    budget: usize,
) -> String {
    let mut document = Document::new(report, past);
    for chapter in &mut document.chapters {
        chapter.reasons.retain(|note| !told.contains(&note.text));
    }
    let mut page = String::new();
    let mut cut = false;
    let blocks = blocks(&document);
    for block in blocks.iter().skip(1).filter(|block| **block != footer(&document)) {
        if page.len() + block.len() + 2 > budget {
            cut = true;
            continue;
        }
        page.push_str(block);
        page.push('\n');
    }
    if cut {
        page.push_str("_Cut to fit: the whole is in report.html._\n");
    }
    page
}

/// The sign of a verdict.
pub(super) fn mark(kind: VerdictKind) -> &'static str {
    sign(match kind {
        VerdictKind::Pass => Mark::Pass,
        VerdictKind::Fail => Mark::Fail,
        VerdictKind::Inconclusive => Mark::Inconclusive,
        VerdictKind::Skipped => Mark::Skipped,
    })
}

const fn sign(mark: Mark) -> &'static str {
    match mark {
        Mark::Pass => "✅",
        Mark::Fail => "❌",
        Mark::Inconclusive => "⚠️",
        Mark::Skipped => "⏭️",
        Mark::Info => "ℹ️",
    }
}

fn first_lines(document: &Document) -> String {
    let headline: String = document.headline.chars().take(1000).collect();
    let mut text = format!("**{} {}**\n\n", sign(document.mark), esc(&headline));
    let facts = document.facts.iter().filter(|fact| fact.level == Level::Glance);
    let facts: Vec<String> = facts
        .map(|fact| {
            // An address is nothing to click on in a comment.
            let value: Vec<String> = fact.value.iter().take(1).map(cell).collect();
            let name = if fact.bare { String::new() } else { format!("{} ", fact.name) };
            format!("{name}{}", value.join(" "))
        })
        .collect();
    add!(text, "{}\n", facts.join(" · "));
    if let Some(partial) = document.partial {
        add!(text, "\n_Partial: {partial}._\n");
    }
    for caveat in &document.caveats {
        add!(text, "\n> ⚠️ **{}**\n", esc(caveat));
    }
    text
}

fn glance(chapter: &Chapter) -> String {
    let mut text = format!("### {} {}: {}\n", sign(chapter.mark), chapter.name, chapter.verdict);
    if !chapter.reasons.is_empty() {
        text.push('\n');
    }
    notes(&mut text, chapter.reasons.get(..8).unwrap_or(&chapter.reasons));
    for section in &chapter.sections {
        section_at(&mut text, section, Level::Glance..=Level::Glance, 4);
    }
    text
}

/// Collapsed: the figures behind the verdict.
fn details(chapter: &Chapter) -> Option<String> {
    let mut text = String::new();
    for section in &chapter.sections {
        section_at(&mut text, section, Level::Detail..=Level::Detail, 4);
    }
    let name = html(&chapter.name);
    (!text.is_empty())
        .then(|| format!("<details><summary>{name}: the figures</summary>\n{text}\n</details>\n"))
}

fn footer(document: &Document) -> String {
    let mut parts = Vec::new();
    if let Some(url) = &document.run_url {
        parts.push(format!("[run]({url})"));
        parts.push(format!("[artifacts]({url}#artifacts)"));
    }
    if let Some(url) = &document.dashboard {
        parts.push(format!("[dashboard]({url})"));
    }
    for fact in document.facts.iter().filter(|fact| fact.level == Level::Detail) {
        let value: Vec<String> = fact.value.iter().map(cell).collect();
        parts.push(format!("{} {}", fact.name, value.join(" ")));
    }
    if parts.is_empty() { String::new() } else { format!("{}\n", parts.join(" · ")) }
}

fn section_at(
    page: &mut String,
    section: &Section,
    levels: std::ops::RangeInclusive<Level>,
    depth: usize,
) {
    let whole = *levels.end() == Level::Full;
    let mut blocks = section.blocks_at(levels);
    // Where all figures stand, no picture of them is missed.
    blocks.retain(|block| !whole || !matches!(block, Block::Chart(_)));
    if blocks.is_empty() {
        return;
    }
    let mut title = section.title.clone();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    add!(page, "\n{} {}\n", "#".repeat(depth), esc(&title));
    if let Some(lead) = &section.lead {
        add!(page, "\n{}\n", esc(lead));
    }
    for block in &blocks {
        page.push('\n');
        match block {
            Block::Words(text) => add!(page, "{}\n", esc(text)),
            Block::Notes(list) => notes(page, list),
            Block::Table(table) => self::table(page, table),
            Block::Spark { name, values } => {
                add!(page, "{name} `{}`\n", sparkline::sparkline(values, 60));
            }
            Block::Chart(chart) => page.push_str(&chart::mermaid(chart)),
            Block::Quotes(quotes) => {
                quotes.iter().take(10).for_each(|quote| self::quote(page, quote));
            }
        }
    }
}

fn notes(page: &mut String, notes: &[Note]) {
    for note in notes {
        add!(page, "- {}\n", esc(&note.text));
    }
}

fn quote(page: &mut String, quote: &Quote) {
    let text = if quote.text.is_empty() {
        String::new()
    } else {
        format!(": {}", code(&one_line(&quote.text)))
    };
    let trace = quote.trace.as_deref().map(|trace| format!(", trace {}", code(&one_line(trace))));
    add!(page, "- {}{}{text}\n", esc(&quote.title), trace.unwrap_or_default());
}

fn table(page: &mut String, table: &Table) {
    // A bar is for the eye of a terminal.
    let bar = |c: usize| {
        let mut cells = table.rows.iter().filter_map(|row| row.cells.get(c));
        cells.any(|cell| matches!(cell.dress, Dress::Bar(_)))
    };
    let shown: Vec<usize> = (0..table.columns.len()).filter(|c| !bar(*c)).collect();
    let columns = || shown.iter().filter_map(|c| table.columns.get(*c));
    let names: Vec<&str> = columns().map(|column| column.name).collect();
    let sides: Vec<&str> =
        columns().map(|column| if column.figures { "---:" } else { "---" }).collect();
    add!(page, "| {} |\n| {} |\n", names.join(" | "), sides.join(" | "));
    for row in &table.rows {
        let cells: Vec<String> = shown.iter().filter_map(|c| row.cells.get(*c)).map(cell).collect();
        add!(page, "| {} |\n", cells.join(" | "));
    }
}

fn cell(cell: &Cell) -> String {
    match cell.dress {
        Dress::Words | Dress::Under => esc(&cell.text),
        Dress::Figure => cell.text.clone(),
        Dress::Code => code(&cell.text),
        Dress::Key(name) => format!("`{name}`"),
        Dress::Mark(mark) => format!("{} {}", sign(mark), cell.text),
        Dress::Bar(_) => String::new(),
    }
}
