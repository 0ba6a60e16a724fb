//! A view at the end of what a terminal shows, redrawn in place, with lines told above it.

use std::fmt::Write as _;

/// Columns and rows of a terminal.
pub(super) type Size = (usize, usize);

/// The lines that stand last on a terminal whose cursor is below them.
#[derive(Debug, Default)]
pub(super) struct View {
    lines: Vec<String>,
    /// As many of them as are on the screen.
    shown: usize,
}

impl View {
    /// What shows these lines instead of those that were shown; none: takes the view away.
    pub(super) fn show(&mut self, lines: Vec<String>, size: Size) -> Vec<u8> {
        let mut text = self.erased(size);
        self.lines = lines;
        self.draw(&mut text, size);
        text.into_bytes()
    }

    /// What tells `told`, whole lines, above the view.
    pub(super) fn above(&mut self, told: &[u8], size: Size) -> Vec<u8> {
        if self.lines.is_empty() {
            return told.to_vec();
        }
        let mut bytes = self.erased(size).into_bytes();
        bytes.extend_from_slice(told);
        let mut view = String::new();
        self.draw(&mut view, size);
        bytes.extend_from_slice(view.as_bytes());
        bytes
    }

    /// What takes away the lines that are shown, on a terminal that is `size` by now: one that
    /// has become narrower has wrapped them (those that cut lines off instead, as xterm does,
    /// lose as much of what stands above).
    fn erased(&mut self, (columns, _): Size) -> String {
        let rows = |line: &String| line.chars().count().max(1).div_ceil(columns.max(1));
        let rows: usize = self.lines.iter().take(self.shown).map(rows).sum();
        self.shown = 0;
        if rows == 0 { String::new() } else { format!("\r\x1b[{rows}A\x1b[J") }
    }

    /// As many lines as fit above the cursor's.
    fn draw(&mut self, text: &mut String, (_, rows): Size) {
        self.shown = self.lines.len().min(rows.saturating_sub(1));
        for line in self.lines.iter().take(self.shown) {
            let _ = writeln!(text, "{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(all: &[&str]) -> Vec<String> {
        all.iter().map(|line| (*line).to_owned()).collect()
    }

    fn text(bytes: Vec<u8>) -> String {
        String::from_utf8(bytes).expect("is text")
    }

    #[test]
    fn what_is_shown_takes_the_place_of_what_was() {
        let mut view = View::default();
        assert_eq!(text(view.show(lines(&["one", "two"]), (80, 24))), "one\ntwo\n");
        assert_eq!(text(view.show(lines(&["three"]), (80, 24))), "\r\x1b[2A\x1b[Jthree\n");
        assert_eq!(text(view.show(Vec::new(), (80, 24))), "\r\x1b[1A\x1b[J");
        assert_eq!(text(view.show(Vec::new(), (80, 24))), "");
    }

    #[test]
    fn what_is_told_stands_above_it() {
        let mut view = View::default();
        assert_eq!(text(view.above(b"before\n", (80, 24))), "before\n");
        view.show(lines(&["view"]), (80, 24));
        assert_eq!(text(view.above(b"told\n", (80, 24))), "\r\x1b[1A\x1b[Jtold\nview\n");
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_wrapped_are_taken_away_whole() {
        let mut view = View::default();
        view.show(lines(&[&"x".repeat(100), "", &"y".repeat(50)]), (120, 24));
        assert_eq!(text(view.show(lines(&["new"]), (50, 24))), "\r\x1b[4A\x1b[Jnew\n");
    }

    #[test]
    fn a_low_terminal_gets_what_it_has_room_for() {
        let mut view = View::default();
        assert_eq!(text(view.show(lines(&["one", "two", "three"]), (80, 3))), "one\ntwo\n");
        assert_eq!(text(view.show(Vec::new(), (80, 3))), "\r\x1b[2A\x1b[J");
    }
}
