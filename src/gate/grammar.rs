//! k6's threshold grammar (docs/verdict.md): text becomes a threshold, or an error that says where.

use std::ops::Range;

use super::{Bound, Method, Metric, MetricKind, Operator, RESOURCE_NAME, Threshold};
use crate::outcome::Outcome;
use crate::tags::{Selector, TagKey};
use crate::units::Nanos;

/// What an expression is made of.
const EXPRESSION: &str = "a method, one of < <= > >= == === !=, a number";

/// k6's operators.
const OPERATORS: [(&str, Operator); 7] = [
    ("===", Operator::Equal),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// What is wrong with a threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; expected {expected}")]
pub struct ThresholdError {
    /// What is wrong, naming the text.
    pub message: String,
    /// What was expected instead.
    pub expected: String,
    /// The bytes it is about, of the key or the expression.
    pub span: Range<usize>,
    /// Whether it is about the key, not the expression.
    pub in_key: bool,
}

/// Reads a threshold from its key (`metric` or `metric{tag:value,…}`) and its
/// expression (`p(95) < 2000`, `rate>0.9`, `p(95)<2*baseline`).
///
/// # Errors
/// An unknown metric or tag, a method that the metric's type hasn't, a malformed
/// expression.
pub fn parse_threshold(key: &str, expression: &str) -> Result<Threshold, ThresholdError> {
    let (metric, selector) = parse_key(key)?;
    if let Some((tag, value)) = metric.contradicts(&selector) {
        let tag = tag.name();
        return Err(ThresholdError {
            message: format!("{metric} is about arrivals with `{tag}:{value}` alone"),
            expected: format!("`{tag}:{value}`, or a selector without {tag}"),
            span: trimmed(key, key.find('{').unwrap_or_default()..key.len()),
            in_key: true,
        });
    }
    let (method, operator, bound) = parse_expression(expression)?;
    if !metric.kind().takes(method) {
        let kind = metric.kind();
        return Err(ThresholdError {
            message: format!("`{method}` is no method of {metric}, a {}", kind.name()),
            expected: kind.methods().to_owned(),
            span: 0..expression.len(),
            in_key: false,
        });
    }
    Ok(Threshold {
        metric,
        selector,
        method,
        operator,
        bound,
        key: key.trim().to_owned(),
        expression: expression.trim().to_owned(),
        abort_on_fail: false,
        delay_abort_eval: Nanos::ZERO,
        baseline: None,
    })
}

fn parse_key(key: &str) -> Result<(Metric, Selector), ThresholdError> {
    let wrong = |message: String, expected: String, span: Range<usize>| ThresholdError {
        message,
        expected,
        span,
        in_key: true,
    };
    let (name, tags) = match key.find('{') {
        Some(at) => (&key[..at], Some(at)),
        None => (key, None),
    };
    let metric = Metric::parse(name.trim()).ok_or_else(|| {
        let names: Vec<&str> = Metric::all().map(Metric::name).collect();
        let message = format!("unknown metric `{}`", name.trim());
        wrong(message, suggestion(name.trim(), &names), trimmed(key, 0..name.len()))
    })?;
    let named = |selector: Selector| {
        let which = metric.kind() != MetricKind::Gauge || names_one(&selector);
        let problem = || wrong(unnamed(metric), WHICH.to_owned(), trimmed(key, 0..key.len()));
        if which { Ok((metric, selector)) } else { Err(problem()) }
    };
    let Some(open) = tags else { return named(Selector::all()) };
    let Some(inner) = key[open + 1..].trim_end().strip_suffix('}') else {
        let message = format!("the selector of `{key}` is not closed");
        return Err(wrong(message, "`}` at its end".to_owned(), open..key.len()));
    };
    if inner.trim().is_empty() {
        let message = format!("the selector of `{key}` is empty");
        return Err(wrong(message, "`tag:value`, or no braces".to_owned(), open..key.len()));
    }
    let mut selector = Selector::all();
    let mut start = open + 1;
    for part in inner.split(',') {
        let span = trimmed(key, start..start + part.len());
        start += part.len() + 1;
        let Some((tag, value)) = part.split_once(':') else {
            let message = format!("`{}` is not a tag with a value", part.trim());
            return Err(wrong(message, "`tag:value`".to_owned(), span));
        };
        let tag_name = unquoted(tag);
        let Some(tag_key) = TagKey::parse(tag_name) else {
            let message = format!("`{tag_name}` can't be the name of a tag");
            return Err(wrong(message, "letters, digits and `_`".to_owned(), span));
        };
        let value = unquoted(value);
        check_value(tag_key, value).map_err(|expected| {
            wrong(
                format!("`{value}` is no value of the tag {}", tag_key.name()),
                expected,
                span.clone(),
            )
        })?;
        if selector.get(tag_key).is_some() {
            let message = format!("the tag {} is named twice", tag_key.name());
            return Err(wrong(message, "each tag once".to_owned(), span));
        }
        selector = selector.with(tag_key, value);
    }
    named(selector)
}

/// What a key of a resource has to be.
const WHICH: &str = "`{name:…}` with the name of one, and no other tag";

fn unnamed(metric: Metric) -> String {
    format!("`{metric}` doesn't say which one of the service's resources")
}

/// Whether `selector` is the name of a resource and nothing else.
fn names_one(selector: &Selector) -> bool {
    selector.get(RESOURCE_NAME).is_some() && selector.iter().count() == 1
}

/// Whether a tag can have that value at all; what it could have, if not.
fn check_value(tag: TagKey, value: &str) -> Result<(), String> {
    let fine = match tag {
        TagKey::Outcome => Outcome::parse(value).is_some(),
        TagKey::Stage => {
            matches!(value, "ramp" | "hold") || value.parse::<u16>().is_ok_and(|n| n > 0)
        }
        TagKey::Status => value.parse::<u16>().is_ok_and(|n| (100..=999).contains(&n)),
        TagKey::ExpectedResponse => matches!(value, "true" | "false"),
        TagKey::Scenario => crate::ids::ScenarioId::parse(value).is_some(),
        TagKey::Own(_) => !value.is_empty(),
    };
    if fine {
        return Ok(());
    }
    Err(match tag {
        TagKey::Outcome => suggestion(value, &Outcome::ALL.map(Outcome::name)),
        TagKey::Stage => "`ramp`, `hold` or the stage's number from 1".to_owned(),
        TagKey::Status => "a status such as 201".to_owned(),
        TagKey::ExpectedResponse => "`true` or `false`".to_owned(),
        TagKey::Scenario => "a scenario's name".to_owned(),
        TagKey::Own(_) => "a value".to_owned(),
    })
}

fn parse_expression(text: &str) -> Result<(Method, Operator, Bound), ThresholdError> {
    let wrong = |message: String, expected: &str, span: Range<usize>| ThresholdError {
        message,
        expected: expected.to_owned(),
        span,
        in_key: false,
    };
    let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let Some(at) = text.find(is_sign) else {
        let message = format!("`{}` compares nothing", text.trim());
        return Err(wrong(message, EXPRESSION, 0..text.len()));
    };
    let length = text[at..].find(|c| !is_sign(c)).unwrap_or(text.len() - at);
    let sign = &text[at..at + length];
    let Some((_, operator)) = OPERATORS.iter().find(|(known, _)| *known == sign) else {
        let message = format!("`{sign}` compares nothing");
        return Err(wrong(message, EXPRESSION, at..at + length));
    };
    let (left, right) = (&text[..at], &text[at + sign.len()..]);
    let method = parse_method(left).ok_or_else(|| {
        let message = format!("unknown method `{}`", left.trim());
        let expected = "count, rate, avg, min, med, max or p(N) with 0 < N ≤ 100";
        wrong(message, expected, trimmed(text, 0..at))
    })?;
    let bound = parse_bound(right).ok_or_else(|| {
        let message = format!("`{}` is not a bound", right.trim());
        wrong(
            message,
            "a number, or a number times `baseline`",
            trimmed(text, at + sign.len()..text.len()),
        )
    })?;
    Ok((method, *operator, bound))
}

fn parse_method(text: &str) -> Option<Method> {
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    Some(match squeezed.as_str() {
        "count" => Method::Count,
        "rate" => Method::Rate,
        "avg" => Method::Avg,
        "min" => Method::Min,
        "med" => Method::Med,
        "max" => Method::Max,
        other => {
            let n = number(other.strip_prefix("p(")?.strip_suffix(')')?)?;
            (n > 0.0 && n <= 100.0).then_some(Method::Percentile(n))?
        }
    })
}

fn parse_bound(text: &str) -> Option<Bound> {
    match text.split_once('*') {
        Some((factor, word)) if word.trim() == "baseline" => {
            number(factor.trim()).filter(|factor| *factor > 0.0).map(Bound::TimesBaseline)
        }
        Some(_) => None,
        None => number(text.trim()).map(Bound::Fixed),
    }
}

/// A decimal number, with an exponent if need be (`1e3`): `f64`'s own reader would
/// also take `inf` and `nan`, against which nothing could fail.
fn number(text: &str) -> Option<f64> {
    let plain = text.chars().all(|c| matches!(c, '0'..='9' | '.' | '+' | '-' | 'e' | 'E'));
    plain.then(|| text.parse().ok()).flatten().filter(|value: &f64| value.is_finite())
}

/// Metric and method of a threshold as a recording names it: of whatever version,
/// so neither the selector nor the comparison is judged again.
pub(super) fn named(key: &str, expression: &str) -> Option<(Metric, Method)> {
    let name = key.split('{').next().unwrap_or(key);
    let method = expression.split(['<', '>', '=', '!']).next()?;
    Some((Metric::parse(name.trim())?, parse_method(method)?))
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote).and_then(|t| t.strip_suffix(quote)) {
            return inner.trim();
        }
    }
    text
}

/// The part of `span` without white space at its ends.
fn trimmed(text: &str, span: Range<usize>) -> Range<usize> {
    let part = text.get(span.clone()).unwrap_or_default();
    let start = span.start + (part.len() - part.trim_start().len());
    start..(start + part.trim().len()).max(start)
}

fn suggestion(text: &str, names: &[&str]) -> String {
    let nearest = names
        .iter()
        .map(|name| (strsim::jaro_winkler(text, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let list = names.join(", ");
    match nearest {
        Some((_, name)) => format!("`{name}`? It is one of {list}"),
        None => format!("one of {list}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn k6s_expressions_are_read() {
        for (expression, method, operator, bound) in [
            ("p(95)<2000", Method::Percentile(95.0), Operator::Less, Bound::Fixed(2000.0)),
            (
                " p( 99.9 ) <= 1.5 ",
                Method::Percentile(99.9),
                Operator::LessOrEqual,
                Bound::Fixed(1.5),
            ),
            ("med>=.5", Method::Med, Operator::GreaterOrEqual, Bound::Fixed(0.5)),
            ("max===3", Method::Max, Operator::Equal, Bound::Fixed(3.0)),
            ("avg!=3", Method::Avg, Operator::NotEqual, Bound::Fixed(3.0)),
            (
                "p(95) < 2 * baseline",
                Method::Percentile(95.0),
                Operator::Less,
                Bound::TimesBaseline(2.0),
            ),
        ] {
            let read = parse_threshold("http_req_duration", expression).expect(expression);
            assert_eq!((read.method, read.operator, read.bound), (method, operator, bound));
        }
        let read = parse_threshold("errors", "rate == 0").expect("a rate");
        assert_eq!((read.method, read.operator), (Method::Rate, Operator::Equal));
    }

    #[test]
    fn selectors_are_read_whatever_their_spaces_and_quotes() {
        for key in [
            "response_time{outcome:accepted,stage:hold}",
            "response_time { stage : hold , outcome : 'accepted' }",
        ] {
            let read = parse_threshold(key, "p(95)<1").expect(key);
            assert_eq!(read.selector.to_string(), "stage:hold,outcome:accepted");
        }
        assert!(parse_threshold("response_time", "max<1").expect("all").selector.is_all());
    }

    #[test]
    fn a_number_may_have_an_exponent() {
        for (text, number) in [("1e3", 1e3), ("2.5E-1", 0.25), ("-1e+2", -100.0), ("+.5", 0.5)] {
            let read = parse_threshold("response_time", &format!("p(95)<{text}")).expect(text);
            assert_eq!(read.bound, Bound::Fixed(number), "{text}");
        }
        for text in ["1e", "e3", "1e999", "1e3.5", "inf", "NaN", "0x10", "1_000", "--1", ""] {
            assert!(parse_threshold("response_time", &format!("p(95)<{text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn every_mistake_says_what_where_and_what_instead() {
        let told = |key: &str, expression: &str| {
            let error = parse_threshold(key, expression).expect_err("a mistake");
            let text = if error.in_key { key } else { expression };
            format!("{error} @ {}", &text[error.span.clone()])
        };
        let all = [
            told("http_req_durations", "p(95)<1"),
            told("response_time{out come:accepted}", "p(95)<1"),
            told("response_time{outcome:acepted}", "p(95)<1"),
            told("response_time{outcome", "p(95)<1"),
            told("response_time{stage:0}", "p(95)<1"),
            told("response_time", "p(0)<1"),
            told("response_time", "p(101)<1"),
            told("response_time", "p95<1"),
            told("response_time", "p(95)<1s"),
            told("response_time{}", "p(95)<1"),
            told("response_time", "p(95)!==1"),
            told("response_time", "p(95)<1e"),
            told("response_time", "p(95)<inf"),
            told("response_time", "p(95)~1"),
            told("response_time", "p(95)<2*basline"),
            told("response_time", "rate<1"),
            told("errors", "p(95)<1"),
            told("http_reqs", "value<1"),
            told("errors", ""),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(key in ".{0,40}", expression in ".{0,40}") {
            let _ = parse_threshold(&key, &expression);
            let _ = parse_threshold(&format!("response_time{{{key}}}"), &expression);
            if let Err(error) = parse_threshold(&key, &expression) {
                let text = if error.in_key { &key } else { &expression };
                prop_assert!(text.get(error.span.clone()).is_some(), "{error:?}");
            }
        }

        #[test]
        fn what_is_printed_is_read_again(n in 1_u32..1000, bound in -1000.0..100_000.0_f64, op in 0_usize..7) {
            let expression = format!("p({}){}{bound}", f64::from(n) / 10.0, OPERATORS[op].0);
            let read = parse_threshold("schedule_lag", &expression).expect("well formed");
            let printed = format!("{} {} {bound}", read.method, read.operator);
            let again = parse_threshold("schedule_lag", &printed).expect("well formed");
            prop_assert_eq!((read.method, read.operator, read.bound), (again.method, again.operator, again.bound));
        }
    }
}
