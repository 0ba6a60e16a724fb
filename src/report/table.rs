//! Aligned columns of plain text that fold to a width.

/// Which side a column's cells lean to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lean {
    /// Words, which may be folded.
    Left,
    /// Figures, which may not.
    Right,
}

/// The narrowest that a column of words is folded to.
const NARROWEST: usize = 12;
/// Columns between two columns.
const GAP: usize = 2;

/// `rows` as lines of at most `width` columns, each indented by `indent` spaces,
/// columns two spaces apart and as wide as their widest cell; no trailing spaces.
/// Where that is too wide, columns of words are folded, the widest first; where
/// even that doesn't do, each row becomes a paragraph. `paint` colours a piece
/// (row, column, text) after it was measured. Short rows leave cells empty.
pub(super) fn lines(
    rows: &[Vec<String>],
    sides: &[Lean],
    (indent, width): (usize, usize),
    paint: impl Fn(usize, usize, &str) -> String,
) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let natural: Vec<usize> = (0..columns)
        .map(|c| rows.iter().filter_map(|row| row.get(c)).map(|cell| cell.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    let room = width.saturating_sub(indent);
    let Some(widths) = fitted(&natural, sides, room) else {
        return paragraphs(rows, (indent, width), paint);
    };
    let mut lines = Vec::with_capacity(rows.len());
    for (r, row) in rows.iter().enumerate() {
        let cells: Vec<Vec<String>> =
            row.iter().zip(&widths).map(|(cell, wide)| fold(cell, *wide, 0)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        for k in 0..height {
            let mut line = " ".repeat(indent);
            for (c, (cell, wide)) in cells.iter().zip(&widths).enumerate() {
                if *wide == 0 {
                    continue;
                }
                let piece = cell.get(k).map_or("", String::as_str);
                let pad = " ".repeat(wide.saturating_sub(piece.chars().count()));
                let painted = if piece.is_empty() { String::new() } else { paint(r, c, piece) };
                let right = sides.get(c) == Some(&Lean::Right);
                let (before, after) = if right { (pad.as_str(), "") } else { ("", pad.as_str()) };
                add!(line, "{before}{painted}{after}{}", " ".repeat(GAP));
            }
            lines.push(line.trim_end().to_owned());
        }
    }
    lines
}

/// How wide each column becomes; `None` where the table can't be that narrow.
fn fitted(natural: &[usize], sides: &[Lean], room: usize) -> Option<Vec<usize>> {
    let mut widths = natural.to_vec();
    loop {
        let filled = widths.iter().filter(|wide| **wide > 0).count();
        let all = widths.iter().sum::<usize>() + GAP * filled.saturating_sub(1);
        let excess = all.saturating_sub(room);
        if excess == 0 {
            return Some(widths);
        }
        let foldable = (0..widths.len()).filter(|c| sides.get(*c) == Some(&Lean::Left));
        let widest = foldable.max_by_key(|c| widths[*c])?;
        if widths[widest] <= NARROWEST {
            return None;
        }
        // One by one, so that long columns end alike.
        widths[widest] -= 1;
    }
}

/// Each row as a folded line of its cells.
fn paragraphs(
    rows: &[Vec<String>],
    (indent, width): (usize, usize),
    paint: impl Fn(usize, usize, &str) -> String,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (r, row) in rows.iter().enumerate() {
        let cells: Vec<&str> = row.iter().map(|cell| cell.trim()).collect();
        let cells: Vec<&str> = cells.into_iter().filter(|cell| !cell.is_empty()).collect();
        for line in fold(&cells.join("  "), width.saturating_sub(indent), 2) {
            lines.push(format!("{}{}", " ".repeat(indent), paint(r, usize::MAX, &line)));
        }
    }
    lines
}

/// `text` in lines of at most `most` columns (at least 8), later ones indented by
/// `hang`; words too long for a line are cut.
pub(super) fn fold(text: &str, most: usize, hang: usize) -> Vec<String> {
    let most = most.max(8);
    if text.chars().count() <= most {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let start = if lines.len() > 1 { hang } else { 0 };
            let space = usize::from(used > start);
            if used + space + word.len() <= most {
                if let Some(line) = lines.last_mut() {
                    line.push_str(&" ".repeat(space));
                    line.extend(&word);
                }
                used += space + word.len();
                break;
            }
            if used > start {
                lines.push(" ".repeat(hang));
                used = hang;
                continue;
            }
            let rest = word.split_off(most - used);
            if let Some(line) = lines.last_mut() {
                line.extend(&word);
            }
            word = rest;
            lines.push(" ".repeat(hang));
            used = hang;
        }
    }
    lines
}

/// Every line of `text` folded to `width` columns, later ones two further in than it.
#[must_use]
pub fn fold_lines(text: &str, width: usize) -> String {
    let folded = |line: &str| {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        let lines = fold(bare, width.saturating_sub(indent), 2);
        lines.iter().map(|piece| format!("{:indent$}{piece}", "")).collect::<Vec<_>>().join("\n")
    };
    // `lines` would lose the last of them where it is empty.
    text.split('\n').map(folded).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(rows: &[[&str; 3]], sides: &[Lean], width: usize) -> Vec<String> {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect();
        lines(&rows, sides, (2, width), |_, _, cell| cell.to_owned())
    }

    #[test]
    fn lines_fold_at_words_and_keep_their_indent() {
        let text = "short\n  the machine needs: 1 core for 200/s, never more than 1,000\n\nend\n";
        let wanted = "short\n  the machine needs: 1 core\n    for 200/s, never more than\n    \
                      1,000\n\nend\n";
        assert_eq!(fold_lines(text, 30), wanted);
        assert_eq!(fold_lines(wanted, 80), wanted);
    }

    #[test]
    fn columns_line_up_and_lines_end_where_their_text_ends() {
        let rows = [["a", "1", "x"], ["bcd", "1000", ""]];
        let lines = plain(&rows, &[Lean::Left, Lean::Right], 100);
        assert_eq!(lines, ["  a       1  x", "  bcd  1000"]);
    }

    #[test]
    fn words_fold_within_their_column_and_figures_stay_whole() {
        let rows = [["pass", "40,100", "it holds what it was asked to hold"]];
        let lines = plain(&rows, &[Lean::Left, Lean::Right, Lean::Left], 36);
        assert_eq!(
            lines,
            ["  pass  40,100  it holds what it was", "                asked to hold"]
        );
        let lines = plain(&rows, &[Lean::Left, Lean::Right, Lean::Left], 20);
        assert_eq!(lines[0], "  pass  40,100  it");
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_asked_for(
            cells in proptest::collection::vec("[a-z ]{0,60}", 3),
            width in 40_usize..120,
        ) {
            let rows = vec![cells];
            let sides = [Lean::Left, Lean::Left, Lean::Left];
            for line in lines(&rows, &sides, (4, width), |_, _, cell| cell.to_owned()) {
                prop_assert!(line.chars().count() <= width, "{line}");
            }
        }
    }
}
