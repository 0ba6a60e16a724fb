//! Stands in for `gate::parse_threshold` until the two are connected.

use std::ops::Range;

use crate::gate::{Bound, Method, Metric, Operator, Threshold};
use crate::tags::{Selector, TagKey};
use crate::units::Nanos;

#[derive(Debug)]
pub(super) struct ThresholdError {
    pub(super) message: String,
    pub(super) expected: String,
    pub(super) span: Range<usize>,
    pub(super) in_key: bool,
}

pub(super) fn parse_threshold(key: &str, expression: &str) -> Result<Threshold, ThresholdError> {
    let wrong = |message: String, expected: &str, in_key: bool, length: usize| ThresholdError {
        message,
        expected: expected.to_owned(),
        span: 0..length,
        in_key,
    };
    let (name, rest) = key.split_once('{').unwrap_or((key, "}"));
    let metric: Metric = serde_json::from_value(serde_json::Value::from(name.trim()))
        .map_err(|_| wrong(format!("unknown metric `{name}`"), "a metric", true, name.len()))?;
    let mut selector = Selector::all();
    let inner = rest.trim().strip_suffix('}').unwrap_or_default();
    for part in inner.split(',').filter(|part| !part.is_empty()) {
        let (tag, value) = part.split_once(':').unwrap_or((part, ""));
        let tag = TagKey::parse(tag.trim())
            .ok_or_else(|| wrong(format!("unknown tag `{tag}`"), "a tag", true, key.len()))?;
        selector = selector.with(tag, value.trim());
    }
    let bad =
        || wrong("not a threshold".to_owned(), "method operator number", false, expression.len());
    let at = expression.find(['<', '>', '=', '!']).ok_or_else(bad)?;
    let (method, rest) = expression.split_at(at);
    let end = rest.find(|c| !"<>=!".contains(c)).ok_or_else(bad)?;
    let (operator, bound) = rest.split_at(end);
    let method = match method.trim() {
        "rate" => Method::Rate,
        "count" => Method::Count,
        "avg" => Method::Avg,
        other => Method::Percentile(
            other
                .strip_prefix("p(")
                .and_then(|p| p.strip_suffix(')'))
                .and_then(|p| p.parse().ok())
                .ok_or_else(bad)?,
        ),
    };
    let operator = if operator.starts_with('<') { Operator::Less } else { Operator::Greater };
    let bound = match bound.trim().strip_suffix("*baseline") {
        Some(times) => Bound::TimesBaseline(times.parse().map_err(|_| bad())?),
        None => Bound::Fixed(bound.trim().parse().map_err(|_| bad())?),
    };
    Ok(Threshold {
        metric,
        selector,
        method,
        operator,
        bound,
        key: key.to_owned(),
        expression: expression.to_owned(),
        abort_on_fail: false,
        delay_abort_eval: Nanos::ZERO,
    })
}
