//! Makes text of others inert in GitHub's Markdown, in logs and in terminals.

/// `text` as plain words on one line of GitHub Markdown: no mention, issue
/// reference, link, HTML, emphasis, code, table break or workflow command
/// survives, and what is read is what was written.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    let line = one_line(text);
    let mut previous = ' ';
    for c in line.chars() {
        match c {
            // Entities: the parser takes them as text and autolinks nothing across them.
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // GitHub's own filters (mentions, references, links, emoji) run on the
            // text after entities are resolved, so an unseen joiner parts them.
            '@' => escaped.push_str("@\u{2060}"),
            '#' => escaped.push_str("#\u{2060}"),
            ':' => escaped.push_str(":\u{2060}"),
            '.' => escaped.push_str(".\u{2060}"),
            '/' => escaped.push_str("/\u{2060}"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '+' | '-' | '!' | '|'
            | '~' | '=' | '$' | '^' => {
                escaped.push('\\');
                escaped.push(c);
                // GH-123 is a reference too.
                if c == '-' && previous.is_alphabetic() {
                    escaped.push('\u{2060}');
                }
            }
            _ => escaped.push(c),
        }
        previous = c;
    }
    break_hashes(&escaped)
}

/// A bare commit hash becomes a link on GitHub: runs of 7 or more hexadecimal
/// digits are parted.
fn break_hashes(text: &str) -> String {
    let mut parted = String::with_capacity(text.len());
    let mut run = 0;
    for c in text.chars() {
        run = if c.is_ascii_hexdigit() { run + 1 } else { 0 };
        parted.push(c);
        if run == 6 {
            parted.push('\u{2060}');
            run = 0;
        }
    }
    parted
}

/// `text` as a code span of GitHub Markdown, fit for a table cell: shown as
/// written (in a code span nothing but its end, a table break and a new line
/// means anything).
#[must_use]
pub fn code(text: &str) -> String {
    let line = one_line(text).replace('`', "'").replace('|', "¦");
    if line.is_empty() { "–".to_owned() } else { format!("`{line}`") }
}

/// `text` for a table cell of inline HTML code: entities only.
#[must_use]
pub fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

/// `text` on one line, without control characters and marks that hide or
/// reorder text; a workflow command at its start is parted.
#[must_use]
pub fn one_line(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c == '\u{85}')
        .map(|word| word.chars().filter(|c| !is_hidden(*c)).collect::<String>())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    // `::error::` and the older `##[error]`, wherever they stand.
    line.replace("::", ":\u{2060}:").replace("##[", "#\u{2060}#[")
}

/// A web address that may stand as a link: http(s), printable ASCII, none of
/// the characters that end a Markdown link or an attribute. Else `None`.
#[must_use]
pub fn link(url: &str) -> Option<&str> {
    let web = url.starts_with("https://") || url.starts_with("http://");
    let safe = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#@!$&*+,;=%".contains(c);
    (web && url.len() <= 500 && url.chars().all(safe)).then_some(url)
}

/// Control characters, and those that reorder or hide text.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unescaped(text: &str, bad: char) -> bool {
        let chars: Vec<char> = text.chars().collect();
        (0..chars.len()).any(|i| {
            let slashes = chars[..i].iter().rev().take_while(|c| **c == '\\').count();
            chars[i] == bad && slashes % 2 == 0
        })
    }

    proptest! {
        #[test]
        fn nothing_active_survives(text in r#"[a-c@#:/.`|\[\]()<>&\n\r\t\x1b*_~!\\ -]{0,60}"#) {
            let escaped = markdown(&text);
            for bad in ['`', '|', '[', ']', '*', '_', '~', '!', '('] {
                prop_assert!(!unescaped(&escaped, bad), "{bad} in {escaped}");
            }
            for bad in ['<', '>', '\n', '\r', '\u{1b}'] {
                prop_assert!(!escaped.contains(bad));
            }
            for pair in escaped.chars().collect::<Vec<_>>().windows(2) {
                if matches!(pair[0], '@' | '#' | ':' | '/' | '.') {
                    prop_assert_eq!(pair[1], '\u{2060}');
                }
            }
        }

        #[test]
        fn code_stays_one_span(text in ".{0,80}") {
            let span = code(&text);
            if span != "–" {
                prop_assert_eq!(span.matches('`').count(), 2);
            }
            prop_assert!(!span.contains('|') && !span.contains('\n') && !span.contains("::"));
        }

        #[test]
        fn only_plain_addresses_are_linked(text in "https?://.{0,60}") {
            if let Some(url) = link(&text) {
                prop_assert!(!url.contains([')', '(', ' ', '"', '<', '>', '\'', '`', '|', '\\']));
            }
        }
    }

    #[test]
    fn known_tricks_are_inert() {
        assert_eq!(link("javascript:alert(1)"), None);
        assert_eq!(one_line("\n::error::x"), ":\u{2060}:error:\u{2060}:x");
        assert!(!markdown("0123456789abcdef").contains("0123456"));
        assert_eq!(html("<b a='1'>"), "&lt;b a=&#39;1&#39;&gt;");
    }
}
