//! A command line as a shell reads it: words, quotes and backslashes, and nothing else.

use super::error::ImportError;

/// The words of `text`.
///
/// # Errors
/// A quote that isn't closed.
pub(super) fn words(text: &str) -> Result<Vec<String>, ImportError> {
    let mut words = Vec::new();
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
            '"' => double(&mut rest, word.get_or_insert_default())?,
            '$' if rest.peek() == Some(&'\'') => {
                rest.next();
                ansi(&mut rest, word.get_or_insert_default())?;
            }
            c if c.is_whitespace() => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

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

fn double(rest: &mut Rest<'_>, word: &mut String) -> Result<(), ImportError> {
    loop {
        match rest.next().ok_or_else(open)? {
            '"' => return Ok(()),
            '\\' => match rest.next().ok_or_else(open)? {
                '\n' => {}
                c @ ('"' | '\\' | '$' | '`') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
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
