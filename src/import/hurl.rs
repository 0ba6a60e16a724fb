//! Hurl's common subset: requests, their sections, the status, captures and asserts.

use serde_json::Value;

use super::check;
use super::draft::{Body, Draft, Shown, escaped};
use super::error::ImportError;
use super::hurl_asserts::{assertion, place};
use super::hurl_text::{
    Named, first_url, graphql, named_host, plain, quoted_names, uncommented, unescaped,
};
use super::render::render;
use crate::scenario::METHODS;

/// The most entries of a file that are read.
const MOST_ENTRIES: usize = 50;

/// The tables of the entries in `text`: the first one's name is `name`, the others'
/// have a number. Where later entries show what the first one captures, that one is
/// their setup.
///
/// # Errors
/// A line that isn't understood as a request.
pub fn hurl(text: &str, name: &str) -> Result<String, ImportError> {
    let lines: Vec<&str> = text.trim_start_matches('\u{feff}').lines().collect();
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

/// Makes the first entry the setup of those that show what it captures.
fn with_setup(mut entries: Vec<Draft>) -> Vec<Draft> {
    let is_shown = entries.iter().skip(1).any(Draft::shows_setup);
    for draft in entries.iter_mut().skip(usize::from(is_shown)) {
        if !draft.captures.is_empty() {
            draft.note("captures stayed behind: only those of a first request become a setup");
        }
    }
    if !is_shown {
        return entries;
    }
    let mut first = entries.remove(0);
    for (name, place) in std::mem::take(&mut first.captures) {
        first.capture(&plain(&name), place);
    }
    if !std::mem::take(&mut first.checks).is_empty() {
        first.note("what its answer must be stayed behind: a setup has a status alone");
    }
    for draft in &mut entries {
        if draft.shows_setup() {
            let mut setup = first.clone();
            setup.captures.retain(|(name, _)| {
                let is_shown = draft.shows(&format!("{{setup.{name}}}"));
                if !is_shown {
                    draft.note(format!("the capture `{name}` stayed behind: nothing shows it"));
                }
                is_shown
            });
            draft.setup = Some(Box::new(setup));
        }
    }
    entries
}

pub(super) struct Reader<'a> {
    lines: &'a [&'a str],
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next line without white space around it, if there is one.
    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).map(|line| line.trim())
    }

    /// The same without its comment; no body is read by it.
    fn said(&self) -> &'a str {
        self.lines.get(self.at).map_or("", |line| uncommented(line))
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
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let message = if is_request(word, rest.trim()) {
            format!("a scenario's method is one of {}; this is another", METHODS.join(", "))
        } else {
            "this is no request: expected a method and a URL, such as `GET https://…`".to_owned()
        };
        return Err(ImportError::at(reader.number(), message));
    };
    let mut draft = Draft { method: method.to_owned(), ..Draft::default() };
    let url = first_url(url);
    let from = match named_host(url) {
        Some((host, rest)) => {
            draft.note(format!("the environment's url says where it goes; it was {host}"));
            if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") }
        }
        None => url.to_owned(),
    };
    let url = named.template(&from, &mut draft);
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
        let Some((name, value)) = pair(reader.said()) else { return };
        let value = named.template(&value, draft);
        draft.header(&name, &value);
        reader.at += 1;
    }
}

/// A header or field: a name, a colon, a value.
fn pair(line: &str) -> Option<(String, String)> {
    let starts = ["HTTP/", "HTTP ", "{", "[", "`", "\"", "<", "file,", "base64,", "hex,"];
    let request = line.split_once(' ').is_some_and(|(word, url)| is_request(word, url.trim()));
    if request || request_line(line).is_some() || starts.iter().any(|start| line.starts_with(start))
    {
        return None;
    }
    let mut escape = false;
    let at = line.char_indices().find(|(_, c)| {
        let ends = *c == ':' && !escape;
        escape = *c == '\\' && !escape;
        ends
    });
    let (name, value) = line.split_at(at?.0);
    let name = name.trim();
    (!name.is_empty()).then(|| (unescaped(name), unescaped(value[1..].trim())))
}

fn request_sections(
    reader: &mut Reader<'_>,
    named: &Named<'_>,
    draft: &mut Draft,
) -> Result<(), ImportError> {
    while reader.skip_blank() {
        let line = reader.said();
        if line.starts_with("HTTP") || request_line(line).is_some() {
            return Ok(());
        }
        let Some(section) = section_name(line) else {
            body(reader, named, draft)?;
            continue;
        };
        reader.at += 1;
        let mut fields = Vec::new();
        while reader.skip_blank() {
            let Some(field) = pair(reader.said()) else { break };
            fields.push(field);
            reader.at += 1;
        }
        take_section(section, fields, named, draft);
    }
    Ok(())
}

/// What a line such as `[Asserts]` begins.
fn section_name(line: &str) -> Option<&str> {
    let name = line.strip_prefix('[')?.strip_suffix(']')?;
    (name.chars().all(char::is_alphabetic) && !name.is_empty()).then_some(name)
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
                draft.ask(&escaped(&name), &value);
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
        "Multipart" | "MultipartFormData" => {
            draft.note(format!("a multipart form ([{section}]) can't be sent: it stayed behind"));
        }
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
        let fenced = fenced(reader, opening);
        let kind = opening.split([',', '`']).next().unwrap_or_default().trim();
        return text_of_kind(kind, &fenced, reader.at, named, draft);
    }
    if let Some(text) = line.strip_prefix('`').and_then(|text| text.strip_suffix('`')) {
        let text = named.template(text, draft);
        draft.text(&text);
    } else if line.starts_with('<') {
        let text = up_to_answer(reader);
        return text_of_kind("xml", &text, reader.at, named, draft);
    } else {
        if !["file,", "base64,", "hex,"].iter().any(|start| line.starts_with(start)) {
            let message = "this is neither a header, a section nor a body that is understood";
            return Err(ImportError::at(reader.number(), message));
        }
        draft.note("the body (a file or bytes) stayed behind: say it as json, body or form");
    }
    reader.at += 1;
    Ok(())
}

/// The lines of a text between fences, and goes over them; `opening` is what follows the first.
fn fenced(reader: &mut Reader<'_>, opening: &str) -> String {
    let mut lines = Vec::new();
    reader.at += 1;
    if let Some(text) = opening.strip_suffix("```").filter(|text| !text.is_empty()) {
        return text.to_owned();
    }
    while let Some(line) = reader.lines.get(reader.at) {
        reader.at += 1;
        if let Some(last) = line.trim_end().strip_suffix("```") {
            lines.extend(Some(last).filter(|last| !last.trim().is_empty()));
            break;
        }
        lines.push(*line);
    }
    lines.join("\n")
}

/// The lines up to those of the answer or the next request, and goes over them.
fn up_to_answer(reader: &mut Reader<'_>) -> String {
    let mut lines = Vec::new();
    while let Some(line) = reader.peek() {
        if line.starts_with("HTTP") || request_line(line).is_some() {
            break;
        }
        lines.push(reader.lines[reader.at]);
        reader.at += 1;
    }
    lines.join("\n").trim_end().to_owned()
}

/// Takes a text over as the body that Hurl makes of it: its kind is what follows the fence.
fn text_of_kind(
    kind: &str,
    text: &str,
    line: usize,
    named: &Named<'_>,
    draft: &mut Draft,
) -> Result<(), ImportError> {
    let json = match kind {
        "graphql" => {
            let read = graphql(text);
            Some(read.ok_or_else(|| ImportError::at(line, "these variables are no JSON"))?)
        }
        "json" => serde_json::from_str(&quoted_names(text)).ok(),
        _ => None,
    };
    if let Some(mut value) = json {
        named.templates(&mut value, draft);
        draft.json_value("", &mut value);
        draft.body = Body::Json(value);
        return Ok(());
    }
    match kind {
        "json" => draft.kind("application/json"),
        "xml" => draft.kind("application/xml"),
        _ => {}
    }
    let text = named.template(text, draft);
    draft.text(&text);
    Ok(())
}

fn response(reader: &mut Reader<'_>, named: &Named<'_>, draft: &mut Draft) {
    let status = reader.said().split_whitespace().nth(1).unwrap_or_default();
    if let Ok(status) = status.parse() {
        draft.status = vec![status];
    }
    reader.at += 1;
    let mut section = String::new();
    while reader.skip_blank() {
        let line = reader.said();
        let looks = line.split_once(' ').is_some_and(|(word, url)| is_request(word, url));
        if looks || request_line(line).is_some() {
            break;
        }
        if let Some(name) = section_name(line) {
            name.clone_into(&mut section);
            reader.at += 1;
            continue;
        }
        match section.as_str() {
            "Captures" => capture(line, draft),
            "Asserts" => assertion(line, named, draft),
            "" => {
                let Some((name, value)) = pair(line) else {
                    draft.note("the answer's body stayed behind: say what of it counts as `json`");
                    skip_body(reader);
                    continue;
                };
                let value = named.template(&value, draft);
                draft.check_header(&name, &value);
            }
            other => draft.note(format!("[{other}] stayed behind")),
        }
        reader.at += 1;
    }
}

/// `NAME: jsonpath "$.a"`, perhaps to be kept out of Hurl's log.
fn capture(line: &str, draft: &mut Draft) {
    let read = line.split_once(':').and_then(|(name, query)| {
        let query = query.trim();
        Some((name.trim(), place(query.strip_suffix("redact").unwrap_or(query).trim_end())?))
    });
    match read {
        Some((name, place)) => draft.captures.push((name.to_owned(), place)),
        None => draft.note("a capture stayed behind that is no jsonpath, header or cookie"),
    }
}

/// Goes to the next request or section.
fn skip_body(reader: &mut Reader<'_>) {
    while reader.peek().is_some() {
        let line = reader.said();
        if request_line(line).is_some() || section_name(line).is_some() {
            return;
        }
        reader.at += 1;
    }
}
