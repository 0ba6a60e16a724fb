//! The escapes under which a byte may stand in a text.

/// What is escaped at the beginning of some bytes, and how many of them the escape is.
pub(super) type Unescape = fn(&[u8]) -> Option<(char, usize)>;

/// `\uXXXX` (a pair of surrogates too), `\xXX`, `\u{X}`, `\UXXXXXXXX`, `\ooo` and the short
/// escapes of JSON.
pub(super) fn backslash(rest: &[u8]) -> Option<(char, usize)> {
    let (b'\\', kind) = (*rest.first()?, *rest.get(1)?) else { return None };
    let unit = |at: usize| match rest.get(at..at + 2)? {
        [b'\\', b'u' | b'U'] => hexadecimal(rest.get(at + 2..at + 6)?),
        _ => None,
    };
    Some(match kind {
        b'u' | b'U' | b'x' | b'X' if rest.get(2) == Some(&b'{') => {
            let end = rest.iter().take(12).position(|b| *b == b'}')?;
            (char::from_u32(hexadecimal(&rest[3..end])?)?, end + 1)
        }
        // Python's: no letter needs more than five of its eight digits.
        b'U' if rest.get(2..5) == Some(b"000") && rest.len() >= 10 => {
            (char::from_u32(hexadecimal(&rest[2..10])?)?, 10)
        }
        b'0'..=b'3' => {
            let digits = rest.get(1..4).filter(|digits| digits.iter().all(|b| *b < b'8'))?;
            (char::from(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()?), 4)
        }
        b'u' | b'U' => {
            let first = unit(0)?;
            if let Some(c) = char::from_u32(first) {
                (c, 6)
            } else {
                let second = unit(6).filter(|unit| (0xdc00..0xe000).contains(unit))?;
                let high = first.checked_sub(0xd800)? & 0x3ff;
                (char::from_u32(0x10000 + (high << 10 | (second - 0xdc00)))?, 12)
            }
        }
        b'x' | b'X' => (char::from_u32(hexadecimal(rest.get(2..4)?)?)?, 4),
        b'n' => ('\n', 2),
        b'r' => ('\r', 2),
        b't' => ('\t', 2),
        b'b' => ('\u{8}', 2),
        b'f' => ('\u{c}', 2),
        b'"' | b'\\' | b'/' | b'\'' => (char::from(kind), 2),
        _ => return None,
    })
}

/// `%XX`, and `%uXXXX` as browsers' `escape` writes it.
pub(super) fn percent(rest: &[u8]) -> Option<(char, usize)> {
    if rest.first() != Some(&b'%') {
        return None;
    }
    if let Some(b'u' | b'U') = rest.get(1) {
        return Some((char::from_u32(hexadecimal(rest.get(2..6)?)?)?, 6));
    }
    Some((char::from_u32(hexadecimal(rest.get(1..3)?)?)?, 3))
}

/// `&amp;`, `&#64;`, `&#x40;` and the like; browsers read a number without its semicolon too.
pub(super) fn entity(rest: &[u8]) -> Option<(char, usize)> {
    let inner = rest.strip_prefix(b"&")?;
    if let Some(number) = inner.strip_prefix(b"#") {
        let (digits, radix, prefix) = match number {
            [b'x' | b'X', digits @ ..] => (digits, 16, 3),
            digits => (digits, 10, 2),
        };
        let length = digits.iter().take(16).take_while(|b| char::from(**b).is_digit(radix)).count();
        let value =
            u32::from_str_radix(std::str::from_utf8(&digits[..length]).ok()?, radix).ok()?;
        let closed = usize::from(digits.get(length) == Some(&b';'));
        return Some((char::from_u32(value)?, prefix + length + closed));
    }
    let end = inner.iter().take(20).position(|b| *b == b';')?;
    let c = match &inner[..end] {
        b"amp" => '&',
        b"lt" => '<',
        b"gt" => '>',
        b"quot" => '"',
        b"apos" => '\'',
        b"lowbar" => '_',
        b"shy" => '\u{ad}',
        b"zwnj" | b"zwj" | b"ZeroWidthSpace" | b"NoBreak" => '\u{200b}',
        _ => return None,
    };
    Some((c, end + 2))
}

/// `=XX` of quoted-printable (RFC 2045, 6.7), and its soft line break.
pub(super) fn quoted(rest: &[u8]) -> Option<(char, usize)> {
    match rest {
        [b'=', white, ..] if white.is_ascii_whitespace() => Some((char::from(*white), 2)),
        [b'=', high, low, ..] => Some((char::from_u32(hexadecimal(&[*high, *low])?)?, 3)),
        _ => None,
    }
}

/// A full-width form or a mathematical letter or digit, which reads as the ASCII character
/// that it stands for.
pub(super) fn wide(rest: &[u8]) -> Option<(char, usize)> {
    let c = rest.get(..rest.len().min(4))?.utf8_chunks().next()?.valid().chars().next()?;
    let (first, at) = match u32::from(c) {
        c @ 0xff01..=0xff5e => (b'!', c - 0xff01),
        // Thirteen alphabets, capitals first.
        c @ 0x1d400..=0x1d6a3 => match (c - 0x1d400) % 52 {
            small @ 26.. => (b'a', small - 26),
            capital => (b'A', capital),
        },
        c @ 0x1d7ce..=0x1d7ff => (b'0', (c - 0x1d7ce) % 10),
        _ => return None,
    };
    Some((char::from_u32(u32::from(first) + at)?, c.len_utf8()))
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}
