//! Hurl's texts: `{{name}}` becomes a placeholder of ours, all else stays as it is.

use serde_json::Value;

use super::draft::{Draft, escaped};

/// What names in Hurl's braces became.
pub(super) struct Named<'a> {
    /// What an entry before this one captured.
    pub(super) captured: &'a [String],
}

impl Named<'_> {
    /// `text` as a template; a name that nobody captured becomes data.
    pub(super) fn template(&self, text: &str, draft: &mut Draft) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            let Some(length) = rest[at..].find("}}") else { break };
            out.push_str(&escaped(&rest[..at]));
            let name = rest[at + 2..at + length].trim();
            out.push_str(&self.placeholder(name, draft));
            rest = &rest[at + length + 2..];
        }
        out + &escaped(rest)
    }

    fn placeholder(&self, name: &str, draft: &mut Draft) -> String {
        match name {
            "newUuid" => return "{uuid}".to_owned(),
            "newDate" => return "{now}".to_owned(),
            _ => {}
        }
        if self.captured.iter().any(|own| own == name) {
            return format!("{{setup.{}}}", plain(name));
        }
        let lower = name.to_lowercase();
        let secret = ["token", "key", "secret", "password", "auth", "credential"];
        if secret.iter().any(|part| lower.contains(part)) {
            draft.identity = true;
            draft.note(format!("{{{{{name}}}}} is shown as the identity"));
            return "{identity}".to_owned();
        }
        let name = plain(name);
        draft.note(format!("{{data.{name}}} was a variable of Hurl's: give it its values"));
        draft.data.entry(name.clone()).or_insert_with(|| vec![Value::from("value")]);
        format!("{{data.{name}}}")
    }

    /// Every text of `value` as a template.
    pub(super) fn templates(&self, value: &mut Value, draft: &mut Draft) {
        match value {
            Value::String(text) => *text = self.template(text, draft),
            Value::Array(list) => list.iter_mut().for_each(|item| self.templates(item, draft)),
            Value::Object(map) => {
                map.values_mut().for_each(|item| self.templates(item, draft));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// A line without white space around it and without its comment.
pub(super) fn uncommented(line: &str) -> &str {
    let (mut within, mut escape) = (false, false);
    let comment = line.char_indices().find(|(_, c)| {
        match c {
            _ if escape => escape = false,
            '\\' => escape = true,
            '"' => within = !within,
            '#' => return !within,
            _ => {}
        }
        false
    });
    comment.map_or(line, |(at, _)| &line[..at]).trim()
}

/// What a name or value stands for, its escapes read.
pub(super) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == '\\' { escape(&mut chars, &mut out) } else { out.push(c) }
    }
    out
}

/// What comes after a backslash.
pub(super) fn escape(chars: &mut std::str::Chars<'_>, out: &mut String) {
    match chars.next() {
        Some('n') => out.push('\n'),
        Some('r') => out.push('\r'),
        Some('t') => out.push('\t'),
        Some('b') => out.push('\u{8}'),
        Some('f') => out.push('\u{c}'),
        Some('u') => {
            let rest = chars.as_str();
            let code = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
            let read = code.and_then(|(code, rest)| {
                Some((u32::from_str_radix(code, 16).ok().and_then(char::from_u32)?, rest))
            });
            match read {
                Some((c, rest)) => {
                    out.push(c);
                    *chars = rest.chars();
                }
                None => out.push('u'),
            }
        }
        Some(c) => out.push(c),
        None => {}
    }
}

/// The URL that `text` begins with; white space ends it, but for that of names in braces.
pub(super) fn first_url(text: &str) -> &str {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if text[at..].starts_with("{{")
            && let Some(length) = text[at..].find("}}")
        {
            at += length + 2;
            continue;
        }
        if c.is_whitespace() {
            break;
        }
        at += c.len_utf8();
    }
    &text[..at]
}

/// The host of `url`, with its scheme, where it has names in braces; and what follows it.
pub(super) fn named_host(url: &str) -> Option<(&str, &str)> {
    let start = match url.find("://") {
        Some(at) if !url[..at].contains(['/', '?']) => at + 3,
        _ if url.starts_with("{{") => 0,
        _ => return None,
    };
    let mut at = start;
    while let Some(c) = url[at..].chars().next() {
        if url[at..].starts_with("{{")
            && let Some(length) = url[at..].find("}}")
        {
            at += length + 2;
        } else if matches!(c, '/' | '?' | '#') {
            break;
        } else {
            at += c.len_utf8();
        }
    }
    url[..at].contains("{{").then(|| url.split_at(at))
}

/// A query of GraphQL and its variables, as the JSON that Hurl sends for it.
pub(super) fn graphql(text: &str) -> Option<Value> {
    let variables = text.lines().scan(0, |at, line| {
        let start = *at;
        *at += line.len() + 1;
        Some((start, line))
    });
    let mut starts = variables.filter_map(|(start, line)| {
        let rest = line.trim_start().strip_prefix("variables")?;
        rest.trim_start().starts_with('{').then_some(start)
    });
    let start = starts.next();
    let query = text[..start.unwrap_or(text.len())].trim();
    let mut body = serde_json::Map::from_iter([("query".to_owned(), Value::from(query))]);
    if let Some(start) = start {
        let said = text[start..].trim_start().strip_prefix("variables")?;
        body.insert("variables".to_owned(), serde_json::from_str(&quoted_names(said)).ok()?);
    }
    Some(Value::Object(body))
}

/// A name of ours: letters, digits and `_`.
pub(super) fn plain(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = name.chars().take(40).map(fit).collect();
    if name.is_empty() { "value".to_owned() } else { name }
}

/// JSON in which a name in braces stands where a value does (`"id": {{id}}`) with quotes
/// around it, and how much of `text` that JSON is.
pub(super) fn quoted_names(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut within, mut escape) = (false, false);
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if !within
            && text[at..].starts_with("{{")
            && let Some(length) = text[at..].find("}}")
        {
            let name = &text[at..at + length + 2];
            if name[2..length].chars().all(|c| c.is_alphanumeric() || "_- ".contains(c)) {
                out.extend(["\"", name, "\""]);
                at += name.len();
                continue;
            }
        }
        // Within a text a function's argument has quotes of its own.
        if within
            && text[at..].starts_with("{{")
            && let Some(length) = text[at..].find("}}")
        {
            let name = &text[at..at + length + 2];
            if name[2..length].chars().all(|c| c.is_alphanumeric() || "_-./ \"".contains(c)) {
                out += &name.replace('"', "\\\"");
                at += name.len();
                continue;
            }
        }
        match c {
            _ if escape => escape = false,
            '\\' if within => escape = true,
            '"' => within = !within,
            _ => {}
        }
        out.push(c);
        at += c.len_utf8();
    }
    out
}
