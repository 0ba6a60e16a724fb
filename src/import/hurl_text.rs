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
