//! Text as it will be seen: nothing that hides a part of it, whatever its encoding was.

/// `bytes` as text: UTF-16 where all of it reads as such, else UTF-8.
#[must_use]
pub fn text_of(bytes: &[u8]) -> String {
    let utf16 = match bytes {
        [0xff, 0xfe, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0xfe, 0xff, rest @ ..] => Some((rest, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        _ => without_mark(bytes),
    };
    match utf16.filter(|(rest, _)| !hides_letters(rest)) {
        Some((rest, read)) => {
            let units = rest.chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
            char::decode_utf16(units).filter_map(Result::ok).collect()
        }
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Whether pairs of bytes would be read as one character that are two letters of ASCII: a
/// text that only looks like UTF-16. As UTF-8, its zeros left out, every letter is seen.
fn hides_letters(bytes: &[u8]) -> bool {
    let letter = |byte: &u8| matches!(byte, b' '..=b'~');
    bytes.chunks_exact(2).any(|pair| pair.iter().all(letter))
}

/// UTF-16 without a byte order mark: most letters of any western text have a zero
/// byte on one side, which UTF-8 never has.
#[expect(clippy::type_complexity, reason = "what is left, and how its pairs are read")]
fn without_mark(bytes: &[u8]) -> Option<(&[u8], fn([u8; 2]) -> u16)> {
    let pairs = bytes.len() / 2;
    if pairs < 4 {
        return None;
    }
    let zeros = |side: usize| bytes.chunks_exact(2).filter(|pair| pair[side] == 0).count();
    let (high_first, high_last) = (zeros(0), zeros(1));
    if high_last * 2 > pairs && high_first * 4 < pairs {
        Some((bytes, u16::from_le_bytes))
    } else if high_first * 2 > pairs && high_last * 4 < pairs {
        Some((bytes, u16::from_be_bytes))
    } else {
        None
    }
}

/// `text` without what isn't seen or reorders what is; white space becomes a
/// single space.
#[must_use]
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c == '\u{1b}' || c == '\u{9b}' {
            rest = after_sequence(c, rest);
        } else if c.is_whitespace() && !matches!(c, '\u{b}' | '\u{85}') {
            if !cleaned.is_empty() && !cleaned.ends_with(' ') {
                cleaned.push(' ');
            }
        } else if !is_hidden(c) {
            cleaned.push(c);
        }
    }
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

/// What follows a terminal's control sequence (`ESC [ … letter`).
fn after_sequence(first: char, rest: std::str::Chars<'_>) -> std::str::Chars<'_> {
    let mut inner = rest.clone();
    if first == '\u{1b}' && inner.next() != Some('[') {
        return rest;
    }
    let end = inner.as_str().find(|c| !matches!(c, ' '..='?'));
    match end {
        Some(at) if at <= 32 => {
            let mut after = inner.as_str()[at..].chars();
            if matches!(after.clone().next(), Some('@'..='~')) {
                after.next();
            }
            after
        }
        _ => rest,
    }
}

/// Controls, and what is drawn as nothing, fills, joins or reorders: Unicode's
/// default-ignorable characters, bidirectional marks, the replacement character.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_is_left() {
        for hidden in [
            '\0',
            '\u{1}',
            '\u{7f}',
            '\u{85}',
            '\u{9f}',
            '\u{ad}',
            '\u{200b}',
            '\u{200d}',
            '\u{2060}',
            '\u{feff}',
            '\u{fffd}',
            '\u{202e}',
            '\u{e0041}',
            '\u{fe0f}',
            '\u{b}',
        ] {
            assert_eq!(clean(&format!("ab{hidden}cd")), "abcd", "{hidden:?}");
        }
        assert_eq!(clean("ab\u{1b}[0mcd \u{1b}[38;5;1mx\u{9b}1my \u{1b}z"), "abcd xy z");
        assert_eq!(clean(" a\t\r\n b\u{2003}c \n"), "a b c");
    }

    #[test]
    fn utf16_is_read_as_such() {
        let text = "key: grüner Tee";
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [
            le.clone(),
            be.clone(),
            [&[0xff, 0xfe], &le[..]].concat(),
            [&[0xfe, 0xff], &be[..]].concat(),
        ] {
            assert_eq!(text_of(&bytes), text);
        }
        assert_eq!(text_of("plain ü".as_bytes()), "plain ü");
        assert_eq!(text_of(b"\xffab\0"), "\u{fffd}ab\0");
    }
}
