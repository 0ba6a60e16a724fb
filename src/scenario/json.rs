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
    /// What it says; of equal keys the last. A number that no double holds is the
    /// largest one, a surrogate without a partner U+FFFD.
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
    let mut reader = Reader { text: std::str::from_utf8(body).ok()?, at: 0, duplicate: false };
    let value = reader.document()?;
    Some(Json { value, duplicate: reader.duplicate })
}

/// A container that isn't closed yet.
enum Open {
    Array(Vec<Value>),
    /// With the key whose value comes next.
    Object(Map<String, Value>, String),
    /// One too deep to be kept.
    Deep {
        object: bool,
    },
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    duplicate: bool,
}

impl Reader<'_> {
    fn document(&mut self) -> Option<Value> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let mut value = match self.next()? {
                b'{' => {
                    if !self.takes(b'}') {
                        let key = self.key()?;
                        open.push(if open.len() < DEEPEST {
                            Open::Object(Map::new(), key)
                        } else {
                            Open::Deep { object: true }
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
                            Open::Deep { object: false }
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
            Open::Object(mut map, key) => {
                self.duplicate |= map.insert(key, value).is_some();
                match self.next()? {
                    b',' => Some(Err(Open::Object(map, self.key()?))),
                    b'}' => Some(Ok(Value::Object(map))),
                    _ => None,
                }
            }
            Open::Deep { object } => match (self.next()?, object) {
                (b',', false) => Some(Err(around)),
                (b',', true) => self.key().map(|_| Err(around)),
                (b']', false) | (b'}', true) => Some(Ok(Value::Null)),
                _ => None,
            },
        }
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

    fn key(&mut self) -> Option<String> {
        let key = if self.next()? == b'"' { self.string()? } else { return None };
        (self.next()? == b':').then_some(key)
    }

    fn scalar(&mut self, first: u8) -> Option<Value> {
        match first {
            b'"' => self.string().map(Value::String),
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
    fn string(&mut self) -> Option<String> {
        let mut out = String::new();
        loop {
            let rest = self.bytes().get(self.at..)?;
            let plain = rest.iter().position(|b| matches!(b, b'"' | b'\\' | 0..=0x1f))?;
            // Both ends are ASCII's: on boundaries of characters.
            out.push_str(self.text.get(self.at..self.at + plain)?);
            self.at += plain + 1;
            match self.bytes().get(self.at - 1)? {
                b'"' => return Some(out),
                b'\\' => out.push(self.escape()?),
                _ => return None,
            }
        }
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> Option<char> {
        let byte = *self.bytes().get(self.at)?;
        self.at += 1;
        Some(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let low = || self.text.get(self.at..)?.strip_prefix("\\u")?.get(..4);
                let low = low().and_then(|hex| u32::from_str_radix(hex, 16).ok());
                match (unit, low) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        self.at += 6;
                        char::from_u32(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00))?
                    }
                    _ => char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
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
        let negative = self.is_one_of(b"-");
        if !self.is_one_of(b"0") {
            self.digits()?;
        }
        let mut whole = true;
        if self.is_one_of(b".") {
            whole = false;
            self.digits()?;
        }
        if self.is_one_of(b"eE") {
            whole = false;
            self.is_one_of(b"+-");
            self.digits()?;
        }
        let text = self.text.get(start..self.at)?;
        if whole && let Ok(n) = text.parse::<u64>() {
            return Some(n.into());
        }
        if whole
            && negative
            && let Some(n) = text.parse::<i64>().ok().filter(|n| *n < 0)
        {
            return Some(n.into());
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> Option<Value> {
        read(text.as_bytes()).map(|json| json.value)
    }

    #[test]
    fn keys_that_stand_twice_are_seen_however_they_are_written() {
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[[{"x":{"b":[],"c":0,"b":null}}]]"#,
            r#"{"":0,"":0}"#,
        ] {
            assert!(read(twice.as_bytes()).expect("is JSON").duplicate, "{twice}");
        }
        for once in [r#"{"a":{"a":[{"a":1},{"a":1}]}}"#, r#"{"a":1,"A":1}"#, "[1,1]"] {
            assert!(!read(once.as_bytes()).expect("is JSON").duplicate, "{once}");
        }
        assert_eq!(value(r#"{"a":1,"a":2}"#).expect("is JSON")["a"], 2);
    }

    #[test]
    fn what_is_legal_is_read_though_no_double_and_no_text_can_hold_it() {
        let digits = format!("[{0}, -{0}, 0.{0}, 1e400, -1e400, 1e-400]", "9".repeat(5000));
        let read = value(&digits).expect("is JSON");
        assert_eq!((read[0].as_f64(), read[1].as_f64()), (Some(f64::MAX), Some(f64::MIN)));
        assert_eq!((read[3].as_f64(), read[5].as_f64()), (Some(f64::MAX), Some(0.0)));
        for (lone, text) in [
            (r#""\ud800""#, "\u{fffd}"),
            (r#""\udc00x""#, "\u{fffd}x"),
            (r#""\ud800\u0041""#, "\u{fffd}A"),
            (r#""\ud83d\ude00""#, "\u{1f600}"),
        ] {
            assert_eq!(value(lone), Some(text.into()), "{lone}");
        }
        for brackets in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}1{}", brackets.0.repeat(100_000), brackets.1.repeat(100_000));
            assert!(is_json(deep.as_bytes()), "{}", brackets.0);
            assert!(!is_json(&deep.as_bytes()[1..]));
        }
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        for text in [
            "",
            " ",
            "nul",
            "nulll",
            "[1,]",
            "[,1]",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\" 1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "--1",
            "\"a",
            "\"\t\"",
            r#""\x""#,
            r#""\u12""#,
            "[1 2]",
            "{} {}",
            "[}",
            "{]",
            "NaN",
            "\u{feff}{}",
            "'a'",
        ] {
            assert!(!is_json(text.as_bytes()), "{text:?}");
        }
        assert!(!is_json(b"\"\xff\""));
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again(wanted in anything()) {
            for text in [wanted.to_string(), format!(" {wanted:#}\r\n")] {
                let json = read(text.as_bytes()).expect("is JSON");
                prop_assert_eq!(&json.value, &wanted);
                prop_assert!(!json.duplicate);
            }
        }

        /// The two readers differ in what is legal and can't be kept, and in nothing else.
        #[test]
        fn it_agrees_with_another_reader(
            text in r#"[\[\]{}:,"\\ux0-9a-f.eE+\- tnrls]{0,24}"#,
        ) {
            match (value(&text), serde_json::from_str::<Value>(&text)) {
                (Some(mine), Ok(theirs)) => prop_assert_eq!(mine, theirs),
                (None, Err(_)) => {}
                (Some(_), Err(why)) => {
                    let why = why.to_string();
                    let known = ["out of range", "surrogate", "hex escape"];
                    prop_assert!(known.iter().any(|known| why.contains(known)), "{}: {}", text, why);
                }
                (None, Ok(_)) => prop_assert!(false, "{text} is JSON"),
            }
        }
    }
}
