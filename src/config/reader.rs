//! Typed access to a table: unknown keys and wrong values are reported, never fatal.

use super::diagnostics::{Diagnostics, Place, Wrong, unknown};
use super::tree::{Node, Table, Value};

/// A value that was read, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Located<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// One table being read.
pub(super) struct Section<'t, 'p> {
    table: &'t Table,
    place: Place,
    path: String,
    pub(super) problems: &'p mut Diagnostics,
}

impl<'t, 'p> Section<'t, 'p> {
    /// Starts to read `table`, which stands at `place` under the dotted `path`;
    /// keys that are not `known` are reported.
    pub(super) fn new(
        table: &'t Table,
        place: &Place,
        path: impl Into<String>,
        known: &[&str],
        problems: &'p mut Diagnostics,
    ) -> Self {
        Self::beside(table, place, path, (known, &[]), problems)
    }

    /// [`Section::new`]; of a key that stands `elsewhere` it is said in which table.
    pub(super) fn beside(
        table: &'t Table,
        place: &Place,
        path: impl Into<String>,
        (known, elsewhere): (&[&str], &[(&str, &str)]),
        problems: &'p mut Diagnostics,
    ) -> Self {
        let path = path.into();
        for (key, entry) in table.iter().filter(|(key, _)| !known.contains(&key.as_str())) {
            let wrong = unknown("key", key, known);
            let wrong = match elsewhere.iter().find(|(own, _)| own == key) {
                Some((_, there)) => wrong.help(format!("it stands in `{there}`")),
                None => wrong,
            };
            problems.at(&entry.key, &path, wrong);
        }
        Self { table, place: place.clone(), path, problems }
    }

    /// The value of `key`, read by `parse`; `None` when it is absent or wrong
    /// (which is reported).
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&Node) -> Result<T, Wrong>,
    ) -> Option<Located<T>> {
        let node = &self.table.get(key)?.node;
        match parse(node) {
            Ok(value) => Some(Located { value, place: node.place.clone() }),
            Err(wrong) => {
                self.problems.at(&node.place, &self.join(key), wrong);
                None
            }
        }
    }

    /// [`Section::read`], without the place.
    pub(super) fn value<T>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&Node) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.read(key, parse).map(|located| located.value)
    }

    /// [`Section::value`] of a key that must be there.
    pub(super) fn required<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&Node) -> Result<T, Wrong>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            let wrong = Wrong::new(format!("`{key}` is missing"), format!("expected {expected}"));
            let place = self.place.clone();
            self.problems.at(&place, &self.path, wrong);
        }
        self.value(key, parse)
    }

    /// The table at `key`; anything else there is reported.
    pub(super) fn table(&mut self, key: &str) -> Option<(&'t Table, Place, String)> {
        let entry = self.table.get(key)?;
        let path = self.join(key);
        as_table(&entry.node, &path, self.problems)
            .map(|table| (table, place_of(&entry.key, &entry.node.place), path))
    }

    /// The value at `key`, as it is.
    pub(super) fn node(&self, key: &str) -> Option<&'t Node> {
        self.table.get(key).map(|entry| &entry.node)
    }

    /// Where `key` stands, or the table when it is absent.
    pub(super) fn place_of(&self, key: &str) -> Place {
        self.table.get(key).map_or_else(|| self.place.clone(), |entry| entry.node.place.clone())
    }

    /// The dotted path of `key`.
    pub(super) fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// A table's own place spans its header only where the parser says so; the key is
/// the better place for "is missing here".
fn place_of(key: &Place, _value: &Place) -> Place {
    key.clone()
}

/// `node` as a table; anything else is reported under `path`.
pub(super) fn as_table<'t>(
    node: &'t Node,
    path: &str,
    problems: &mut Diagnostics,
) -> Option<&'t Table> {
    if let Value::Table(table) = &node.value {
        return Some(table);
    }
    let wrong = Wrong::new(format!("this is {}", node.value.kind()), "expected a table");
    problems.at(&node.place, path, wrong);
    None
}
