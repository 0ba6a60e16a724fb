//! Makes text of others inert in GitHub's Markdown, in logs and in terminals.
//!
//! What is parted is parted by an empty element of HTML, never by a character that
//! nobody sees: what is copied from a page is what stands there.

/// Parts text where GitHub would see a mention, a reference or a link: its filters look
/// into one text node at a time, and copying takes nothing along.
const PART: &str = "<wbr>";

/// `text` as plain words on one line of GitHub Markdown: no mention, issue
/// reference, link, HTML, emphasis, code, table break or workflow command
/// survives, and what is read is what was written. Figures and words without
/// such characters stay as they are, so that a page can be searched.
#[must_use]
pub fn markdown(text: &str) -> String {
    let line: Vec<char> = one_line(text).chars().collect();
    let mut escaped = String::with_capacity(text.len() + 16);
    let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
    for (i, c) in line.iter().enumerate() {
        let (before, after) = (i.checked_sub(1).and_then(|i| line.get(i)), line.get(i + 1));
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '_' if word(before) && word(after) => escaped.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => {
                escaped.push('\\');
                escaped.push(*c);
            }
            // What opens a block stands at the start only.
            '>' | '#' | '-' | '+' | '=' if i == 0 => {
                escaped.push('\\');
                escaped.push(*c);
            }
            _ => escaped.push(*c),
        }
        // GitHub's filters for mentions, references, links and emoji run over the
        // text, escaped or not.
        let parted = match c {
            '@' => true,
            ']' => after == Some(&'('),
            '#' => word(after),
            ':' => {
                matches!(after, Some('/' | ':'))
                    || opens_emoji(line.get(i + 1..).unwrap_or_default())
            }
            // `GH-7` is a reference; names of ours are to be copied as they are.
            '-' => {
                after.is_some_and(char::is_ascii_digit)
                    && before.is_some_and(|b| matches!(b, 'h' | 'H'))
            }
            '.' => word(after) && before.is_some_and(|b| matches!(b, 'w' | 'W')),
            _ => false,
        };
        if parted {
            escaped.push_str(PART);
        }
    }
    break_hashes(&escaped)
}

/// Whether what follows a colon can be read as an emoji's name: `tada:`.
fn opens_emoji(rest: &[char]) -> bool {
    let name = |c: &&char| c.is_alphanumeric() || matches!(c, '_' | '+' | '-');
    let length = rest.iter().take_while(name).count();
    length > 0 && rest.get(length) == Some(&':')
}

/// A bare commit hash becomes a link on GitHub: runs of 7 or more hexadecimal
/// digits are parted.
fn break_hashes(text: &str) -> String {
    let mut parted = String::with_capacity(text.len());
    let mut run = 0;
    for c in text.chars() {
        run = if c.is_ascii_hexdigit() { run + 1 } else { 0 };
        if run == 7 {
            parted.push_str(PART);
            run = 1;
        }
        parted.push(c);
    }
    parted
}

/// `text` as code in GitHub Markdown, fit for a table cell. Plain names and
/// expressions become a code span; what could mean anything to any reader of
/// the raw text becomes an HTML `code` element of inert words.
#[must_use]
pub fn code(text: &str) -> String {
    let line = one_line(text);
    let plain = |c: char| c.is_alphanumeric() || " _.,:(){}=+*%-<>\"'/".contains(c);
    let markup = line.contains("://")
        || line.char_indices().any(|(i, c)| {
            let next = line.get(i + 1..).and_then(|rest| rest.chars().next());
            c == '<' && next.is_some_and(|n| n.is_alphabetic() || matches!(n, '/' | '!' | '?'))
        });
    match line.as_str() {
        "" => "–".to_owned(),
        _ if line.chars().all(plain) && !markup => format!("`{line}`"),
        _ => format!("<code>{}</code>", markdown(&line)),
    }
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

/// `text` as one word of a POSIX shell.
#[must_use]
pub fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// `text` on one line, without control characters and marks that hide or reorder text.
/// `::error::` at its start and the older `##[error]` anywhere, which GitHub's runner
/// obeys in a log, get a space between.
#[must_use]
pub fn one_line(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c == '\u{85}')
        .map(|word| word.chars().filter(|c| !is_hidden(*c)).collect::<String>())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ").replace("##[", "## [");
    line.strip_prefix("::").map_or(line.clone(), |rest| format!(": :{rest}"))
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
        fn nothing_active_survives(text in r"[a-c@#:/.`|\[\]()<>&\n\r\t\x1b*_~!\\ -]{0,60}") {
            let escaped = markdown(&text);
            for bad in ['`', '|', '[', ']', '*', '~'] {
                prop_assert!(!unescaped(&escaped, bad), "{bad} in {escaped}");
            }
            for bad in ['<', '\n', '\r', '\u{1b}', '\u{2060}', '\u{200b}'] {
                prop_assert!(!escaped.replace(PART, "").contains(bad));
            }
            for bad in ["://", "::", "@a", "#a", ":a:", "www.a"] {
                prop_assert!(!escaped.contains(bad), "{bad} in {escaped}");
            }
        }

        #[test]
        fn code_stays_one_element(text in ".{0,80}") {
            let span = code(&text);
            if span.starts_with('`') {
                prop_assert_eq!(span.matches('`').count(), 2);
            } else if span != "–" {
                prop_assert_eq!(span.replace(PART, "").matches('<').count(), 2);
            }
            prop_assert!(!unescaped(&span, '|') && !span.contains('\n'));
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
        assert_eq!(one_line("\n::error::x"), ": :error::x");
        assert_eq!(one_line("a ##[error]b [::1]:80"), "a ## [error]b [::1]:80");
        assert_eq!(markdown("see https://a.test"), "see https:<wbr>//a.test");
        assert!(!markdown("0123456789abcdef").contains("0123456"));
        assert_eq!(markdown("p95 is 99.53 %, wanted > 90"), "p95 is 99.53 %, wanted > 90");
        assert_eq!(code("p(95)<2000"), "`p(95)<2000`");
        assert_eq!(code("<b>"), "<code>&lt;b></code>");
        assert_eq!(html("<b a='1'>"), "&lt;b a=&#39;1&#39;&gt;");
    }
}
