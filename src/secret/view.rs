//! A text read with some escapes undone, every byte knowing where in the text it stood.

use memchr::memmem;

use super::clean::is_hidden;
use super::escapes::{Unescape, backslash, entity, percent, quoted, wide};

/// How often a text may have been escaped.
const MOST_TIMES: usize = 4;
/// Fewer digits than a secret written in numbers has.
const FEWEST_DIGITS: usize = 4;

/// A reading of a text: bytes, and the part of the text that each stands for.
pub(super) struct View {
    bytes: Vec<u8>,
    /// The same with ASCII letters in lower case.
    lower: Vec<u8>,
    places: Vec<(usize, usize)>,
}

impl View {
    /// The text as it is, with each kind of escapes undone, twice and mixed, and with numbers
    /// read as the bytes that they are.
    pub(super) fn all_of(text: &str) -> Vec<Self> {
        let plain = Self::plain(text);
        let mut views = Vec::new();
        if text.contains(['\\', '%', '&']) {
            let each: [Unescape; 3] = [backslash, percent, entity];
            let any: Unescape =
                |rest| backslash(rest).or_else(|| percent(rest)).or_else(|| entity(rest));
            for unescape in each.into_iter().chain([any]) {
                views.extend(plain.undone_again(unescape));
            }
        }
        if text.contains('=') {
            views.push(plain.undone(quoted));
        }
        if !text.is_ascii() {
            views.push(plain.undone(wide).seen());
        }
        if text.bytes().filter(u8::is_ascii_digit).count() >= FEWEST_DIGITS {
            views.extend([8, 10, 16].map(|radix| Self::numbers(text, radix)));
        }
        views.push(plain);
        views
    }

    /// The bytes that the numbers of `text` are, whatever parts them: a dump of bytes, or what
    /// JSON makes of a buffer. Something else stands as a zero.
    fn numbers(text: &str, radix: u32) -> Self {
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        for token in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|t| !t.is_empty()) {
            let from = token.as_ptr().addr() - text.as_ptr().addr();
            let digits = token.trim_start_matches(['0', 'x', 'X', 'o']);
            bytes.push(u8::from_str_radix(digits, radix).unwrap_or(0));
            places.push((from, from + token.len()));
        }
        Self::of(bytes, places)
    }

    fn plain(text: &str) -> Self {
        let places = text
            .char_indices()
            .flat_map(|(at, c)| std::iter::repeat_n((at, at + c.len_utf8()), c.len_utf8()));
        Self::of(text.as_bytes().to_vec(), places.collect())
    }

    /// With escapes undone once, twice and so on, what hides under them left out.
    fn undone_again(&self, unescape: Unescape) -> Vec<Self> {
        let mut views: Vec<Self> = Vec::new();
        for _ in 0..MOST_TIMES {
            let before = views.last().unwrap_or(self);
            let undone = before.undone(unescape);
            if undone.bytes == before.bytes {
                break;
            }
            views.push(undone);
        }
        views.into_iter().map(Self::seen).collect()
    }

    /// Without what isn't seen, and marks that combine with letters.
    fn seen(self) -> Self {
        let is_seen = |c: char| !is_hidden(c) && !matches!(c, '\u{300}'..='\u{36f}');
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        let mut at = 0;
        let mut keep = |part: &[u8], kept: bool| {
            if kept {
                bytes.extend_from_slice(part);
                places.extend_from_slice(&self.places[at..at + part.len()]);
            }
            at += part.len();
        };
        for chunk in self.bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                keep(c.encode_utf8(&mut [0; 4]).as_bytes(), is_seen(c));
            }
            keep(chunk.invalid(), true);
        }
        Self::of(bytes, places)
    }

    fn undone(&self, unescape: Unescape) -> Self {
        let (mut bytes, mut places) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(byte) = self.bytes.get(at) {
            let rest = &self.bytes[at..];
            let Some((c, length)) = unescape(rest) else {
                bytes.push(*byte);
                places.push(self.places[at]);
                at += 1;
                continue;
            };
            let place = (self.places[at].0, self.places[at + length - 1].1);
            let mut utf8 = [0; 4];
            // An escape of MIME or of URLs is a byte, of whatever character.
            let is_byte = matches!(rest[0], b'%' | b'=') && length == 3;
            let utf8 = if is_byte {
                utf8[0] = c as u8;
                &utf8[..1]
            } else {
                c.encode_utf8(&mut utf8).as_bytes()
            };
            bytes.extend_from_slice(utf8);
            places.extend(std::iter::repeat_n(place, utf8.len()));
            at += length;
        }
        Self::of(bytes, places)
    }

    /// The same without white space: what is wrapped over lines is one again.
    pub(super) fn joined(&self) -> Option<Self> {
        let white = u8::is_ascii_whitespace;
        self.bytes.iter().any(white).then(|| {
            let kept = self.bytes.iter().zip(&self.places).filter(|(byte, _)| !white(byte));
            let (bytes, places) = kept.map(|(byte, place)| (*byte, *place)).unzip();
            Self::of(bytes, places)
        })
    }

    fn of(bytes: Vec<u8>, places: Vec<(usize, usize)>) -> Self {
        let lower = bytes.to_ascii_lowercase();
        Self { bytes, lower, places }
    }

    /// Every place of `needle`, in lower case, whatever the case of the text.
    pub(super) fn find(&self, needle: &[u8], found: &mut dyn FnMut((usize, usize))) {
        for at in memmem::find_iter(&self.lower, needle).filter(|_| !needle.is_empty()) {
            found(self.place(at, at + needle.len()));
        }
    }

    /// Every place of `needle`, its case and all.
    pub(super) fn find_exactly(&self, needle: &[u8], found: &mut dyn FnMut((usize, usize))) {
        for at in memmem::find_iter(&self.bytes, needle).filter(|_| !needle.is_empty()) {
            found(self.place(at, at + needle.len()));
        }
    }

    fn place(&self, from: usize, to: usize) -> (usize, usize) {
        (self.places[from].0, self.places[to - 1].1)
    }

    /// Every token that begins with `prefix`, `least` characters or more behind it;
    /// `begins`: only where it begins a word.
    pub(super) fn find_shape(
        &self,
        prefix: &str,
        least: usize,
        begins: bool,
        found: &mut dyn FnMut((usize, usize)),
    ) {
        let prefix = prefix.as_bytes();
        for at in memmem::find_iter(&self.lower, prefix) {
            if begins && at > 0 && self.bytes[at - 1].is_ascii_alphanumeric() {
                continue;
            }
            let end = self.token_end(at + prefix.len(), |b| matches!(b, b'_' | b'-'));
            if end - at - prefix.len() >= least {
                found(self.place(at, end));
            }
        }
    }

    /// Every token behind `bearer`, but for the words of `prose`.
    pub(super) fn find_bearer(&self, prose: &[&str], found: &mut dyn FnMut((usize, usize))) {
        const WORD: &[u8] = b"bearer";
        for at in memmem::find_iter(&self.lower, WORD) {
            let rest = &self.bytes[at + WORD.len()..];
            let gap =
                rest.iter().take_while(|b| matches!(b, b' ' | b':' | b'=' | b'+' | b'"' | b'\''));
            let gap = gap.count();
            let start = at + WORD.len() + gap;
            let other = |b| matches!(b, b'_' | b'-' | b'~' | b'+' | b'/');
            let mut end = self.token_end(start, other);
            while gap > 0 && end > start && self.bytes.get(end) == Some(&b'=') {
                end += 1;
            }
            let token = &self.bytes[start..end.max(start)];
            let token = token.strip_suffix(b"=").unwrap_or(token);
            let is_prose = prose.iter().any(|word| token.eq_ignore_ascii_case(word.as_bytes()));
            if gap > 0 && token.len() >= 4 && !is_prose {
                found(self.place(start, end));
            }
        }
    }

    /// Where the token that begins at `start` ends. A full stop is part of it where
    /// it goes on behind it.
    fn token_end(&self, start: usize, other: fn(u8) -> bool) -> usize {
        let part =
            |at: usize| self.bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || other(*b));
        let mut end = start;
        while part(end) || self.bytes.get(end) == Some(&b'.') && part(end + 1) {
            end += 1;
        }
        end
    }
}
