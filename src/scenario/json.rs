//! JSON as RFC 8259 has it: read whole, and whether a key stands twice is told.
//!
//! `serde_json` takes the last of two equal keys without a word, and refuses numbers
//! beyond a double, surrogates without a partner and deep nesting, all of which are
//! legal: a service that answers so is held to its contract, not told that it
//! doesn't speak JSON.

use serde_json::{Map, Number, Value};

/// Values nested deeper than this are held to the grammar and kept as null.
const DEEPEST: usize = 128;

/// A text that is JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Json {
    /// What it says; of equal keys the last. A number is whole if its value is, however
    /// it is written (`5.0`, `5e0`); one that no double holds is the largest one; a
    /// surrogate without a partner is U+FFFD.
    pub(super) value: Value,
    /// Whether an object of it has a key twice.
    pub(super) duplicate: bool,
}

/// Whether `body` is JSON.
#[must_use]
pub fn is_json(body: &[u8]) -> bool {
    read(body).is_some()
}

/// Reads `body`; `None`: it isn't JSON.
pub(super) fn read(body: &[u8]) -> Option<Json> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader { text, at: 0, keys: Vec::new(), duplicate: false };
    let value = reader.document()?;
    Some(Json { value, duplicate: reader.duplicate })
}

/// A text as it was written: exactly, unlike what is kept of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Text {
    kept: String,
    /// The surrogates without a partner, and where U+FFFD stands for each.
    lone: Vec<(usize, u32)>,
}

/// A container that isn't closed yet.
enum Open {
    Array(Vec<Value>),
    /// With the key whose value comes next, and where its keys begin in [`Reader::keys`].
    Object(Map<String, Value>, Text, usize),
    /// An array too deep to be kept.
    DeepArray,
    /// An object too deep to be kept, with where its keys begin.
    DeepObject(usize),
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// Keys that no map tells apart, of all objects that are open: those too deep to be
    /// kept, and those with U+FFFD.
    keys: Vec<Text>,
    duplicate: bool,
}

impl Reader<'_> {
    fn document(&mut self) -> Option<Value> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut value = match self.next()? {
                b'{' => {
                    if !self.takes(b'}') {
                        let (key, first) = (self.key()?, self.keys.len());
                        open.push(if open.len() < DEEPEST {
                            Open::Object(Map::new(), key, first)
                        } else {
                            self.keys.push(key);
                            Open::DeepObject(first)
                        });
                        continue;
                    }
                    Value::Object(Map::new())
                }
                b'[' => {
                    if !self.takes(b']') {
                        open.push(if open.len() < DEEPEST {
                            Open::Array(Vec::new())
                        } else {
                            Open::DeepArray
                        });
                        continue;
                    }
                    Value::Array(Vec::new())
                }
                first => self.scalar(first)?,
            };
            // Into the container around it, and whatever that completes.
            loop {
                let Some(around) = open.pop() else {
                    self.space();
                    return (self.at == self.text.len()).then_some(value);
                };
                match self.into(around, value)? {
                    Ok(closed) => value = closed,
                    Err(still) => {
                        open.push(still);
                        break;
                    }
                }
            }
        }
    }

    /// Puts `value` into `around` and reads on: the container once it is closed, or
    /// as it waits for its next value.
    fn into(&mut self, around: Open, value: Value) -> Option<Result<Value, Open>> {
        match around {
            Open::Array(mut list) => {
                list.push(value);
                match self.next()? {
                    b',' => Some(Err(Open::Array(list))),
                    b']' => Some(Ok(Value::Array(list))),
                    _ => None,
                }
            }
            Open::Object(mut map, key, first) => {
                if key.kept.contains(char::REPLACEMENT_CHARACTER) {
                    self.keys.push(key.clone());
                    map.insert(key.kept, value);
                } else {
                    self.duplicate |= map.insert(key.kept, value).is_some();
                }
                match self.next()? {
                    b',' => Some(Err(Open::Object(map, self.key()?, first))),
                    b'}' => {
                        self.close(first);
                        Some(Ok(Value::Object(map)))
                    }
                    _ => None,
                }
            }
            Open::DeepArray => match self.next()? {
                b',' => Some(Err(around)),
                b']' => Some(Ok(Value::Null)),
                _ => None,
            },
            Open::DeepObject(first) => match self.next()? {
                b',' => {
                    let key = self.key()?;
                    self.keys.push(key);
                    Some(Err(around))
                }
                b'}' => {
                    self.close(first);
                    Some(Ok(Value::Null))
                }
                _ => None,
            },
        }
    }

    /// Looks for equals among the keys of the object whose keys begin at `first`, and
    /// forgets them.
    fn close(&mut self, first: usize) {
        let keys = self.keys.get_mut(first..).unwrap_or_default();
        keys.sort_unstable();
        self.duplicate |= keys.windows(2).any(|two| two[0] == two[1]);
        self.keys.truncate(first);
    }

    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    fn space(&mut self) {
        let rest = self.bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    /// The next byte that is no white space.
    fn next(&mut self) -> Option<u8> {
        self.space();
        let byte = self.bytes().get(self.at).copied()?;
        self.at += 1;
        Some(byte)
    }

    /// Takes `byte` if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        self.space();
        let there = self.bytes().get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there
    }

    fn key(&mut self) -> Option<Text> {
        let key = if self.next()? == b'"' { self.string()? } else { return None };
        (self.next()? == b':').then_some(key)
    }

    fn scalar(&mut self, first: u8) -> Option<Value> {
        match first {
            b'"' => self.string().map(|text| Value::String(text.kept)),
            b't' => self.word("rue", Value::Bool(true)),
            b'f' => self.word("alse", Value::Bool(false)),
            b'n' => self.word("ull", Value::Null),
            b'-' | b'0'..=b'9' => {
                self.at -= 1;
                self.number()
            }
            _ => None,
        }
    }

    fn word(&mut self, rest: &str, value: Value) -> Option<Value> {
        let there = self.bytes().get(self.at..)?.starts_with(rest.as_bytes());
        self.at += rest.len();
        there.then_some(value)
    }

    /// The rest of a string whose quote was taken.
    fn string(&mut self) -> Option<Text> {
        let (mut out, mut lone) = (String::new(), Vec::new());
        loop {
            let rest = self.bytes().get(self.at..)?;
            let plain = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))?;
            // Both ends are ASCII's: on boundaries of characters.
            out.push_str(self.text.get(self.at..self.at + plain)?);
            self.at += plain + 1;
            match self.bytes().get(self.at - 1)? {
                b'"' => return Some(Text { kept: out, lone }),
                b'\\' => {
                    let code = self.escape()?;
                    out.push(char::from_u32(code).unwrap_or_else(|| {
                        lone.push((out.len(), code));
                        char::REPLACEMENT_CHARACTER
                    }));
                }
                _ => return None,
            }
        }
    }

    /// What stands after a backslash: a character, or a surrogate without a partner.
    fn escape(&mut self) -> Option<u32> {
        let byte = *self.bytes().get(self.at)?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => byte.into(),
            b'b' => 0x8,
            b'f' => 0xc,
            b'n' => b'\n'.into(),
            b'r' => b'\r'.into(),
            b't' => b'\t'.into(),
            b'u' => {
                let unit = self.unit()?;
                let low = || self.text.get(self.at..)?.strip_prefix("\\u")?.get(..4);
                let low = low().and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match (unit, low) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        self.at += 6;
                        0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
                    }
                    _ => unit,
                }
            }
            _ => return None,
        })
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let hex = self.bytes().get(self.at..self.at + 4)?;
        let unit = hex.iter().try_fold(0, |unit, b| Some(unit * 16 + char::from(*b).to_digit(16)?));
        self.at += 4;
        unit
    }

    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        self.is_one_of(b"-");
        if !self.is_one_of(b"0") {
            self.digits()?;
        }
        if self.is_one_of(b".") {
            self.digits()?;
        }
        if self.is_one_of(b"eE") {
            self.is_one_of(b"+-");
            self.digits()?;
        }
        let text = self.text.get(start..self.at)?;
        if let Some(whole) = whole(text) {
            return Some(Value::Number(whole));
        }
        let nearest = text.parse::<f64>().ok()?.clamp(f64::MIN, f64::MAX);
        Number::from_f64(nearest).map(Value::Number)
    }

    /// Takes the next byte if it is one of `wanted`.
    fn is_one_of(&mut self, wanted: &[u8]) -> bool {
        let there = self.bytes().get(self.at).is_some_and(|byte| wanted.contains(byte));
        self.at += usize::from(there);
        there
    }

    /// One digit or more.
    fn digits(&mut self) -> Option<()> {
        let rest = self.bytes().get(self.at..)?;
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        self.at += digits;
        (digits > 0).then_some(())
    }
}

/// The number that `text` is, if it is whole and 64 bits hold it: exactly, without the
/// detour over a double.
fn whole(text: &str) -> Option<Number> {
    if let Ok(plain) = text.parse::<u64>() {
        return Some(plain.into());
    }
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
    let digits = || before.bytes().chain(after.bytes());
    // Zeros that end it are the exponent's.
    let ends = digits().rev().position(|digit| digit != b'0');
    let Some(ends) = ends else { return Some(0.into()) };
    let last = before.len() + after.len() - 1 - ends;
    let exponent = exponent.parse::<i64>().ok()?;
    let zeros = exponent.checked_add(before.len() as i64)?.checked_sub(last as i64 + 1)?;
    let mut significant = digits().take(last + 1).skip_while(|digit| *digit == b'0');
    let size = significant
        .try_fold(0_u64, |sum, digit| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')))?;
    let size = size.checked_mul(10_u64.checked_pow(u32::try_from(zeros).ok()?)?)?;
    if negative { 0_i64.checked_sub_unsigned(size).map(Number::from) } else { Some(size.into()) }
}

#[cfg(test)]
mod tests;
