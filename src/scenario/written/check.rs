//! What an answer is held against: conditions on the values of a body and on headers.

use serde_json::Value;

use super::escape::plain;
use super::path::JsonPath;
use super::request::JsonTemplate;
use super::template::{Names, Template, TemplateError, Values};
use super::words::{TYPES, misspelt};

/// A condition on a value of the body.
#[derive(Clone, Debug)]
pub enum Condition {
    /// It is there and of that type.
    Type(&'static str),
    /// It is there, whatever it is.
    Present,
    /// It isn't there.
    Absent,
    /// It is a text, array or object with something in it.
    NonEmpty,
    /// It is a number that stands so to another.
    Compare(Relation, f64),
    /// It is a text like this, where `*` stands for anything.
    Like(Template),
    /// It is this value.
    Equals(Value),
    /// It is what the template gives for the request.
    Same(Template),
    /// It is this list, object, number or flag, its texts filled in for the request.
    Whole(JsonTemplate),
}

/// How a number stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `!=`
    Not,
}

/// Words of conditions, for messages.
pub const WORDS: &str = "a type (array, object, string, number, integer, boolean, null), \
                         `present`, `absent`, `nonempty`, `< 500`, `~ text*`, or a value \
                         (`= text` for one that reads like a word of these)";

impl Condition {
    /// Reads the text of a condition.
    ///
    /// # Errors
    /// What is wrong with its template; of a comparison: its number; of a word that is
    /// nearly one of these: which.
    pub fn parse(text: &str, names: &Names<'_>) -> Result<Self, TemplateError> {
        let word = text.trim();
        if let Some(known) = TYPES.into_iter().find(|known| *known == word) {
            return Ok(Self::Type(known));
        }
        match word {
            "present" | "any" => return Ok(Self::Present),
            "absent" => return Ok(Self::Absent),
            "nonempty" => return Ok(Self::NonEmpty),
            _ => {}
        }
        if let Some(error) = misspelt(text) {
            return Err(error);
        }
        let signs = [
            ("<=", Relation::AtMost),
            (">=", Relation::AtLeast),
            ("!=", Relation::Not),
            ("<", Relation::Less),
            (">", Relation::More),
        ];
        if let Some((sign, comparison)) = signs.iter().find(|(sign, _)| word.starts_with(sign)) {
            let number = word[sign.len()..].trim().parse().ok().filter(|x: &f64| x.is_finite());
            let wrong = || TemplateError {
                span: 0..text.len(),
                message: format!("there is no number after `{sign}`"),
                known: vec![format!("{sign} 500"), format!("= {word}")],
                word: String::new(),
            };
            return Ok(Self::Compare(*comparison, number.ok_or_else(wrong)?));
        }
        if let Some(pattern) = word.strip_prefix('~').map(str::trim).filter(|p| !p.is_empty()) {
            return Template::parse(pattern, names).map(Self::Like);
        }
        let text = match word.strip_prefix("==").or_else(|| word.strip_prefix('=')) {
            Some(value) => match value.trim().parse::<serde_json::Number>() {
                Ok(number) => return Ok(Self::Equals(Value::Number(number))),
                Err(_) => value.trim_start(),
            },
            None => text,
        };
        Template::parse(text, names).map(Self::Same)
    }

    /// What it asks for, after the path: `is an array`.
    #[must_use]
    pub fn words(&self, source: &str) -> String {
        match self {
            Self::Type(name @ ("array" | "object" | "integer")) => format!("is an {name}"),
            Self::Type("null") => "is null".to_owned(),
            Self::Type(name) => format!("is a {name}"),
            Self::Present => "is present".to_owned(),
            Self::Absent => "is absent".to_owned(),
            Self::NonEmpty => "is not empty".to_owned(),
            Self::Compare(..) => source.trim().to_owned(),
            Self::Like(_) => format!("is like {}", source.trim().trim_start_matches('~').trim()),
            // A text in quotes may look the same.
            Self::Equals(value) if source.trim_start().starts_with('=') => {
                format!("is the number {value}")
            }
            Self::Equals(value) => format!("is {value}"),
            Self::Same(_) | Self::Whole(_) => format!("is {}", source.trim()),
        }
    }

    /// The value that the request decides, if there is one.
    pub(super) fn expected(&self, values: &Values<'_>) -> Value {
        match self {
            Self::Same(template) => template.json(values),
            Self::Whole(template) => template.value(values),
            Self::Like(pattern) => Value::String(pattern.text(values, plain)),
            _ => Value::Null,
        }
    }

    /// Whether what `path` points at in `body` meets it; `expected` as it was made for
    /// the request. Where `[*]` stands for several, each of them must have such a value:
    /// of an empty list all do, but nothing of it is present.
    pub(super) fn holds(&self, path: &JsonPath, body: &Value, expected: &Value) -> bool {
        let (found, everywhere) = path.find_each(body);
        match self {
            Self::Absent => found.is_empty(),
            Self::Present => everywhere && !found.is_empty(),
            _ => everywhere && found.into_iter().all(|value| self.meets(value, expected)),
        }
    }

    fn meets(&self, value: &Value, expected: &Value) -> bool {
        match self {
            Self::Type(name) => match *name {
                "array" => value.is_array(),
                "object" => value.is_object(),
                "string" => value.is_string(),
                "number" => value.is_number(),
                "integer" => value.is_i64() || value.is_u64(),
                "boolean" => value.is_boolean(),
                _ => value.is_null(),
            },
            Self::Present => true,
            Self::Absent => false,
            Self::NonEmpty => match value {
                Value::String(text) => !text.is_empty(),
                Value::Array(list) => !list.is_empty(),
                Value::Object(map) => !map.is_empty(),
                _ => false,
            },
            Self::Compare(comparison, bound) => {
                value.as_f64().is_some_and(|x| comparison.holds(x, *bound))
            }
            Self::Like(_) => {
                let pattern = expected.as_str().unwrap_or_default();
                value.as_str().is_some_and(|text| like(pattern, text))
            }
            Self::Equals(wanted) => equal(value, wanted),
            Self::Same(_) | Self::Whole(_) => equal(value, expected),
        }
    }
}

/// Equality in which 1 and 1.0 are the same number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            // Large whole numbers that differ can be the same double.
            x == y || ((x.is_f64() || y.is_f64()) && x.as_f64() == y.as_f64())
        }
        (Value::Array(x), Value::Array(y)) => {
            x.len() == y.len() && x.iter().zip(y).all(|(a, b)| equal(a, b))
        }
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, a)| y.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

impl Relation {
    fn holds(self, x: f64, bound: f64) -> bool {
        match self {
            Self::Less => x < bound,
            Self::AtMost => x <= bound,
            Self::More => x > bound,
            Self::AtLeast => x >= bound,
            Self::Not => x != bound,
        }
    }
}

/// Whether a header's value is `pattern`, where `*` stands for anything; case doesn't
/// count.
pub(super) fn matches(pattern: &str, value: &str) -> bool {
    like(&pattern.trim().to_lowercase(), &value.trim().to_lowercase())
}

/// Whether `value` is `pattern`, where `*` stands for anything.
fn like(pattern: &str, value: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = value.strip_prefix(first) else { return false };
    let mut last = None;
    for piece in pieces {
        if let Some(between) = last.replace(piece) {
            let Some(at) = rest.find(between) else { return false };
            rest = &rest[at + between.len()..];
        }
    }
    last.map_or(rest.is_empty(), |end: &str| rest.ends_with(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_equal_by_value() {
        let (large, next) = (9_007_199_254_740_992_u64, 9_007_199_254_740_993_u64);
        for (a, b) in [
            (json!(1), json!(1.0)),
            (json!([-0.0]), json!([0])),
            (json!(large), json!(9_007_199_254_740_992.0)),
        ] {
            assert!(equal(&a, &b), "{a} {b}");
        }
        for (a, b) in [(json!(5), json!(5.5)), (json!(large), json!(next)), (json!(1), json!("1"))]
        {
            assert!(!equal(&a, &b), "{a} {b}");
        }
    }
}
