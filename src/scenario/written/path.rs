//! The small part of `JSONPath` (RFC 9535) that checks and captures use.

use serde_json::Value;

/// The most steps of a path.
const MOST_STEPS: usize = 32;

/// `$`, then `.name`, `['name']`, `[0]`, `[-1]` and `[*]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPath {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    /// From the end where it is negative.
    Index(i64),
    All,
}

impl JsonPath {
    /// Reads `text`.
    ///
    /// # Errors
    /// Where it can't be read, in bytes, and what could stand there.
    pub fn parse(text: &str) -> Result<Self, (usize, &'static str)> {
        let Some(mut rest) = text.strip_prefix('$') else {
            return Err((0, "expected a path that begins with `$`"));
        };
        let at = |rest: &str| text.len() - rest.len();
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.as_bytes()[0] {
                b'.' => name(&rest[1..]).ok_or((at(rest), "expected a name after the dot"))?,
                b'[' => bracket(&rest[1..])
                    .ok_or((at(rest), "expected `[0]`, `[-1]`, `[*]` or `['name']`"))?,
                _ => return Err((at(rest), "expected `.name`, `[0]`, `['name']` or the end")),
            };
            steps.push(step);
            if steps.len() > MOST_STEPS {
                return Err((at(rest), "expected at most 32 steps"));
            }
            rest = after;
        }
        Ok(Self { steps })
    }

    /// Every value that it points at.
    #[must_use]
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.find_each(value).0
    }

    /// The same, and whether it leads to a value in each of the elements that `[*]`
    /// stands for: in none of them where a list is empty, which is no gap.
    pub(super) fn find_each<'a>(&self, value: &'a Value) -> (Vec<&'a Value>, bool) {
        let (mut found, mut everywhere) = (vec![value], true);
        for step in &self.steps {
            let mut next = Vec::new();
            for value in found {
                let before = next.len();
                next.extend(step.of(value));
                let may_be_none = *step == Step::All && (value.is_array() || value.is_object());
                everywhere &= next.len() > before || may_be_none;
            }
            found = next;
        }
        (found, everywhere)
    }

    /// Whether it points at more than one value at most.
    #[must_use]
    pub fn is_many(&self) -> bool {
        self.steps.contains(&Step::All)
    }
}

impl Step {
    fn of<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Key(name), Value::Object(map)) => map.get(name).into_iter().collect(),
            (Self::Index(n), Value::Array(list)) => {
                let from_end = || list.len().checked_sub(usize::try_from(n.unsigned_abs()).ok()?);
                let index = if *n < 0 { from_end() } else { usize::try_from(*n).ok() };
                index.and_then(|index| list.get(index)).into_iter().collect()
            }
            (Self::All, Value::Array(list)) => list.iter().collect(),
            (Self::All, Value::Object(map)) => map.values().collect(),
            _ => Vec::new(),
        }
    }
}

fn name(rest: &str) -> Option<(Step, &str)> {
    if let Some(after) = rest.strip_prefix('*') {
        return Some((Step::All, after));
    }
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@');
    (!name.is_empty() && name.chars().all(plain)).then(|| (Step::Key(name.to_owned()), after))
}

fn bracket(rest: &str) -> Option<(Step, &str)> {
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
    if let Some(quote) = quote {
        let inner = &rest[1..];
        let end = inner.find(quote)?;
        let after = inner[end + 1..].strip_prefix(']')?;
        return Some((Step::Key(inner[..end].to_owned()), after));
    }
    let (inner, after) = rest.split_once(']')?;
    if inner == "*" {
        return Some((Step::All, after));
    }
    // RFC 9535, 2.3.3: as an integer is written in JSON, and no `-0`.
    let index: i64 = inner.parse().ok()?;
    (index.to_string() == inner).then_some((Step::Index(index), after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(path: &str, value: &Value) -> Vec<Value> {
        JsonPath::parse(path).expect(path).find(value).into_iter().cloned().collect()
    }

    #[test]
    fn paths_point_where_they_say() {
        let value = json!({"a": [{"b": 1}, {"b": 2}], "c d": {"x-y": null}, "e": "text"});
        assert_eq!(at("$", &value), std::slice::from_ref(&value));
        assert_eq!(at("$.a[0].b", &value), [json!(1)]);
        assert_eq!(at("$.a[-1].b", &value), [json!(2)]);
        assert_eq!(at("$.a[*].b", &value), [json!(1), json!(2)]);
        assert_eq!(at("$['c d'].x-y", &value), [json!(null)]);
        assert_eq!(at("$[\"c d\"]['x-y']", &value), [json!(null)]);
        for nothing in ["$.a[2]", "$.a[-3]", "$.e[0]", "$.a.b", "$.none.x", "$.e[*]"] {
            assert!(at(nothing, &value).is_empty(), "{nothing}");
        }
    }

    #[test]
    fn what_is_no_path_is_told_with_its_place() {
        for (text, place) in [
            ("a", 0),
            ("", 0),
            ("$a", 1),
            ("$.", 1),
            ("$.a..b", 3),
            ("$[x]", 1),
            ("$.a[", 3),
            ("$[+1]", 1),
            ("$[01]", 1),
            ("$[-0]", 1),
        ] {
            assert_eq!(JsonPath::parse(text).expect_err(text).0, place, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in ".{0,40}", inner in "[\\[\\].*'\"a0-9$-]{0,20}") {
            let value = json!({"a": [[0], {"a": 1}]});
            for text in [text, format!("${inner}")] {
                match JsonPath::parse(&text) {
                    Ok(path) => drop(path.find(&value)),
                    Err((at, _)) => prop_assert!(text.get(at..).is_some()),
                }
            }
        }

        #[test]
        fn a_quoted_key_is_found_whatever_it_is(key in "[^']{1,20}") {
            let value = json!({ key.clone(): 7 });
            let path = JsonPath::parse(&format!("$['{key}']")).expect("is one");
            prop_assert_eq!(path.find(&value), [&json!(7)]);
        }
    }
}
