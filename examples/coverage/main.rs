//! Measures what the intervals of the reports cover, what `compare` finds and lets be,
//! and how often a threshold is decided wrongly, on simulated runs whose truth is known.
//!
//! Every run is recorded as a real one is and judged by the code that judges those.
//! `cargo run --release --example coverage > docs/intervals.md` makes the page. For a
//! look at a part of it: `-- --runs 100 --seed 2 --only intervals|compare|decisions --target M/M`; standard error
//! says what `compare` called different that isn't.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool that prints a page")]

mod compare;
mod decisions;
mod intervals;
mod models;
mod page;
mod trial;

use models::{MODELS, Model};
use trial::Settings;

fn main() {
    let value = |flag: &str| {
        let mut arguments = std::env::args().skip_while(|argument| argument != flag);
        arguments.nth(1)
    };
    let number = |flag: &str, usual| value(flag).and_then(|v| v.parse().ok()).unwrap_or(usual);
    let settings = Settings {
        runs: number("--runs", 100),
        seed: number("--seed", 2026),
        threads: number("--threads", 1) as usize,
    };
    let target = value("--target").unwrap_or_default();
    // Each with its row, so that a part of the page is what the whole has there.
    let rows = (0..).zip(MODELS);
    let models: Vec<(u64, Model)> = rows.filter(|(_, m)| m.name().contains(&target)).collect();
    let only = value("--only");
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    let pages = only.is_none();
    let text = |text: &str| {
        if pages {
            println!("{text}");
        }
    };
    text(page::INTRODUCTION);
    if wanted("intervals") {
        intervals::tables(settings, &models);
    }
    text(page::COMPARE);
    if wanted("compare") {
        compare::tables(settings, &models);
    }
    text(page::DECISIONS);
    if wanted("decisions") {
        decisions::tables(settings, &models);
    }
    text(page::CLOSING);
    text(&format!(
        "\n{} runs behind a cell ({} pairs for *any difference*), seed {}.",
        settings.runs,
        settings.runs * compare::PAIRS,
        settings.seed
    ));
}
