//! Aligned columns of plain text.

use unicode::width;

/// Which side a column's cells lean to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Words.
    Left,
    /// Figures.
    Right,
}

/// `rows` as lines, each indented by `indent` spaces, columns two spaces apart
/// and as wide as their widest cell; no trailing spaces. `paint` colours a cell
/// (row, column, text) after it was measured. Short rows leave cells empty.
pub(super) fn lines(
    rows: &[Vec<String>],
    sides: &[Side],
    indent: usize,
    paint: impl Fn(usize, usize, &str) -> String,
) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|c| {
            rows.iter().filter_map(|row| row.get(c)).map(|cell| width(cell)).max().unwrap_or(0)
        })
        .collect();
    let mut lines = Vec::with_capacity(rows.len());
    for (r, row) in rows.iter().enumerate() {
        let mut line = " ".repeat(indent);
        let last = row.iter().rposition(|cell| !cell.is_empty());
        for (c, (cell, wide)) in row.iter().zip(&widths).enumerate() {
            if Some(c) > last {
                break;
            }
            let pad = " ".repeat(wide.saturating_sub(width(cell)));
            let right = sides.get(c) == Some(&Side::Right);
            if right {
                line.push_str(&pad);
            }
            line.push_str(&paint(r, c, cell));
            if Some(c) < last {
                if !right {
                    line.push_str(&pad);
                }
                line.push_str("  ");
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    lines
}

mod unicode {
    /// Columns a text takes: one a character. Our own words and figures have no
    /// wide characters; quoted text never stands in an aligned column but the last.
    pub(super) fn width(text: &str) -> usize {
        text.chars().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_where_their_text_ends() {
        let rows =
            [["a", "1", "x"], ["bcd", "1000", ""]].map(|row| row.map(str::to_owned).to_vec());
        let lines = lines(&rows, &[Side::Left, Side::Right], 2, |_, _, cell| cell.to_owned());
        assert_eq!(lines, ["  a       1  x", "  bcd  1000"]);
    }
}
