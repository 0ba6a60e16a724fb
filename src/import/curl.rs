//! A curl command, as browsers and pages of APIs give it to copy.

use serde_json::Value;

use super::check;
use super::curl_options::{is_ignored, takes_value};
use super::draft::{Body, Draft, Shown, escape_texts, escaped};
use super::error::ImportError;
use super::render::render;
use super::secrets::names_secret;
use super::words::line;
use crate::scenario::METHODS;

#[derive(Default)]
struct Command {
    draft: Draft,
    url: Option<String>,
    method: Option<String>,
    data: Vec<(Kind, String)>,
    /// Pairs of `--url-query`.
    asked: Vec<String>,
    get: bool,
    json: bool,
    /// A body that can't be carried over.
    apart: Option<Apart>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// A form of several parts.
    Form,
    /// A file that is put there.
    File,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A text, or `@FILE`.
    Plain,
    /// A text, whatever it begins with.
    Raw,
    Encode,
    /// Of JSON: nothing stands between two of them.
    Json,
}

/// The table of a scenario that sends what `command` sends.
///
/// # Errors
/// It is no curl command, or has no URL.
pub fn curl(command: &str, name: &str) -> Result<String, ImportError> {
    if ["^\n", "^\r\n", "`\n", "`\r\n", "^\""].iter().any(|end| command.contains(end)) {
        return Err(ImportError::new(
            "this is written for cmd.exe or PowerShell: copy it as one for bash (`\\` at the ends \
             of lines)",
        ));
    }
    let line = line(command)?;
    // `TOKEN=… time curl …`
    let before = |word: &&str| {
        let name = word.split_once('=').map_or("", |(name, _)| name);
        let of_name = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        ["$", "%", "time", "sudo"].contains(word) || !name.is_empty() && name.bytes().all(of_name)
    };
    let mut rest = line.words.iter().map(String::as_str).skip_while(before);
    if !rest.next().is_some_and(|word| word == "curl" || word.ends_with("/curl")) {
        return Err(ImportError::new(
            "this is no curl command: expected one that begins with `curl`",
        ));
    }
    let mut read = Command::default();
    while let Some(word) = rest.next() {
        if matches!(word, "--next" | "-:") {
            read.draft.note("what stands after `--next` stayed behind: import it by itself");
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (option, given) = match long.split_once('=') {
                Some((name, value)) => (format!("--{name}"), Some(value)),
                None => (word.to_owned(), None),
            };
            read.option(&option, given, &mut rest)?;
        } else if word.starts_with('-') && word.len() > 1 {
            read.short(word, &mut rest)?;
        } else if read.url.is_none() {
            read.url = Some(word.to_owned());
        } else {
            read.draft.note("only the first of several URLs was taken");
        }
    }
    if let Some(operator) = &line.operator {
        read.draft.note(format!("what stands after `{operator}` stayed behind"));
    }
    let mut draft = read.finish()?;
    draft.note_filled(&line.filled);
    check::held(render(&[(name.to_owned(), draft)]), name)
}

type Rest<'a, 'b> = &'a mut dyn Iterator<Item = &'b str>;

impl Command {
    /// `-sSL`, `-XPOST`, `-H value`.
    fn short(&mut self, word: &str, rest: Rest<'_, '_>) -> Result<(), ImportError> {
        let letters = &word[1..];
        for (at, letter) in letters.char_indices() {
            let option = format!("-{letter}");
            let after = &letters[at + letter.len_utf8()..];
            if takes_value(&option) {
                return self.option(&option, Some(after).filter(|v| !v.is_empty()), rest);
            }
            self.option(&option, None, rest)?;
        }
        Ok(())
    }

    fn option(
        &mut self,
        option: &str,
        given: Option<&str>,
        rest: Rest<'_, '_>,
    ) -> Result<(), ImportError> {
        let value = if takes_value(option) {
            let next = given.map(str::to_owned).or_else(|| rest.next().map(str::to_owned));
            next.ok_or_else(|| ImportError::new(format!("`{option}` has no value")))?
        } else {
            String::new()
        };
        match option {
            "-X" | "--request" => self.method = Some(method(&value)?),
            "--url" => self.url = Some(value),
            "-H" | "--header" => self.header(&value),
            "-A" | "--user-agent" => self.draft.header("User-Agent", &escaped(&value)),
            "-e" | "--referer" => self.draft.header("Referer", &escaped(&value)),
            "-b" | "--cookie" => self.draft.header("Cookie", &value),
            "-u" | "--user" => {
                self.draft.show("Authorization", Shown::Basic);
                self.draft.note("the user stayed behind: set it as `name:password`");
            }
            "--oauth2-bearer" => self.draft.show("Authorization", Shown::Bearer),
            "-d" | "--data" | "--data-binary" | "--data-ascii" => {
                self.data.push((Kind::Plain, value));
            }
            "--data-raw" => self.data.push((Kind::Raw, value)),
            "--data-urlencode" => self.data.push((Kind::Encode, value)),
            "--json" => {
                self.json = true;
                self.data.push((Kind::Json, value));
            }
            "--url-query" => self.asked.push(value),
            "-T" | "--upload-file" => self.apart = Some(Apart::File),
            "-G" | "--get" => self.get = true,
            "-I" | "--head" => self.method = Some("HEAD".to_owned()),
            "-L" | "--location" => {
                self.draft.note("redirects aren't followed: `-L` has no meaning here");
            }
            "-k" | "--insecure" => {
                self.draft.note("certificates are always checked: `-k` has no meaning here, see [engine] ca_file");
            }
            "-F" | "--form" | "--form-string" => {
                self.apart = Some(Apart::Form);
                self.draft.note("a multipart form (`-F`) can't be sent: it stayed behind");
            }
            _ if is_ignored(option) => {}
            _ => self.draft.note(format!("`{option}` stayed behind")),
        }
        Ok(())
    }

    fn header(&mut self, line: &str) {
        match line.split_once(':') {
            Some((name, value)) if !value.trim().is_empty() => {
                self.draft.header(name.trim(), &escaped(value.trim()));
            }
            _ => self.draft.note("a header without a value stayed behind"),
        }
    }

    fn finish(mut self) -> Result<Draft, ImportError> {
        let url =
            self.url.take().ok_or_else(|| ImportError::new("there is no URL in this command"))?;
        let url =
            if url.contains("://") || url.starts_with('/') { url } else { format!("http://{url}") };
        self.draft.url(&escaped(&url));
        for pair in std::mem::take(&mut self.asked) {
            let pair =
                pair.strip_prefix('+').map_or_else(|| encoded(Kind::Encode, &pair), str::to_owned);
            self.ask(&pair);
        }
        let upload = self.apart == Some(Apart::File);
        let has_body = !self.data.is_empty() || self.apart == Some(Apart::Form);
        let in_files = |(kind, text): &(Kind, String)| is_file(*kind, text);
        if upload || self.data.iter().any(in_files) {
            self.draft
                .note("the body is in a file, which stayed behind: say it as json, body or form");
            self.data.retain(|data| !in_files(data));
        }
        let usual = match (upload, has_body && !self.get) {
            (true, _) => "PUT",
            (false, true) => "POST",
            (false, false) => "GET",
        };
        self.draft.method = self.method.take().unwrap_or_else(|| usual.to_owned());
        self.body();
        Ok(self.draft)
    }

    /// Takes over the pairs of a query, encoded as they are.
    fn ask(&mut self, pairs: &str) {
        for (name, value) in form(pairs) {
            self.draft.ask(&escaped(&name), &escaped(&value));
        }
    }

    fn body(&mut self) {
        let pairs: Vec<String> =
            self.data.iter().map(|(kind, text)| encoded(*kind, text)).collect();
        if pairs.is_empty() {
            return;
        }
        let text = pairs.join(if self.json { "" } else { "&" });
        let template = escaped(&text);
        // A form's first name begins with none of these; what only reads like one has its
        // secrets anywhere.
        let is_other = text.trim_start().starts_with(['{', '[', '<', '"']);
        if self.get {
            if is_other && names_secret(&template) {
                self.draft.note("what `-G` asks for may hold a secret: it stayed behind");
                return;
            }
            self.ask(&text);
            return;
        }
        let kind =
            self.draft.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let kind = kind.map(|(_, value)| value.to_lowercase());
        let says_json = self.json || kind.as_deref().is_some_and(|kind| kind.contains("json"));
        if self.as_json(&text, says_json) {
            return;
        }
        let says_form = kind.as_deref().is_none_or(|kind| kind.contains("x-www-form-urlencoded"));
        let fields = form(&text);
        let is_form = says_form && !self.json && fields.iter().all(|(name, _)| !name.is_empty());
        if is_form && !(is_other && names_secret(&template)) {
            for (name, value) in fields {
                self.draft.field(&name, &escaped(&value));
            }
        } else {
            self.draft.text(&template);
        }
    }

    /// Takes `text` over as JSON, if that is what it is; `said`: its type says so.
    fn as_json(&mut self, text: &str, said: bool) -> bool {
        if !said && !text.trim_start().starts_with(['{', '[']) {
            return false;
        }
        let Ok(mut value) = serde_json::from_str::<Value>(text) else { return false };
        if !said {
            self.draft.note("the body is JSON, though its type wasn't said to be");
        }
        escape_texts(&mut value);
        self.draft.json_value("", &mut value);
        self.draft.body = Body::Json(value);
        true
    }
}

/// The method that `-X` asks for.
fn method(value: &str) -> Result<String, ImportError> {
    let method = value.to_uppercase();
    if METHODS.contains(&method.as_str()) {
        return Ok(method);
    }
    let known = METHODS.join(", ");
    Err(ImportError::new(format!("a scenario's method is one of {known}; this is another")))
}

/// Whether data of that kind is what a file holds.
fn is_file(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::Plain | Kind::Json => text.starts_with('@'),
        Kind::Raw => false,
        // `NAME@FILE`: without a `=` before it.
        Kind::Encode => text.split('=').next().is_some_and(|before| before.contains('@')),
    }
}

/// What `--data-urlencode` makes of its value; others as they are.
fn encoded(kind: Kind, text: &str) -> String {
    if kind != Kind::Encode {
        return text.to_owned();
    }
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => format!("{name}={}", encode(value)),
        Some((_, value)) => encode(value),
        None => encode(text),
    }
}

fn form(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}
