//! A stored run is evidence, not a judgement: it is read with suspicion and judged anew.

mod contradictions;
mod judge;
mod machines;
mod own;
mod place;
mod planned;
mod promised;
mod quoted;
mod reader;

use std::cell::Cell;
use std::fmt;

use serde::de::{Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize as _, Deserializer as _};

use super::{SCHEMA_VERSION, ShardHeader, SuiteReport};
use reader::{Account, Watched};

/// The largest suite.json that is read, in bytes.
pub const MOST_SUITE: u64 = 64 << 20;
/// What a suite takes in memory, at most: so many bytes a byte of its text …
const MEMORY_PER_BYTE: u64 = 3;
/// … and so many besides.
const MEMORY: u64 = 24 << 20;

/// Why a text is no suite.json.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is absurdly large.
    #[error("it has {0} bytes, over 64 MiB: no run of load-gate writes that")]
    TooLarge(usize),
    /// A newer load-gate wrote it.
    #[error(
        "it has schema version {found}, this load-gate reads up to {SCHEMA_VERSION}: take a newer load-gate"
    )]
    Newer {
        /// Its version.
        found: u64,
    },
    /// It isn't JSON, not of that shape, or its parts contradict each other.
    #[error("not a recording of load-gate: {}{why}", if .place.is_empty() { String::new() } else { format!("{}: ", .place) })]
    NotOurs {
        /// Where: `scenarios[0].recording.statuses`; empty: the whole.
        place: String,
        /// What is wrong there.
        why: String,
    },
}

/// Reads suite.json, which may come from anybody (a fork's artifact), in at most
/// three times its size and 24 MiB of memory. What it says of its verdict is as it
/// was stored: see [`SuiteReport::judged_anew`].
///
/// # Errors
/// A higher schema version, a wrong shape, figures that contradict each other.
pub fn read_suite(text: &str) -> Result<SuiteReport, ReadError> {
    let report = parse_suite(text)?;
    contradictions::look(&report)
        .and_then(|()| machines::look(&report))
        .map_err(|found| ReadError::NotOurs { place: found.place, why: found.why })?;
    Ok(report)
}

/// Reads what a suite.json says of itself, and leaves the rest.
///
/// # Errors
/// A higher schema version, a wrong shape.
pub fn read_header(text: &str) -> Result<ShardHeader, ReadError> {
    right_form(text)?;
    serde_json::from_str(text).map_err(|why| wrong(String::new(), &why))
}

/// [`read_suite`], whatever its figures say of each other.
pub(crate) fn parse_suite(text: &str) -> Result<SuiteReport, ReadError> {
    right_form(text)?;
    let account = Account::of(text.len() as u64 * MEMORY_PER_BYTE + MEMORY);
    let mut json = serde_json::Deserializer::from_str(text);
    let read = SuiteReport::deserialize(Watched::new(&mut json, &account));
    let report = read.and_then(|report| json.end().map(|()| report));
    report.map_err(|why| wrong(account.place(), &why))
}

fn right_form(text: &str) -> Result<(), ReadError> {
    if text.len() as u64 > MOST_SUITE {
        return Err(ReadError::TooLarge(text.len()));
    }
    let found = Version::default();
    // It isn't read to its end, where the version stands before that.
    let read = serde_json::Deserializer::from_str(text).deserialize_map(&found);
    match (found.0.get(), read) {
        (Some(found), _) if found > u64::from(SCHEMA_VERSION) => Err(ReadError::Newer { found }),
        (Some(0), _) => Err(ReadError::NotOurs {
            place: "schema_version".to_owned(),
            why: "there was no version 0".to_owned(),
        }),
        (None, Err(why)) => Err(wrong(String::new(), &why)),
        _ => Ok(()),
    }
}

/// Looks for the schema version, which stands first in what load-gate writes, and no further.
#[derive(Debug, Default)]
struct Version(Cell<Option<u64>>);

impl<'de> Visitor<'de> for &Version {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a recording")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            if key == "schema_version" {
                self.0.set(Some(map.next_value()?));
                return Ok(());
            }
            map.next_value::<IgnoredAny>()?;
        }
        Err(A::Error::missing_field("schema_version"))
    }
}

fn wrong(place: String, why: &serde_json::Error) -> ReadError {
    ReadError::NotOurs { place, why: one_line(why) }
}

/// What serde says, which quotes the text, in one short line.
fn one_line(why: &serde_json::Error) -> String {
    why.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

#[cfg(test)]
mod tests;
