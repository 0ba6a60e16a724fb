//! Hurl's common subset: requests, their sections, the status, captures and asserts.

use serde_json::Value;

use super::check;
use super::draft::{Body, Draft, Shown, escaped};
use super::error::ImportError;
use super::hurl_asserts::{assertion, place};
use super::hurl_text::{Named, plain, quoted_names};
use super::render::render;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
/// The most entries of a file that are read.
const MOST_ENTRIES: usize = 50;

/// The tables of the entries in `text`: the first one's name is `name`, the others'
/// have a number. Where later entries show what the first one captures, that one is
/// their setup.
///
/// # Errors
/// A line that isn't understood as a request.
pub fn hurl(text: &str, name: &str) -> Result<String, ImportError> {
    let lines: Vec<&str> = text.lines().collect();
    let mut reader = Reader { lines: &lines, at: 0 };
    let mut entries: Vec<Draft> = Vec::new();
    while reader.skip_blank() {
        if entries.len() >= MOST_ENTRIES {
            return Err(ImportError::new(format!("expected at most {MOST_ENTRIES} requests")));
        }
        let first = entries.first().filter(|first: &&Draft| !first.captures.is_empty());
        let captured: Vec<String> =
            first.iter().flat_map(|first| &first.captures).map(|(name, _)| name.clone()).collect();
        let entry = entry(&mut reader, &Named { captured: &captured })?;
        entries.push(entry);
    }
    if entries.is_empty() {
        return Err(ImportError::new("there is no request in this file"));
    }
    let drafts = with_setup(entries);
    let number = |i: usize| if i == 0 { name.to_owned() } else { format!("{name}-{}", i + 1) };
    let named: Vec<(String, Draft)> =
        drafts.into_iter().enumerate().map(|(i, draft)| (number(i), draft)).collect();
    check::held(render(&named), name)
}

/// Makes the first entry the setup of the others, where it captures something.
fn with_setup(mut entries: Vec<Draft>) -> Vec<Draft> {
    if entries.len() < 2 || entries[0].captures.is_empty() {
        for draft in &mut entries {
            if !draft.captures.is_empty() {
                draft.note("captures stayed behind: only those of a first request become a setup");
            }
        }
        return entries;
    }
    let mut first = entries.remove(0);
    for (name, place) in std::mem::take(&mut first.captures) {
        first.capture(&plain(&name), place);
    }
    for draft in &mut entries {
        if draft.shows_setup() {
            draft.setup = Some(Box::new(first.clone()));
        }
    }
    entries
}

pub(super) struct Reader<'a> {
    lines: &'a [&'a str],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next line without white space around it, if there is one; comments are none.
    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).map(|line| line.trim())
    }

    /// Goes over blank lines and comments; whether anything is left.
    fn skip_blank(&mut self) -> bool {
        while self.peek().is_some_and(|line| line.is_empty() || line.starts_with('#')) {
            self.at += 1;
        }
        self.at < self.lines.len()
    }

    fn number(&self) -> usize {
        self.at + 1
    }

    /// The rest of the file, from the line that is next.
    fn rest(&self) -> String {
        self.lines[self.at..].join("\n")
    }

    /// Goes on after `length` bytes of [`Reader::rest`].
    fn pass(&mut self, rest: &str, length: usize) {
        self.at += rest[..length].matches('\n').count() + 1;
    }
}

fn request_line(line: &str) -> Option<(&str, &str)> {
    let (method, url) = line.split_once(char::is_whitespace)?;
    METHODS.contains(&method).then(|| (method, url.trim()))
}

/// Whether a line looks like one of a request, whatever its method.
fn is_request(word: &str, url: &str) -> bool {
    let shouted = word.len() > 2 && word.bytes().all(|b| b.is_ascii_uppercase());
    shouted && (url.contains("://") || url.starts_with("{{"))
}

fn entry(reader: &mut Reader<'_>, named: &Named<'_>) -> Result<Draft, ImportError> {
    let line = reader.peek().unwrap_or_default();
    let Some((method, url)) = request_line(line) else {
        let message = "this is no request: expected a method and a URL, such as `GET https://…`";
        return Err(ImportError::at(reader.number(), message));
    };
    let mut draft = Draft { method: method.to_owned(), ..Draft::default() };
    let after_host =
        url.find("}}").filter(|_| url.starts_with("{{")).map_or(url, |at| &url[at + 2..]);
    let from =
        if after_host.len() == url.len() || after_host.starts_with('/') { after_host } else { "/" };
    let url = named.template(from, &mut draft);
    draft.url(&url);
    reader.at += 1;
    headers(reader, named, &mut draft);
    request_sections(reader, named, &mut draft)?;
    if reader.skip_blank() && reader.peek().is_some_and(|line| line.starts_with("HTTP")) {
        response(reader, named, &mut draft);
    }
    Ok(draft)
}

/// `Name: value` lines; of the request, for here the answer's are read apart.
fn headers(reader: &mut Reader<'_>, named: &Named<'_>, draft: &mut Draft) {
    while reader.skip_blank() {
        let line = reader.peek().unwrap_or_default();
        let Some((name, value)) = pair(line) else { return };
        let value = named.template(value, draft);
        draft.header(name, &value);
        reader.at += 1;
    }
}

/// A header or field: a name of its characters, a colon, a value.
fn pair(line: &str) -> Option<(&str, &str)> {
    if request_line(line).is_some() || line.starts_with(['{', '[', '`', '"', '<']) {
        return None;
    }
    let (name, value) = line.split_once(':')?;
    let name = name.trim();
    let fits = |c: char| c.is_alphanumeric() || "-_.$[]{}".contains(c);
    (!name.is_empty() && name.chars().all(fits)).then(|| (name, value.trim()))
}

fn request_sections(
    reader: &mut Reader<'_>,
    named: &Named<'_>,
    draft: &mut Draft,
) -> Result<(), ImportError> {
    while reader.skip_blank() {
        let line = reader.peek().unwrap_or_default();
        if line.starts_with("HTTP") || request_line(line).is_some() {
            return Ok(());
        }
        let section = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        let known =
            section.filter(|name| name.chars().all(char::is_alphabetic) && !name.is_empty());
        let Some(section) = known else {
            body(reader, named, draft)?;
            continue;
        };
        reader.at += 1;
        let mut fields = Vec::new();
        while reader.skip_blank() {
            let Some((name, value)) = reader.peek().and_then(pair) else { break };
            fields.push((name.to_owned(), value.to_owned()));
            reader.at += 1;
        }
        take_section(section, fields, named, draft);
    }
    Ok(())
}

fn take_section(
    section: &str,
    fields: Vec<(String, String)>,
    named: &Named<'_>,
    draft: &mut Draft,
) {
    match section {
        "Query" | "QueryStringParams" => {
            for (name, value) in fields {
                let value = named.template(&value, draft);
                draft.query(&escaped(&name), &value);
            }
        }
        "Form" | "FormParams" => {
            for (name, value) in fields {
                let value = named.template(&value, draft);
                draft.field(&name, &value);
            }
        }
        "BasicAuth" => {
            draft.show("Authorization", Shown::Basic);
            draft.note("the user stayed behind: set it as `name:password`");
        }
        "Cookies" => draft.header("Cookie", "stayed behind"),
        other => draft.note(format!("[{other}] stayed behind")),
    }
}

fn body(reader: &mut Reader<'_>, named: &Named<'_>, draft: &mut Draft) -> Result<(), ImportError> {
    let line = reader.peek().unwrap_or_default();
    if line.starts_with(['{', '[']) {
        let rest = quoted_names(&reader.rest());
        let mut values = serde_json::Deserializer::from_str(&rest).into_iter::<Value>();
        let Some(Ok(mut value)) = values.next() else {
            return Err(ImportError::at(reader.number(), "this is no JSON"));
        };
        let length = values.byte_offset();
        reader.pass(&rest, length);
        named.templates(&mut value, draft);
        draft.json_value("", &mut value);
        draft.body = Body::Json(value);
        return Ok(());
    }
    if let Some(opening) = line.strip_prefix("```") {
        let mut lines = Vec::new();
        reader.at += 1;
        if let Some(text) = opening.strip_suffix("```").filter(|text| !text.is_empty()) {
            lines.push(text);
        } else {
            while let Some(line) = reader.lines.get(reader.at) {
                reader.at += 1;
                if line.trim_end().ends_with("```") {
                    break;
                }
                lines.push(*line);
            }
        }
        let text = named.template(&lines.join("\n"), draft);
        draft.text(&text);
        return Ok(());
    }
    if let Some(text) = line.strip_prefix('`').and_then(|text| text.strip_suffix('`')) {
        let text = named.template(text, draft);
        draft.text(&text);
    } else {
        let known = ["file,", "base64,", "hex,", "<"].iter().any(|start| line.starts_with(start));
        if !known {
            let message = "this is neither a header, a section nor a body that is understood";
            return Err(ImportError::at(reader.number(), message));
        }
        draft.note("the body (a file, bytes or XML) stayed behind: say it as json, body or form");
    }
    reader.at += 1;
    Ok(())
}

fn response(reader: &mut Reader<'_>, named: &Named<'_>, draft: &mut Draft) {
    let line = reader.peek().unwrap_or_default();
    let status = line.split_whitespace().nth(1).unwrap_or_default();
    if let Ok(status) = status.parse() {
        draft.status = vec![status];
    }
    reader.at += 1;
    let mut section = String::new();
    while reader.skip_blank() {
        let line = reader.peek().unwrap_or_default();
        let looks = line.split_once(' ').is_some_and(|(word, url)| is_request(word, url));
        if looks || request_line(line).is_some() {
            break;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
            reader.at += 1;
            continue;
        }
        match section.as_str() {
            "Captures" => {
                match line
                    .split_once(':')
                    .and_then(|(name, query)| Some((name, place(query.trim())?)))
                {
                    Some((name, place)) => {
                        draft.captures.push((name.trim().to_owned(), place));
                    }
                    None => {
                        draft.note("a capture stayed behind that is no jsonpath, header or cookie");
                    }
                }
            }
            "Asserts" => assertion(line, named, draft),
            "" => {
                let Some((name, value)) = pair(line) else {
                    draft.note("the answer's body stayed behind: say what of it counts as `json`");
                    skip_body(reader);
                    continue;
                };
                let value = named.template(value, draft);
                draft.check_header(name, &value);
            }
            other => draft.note(format!("[{other}] stayed behind")),
        }
        reader.at += 1;
    }
}

/// Goes to the next request or section.
fn skip_body(reader: &mut Reader<'_>) {
    while let Some(line) = reader.peek() {
        let section = line.starts_with('[') && line.ends_with(']') && line.len() > 2;
        if request_line(line).is_some() || section {
            return;
        }
        reader.at += 1;
    }
}
