//! Many nights for the terminal.

use super::document::{drift_sentence, night_lines, nights_span};
use super::escape::one_line;
use super::table::{self, Lean};
use crate::suite::{History, drifts};

/// The newest series: its figures over the nights, and where p95 moved for good.
#[must_use]
pub fn history_text(history: &History) -> String {
    let nights = history.newest_series();
    let Some(newest) = nights.last() else { return "no night is known\n".to_owned() };
    let mut text = format!("{}: {}\n\n", one_line(&newest.series), nights_span(&nights));
    let heads = ["", "", "newest", "median", "over the nights"].map(str::to_owned).to_vec();
    let mut rows = vec![heads];
    for line in night_lines(&nights) {
        rows.push(vec![
            line.scenario,
            line.figure.to_owned(),
            line.newest,
            line.median,
            line.drawn,
        ]);
    }
    let sides = [Lean::Left, Lean::Left, Lean::Right, Lean::Right, Lean::Left];
    for line in table::lines(&rows, &sides, (2, usize::MAX), |_, _, cell| cell.to_owned()) {
        add!(text, "{line}\n");
    }
    text.push('\n');
    let found = drifts(&nights);
    for drift in &found {
        add!(text, "  {}\n", drift_sentence(drift));
    }
    if found.is_empty() {
        text.push_str("  no p95 moved for good\n");
    }
    let others = history.nights.len() - nights.len();
    if others > 0 {
        add!(text, "  {others} of another environment, profile or scale left out\n");
    }
    text
}
