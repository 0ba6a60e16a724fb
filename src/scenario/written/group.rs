//! The checks of a written scenario: what belongs to one name, and what is success.

use serde_json::Value;

use super::check::Condition;
use super::escape::plain;
use super::path::JsonPath;
use super::request::{JsonTemplate, read};
use super::spec::{ExpectSpec, Spec, is_among};
use super::template::{Names, Template, Values};

/// The conditions of one check.
#[derive(Default)]
pub(super) struct Group {
    pub(super) json: Vec<(JsonPath, Condition)>,
    /// Patterns by header.
    pub(super) header: Vec<(String, Template)>,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.json.is_empty() && self.header.is_empty()
    }

    /// What each condition and pattern expects of the answer to one request, in order.
    pub(super) fn expected(&self, values: &Values<'_>) -> impl Iterator<Item = Value> {
        let json = self.json.iter().map(|(_, condition)| condition.expected(values));
        let header = self.header.iter();
        json.chain(header.map(|(_, pattern)| Value::String(pattern.text(values, plain))))
    }
}

/// The statuses that every part of `expect` takes for success; empty: any 2xx, or where
/// some are named, none that all of them take.
#[must_use]
pub fn success(expect: &[ExpectSpec]) -> Vec<u16> {
    let mut named = expect.iter().map(|expect| &expect.status).filter(|status| !status.is_empty());
    let mut all = named.next().cloned().unwrap_or_default();
    for status in named {
        all.retain(|one| status.contains(one));
    }
    all
}

/// Whether `status` is one of success.
pub(in super::super) fn is_success(spec: &Spec, status: u16) -> bool {
    is_among(&success(&spec.expect), status)
}

fn status_words(statuses: &[u16]) -> String {
    let texts: Vec<String> = statuses.iter().map(u16::to_string).collect();
    match texts.as_slice() {
        [] => "status is 2xx".to_owned(),
        all => format!("status is {}", all.join(" or ")),
    }
}

/// What the check of the status is called, and the other checks: their names and
/// conditions. A name that has a status alone is the status' own.
pub(super) fn groups(expect: &[ExpectSpec], names: &Names<'_>) -> (String, Vec<(String, Group)>) {
    let mut status = None;
    let mut all = Vec::new();
    for one in expect {
        let (alone, conditions) = groups_of(one, names);
        all.extend(conditions);
        match alone {
            Some(name) if status.is_none() => status = Some(name),
            // It holds wherever the status does, which is in all of them.
            Some(name) => all.push((name, Group::default())),
            None => {}
        }
    }
    (status.unwrap_or_else(|| status_words(&success(expect))), all)
}

/// The name of an `expect` that has a status alone; else its checks.
fn groups_of(expect: &ExpectSpec, names: &Names<'_>) -> (Option<String>, Vec<(String, Group)>) {
    let mut all = Vec::new();
    let mut together = Group::default();
    for (path, value) in &expect.json {
        let Ok(parsed) = JsonPath::parse(path) else { continue };
        let (condition, source) = match value {
            Value::String(text) => match Condition::parse(text, names) {
                Ok(condition) => (condition, text.clone()),
                Err(_) => continue,
            },
            whole => (Condition::Whole(JsonTemplate::new(whole, names)), whole.to_string()),
        };
        if expect.name.is_some() {
            together.json.push((parsed, condition));
        } else {
            let name = format!("{path} {}", condition.words(&source));
            all.push((name, Group { json: vec![(parsed, condition)], header: Vec::new() }));
        }
    }
    for (name, pattern) in &expect.header {
        let pair = (name.clone(), read(pattern, names));
        if expect.name.is_some() {
            together.header.push(pair);
        } else {
            let words = format!("header {name} is {pattern}");
            all.push((words, Group { json: Vec::new(), header: vec![pair] }));
        }
    }
    match expect.name.clone() {
        Some(name) if together.is_empty() => (Some(name), all),
        Some(name) => {
            all.push((name, together));
            (None, all)
        }
        None => (None, all),
    }
}
