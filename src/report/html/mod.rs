//! Draws a document as one offline page without a script: report.html, compare.html.

mod figure;
mod moments;
mod table;

use std::borrow::Cow;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::table::{badge, cell, class, coded, table};
use super::chart::{self, Chart};
use super::document::{
    Block, Card, Chapter, Document, Fact, Grain, Level, Mark, Measure, Note, Quote, Section,
};
use super::escape::one_line;
use super::past::EarlierRuns;
use super::words;
use crate::suite::SuiteReport;

const STYLE: &str = include_str!("page.css");

/// What mail and artifact viewers still take: a page has coarser charts before it has more.
pub(super) const MOST_BYTES: usize = 490_000;

/// report.html: the whole run.
#[must_use]
pub fn report_html<'a>(report: &SuiteReport, past: impl Into<EarlierRuns<'a>>) -> String {
    let past = past.into();
    finest_that_fits(MOST_BYTES, |grain| Document::at(grain, report, past))
}

/// The page of the finest document that takes at most so many bytes; of the coarsest where
/// none does.
pub(super) fn finest_that_fits(most: usize, document: impl Fn(Grain) -> Document) -> String {
    let drawn = |grain: Grain| page(&document(grain));
    let finest = drawn(Grain::FINEST);
    if finest.len() <= most {
        return finest;
    }
    // Each is smaller than the one before: few of them are drawn.
    let fits = Grain::ALL.partition_point(|grain| drawn(*grain).len() > most);
    drawn(Grain::ALL[fits.min(Grain::ALL.len() - 1)])
}

/// The page of a document. Text of others is escaped by maud; nothing is loaded
/// from anywhere.
fn page(document: &Document) -> String {
    let title = format!("{}: {}", document.title, document.headline);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="color-scheme" content="light dark";
                title { (one_line(&title).chars().take(120).collect::<String>()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (header(document))
                main {
                    (first_screen(document))
                    div.chapters { @for (i, chapter) in document.chapters.iter().enumerate() { (self::chapter(chapter, i)) } }
                    @if let Some(section) = &document.against {
                        section.chapter { (self::section(section, "against", true)) }
                    }
                    @if let Some(section) = &document.nights {
                        section.chapter { (self::section(section, "nights", true)) }
                    }
                    (last(document))
                }
                footer { (document.small_print) }
            }
        }
    };
    // HTML lets these ends go; of others' text none can be one, it is escaped.
    let ends = ["</td>", "</th>", "</tr>"];
    let mut text = ends.iter().fold(page.into_string(), |text, end| text.replace(end, ""));
    text.push('\n');
    text
}

fn header(document: &Document) -> Markup {
    html! {
        header class=(class(document.mark)) {
            h1 { (badge(document.mark, document.verdict)) " " (parted(&one_line(&bare(document)))) }
            p.facts {
                @for fact in &document.facts { span { (self::fact(fact)) } " " }
                @if let Some(url) = &document.run_url { span { a href=(url) { "CI run" } } " " }
                @if let Some(url) = &document.dashboard { span { a href=(url) { "dashboard" } } }
            }
            @if let Some(partial) = document.partial { p { b { "Partial: " (partial) "." } } }
            @for caveat in &document.caveats { p { b { (one_line(caveat)) } } }
        }
    }
}

/// The headline without the verdict, which stands before it.
fn bare(document: &Document) -> Cow<'_, str> {
    let rest = document.headline.strip_prefix(document.verdict).unwrap_or(&document.headline);
    words::at_a_glance(rest.trim_start_matches([':', ',', ' ']))
}

/// Text that may be parted where a selector begins.
fn parted(text: &str) -> Markup {
    html! { @for part in text.split_inclusive('{') { (part) @if part.ends_with('{') { wbr; } } }
}

fn fact(fact: &Fact) -> Markup {
    html! {
        @if !fact.bare { (fact.name) " " }
        @for (i, value) in fact.value.iter().enumerate() { @if i > 0 { " " } (cell(value)) }
    }
}

/// Cards, the way to each chapter, and what to do next.
fn first_screen(document: &Document) -> Markup {
    html! {
        div.first {
            nav.cards aria-label="scenarios" {
                @for chapter in &document.chapters { (card(chapter, &chapter.card)) }
            }
            @if !document.advice.is_empty() {
                section.next {
                    h2 { "What to do next" }
                    ul.notes { @for note in &document.advice { li { (coded(&one_line(&note.text))) } } }
                }
            }
        }
    }
}

fn card(chapter: &Chapter, card: &Card) -> Markup {
    let id = anchor(&chapter.name);
    html! {
        div class={ "card " (class(chapter.mark)) } {
            h2 { a href={ "#" (id) } { (one_line(&chapter.name)) } " " (badge(chapter.mark, chapter.verdict)) }
            @if chapter.mark != Mark::Pass {
                @for reason in chapter.reasons.iter().take(1) { p.why { (one_line(&words::at_a_glance(&reason.text))) } }
            }
            @for measure in &card.measures { (self::measure(measure)) }
            @if let Some((name, values)) = &card.spark {
                p.spark { (PreEscaped(chart::sparkline(values))) span.quiet { (name) } }
            }
            p.quiet { (card.sent) @if let Some(change) = &card.change { br; (change) } }
        }
    }
}

fn measure(measure: &Measure) -> Markup {
    let interval = measure.interval;
    html! {
        div.measure {
            p { b { (one_line(&measure.name)) } " " span.quiet { code { (one_line(&measure.wanted)) } } }
            p.figure { (measure.value) " " (badge(measure.mark, &measure.word)) }
            @if let Some(at) = measure.at {
                (PreEscaped(chart::bullet(measure.top, at, interval, &measure.bounds, class(measure.mark))))
            }
        }
    }
}

/// A name that may stand in an address and an id.
fn anchor(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(plain).take(60).collect()
}

fn chapter(chapter: &Chapter, number: usize) -> Markup {
    let id = anchor(&chapter.name);
    // What is over time stands together, where the first of it would be.
    let charts: Vec<Vec<&Chart>> = chapter.sections.iter().map(charts_over_time).collect();
    let first = charts.iter().position(|charts| !charts.is_empty());
    let together: Vec<&Chart> = charts.into_iter().flatten().collect();
    html! {
        section.chapter aria-labelledby=(id) {
            h2 id=(id) { (one_line(&chapter.name)) " " (badge(chapter.mark, chapter.verdict)) }
            @if !chapter.reasons.is_empty() { (notes(&chapter.reasons)) }
            @for (i, section) in chapter.sections.iter().enumerate() {
                @if first == Some(i) { (moments::together(&together, &id, number)) }
                (self::section(section, &id, chapter.mark != Mark::Pass))
            }
        }
    }
}

fn charts_over_time(section: &Section) -> Vec<&Chart> {
    let blocks = section.blocks.iter().map(|(_, block)| block);
    let charts = blocks.filter_map(|block| match block {
        Block::Chart(chart) => Some(&**chart),
        _ => None,
    });
    charts.filter(|chart| chart.readings.is_some()).collect()
}

/// A section of the chapter `of` without its charts over time, folded where nothing of it
/// is needed to `act`.
fn section(section: &Section, of: &str, act: bool) -> Markup {
    let mut blocks = section.blocks_at(Level::Glance..=Level::Full);
    blocks.retain(|block| !matches!(block, Block::Chart(chart) if chart.readings.is_some()));
    let charts: Vec<_> = blocks.iter().filter(|b| matches!(b, Block::Chart(_))).collect();
    let level = section.blocks.iter().map(|(level, _)| *level).min().unwrap_or(Level::Full);
    let open = !charts.is_empty() || level == Level::Glance || (act && level == Level::Detail);
    let count = size(&blocks);
    let mut title = section.title.clone();
    if let Some(first) = title.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    html! {
        @if !blocks.is_empty() {
            details.section open[open] {
                summary {
                    h3 { (one_line(&title)) }
                    @if let Some(lead) = &section.lead { " " span.quiet { (one_line(lead)) } }
                    @else if count > 1 { " " span.quiet { (count) } }
                }
                @for block in blocks.iter().filter(|b| !matches!(b, Block::Chart(_))) {
                    (self::block(block, &title))
                }
                @if !charts.is_empty() {
                    div.charts {
                        @for block in charts {
                            @if let Block::Chart(chart) = block { (figure::figure(chart, of)) }
                        }
                    }
                }
            }
        }
    }
}

/// How many things a folded section holds: what is said about a table's rows is none of them.
fn size(blocks: &[Block]) -> usize {
    let things = |block: &Block| match block {
        Block::Table(table) => table.rows.len(),
        Block::Quotes(quotes) => quotes.len(),
        _ => 0,
    };
    let notes = |block: &Block| match block {
        Block::Notes(notes) => notes.len(),
        _ => 0,
    };
    match blocks.iter().map(things).sum() {
        0 => blocks.iter().map(notes).sum(),
        things => things,
    }
}

fn block(block: &Block, title: &str) -> Markup {
    match block {
        Block::Words(text) => html! { p { (one_line(text)) } },
        Block::Notes(list) => notes(list),
        Block::Table(table) => self::table(table, title),
        Block::Quotes(quotes) => html! { @for quote in quotes { (self::quote(quote)) } },
        // Charts stand together; the page has them whole.
        Block::Chart(_) | Block::Spark { .. } => html! {},
    }
}

fn notes(notes: &[Note]) -> Markup {
    html! { ul.notes { @for note in notes { li { (coded(&one_line(&note.text))) } } } }
}

fn quote(quote: &Quote) -> Markup {
    html! {
        figure.quote {
            figcaption {
                (one_line(&quote.title))
                @if let Some(trace) = &quote.trace { ", trace " code { (one_line(trace)) } }
            }
            @if !quote.text.is_empty() { blockquote { code { (one_line(&quote.text)) } } }
        }
    }
}

/// How to do it again, what was left out, what else to know.
fn last(document: &Document) -> Markup {
    html! {
        @if let Some(command) = &document.repeat {
            section.chapter {
                h2 { "Do it again" }
                pre tabindex="0" { code { (one_line(command)) } }
                p.quiet { "The same seed sends the same requests at the same moments." }
            }
        }
        @if !document.notices.is_empty() || !document.left_out.is_empty() {
            section.chapter { h2 { "Notes" } (notes(&document.left_out)) (notes(&document.notices)) }
        }
    }
}
