//! TOML as a tree in which every key and value knows where it was written.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::diagnostics::{Diagnostics, Place, Wrong};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// `None`: beyond 64 bits.
    Integer(Option<i64>),
    Float(f64),
    Flag(bool),
    Moment,
    List(Vec<Node>),
    Table(Table),
}

/// A key's place and its value.
#[derive(Clone, Debug)]
pub(super) struct TreeEntry {
    pub(super) key: Place,
    pub(super) node: Node,
}

/// A table, sorted by key.
pub(super) type Table = BTreeMap<String, TreeEntry>;

impl Value {
    /// What it is, with an article, for messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a decimal number",
            Self::Flag(_) => "a boolean",
            Self::Moment => "a date",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
        }
    }
}

/// How many syntax errors of one file are worth telling: the later ones are
/// mostly consequences of the first.
const SYNTAX_ERRORS: usize = 5;

/// Reads a source. Syntax errors are reported and give an empty table.
pub(super) fn parse(source: usize, problems: &mut Diagnostics) -> Table {
    let text = problems.source_text(source).to_owned();
    let (table, errors) = DeTable::parse_recoverable(&text);
    for error in errors.iter().take(SYNTAX_ERRORS) {
        let span = error.span().unwrap_or(0..0);
        let place = Place { source, span };
        let (message, expected) =
            error.message().split_once(", expected ").unwrap_or((error.message(), ""));
        let expected = match (message, expected) {
            ("duplicate key", "") => "expected each key once in its table".to_owned(),
            (_, "") => String::new(),
            (_, expected) => format!("expected {expected}"),
        };
        problems.at(&place, "", Wrong::new(message, expected));
    }
    if errors.is_empty() { convert_table(source, table.get_ref()) } else { Table::new() }
}

fn convert_table(source: usize, table: &DeTable<'_>) -> Table {
    let entries = table.iter().map(|(key, value)| {
        let entry = TreeEntry {
            key: Place { source, span: key.span() },
            node: convert(source, value.span(), value.get_ref()),
        };
        (key.get_ref().to_string(), entry)
    });
    entries.collect()
}

fn convert(source: usize, span: std::ops::Range<usize>, value: &DeValue<'_>) -> Node {
    let value = match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(n) => Value::Integer(i64::from_str_radix(n.as_str(), n.radix()).ok()),
        DeValue::Float(x) => Value::Float(x.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(_) => Value::Moment,
        DeValue::Array(list) => Value::List(
            list.iter().map(|item| convert(source, item.span(), item.get_ref())).collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(source, table)),
    };
    Node { value, place: Place { source, span } }
}

/// The key whose list of tables a single table may take the place of.
const LISTED: &str = "rate_limit";

/// Lays `over` over `base`: tables key by key, everything else (arrays too) whole. Of a
/// list of rate limits whose place one table takes, the first fills what that leaves out.
pub(super) fn overlay(base: &mut Table, over: Table) {
    for (key, entry) in over {
        match base.get_mut(&key) {
            None => {
                base.insert(key, entry);
            }
            Some(under) => match (&mut under.node.value, entry.node.value) {
                (Value::Table(below), Value::Table(above)) => {
                    overlay(below, above);
                    under.key = entry.key;
                    under.node.place = entry.node.place;
                }
                (below, above) => {
                    *below = in_place_of(&key, below, above);
                    under.key = entry.key;
                    under.node.place = entry.node.place;
                }
            },
        }
    }
}

/// What stands where `above` takes the place of `below`.
fn in_place_of(key: &str, below: &Value, above: Value) -> Value {
    match (key, below, above) {
        (LISTED, Value::List(list), Value::Table(above)) => {
            let mut table = match list.first().map(|node| &node.value) {
                Some(Value::Table(first)) => first.clone(),
                _ => Table::new(),
            };
            overlay(&mut table, above);
            Value::Table(table)
        }
        (_, _, above) => above,
    }
}
