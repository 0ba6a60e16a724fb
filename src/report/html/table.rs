//! Tables and cells of a page.

use maud::{Markup, PreEscaped, html};

use super::super::chart::colour;
use super::super::document::{Cell, Column, Dress, Mark, Table, Tone};
use super::super::escape::one_line;

/// The class of what became of something.
pub(super) const fn class(mark: Mark) -> &'static str {
    match mark {
        Mark::Pass => "pass",
        Mark::Fail => "fail",
        Mark::Inconclusive => "inconclusive",
        Mark::Skipped | Mark::Info => "skipped",
    }
}

/// What became of something, in a word.
pub(super) fn badge(mark: Mark, word: &str) -> Markup {
    html! { span class={ "badge " (class(mark)) } { (word) } }
}

/// A table, which scrolls where it is too wide.
pub(super) fn table(table: &Table, title: &str) -> Markup {
    let head = table.has_head();
    // Where all but the first are columns of figures, the table says so once.
    let plain = |column: &Column| !column.figures;
    let figures = head
        && table.columns.split_first().is_some_and(|(first, rest)| {
            plain(first) && !rest.is_empty() && !rest.iter().any(plain)
        });
    let numeric = |column: &Column| (column.figures && !figures).then_some("n");
    html! {
        div.scroll tabindex="0" role="group" aria-label=(one_line(title)) {
            table class=[figures.then_some("f")] {
                @if head {
                    thead { tr { @for column in &table.columns {
                        @if column.name.is_empty() { td {} }
                        @else { th class=[numeric(column)] { (column.name) } }
                    } } }
                }
                tbody { @for row in &table.rows { tr {
                    @for (i, (cell, column)) in row.cells.iter().zip(&table.columns).enumerate() {
                        @if !head && i == 0 { th scope="row" { (self::cell(cell)) } }
                        @else { td class=[numeric(column)] { (self::cell(cell)) } }
                    }
                } } }
            }
        }
    }
}

/// What stands between backticks as code, where they come in pairs.
pub(super) fn coded(text: &str) -> Markup {
    let parts: Vec<&str> = text.split('`').collect();
    html! {
        @if parts.len().is_multiple_of(2) { (text) }
        @else {
            @for (i, part) in parts.iter().enumerate() {
                @if i % 2 == 1 { code { (part) } } @else { (part) }
            }
        }
    }
}

/// A cell by its dress.
pub(super) fn cell(cell: &Cell) -> Markup {
    let text = one_line(&cell.text);
    match cell.dress {
        Dress::Words | Dress::Figure => match cell.tone {
            Tone::Plain => coded(&text),
            Tone::Quiet => html! { span.quiet { (text) } },
            Tone::Good => html! { span.good { (text) } },
            Tone::Bad => html! { span.bad { (text) } },
            Tone::Doubtful => html! { span.doubt { (text) } },
        },
        Dress::Under => html! { span.under { (text) } },
        Dress::Code => html! { code { (text) } },
        Dress::Mark(mark) => badge(mark, &text),
        Dress::Key(key) => html! { (swatch(key)) (text) },
        Dress::Bar(share) => html! { (bar(share, cell.tone)) },
    }
}

/// The colour of a series.
pub(super) fn swatch(key: &str) -> Markup {
    html! {
        svg class={ "swatch area " (key) } width="10" height="10" aria-hidden="true" fill=(colour(key)) {
            (PreEscaped("<rect width=\"10\" height=\"10\"/>"))
        }
    }
}

/// A share as a bar.
fn bar(share: f64, tone: Tone) -> Markup {
    let key = match tone {
        Tone::Good => "accepted",
        Tone::Doubtful => "rate_limited",
        Tone::Bad => "rejected",
        Tone::Plain | Tone::Quiet => "",
    };
    if share <= 0.0 {
        return html! {};
    }
    html! {
        svg class={ "share area " (key) } width="160" height="10" aria-hidden="true" fill=(colour(key)) {
            rect width=(format!("{:.1}", share * 160.0)) height="10" {}
        }
    }
}
