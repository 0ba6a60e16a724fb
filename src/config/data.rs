//! The data of a written scenario: lists, weighted lists, and columns of files, bounded and read once.

use std::path::Path;

use super::diagnostics::{Diagnostics, Place, Wrong, listing, quote, suggestion, unknown};
use super::literals::BY_ENVIRONMENT;
use super::reader::Section;
use super::tree::{Node, Value};
use super::values::{integer, mismatch, text};
use crate::input;
use crate::scenario::{DataColumn, MOST_VALUES, Turn, fingerprint};
use crate::secret::shows_secret;

/// The largest file of data, in bytes.
const MOST_BYTES: u64 = 16 << 20;
/// The longest value, in bytes.
const MOST_VALUE: usize = 4096;

/// The column that `node` describes; mistakes are reported.
pub(super) fn read(
    node: &Node,
    key: &Place,
    path: &str,
    folder: &Path,
    problems: &mut Diagnostics,
) -> Option<DataColumn> {
    let Value::Table(table) = &node.value else {
        return match list(node) {
            Ok(values) => Some(column(values, Turn::InTurn, Vec::new())),
            Err(wrong) => {
                problems.at(&node.place, path, wrong);
                None
            }
        };
    };
    let known = ["values", "weights", "file", "column", "order"];
    let mut section = Section::new(table, key, path, &known, problems);
    let orders = ["in-turn", "random"];
    let order = section.value("order", |node| {
        let order = text(node)?;
        match order.as_str() {
            "in-turn" => Ok(Turn::InTurn),
            "random" => Ok(Turn::Random),
            _ => Err(unknown("order", &order, &orders)),
        }
    });
    contradictions(&mut section);
    let values = if section.node("file").is_some() {
        let file = section.value("file", text)?;
        let name = section.value("column", text);
        section.value("file", |_| from_file(&folder.join(&file), &file, name.as_deref()))?
    } else {
        section.required("values", "values = [\"a\", \"b\"], or file = \"data.csv\"", list)?
    };
    let weights = section.value("weights", |node| {
        let Value::List(items) = &node.value else {
            return Err(mismatch(node, "an array of whole numbers"));
        };
        if items.len() != values.len() {
            let message = format!("{} weights for {} values", items.len(), values.len());
            return Err(Wrong::new(message, "expected a weight for each value"));
        }
        let weights: Result<Vec<u32>, Wrong> =
            items.iter().map(|item| integer(item, 0, 1_000_000).map(|n| n as u32)).collect();
        let all = weights?;
        let none = || Wrong::new("all weights are 0", "expected one above 0");
        if all.iter().all(|weight| *weight == 0) { Err(none()) } else { Ok(all) }
    });
    match weights {
        Some(weights) => Some(column(values, Turn::Weighted, weights)),
        None => Some(column(values, order.unwrap_or(Turn::InTurn), Vec::new())),
    }
}

/// What stands for a column that couldn't be read.
pub(super) fn unread() -> DataColumn {
    column(vec!["1".to_owned()], Turn::InTurn, Vec::new())
}

/// Reports keys that say nothing beside others that are there.
fn contradictions(section: &mut Section<'_, '_>) {
    let said = |key: &str| section.node(key).is_some();
    let in_turn =
        section.node("order").is_some_and(|node| text(node).is_ok_and(|o| o == "in-turn"));
    let wrong = [
        (
            "values",
            said("values") && said("file"),
            "these values stand beside a file",
            "expected values or file",
        ),
        (
            "column",
            said("column") && !said("file"),
            "there is no file that has columns",
            "expected file = \"data.csv\" beside it",
        ),
        (
            "order",
            said("weights") && in_turn,
            "what has weights is not taken in turn",
            "expected order = \"random\", or no weights",
        ),
    ];
    for (key, is_wrong, message, expected) in wrong {
        if is_wrong {
            let (place, path) = (section.place_of(key), section.join(key));
            section.problems.at(&place, &path, Wrong::new(message, expected));
        }
    }
}

fn column(values: Vec<String>, order: Turn, weights: Vec<u32>) -> DataColumn {
    DataColumn { fingerprint: fingerprint(&values, &weights), values, order, weights }
}

fn list(node: &Node) -> Result<Vec<String>, Wrong> {
    let expected = "an array of strings, numbers or booleans, or { file = \"data.csv\" }";
    let Value::List(items) = &node.value else { return Err(mismatch(node, expected)) };
    if items.is_empty() || items.len() > MOST_VALUES {
        let message = format!("this has {} values", items.len());
        return Err(Wrong::new(message, format!("expected 1 to {MOST_VALUES}")));
    }
    items
        .iter()
        .map(|item| match &item.value {
            Value::Text(text) if text.len() > MOST_VALUE => {
                let message = "a value is too long".to_owned();
                Err(Wrong::new(message, format!("expected at most {MOST_VALUE} bytes")))
            }
            Value::Text(text) => Ok(text.clone()),
            Value::Integer(Some(n)) => Ok(n.to_string()),
            Value::Float(x) if x.is_finite() => Ok(x.to_string()),
            Value::Flag(flag) => Ok(flag.to_string()),
            _ => Err(mismatch(item, "a string, a number or a boolean")),
        })
        .collect()
}

/// The values of a column of a CSV file, or the lines of any other.
fn from_file(path: &Path, name: &str, column: Option<&str>) -> Result<Vec<String>, Wrong> {
    let cannot = |why: String| {
        let message = format!("{} can't be read: {why}", quote(name));
        Wrong::new(message, "expected a file, by its path from the config's folder")
    };
    let text = input::read_text(path, MOST_BYTES).map_err(|error| cannot(error.to_string()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let values = match column {
        None => text.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect(),
        Some(column) => in_csv(text, name, column)?,
    };
    if values.is_empty() || values.len() > MOST_VALUES {
        return Err(cannot(format!("it has {} values, of 1 to {MOST_VALUES}", values.len())));
    }
    if let Some(number) = first_secret(&values) {
        let message = format!("value {} of {} is a credential", number + 1, quote(name));
        return Err(
            Wrong::new(message, "expected `{identity}` where it is sent").help(BY_ENVIRONMENT)
        );
    }
    if values.iter().any(|value| value.len() > MOST_VALUE) {
        return Err(cannot(format!("a value is longer than {MOST_VALUE} bytes")));
    }
    Ok(values)
}

/// Which value shows a secret first. Looked through in runs of values: each alone costs
/// more than all of its run.
fn first_secret(values: &[String]) -> Option<usize> {
    const RUN: usize = 512;
    values.chunks(RUN).enumerate().find_map(|(run, values)| {
        if !shows_secret(&values.join("\n")) {
            return None;
        }
        values.iter().position(|value| shows_secret(value)).map(|at| run * RUN + at)
    })
}

fn in_csv(text: &str, name: &str, column: &str) -> Result<Vec<String>, Wrong> {
    let wrong = |error: csv::Error| {
        let message = format!("{} is no CSV: {error}", quote(name));
        Wrong::new(message, "expected a line of names, then rows")
    };
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let headers = reader.headers().map_err(wrong)?.clone();
    let Some(index) = headers.iter().position(|header| header.trim() == column) else {
        let known: Vec<&str> = headers.iter().map(str::trim).collect();
        let missing = Wrong::new(
            format!("{} has no column {}", quote(name), quote(column)),
            format!("known: {}", listing(known.iter().copied())),
        );
        return Err(match suggestion(column, known) {
            Some(name) => missing.help(format!("did you mean {}?", quote(name))),
            None => missing,
        });
    };
    if headers.iter().filter(|header| header.trim() == column).count() > 1 {
        let message = format!("{} has the column {} twice", quote(name), quote(column));
        return Err(Wrong::new(message, "expected each column once"));
    }
    let row = |record: csv::Result<csv::StringRecord>| {
        record.map(|record| record.get(index).unwrap_or_default().to_owned()).map_err(wrong)
    };
    reader.records().map(row).collect()
}
