//! A command line as a shell reads it: words, quotes and backslashes; what a shell would fill in
//! stays as it stands.

use super::error::ImportError;

/// What a command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    /// Its first command's words.
    pub(super) words: Vec<String>,
    /// What ends that command, where more follows: `|`, `&&`, `>`, …
    pub(super) operator: Option<String>,
    /// What a shell would fill in, as it stands in the words: `$NAME`, `$(date)`.
    pub(super) filled: Vec<String>,
}

/// What `text` says.
///
/// # Errors
/// A quote that isn't closed.
pub(super) fn line(text: &str) -> Result<Line, ImportError> {
    let mut line = Line::default();
    let mut word: Option<String> = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                // A line that goes on.
                Some('\n') | None => {}
                Some('\r') => {
                    rest.next_if_eq(&'\n');
                }
                Some(c) => word.get_or_insert_default().push(c),
            },
            '\'' => single(&mut rest, word.get_or_insert_default())?,
            '"' => double(&mut rest, word.get_or_insert_default(), &mut line.filled)?,
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                ansi(&mut rest, word.get_or_insert_default())?;
            }
            '$' | '`' => filled(c, &mut rest, word.get_or_insert_default(), &mut line.filled),
            '#' if word.is_none() => while rest.next_if(|c| *c != '\n').is_some() {},
            c if c.is_whitespace() => line.words.extend(word.take()),
            c => {
                if let Some(operator) = operator(c, word.as_deref(), &mut rest) {
                    line.words.extend(word.take().filter(|word| !is_descriptor(word)));
                    line.operator = Some(operator);
                    return Ok(line);
                }
                word.get_or_insert_default().push(c);
            }
        }
    }
    line.words.extend(word);
    Ok(line)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// The operator that begins with `c`, if it is one here. An `&` within a word is a URL's, whose
/// quotes were forgotten.
fn operator(c: char, word: Option<&str>, rest: &mut Rest<'_>) -> Option<String> {
    let next = rest.peek().copied();
    let ends = next.is_none_or(char::is_whitespace);
    let alone = word.is_none();
    let is_one = match c {
        '|' => alone || ends,
        '>' | '<' => alone || word.is_some_and(is_descriptor),
        '&' => alone || ends || next == Some('&'),
        ';' => ends,
        _ => false,
    };
    is_one.then(|| {
        let second = rest.next_if(|next| *next == c);
        std::iter::once(c).chain(second).collect()
    })
}

/// Whether a word before `>` is the number of what is led elsewhere.
fn is_descriptor(word: &str) -> bool {
    matches!(word, "1" | "2" | "&")
}

fn open() -> ImportError {
    ImportError::new("a quote in this command isn't closed")
}

fn single(rest: &mut Rest<'_>, word: &mut String) -> Result<(), ImportError> {
    loop {
        match rest.next().ok_or_else(open)? {
            '\'' => return Ok(()),
            c => word.push(c),
        }
    }
}

fn double(
    rest: &mut Rest<'_>,
    word: &mut String,
    filled_in: &mut Vec<String>,
) -> Result<(), ImportError> {
    loop {
        match rest.next().ok_or_else(open)? {
            '"' => return Ok(()),
            '\\' => match rest.next().ok_or_else(open)? {
                '\n' => {}
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c @ ('$' | '`') => filled(c, rest, word, filled_in),
            c => word.push(c),
        }
    }
}

/// What `$` or a backtick begins, if a shell would put something in its place.
fn filled(first: char, rest: &mut Rest<'_>, word: &mut String, all: &mut Vec<String>) {
    let mut text = String::from(first);
    let close = match (first, rest.peek()) {
        ('`', _) => Some('`'),
        (_, Some('(')) => Some(')'),
        (_, Some('{')) => Some('}'),
        _ => None,
    };
    match close {
        Some(close) => {
            let mut depth = 0_usize;
            for c in rest.by_ref() {
                text.push(c);
                depth += usize::from(c == '(' || c == '{');
                depth = depth.saturating_sub(usize::from(c == close && close != '`'));
                if c == close && depth == 0 {
                    break;
                }
            }
        }
        None => {
            while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                text.push(c);
            }
        }
    }
    word.push_str(&text);
    // A lone `$` is one.
    if text.len() > 1 {
        all.push(text);
    }
}

/// `$'…'`, as browsers copy what has line breaks in it.
fn ansi(rest: &mut Rest<'_>, word: &mut String) -> Result<(), ImportError> {
    loop {
        match rest.next().ok_or_else(open)? {
            '\'' => return Ok(()),
            '\\' => match rest.next().ok_or_else(open)? {
                'n' => word.push('\n'),
                'r' => word.push('\r'),
                't' => word.push('\t'),
                digits @ ('u' | 'x') => {
                    let most = if digits == 'u' { 4 } else { 2 };
                    let mut code = 0;
                    for _ in 0..most {
                        let Some(digit) = rest.peek().and_then(|c| c.to_digit(16)) else { break };
                        code = code * 16 + digit;
                        rest.next();
                    }
                    word.push(char::from_u32(code).unwrap_or('\u{fffd}'));
                }
                c => word.push(c),
            },
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Line {
        line(text).expect("is read")
    }

    #[test]
    fn words_end_where_a_shell_s_would() {
        for (text, words, operator) in [
            ("curl -s x | jq .", &["curl", "-s", "x"][..], Some("|")),
            ("curl x && echo", &["curl", "x"], Some("&&")),
            ("curl x > out 2>&1", &["curl", "x"], Some(">")),
            ("curl x 2>/dev/null", &["curl", "x"], Some(">")),
            ("curl x; echo", &["curl", "x"], Some(";")),
            ("curl x &", &["curl", "x"], Some("&")),
            ("curl -d @- x << EOF", &["curl", "-d", "@-", "x"], Some("<<")),
            ("curl h/x?a=1&b=2;c=3", &["curl", "h/x?a=1&b=2;c=3"], None),
            ("# first\ncurl x # last", &["curl", "x"], None),
            ("curl x#y '|' \"&&\" \\;", &["curl", "x#y", "|", "&&", ";"], None),
        ] {
            let line = read(text);
            assert_eq!(
                (line.words, line.operator.as_deref()),
                (words.iter().map(|w| (*w).to_owned()).collect(), operator),
                "{text}"
            );
        }
    }

    #[test]
    fn what_a_shell_fills_in_stays_one_word_and_is_named() {
        let line = read("curl \"$A/${B}\" $(date +%s) `id -u` '$C' \"\\$D\" $ 1$");
        let words = ["curl", "$A/${B}", "$(date +%s)", "`id -u`", "$C", "$D", "$", "1$"];
        assert_eq!(line.words, words);
        assert_eq!(line.filled, ["$A", "${B}", "$(date +%s)", "`id -u`"]);
    }
}
