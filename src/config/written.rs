//! `[scenarios.NAME]` of the user's own: read, every text checked where it stands.

use std::collections::BTreeMap;
use std::path::Path;

use super::data;
use super::diagnostics::{Diagnostics, Place, Wrong, quote, suggestion, unknown};
use super::literals::BY_ENVIRONMENT;
use super::reader::Section;
use super::texts::{
    MOST_TEXT, entries, header_name, in_template, method, path, read_body, read_headers, template,
};
use super::tree::{Node, Value};
use super::unfit;
use super::values::{flag, mismatch, text};
use super::written_checks::{read_expect, read_probes};
use super::written_setup::read_setup;
use crate::ids::{IdentityKind, ScenarioId};
use crate::scenario::{
    DataColumn, Encoding, MOST_COLUMNS, MOST_LABELS, Names, RequestSpec, Scheme, SignSpec, Spec,
    Template, catalogue, shows_keys,
};
use crate::secret::shows_secret;
use crate::tags::TagKey;

/// The keys of a written scenario's table that [`read`] reads.
pub(super) const KEYS: [&str; 14] = [
    "method", "path", "headers", "json", "body", "form", "expect", "sign", "tags", "identity",
    "setup", "data", "probes", "writes",
];

/// Keys that are looked for in that table, and the one of its own tables that has them.
pub(super) const ELSEWHERE: [(&str, &str); 11] = [
    ("refusal", "rate_limit"),
    ("limit", "rate_limit"),
    ("window", "rate_limit"),
    ("scope", "rate_limit"),
    ("burst", "rate_limit"),
    ("status", "expect"),
    ("capture", "setup"),
    ("expires", "setup"),
    ("env", "identity"),
    ("secret", "sign"),
    ("without_header", "probes"),
];

/// The longest name of a scenario.
const MOST_NAME: usize = 40;

/// The id of a scenario of that name; reports what can't be one's name.
pub(super) fn id(name: &str, key: &Place, problems: &mut Diagnostics) -> Option<ScenarioId> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    let fits = name.len() <= MOST_NAME && name.bytes().all(plain);
    let id = ScenarioId::parse(name).filter(|_| fits);
    if id.is_none() {
        let expected = format!(
            "expected 1 to {MOST_NAME} lower-case letters, digits, `-` and `_`, beginning with a \
             letter or digit"
        );
        let wrong = Wrong::new(format!("{} can't be a scenario's name", quote(name)), expected);
        problems.at(key, "scenarios", wrong);
    }
    id
}

/// The spec in `section`; `None` where it is too wrong to go on. `folder` is where the
/// files of data lie; `scope_ip` whether a limit counts by address.
pub(super) fn read(section: &mut Section<'_, '_>, folder: &Path, scope_ip: bool) -> Option<Spec> {
    let (data, data_read) = read_data(section, folder);
    let who = read_identity(section);
    let identity = match who {
        Who::Keys(_) | Who::Unread => IdentityKind::Key,
        Who::Addresses => IdentityKind::Address,
        Who::Nobody if scope_ip => IdentityKind::Address,
        Who::Nobody => IdentityKind::Global,
    };
    let columns: Vec<&str> = data.keys().map(String::as_str).collect();
    let before = Names {
        data: &columns,
        setup: &[],
        identity: identity != IdentityKind::Global,
        body: false,
    };
    let setup = read_setup(section, &before);
    let captured: Vec<&str> =
        setup.iter().flat_map(|setup| setup.capture.keys()).map(String::as_str).collect();
    let names = Names { setup: &captured, ..before };
    let method = section.value("method", method).unwrap_or_else(|| "GET".to_owned());
    let path = section.required("path", "path = \"/api/v1/search\"", |node| path(node, &names));
    let headers = read_headers(section, "headers", &names);
    let body = read_body(section, &names);
    let expect = read_expect(section, &names);
    let sign = read_sign(section, &names);
    let tags = read_tags(section, &names, &data);
    let writes = section.value("writes", flag);
    let probes = read_probes(section, &names, sign.is_some());
    let request = RequestSpec { method, path: path?, headers, body };
    let keys = match who {
        Who::Unread => return None,
        Who::Keys(variables) => Some(variables),
        Who::Addresses | Who::Nobody => None,
    };
    if !data_read {
        return None;
    }
    let spec = Spec { request, expect, identity, keys, sign, tags, data, setup, probes, writes };
    unfit::report(&spec, section);
    if spec.keys.is_some() && !shows_keys(&spec) {
        let place = section.place_of("identity");
        let expected = match &spec.setup {
            None => "expected `{identity}` in a header, the path or the body",
            Some(_) => {
                "expected `{identity}` in a header, the path or the body, or what a setup that shows \
                 it captures (`{setup.NAME}`)"
            }
        };
        let wrong = Wrong::new("no request of the load shows these keys", expected);
        section.problems.at(&place, &section.join("identity"), wrong);
    }
    Some(spec)
}

/// The name of a variable, perhaps with a `*` at its end.
fn variable(node: &Node, star: bool) -> Result<String, Wrong> {
    let name = text(node).map_err(Wrong::hidden)?;
    let bare = if star { name.strip_suffix('*').unwrap_or(&name) } else { &name };
    let fits = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    let begins = bare.bytes().next().is_some_and(|b| b.is_ascii_uppercase() || b == b'_');
    if begins && bare.bytes().all(fits) && !shows_secret(&name) {
        return Ok(name);
    }
    let expected = if star {
        "expected a variable's name, such as SEARCH_KEY_* for SEARCH_KEY_1, SEARCH_KEY_2, …"
    } else {
        "expected a variable's name, such as WEBHOOK_SECRET"
    };
    // It may be the secret itself: it isn't quoted.
    Err(Wrong::new("this is not the name of an environment variable", expected)
        .help(BY_ENVIRONMENT)
        .hidden())
}

/// Who a request is from.
enum Who {
    /// Whoever has these keys: the name of their variables.
    Keys(String),
    Addresses,
    /// It isn't said.
    Nobody,
    /// It is said, and can't be read: that has been reported.
    Unread,
}

fn read_identity(section: &mut Section<'_, '_>) -> Who {
    let said = section.node("identity").is_some();
    let Some((table, place, path)) = section.table("identity") else {
        return if said { Who::Unread } else { Who::Nobody };
    };
    let mut identity = Section::new(table, &place, path, &["env", "kind"], section.problems);
    let kinds = ["key", "address"];
    let kind = identity.value("kind", |node| {
        let kind = text(node)?;
        let found = kinds.iter().find(|known| **known == kind);
        found.copied().ok_or_else(|| unknown("kind", &kind, &kinds))
    });
    if kind.is_none() && identity.node("kind").is_some() {
        return Who::Unread;
    }
    if kind == Some("address") {
        if identity.node("env").is_some() {
            let wrong =
                Wrong::new("an address needs no variable", "expected env or kind = \"address\"");
            identity.problems.at(&identity.place_of("env"), &identity.join("env"), wrong);
        }
        return Who::Addresses;
    }
    let hint = "env = \"SEARCH_KEY_*\", or kind = \"address\"";
    identity.required("env", hint, |node| variable(node, true)).map_or(Who::Unread, Who::Keys)
}

/// What is signed: something that differs from request to request.
fn payload(node: &Node, names: &Names<'_>) -> Result<String, Wrong> {
    let names = Names { body: true, ..*names };
    let text = template(node, &names, MOST_TEXT)?;
    match Template::parse(&text, &names) {
        Ok(template) if template.constant().is_none() => Ok(text),
        _ => Err(Wrong::new(
            "the same is signed for every request: nothing of it is in there",
            "expected `{body}` or another value, such as \"{unix}.{body}\"",
        )),
    }
}

fn read_sign(section: &mut Section<'_, '_>, names: &Names<'_>) -> Option<SignSpec> {
    let known = ["scheme", "secret", "header", "encoding", "prefix", "payload"];
    let (table, place, path) = section.table("sign")?;
    let mut sign = Section::new(table, &place, path, &known, section.problems);
    let schemes = ["stripe", "hmac-sha256", "github"];
    let scheme = sign.required("scheme", "scheme = \"stripe\", or \"hmac-sha256\"", |node| {
        let scheme = text(node)?;
        let found = schemes.iter().find(|known| **known == scheme);
        found.copied().ok_or_else(|| unknown("signing scheme", &scheme, &schemes))
    });
    let hint = "secret = \"WEBHOOK_SECRET\": the variable that holds it";
    let secret = sign.required("secret", hint, |node| variable(node, false));
    let (header, prefix) = match scheme {
        Some("stripe") => ("stripe-signature", ""),
        Some("github") => ("x-hub-signature-256", "sha256="),
        _ => ("", ""),
    };
    let given = sign.value("header", |node| header_name(&text(node)?));
    if given.is_none() && header.is_empty() && scheme.is_some() && sign.node("header").is_none() {
        let wrong = Wrong::new("`header` is missing", "expected header = \"X-Signature\"");
        sign.problems.at(&place, &sign.join("header"), wrong);
    }
    let encodings = ["hex", "base64"];
    let encoding = sign.value("encoding", |node| {
        let encoding = text(node)?;
        match encoding.as_str() {
            "hex" => Ok(Encoding::Hex),
            "base64" => Ok(Encoding::Base64),
            _ => Err(unknown("encoding", &encoding, &encodings)),
        }
    });
    let given_prefix = sign.value("prefix", |node| match &node.value {
        Value::Text(text) if text.len() <= 64 && !text.chars().any(char::is_control) => {
            Ok(text.clone())
        }
        _ => Err(mismatch(node, "a string of at most 64 characters")),
    });
    if scheme == Some("stripe") {
        for key in ["encoding", "prefix", "payload"] {
            let wrong = Wrong::new(
                format!("Stripe's way has no `{key}` to choose"),
                "expected scheme = \"hmac-sha256\" with a header, or none of this",
            );
            if sign.node(key).is_some() {
                sign.problems.at(&sign.place_of(key), &sign.join(key), wrong);
            }
        }
    }
    let payload = sign.value("payload", |node| payload(node, names));
    Some(SignSpec {
        scheme: if scheme? == "stripe" { Scheme::Stripe } else { Scheme::HmacSha256 },
        secret: secret?,
        header: given.unwrap_or_else(|| header.to_owned()),
        encoding: encoding.unwrap_or(Encoding::Hex),
        prefix: given_prefix.unwrap_or_else(|| prefix.to_owned()),
        payload: payload.unwrap_or_else(|| "{body}".to_owned()),
    })
}

/// The columns, and whether all of them could be read: one that couldn't stands there empty,
/// so that what names it isn't reported as well.
fn read_data(section: &mut Section<'_, '_>, folder: &Path) -> (BTreeMap<String, DataColumn>, bool) {
    let (mut columns, mut all_read) = (BTreeMap::new(), true);
    entries(section, "data", |name, entry, path, problems| {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.is_empty() || name.len() > 40 || !name.bytes().all(fits) {
            let wrong = Wrong::new(
                format!("{} can't be the name of data", quote(name)),
                "expected 1 to 40 letters, digits and `_`",
            );
            problems.at(&entry.key, path, wrong);
            all_read = false;
            return;
        }
        let read = data::read(&entry.node, &entry.key, path, folder, problems);
        all_read &= read.is_some();
        columns.insert(name.to_owned(), read.unwrap_or_else(data::unread));
    });
    if columns.len() > MOST_COLUMNS {
        let (place, path) = (section.place_of("data"), section.join("data"));
        let wrong = Wrong::new("these are too many", format!("expected at most {MOST_COLUMNS}"));
        section.problems.at(&place, &path, wrong);
    }
    (columns, all_read)
}

fn read_tags(
    section: &mut Section<'_, '_>,
    names: &Names<'_>,
    data: &BTreeMap<String, DataColumn>,
) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let mut labels = 0;
    let place = section.place_of("tags");
    entries(section, "tags", |name, entry, path, problems| {
        let common = TagKey::COMMON.iter().any(|key| key.name() == name);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let fits = name.len() <= 32 && name.bytes().all(plain);
        if common || !fits || TagKey::parse(name).is_none() {
            let wrong = Wrong::new(
                format!("{} can't be a tag of a scenario's own", quote(name)),
                "expected letters, digits and `_`, and none of the tags that every arrival has",
            );
            problems.at(&entry.key, path, wrong);
            return;
        }
        match tag_value(&entry.node, names, data) {
            Ok((text, values)) => {
                labels += values;
                tags.insert(name.to_owned(), text);
            }
            Err(wrong) => problems.at(&entry.node.place, path, wrong),
        }
    });
    if labels > MOST_LABELS {
        let wrong = Wrong::new(
            format!("these tags have {labels} values together"),
            format!("expected at most {MOST_LABELS}: a tag is for a few values"),
        );
        section.problems.at(&place, &section.join("tags"), wrong);
    }
    tags
}

/// A tag's template and how many values it can have.
fn tag_value(
    node: &Node,
    names: &Names<'_>,
    data: &BTreeMap<String, DataColumn>,
) -> Result<(String, usize), Wrong> {
    let text = template(node, names, 200)?;
    let template = Template::parse(&text, names).map_err(in_template)?;
    let columns: Vec<&str> = template.columns().collect();
    if !template.is_bounded() || columns.len() > 1 {
        return Err(Wrong::new(
            "a tag has a few values only",
            "expected a text that names one column of data, such as \"{data.term}\", or none",
        ));
    }
    let values = columns.first().and_then(|name| data.get(*name));
    if text.trim().is_empty() {
        return Err(Wrong::new("this tag is empty", "expected a text, such as \"{data.term}\""));
    }
    let Some(column) = values else { return Ok((text, 1)) };
    let distinct: std::collections::BTreeSet<&String> = column.values.iter().collect();
    let unfit = |value: &&&String| value.contains([',', '{', '}', ':']) || value.is_empty();
    if let Some(value) = distinct.iter().find(unfit) {
        let message = format!("{} can't be a tag's value", quote(value));
        return Err(Wrong::new(message, "expected no `,`, `:` or braces in it"));
    }
    Ok((text, distinct.len()))
}

/// That a scenario of the user's own can't be called `name`.
pub(super) fn is_built_in(name: &str) -> Wrong {
    let message = format!("{} is built in: it has a path already", quote(name));
    Wrong::new(message, "expected another name for a scenario of your own")
}

/// That `name` is no scenario: unless it is one of the user's own, with a path.
pub(super) fn no_scenario(name: &str) -> Wrong {
    let wrong = unknown("scenario", name, &catalogue::names());
    match suggestion(name, catalogue::names()) {
        Some(_) => wrong,
        None => wrong
            .help("a scenario of your own needs a `path`: see `load-gate init --scenario NAME`"),
    }
}
