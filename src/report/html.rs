//! Draws a document as report.html: the whole run as one offline page without a script.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::charts;
use super::document::{
    Block, Cell, Chapter, Document, Dress, Fact, Level, Mark, Note, Quote, Section, Table, Tone,
};
use super::escape::one_line;
use super::past::Past;
use crate::suite::SuiteReport;

const STYLE: &str = include_str!("report.css");

/// The page. Text of others is escaped by maud; nothing is loaded from anywhere.
#[must_use]
pub fn report_html<'a>(report: &SuiteReport, past: impl Into<Past<'a>>) -> String {
    let document = Document::new(report, past);
    let title = format!("load-gate: {} · {}", document.verdict, report.environment.name);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                title { (one_line(&title)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(&document))
                main {
                    @for chapter in &document.chapters { (self::chapter(chapter)) }
                    @for section in [&document.against, &document.nights].into_iter().flatten() {
                        section { (self::section(section)) }
                    }
                    @if !document.notices.is_empty() {
                        section { h2 { "Notes" } (notes(&document.notices)) }
                    }
                }
                footer { (document.small_print) }
            }
        }
    };
    let mut text = page.into_string();
    text.push('\n');
    text
}

fn header(document: &Document) -> Markup {
    html! {
        header class=(class(document.mark)) {
            h1 { (one_line(&document.headline)) }
            p {
                @for (i, fact) in document.facts.iter().enumerate() {
                    @if i > 0 { " · " }
                    (self::fact(fact))
                }
                @if let Some(url) = &document.run_url { " · " a href=(url) { "CI run" } }
            }
            @if let Some(partial) = document.partial { p { b { "Partial: " (partial) "." } } }
        }
    }
}

fn fact(fact: &Fact) -> Markup {
    html! {
        @if !fact.bare { (fact.name) " " }
        @for (i, value) in fact.value.iter().enumerate() { @if i > 0 { " " } (cell(value)) }
    }
}

const fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Pass => "pass",
        Mark::Fail => "fail",
        Mark::Inconclusive => "inconclusive",
        Mark::Skipped | Mark::Info => "skipped",
    }
}

fn badge(mark: Mark, word: &str) -> Markup {
    html! { span class={ "badge " (class(mark)) } { (word) } }
}

fn chapter(chapter: &Chapter) -> Markup {
    let id = &chapter.name;
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (id) " " (badge(chapter.mark, chapter.verdict)) }
            @if !chapter.reasons.is_empty() { (notes(&chapter.reasons)) }
            @for section in &chapter.sections { (self::section(section)) }
        }
    }
}

fn section(section: &Section) -> Markup {
    let blocks = section.blocks_at(Level::Glance..=Level::Full);
    html! {
        @if !blocks.is_empty() {
            h3 { (one_line(&section.title)) }
            @if let Some(lead) = &section.lead { p { (one_line(lead)) } }
            @for block in &blocks { (self::block(block)) }
        }
    }
}

fn block(block: &Block) -> Markup {
    match block {
        Block::Words(text) => html! { p { (one_line(text)) } },
        Block::Notes(list) => notes(list),
        Block::Table(table) => self::table(table),
        Block::Chart(chart) => html! {
            figure {
                figcaption {
                    (chart.title)
                    @for series in &chart.series { " " span class={ "key " (series.key) } {} (series.key) }
                }
                (PreEscaped(charts::svg(chart)))
            }
        },
        Block::Quotes(quotes) => html! { @for quote in quotes { (self::quote(quote)) } },
        // The page has the whole chart.
        Block::Spark { .. } => html! {},
    }
}

fn notes(notes: &[Note]) -> Markup {
    html! { ul class="reasons" { @for note in notes { li { (one_line(&note.text)) } } } }
}

fn quote(quote: &Quote) -> Markup {
    html! {
        p { (one_line(&quote.title)) @if !quote.text.is_empty() { br; code { (one_line(&quote.text)) } } }
    }
}

fn table(table: &Table) -> Markup {
    html! {
        table {
            @if table.has_head() {
                thead { tr { @for column in &table.columns {
                    th class=[column.figures.then_some("n")] { (column.name) }
                } } }
            }
            tbody { @for row in &table.rows { tr {
                @for (cell, column) in row.cells.iter().zip(&table.columns) {
                    td class=[column.figures.then_some("n")] { (self::cell(cell)) }
                }
            } } }
        }
    }
}

fn cell(cell: &Cell) -> Markup {
    let text = one_line(&cell.text);
    match cell.dress {
        Dress::Words | Dress::Figure if cell.tone == Tone::Quiet => {
            html! { span.quiet { (text) } }
        }
        Dress::Words | Dress::Figure => html! { (text) },
        Dress::Under => html! { span.under { (text) } },
        Dress::Code => html! { code { (text) } },
        Dress::Mark(mark) => badge(mark, &text),
        Dress::Key(key) => html! { span class={ "key " (key) } {} (text) },
        Dress::Bar(_) => html! {},
    }
}
