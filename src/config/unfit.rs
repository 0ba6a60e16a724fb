//! What of a written scenario doesn't go together, though each part of it is right by itself.

use std::collections::BTreeMap;

use super::diagnostics::{Wrong, listing, quote, suggestion};
use super::reader::Section;
use super::tree::Value;
use crate::scenario::{BodySpec, Flaw, Names, Spec, Template, changed, success, tells_time};

/// Statuses whose answers have no body (RFC 9110, 6.4.1).
const WITHOUT_BODY: [u16; 2] = [204, 304];

/// Reports all of it.
pub(super) fn report(spec: &Spec, section: &mut Section<'_, '_>) {
    for (column, wrong) in misfits(spec).into_iter().chain(out_of_place(spec)) {
        let place = section.table("data").and_then(|(table, ..)| table.get(&column));
        let place =
            place.map_or_else(|| section.place_of("data"), |entry| entry.node.place.clone());
        let path = format!("{}.{column}", section.join("data"));
        section.problems.at(&place, &path, wrong);
    }
    bodies(spec, section);
    signature(spec, section);
    probes(spec, section);
}

/// Reports checks of a body that no answer has.
fn bodies(spec: &Spec, section: &mut Section<'_, '_>) {
    let statuses = success(&spec.expect);
    let none =
        !statuses.is_empty() && statuses.iter().all(|s| *s < 200 || WITHOUT_BODY.contains(s));
    let why = match spec.request.method.as_str() {
        "HEAD" => "an answer to HEAD has no body",
        _ if none => "an answer of this status has no body",
        _ => return,
    };
    if spec.expect.iter().any(|expect| !expect.json.is_empty()) {
        let wrong = Wrong::new(why, "expected no `json` beside it");
        section.problems.at(&section.place_of("expect"), &section.join("expect"), wrong);
    }
}

/// Reports a signature whose header the request sets itself.
fn signature(spec: &Spec, section: &mut Section<'_, '_>) {
    let header = spec.sign.iter().map(|sign| &sign.header);
    for name in header.filter(|name| spec.request.headers.contains_key(*name)) {
        let wrong = Wrong::new(
            format!("{} is sent twice: as a header and as the signature", quote(name)),
            "expected it in one of headers and sign",
        );
        section.problems.at(&section.place_of("headers"), &section.join("headers"), wrong);
    }
}

/// Columns with a value that can't stand where the column does.
fn out_of_place(spec: &Spec) -> BTreeMap<String, Wrong> {
    let (columns, captured) = (spec.columns(), spec.captured());
    let names = Names { data: &columns, setup: &captured, identity: true, body: true };
    let requests = [&spec.request].into_iter().chain(spec.setup.iter().map(|setup| &setup.request));
    let mut wrong = BTreeMap::new();
    let mut look = |text: &str, unfit: &dyn Fn(&str) -> Option<(&'static str, &'static str)>| {
        let Ok(template) = Template::parse(text, &names) else { return };
        for column in template.columns() {
            let values = spec.data.get(column).map_or(&[][..], |column| column.values.as_slice());
            if let Some((value, (why, expected))) =
                values.iter().find_map(|value| Some((value, unfit(value)?)))
            {
                wrong.insert(
                    column.to_owned(),
                    Wrong::new(format!("{} {why}", quote(value)), expected),
                );
            }
        }
    };
    let in_path = |value: &str| {
        let up = matches!(value, "." | "..");
        up.then_some(("would lead upward in the path", "expected no value of dots alone"))
    };
    let in_front = |value: &str| {
        let why = "would make the path begin with `//`, as another host does";
        value.is_empty().then_some((why, "expected no empty value"))
    };
    let in_header = |value: &str| {
        let ends = value.chars().any(char::is_control);
        ends.then_some((
            "can't stand in a header, which is one line",
            "expected no control characters",
        ))
    };
    let own = requests.flat_map(|request| {
        request.headers.values().map(|text| (text, true)).chain([(&request.path, false)])
    });
    let of_probes = spec.probes.iter().flat_map(|probe| {
        let headers = probe.headers.values().map(|text| (text, true));
        headers.chain(probe.path.iter().map(|text| (text, false)))
    });
    for (text, is_header) in own.chain(of_probes) {
        if is_header {
            look(text, &in_header);
            continue;
        }
        let path = text.split('?').next().unwrap_or_default();
        look(path, &in_path);
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let alone = first.starts_with("{data.") && first.find('}') == Some(first.len() - 1);
        if alone && path.get(1..).is_some_and(|rest| rest != first) {
            look(first, &in_front);
        }
    }
    wrong
}

/// Reports probes in which nothing differs from the scenario's own request.
fn probes(spec: &Spec, section: &mut Section<'_, '_>) {
    let (path, place) = (section.join("probes"), section.place_of("probes"));
    // As they stand there: one whose value is wrong is told of already.
    let there = match section.node("headers").map(|node| &node.value) {
        Some(Value::Table(table)) => table.keys().map(|name| name.to_lowercase()).collect(),
        _ => Vec::new(),
    };
    let mut sent: Vec<&str> = there.iter().map(String::as_str).collect();
    sent.extend(spec.sign.iter().map(|sign| sign.header.as_str()));
    let has_body = |body: &BodySpec| !matches!(body, BodySpec::None);
    for probe in &spec.probes {
        let has_type = has_body(probe.body.as_ref().unwrap_or(&spec.request.body));
        let mut sent = sent.clone();
        sent.extend(has_type.then_some("content-type"));
        for name in probe.without.iter().filter(|name| !sent.contains(&name.as_str())) {
            let message = format!(
                "the probe {} is without {}, which isn't sent",
                quote(&probe.kind),
                quote(name)
            );
            let wrong = Wrong::new(message, format!("known: {}", listing(sent.iter().copied())));
            let wrong = match suggestion(name, sent.iter().copied()) {
                Some(name) => wrong.help(format!("did you mean {}?", quote(name))),
                None => wrong,
            };
            section.problems.at(&place, &path, wrong);
        }
        let own = changed(&spec.request, probe);
        let same = own == spec.request && probe.without.is_empty() && probe.signature.is_none();
        // Not where what was to differ is wrong, which is told already.
        if same && section.problems.is_empty() {
            let message = format!(
                "the probe {} is the scenario's own request: nothing in it must be refused",
                quote(&probe.kind)
            );
            let expected =
                "expected something that differs, such as without_header = \"X-API-Key\"";
            section.problems.at(&place, &path, Wrong::new(message, expected));
        }
        if probe.signature == Some(Flaw::Expired) && !tells_time(spec) {
            let message = format!(
                "the probe {} has a signature that never expires: no time is signed",
                quote(&probe.kind)
            );
            let expected =
                "expected `{unix}` in what is signed, such as payload = \"{unix}.{body}\"";
            section.problems.at(&place, &path, Wrong::new(message, expected));
        }
    }
}

/// Columns that a template asks for by a type that one of their values isn't of.
fn misfits(spec: &Spec) -> BTreeMap<String, Wrong> {
    let (columns, captured) = (spec.columns(), spec.captured());
    let names = Names { data: &columns, setup: &captured, identity: true, body: true };
    let values = |column: &str| spec.data.get(column).map(|column| column.values.as_slice());
    let mut wrong = BTreeMap::new();
    for text in spec.texts() {
        let Ok(template) = Template::parse(text, &names) else { continue };
        if let Some((column, kind, value)) = template.misfit(values) {
            let message = format!("{} is asked for as `{{data.{column}:{kind}}}`", quote(value));
            let expected = match kind {
                "int" => "expected whole numbers only",
                "number" => "expected numbers only",
                _ => "expected true and false only",
            };
            wrong.insert(column.to_owned(), Wrong::new(message, expected));
        }
    }
    wrong
}
