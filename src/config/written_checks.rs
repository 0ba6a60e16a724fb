//! What a written scenario expects: of answers, and of requests that must be refused.

use serde_json::Value as Json;

use super::diagnostics::{Diagnostics, Place, Wrong, listing, quote, unknown};
use super::reader::{Section, as_table};
use super::texts::{
    MOST_TEXT, entries, field_name, header_name, in_template, json, method, read_body,
    read_headers, template,
};
use super::tree::{Node, Table, Value};
use super::values::{integer, mismatch, text};
use crate::ids::ProbeKind;
use crate::scenario::{
    COMMON_CHECKS, Condition, ExpectSpec, Flaw, JsonPath, MOST_CHECKS, MOST_PROBES, Names,
    ProbeSpec, WORDS, success,
};

pub(super) fn statuses(node: &Node) -> Result<Vec<u16>, Wrong> {
    let one = |node: &Node| match &node.value {
        Value::Text(class) if class.to_lowercase().ends_with("xx") => {
            Err(mismatch(node, "a whole number from 100 to 599, or no `status`: any 2xx"))
        }
        _ => integer(node, 100, 599).map(|status| status as u16),
    };
    match &node.value {
        Value::List(items) if (1..=20).contains(&items.len()) => items.iter().map(one).collect(),
        Value::List(_) => {
            Err(Wrong::new("this is no list of statuses", "expected 1 to 20 statuses"))
        }
        _ => one(node).map(|status| vec![status]),
    }
}

/// The statuses of a refusal.
fn refusals(node: &Node) -> Result<Vec<u16>, Wrong> {
    let all = statuses(node)?;
    match all.iter().find(|status| (200..300).contains(*status)) {
        Some(status) => Err(Wrong::new(
            format!("{status} is no refusal: a probe that is answered 2xx fails the gate"),
            "expected statuses such as [401, 403]",
        )),
        None => Ok(all),
    }
}

pub(super) fn read_expect(section: &mut Section<'_, '_>, names: &Names<'_>) -> Vec<ExpectSpec> {
    let path = section.join("expect");
    let Some(node) = section.node("expect") else { return Vec::new() };
    let nodes: Vec<&Node> = match &node.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut all = Vec::new();
    for node in nodes {
        if let Some(table) = as_table(node, &path, section.problems) {
            all.push(read_one_expect(table, &node.place, &path, names, section.problems));
        }
    }
    let checks: usize =
        all.iter().map(|e| if e.name.is_some() { 1 } else { e.json.len() + e.header.len() }).sum();
    if checks > MOST_CHECKS {
        let wrong = Wrong::new(
            format!("these are {checks} checks"),
            format!("expected at most {MOST_CHECKS}: several conditions can share a `name`"),
        );
        section.problems.at(&node.place, &path, wrong);
    }
    if nodes_are_none(node) {
        let wrong =
            Wrong::new("nothing is expected here", "expected a table, or no `expect` at all");
        section.problems.at(&node.place, &path, wrong);
    }
    twice(&all, &node.place, &path, section.problems);
    if success(&all).is_empty() && all.iter().any(|expect| !expect.status.is_empty()) {
        let wrong = Wrong::new("no status meets all of these", "expected the same in each of them");
        section.problems.at(&node.place, &path, wrong);
    }
    all
}

fn nodes_are_none(node: &Node) -> bool {
    matches!(&node.value, Value::List(items) if items.is_empty())
}

/// Reports names of checks that another has, or the runner's own.
fn twice(all: &[ExpectSpec], place: &Place, path: &str, problems: &mut Diagnostics) {
    let mut seen = COMMON_CHECKS.to_vec();
    for name in all.iter().filter_map(|expect| expect.name.as_deref()) {
        if seen.contains(&name) {
            let message = format!("a check {} is there already", quote(name));
            let wrong = Wrong::new(
                message,
                "expected a name of its own: one can have status, json and header",
            );
            problems.at(place, path, wrong);
        }
        seen.push(name);
    }
}

fn read_one_expect(
    table: &Table,
    place: &Place,
    path: &str,
    names: &Names<'_>,
    problems: &mut Diagnostics,
) -> ExpectSpec {
    let known = ["name", "status", "json", "header"];
    let mut section = Section::new(table, place, path, &known, problems);
    let mut expect = ExpectSpec {
        name: section.value("name", text),
        status: section.value("status", statuses).unwrap_or_default(),
        ..ExpectSpec::default()
    };
    entries(&mut section, "json", |at, entry, path, problems| {
        if let Err((from, expected)) = JsonPath::parse(at) {
            let wrong = Wrong::new(format!("{} is no path into JSON", quote(at)), expected);
            problems.at(&entry.key, path, wrong.within(from..at.len().max(from)));
            return;
        }
        let condition = match &entry.node.value {
            Value::Text(text) => match Condition::parse(text, names) {
                Ok(_) => Some(Json::String(text.clone())),
                Err(error) => {
                    let mut wrong = in_template(error);
                    if wrong.expected.starts_with("a value is") {
                        wrong.expected = format!("expected {WORDS}");
                    }
                    problems.at(&entry.node.place, path, wrong);
                    None
                }
            },
            _ => json(&entry.node, names, path, problems),
        };
        expect.json.extend(condition.map(|condition| (at.to_owned(), condition)));
    });
    entries(&mut section, "header", |name, entry, path, problems| {
        let pattern = template(&entry.node, names, MOST_TEXT).and_then(|pattern| {
            let none = || Wrong::new("this is empty", "expected a text, or `*`: that it is there");
            if pattern.trim().is_empty() { Err(none()) } else { Ok(pattern) }
        });
        match field_name(name).and_then(|name| Ok((name, pattern?))) {
            Ok(pair) => expect.header.push(pair),
            Err(wrong) => problems.at(&entry.node.place, path, wrong),
        }
    });
    if table.keys().all(|key| key == "name") {
        let wrong = Wrong::new("nothing is expected here", "expected status, json or header");
        section.problems.at(place, path, wrong);
    }
    expect
}

pub(super) fn read_probes(
    section: &mut Section<'_, '_>,
    names: &Names<'_>,
    signed: bool,
) -> Vec<ProbeSpec> {
    let path = section.join("probes");
    let Some(node) = section.node("probes") else { return Vec::new() };
    let Value::List(items) = &node.value else {
        let wrong = mismatch(node, "tables: [[scenarios.NAME.probes]]");
        section.problems.at(&node.place, &path, wrong);
        return Vec::new();
    };
    if items.len() > MOST_PROBES {
        let wrong = Wrong::new("these are too many", format!("expected at most {MOST_PROBES}"));
        section.problems.at(&node.place, &path, wrong);
    }
    let mut probes: Vec<ProbeSpec> = Vec::new();
    for item in items {
        let Some(table) = as_table(item, &path, section.problems) else { continue };
        let probe = read_probe(table, &item.place, &path, names, signed, section.problems);
        let Some(probe) = probe else { continue };
        if probes.iter().any(|other| other.kind == probe.kind) {
            let message = format!("the probe {} is there twice", quote(&probe.kind));
            section.problems.at(&item.place, &path, Wrong::new(message, "expected it once"));
        }
        probes.push(probe);
    }
    probes
}

fn read_probe(
    table: &Table,
    place: &Place,
    path: &str,
    names: &Names<'_>,
    signed: bool,
    problems: &mut Diagnostics,
) -> Option<ProbeSpec> {
    const CHANGES: [&str; 8] =
        ["without_header", "headers", "json", "body", "form", "path", "method", "signature"];
    let known: Vec<&str> = ["kind", "expect"].into_iter().chain(CHANGES).collect();
    let mut section = Section::new(table, place, path, &known, problems);
    let kind = section.required("kind", "kind = \"no_key\"", |node| {
        let kind = text(node)?;
        let wrong = || {
            let message = format!("{} can't be a probe's name", quote(&kind));
            Wrong::new(message, "expected letters, digits, `_` and `-`")
        };
        ProbeKind::parse(&kind).map(|_| kind.clone()).ok_or_else(wrong)
    });
    let without = section.value("without_header", |node| match &node.value {
        Value::List(items) => items.iter().map(|item| header_name(&text(item)?)).collect(),
        _ => header_name(&text(node)?).map(|name| vec![name]),
    });
    let flaws = ["missing", "wrong", "expired"];
    let signature = section.value("signature", |node| {
        let flaw = text(node)?;
        match flaw.as_str() {
            _ if !signed => Err(Wrong::new(
                "this scenario signs nothing",
                "expected `sign` in the scenario's table",
            )),
            "missing" => Ok(Flaw::Missing),
            "wrong" => Ok(Flaw::Wrong),
            "expired" => Ok(Flaw::Expired),
            _ => Err(unknown("flaw", &flaw, &flaws)),
        }
    });
    if CHANGES.iter().all(|key| section.node(key).is_none()) {
        let wrong = Wrong::new(
            "this probe is the scenario's own request: nothing in it must be refused",
            format!("expected one of {}", listing(CHANGES)),
        );
        section.problems.at(place, path, wrong);
    }
    let body = ["json", "body", "form"].iter().any(|key| section.node(key).is_some());
    let status = section.table("expect").and_then(|(table, place, path)| {
        let mut expect = Section::new(table, &place, path, &["status"], section.problems);
        expect.required("status", "status = [401, 403]", refusals)
    });
    if section.node("expect").is_none() {
        let wrong = Wrong::new("`expect` is missing", "expected expect = { status = 401 }");
        section.problems.at(place, path, wrong);
    }
    Some(ProbeSpec {
        kind: kind?,
        without: without.unwrap_or_default(),
        headers: read_headers(&mut section, "headers", names),
        body: body.then(|| read_body(&mut section, names)),
        path: section.value("path", |node| super::texts::path(node, names)),
        method: section.value("method", method),
        signature,
        status: status?,
    })
}
