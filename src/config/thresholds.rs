//! Thresholds of the config: read, checked against what can be known beforehand.

use super::diagnostics::{Diagnostics, Place, Wrong, listing, quote, unknown};
use super::reader::{Section, as_table};
use super::tree::{Node, Table, Value};
use super::values::{self, flag, mismatch};
use crate::gate::{Metric, MetricKind, RESOURCE_NAME, Threshold};
use crate::ids::ScenarioId;
use crate::outcome::Outcome;
use crate::scenario::catalogue;
use crate::tags::{Label, TagKey};
use crate::units::Nanos;

/// A threshold and where its key stands.
#[derive(Clone, Debug)]
pub(super) struct RawThreshold {
    pub(super) threshold: Threshold,
    pub(super) key: Place,
}

/// `key` in the one spelling under which two tables overlay each other: no white
/// space around names, tags and values, selectors sorted.
pub(super) fn canonical_key(key: &str) -> String {
    let bare = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let Some((metric, selector)) = key.trim().strip_suffix('}').and_then(|k| k.split_once('{'))
    else {
        return bare(key);
    };
    let tag = |part: &str| match part.split_once(':') {
        // A value may have white space in it.
        Some((tag, value)) => format!("{}:{}", bare(tag), value.trim()),
        None => bare(part),
    };
    let mut parts: Vec<String> = selector.split(',').map(tag).collect();
    parts.sort_unstable();
    match parts.join(",").as_str() {
        "" => bare(metric),
        selector => format!("{}{{{selector}}}", bare(metric)),
    }
}

/// Reads one `[scenarios.NAME.thresholds]`.
pub(super) fn read_thresholds(
    table: &Table,
    path: &str,
    problems: &mut Diagnostics,
) -> Vec<RawThreshold> {
    let mut thresholds = Vec::new();
    for (key, entry) in table {
        let path = format!("{path}.{key:?}");
        let Value::List(items) = &entry.node.value else {
            let wrong = mismatch(&entry.node, "an array of strings, such as [\"p(95)<2000\"]");
            problems.at(&entry.node.place, &path, wrong);
            continue;
        };
        for item in items {
            thresholds.extend(read_threshold(key, &entry.key, item, &path, problems));
        }
    }
    thresholds
}

fn read_threshold(
    key: &str,
    key_place: &Place,
    item: &Node,
    path: &str,
    problems: &mut Diagnostics,
) -> Option<RawThreshold> {
    const KNOWN: [&str; 5] =
        ["threshold", "abortOnFail", "delayAbortEval", "abort_on_fail", "delay_abort_eval"];
    let (text, place, abort, delay) = match &item.value {
        Value::Text(text) => (text.clone(), item.place.clone(), false, Nanos::ZERO),
        Value::Table(_) => {
            let table = as_table(item, path, problems)?;
            let mut section = Section::new(table, &item.place, path, &KNOWN, problems);
            let hint = "threshold = \"p(95)<2000\"";
            let expression = section.required("threshold", hint, |node| match &node.value {
                Value::Text(text) => Ok(text.clone()),
                _ => Err(mismatch(node, "an expression in quotes, such as \"p(95)<2000\"")),
            });
            let place = section.place_of("threshold");
            let abort = section.value("abortOnFail", flag);
            let abort = section.value("abort_on_fail", flag).or(abort);
            let day = Nanos::from_secs(values::MAX_LOAD_SECONDS);
            let span = |node: &Node| values::span(node, Nanos::ZERO, day);
            let delay = section.value("delayAbortEval", span);
            let delay = section.value("delay_abort_eval", span).or(delay);
            (expression?, place, abort.unwrap_or(false), delay.unwrap_or(Nanos::ZERO))
        }
        _ => {
            let expected = "an expression in quotes, or { threshold, abortOnFail, delayAbortEval }";
            problems.at(&item.place, path, mismatch(item, expected));
            return None;
        }
    };
    match super::parse_threshold(key, &text) {
        Ok(mut threshold) => {
            threshold.abort_on_fail = abort;
            threshold.delay_abort_eval = delay;
            Some(RawThreshold { threshold, key: key_place.clone() })
        }
        Err(error) => {
            let at = if error.in_key { key_place } else { &place };
            let wrong = Wrong::new(error.message, error.expected).within(error.span);
            problems.at(at, path, wrong);
            None
        }
    }
}

/// What a scenario's thresholds are checked against.
pub(super) struct Judged<'a> {
    pub(super) scenario: ScenarioId,
    pub(super) stages: usize,
    /// The tags that its arrivals carry, with every value.
    pub(super) labels: &'a [Label],
    /// The service's resources that are asked for.
    pub(super) resources: &'a [&'a str],
}

/// Reports thresholds that could only ever be empty or trivially true.
pub(super) fn check(thresholds: &[RawThreshold], facts: &Judged<'_>, problems: &mut Diagnostics) {
    let path = format!("scenarios.{}.thresholds", facts.scenario);
    for raw in thresholds {
        let owner = raw.threshold.metric.scenario();
        if let Some(owner) = owner.filter(|id| *id != facts.scenario) {
            let message =
                format!("this is a metric of {owner}, never counted in {}", facts.scenario);
            problems.at(&raw.key, &path, Wrong::new(message, "expected one of this scenario's"));
        }
        if raw.threshold.abort_on_fail && raw.threshold.metric.kind() == MetricKind::Gauge {
            let message = "what the service's monitoring knows is asked when the load is over";
            let wrong = Wrong::new(message, "expected no `abortOnFail` here");
            problems.at(&raw.key, &path, wrong);
        }
        for (tag, value) in raw.threshold.selector.iter() {
            if let Err(wrong) = check_tag(raw.threshold.metric, tag, value, facts) {
                let wrong = match raw.threshold.key.find(value) {
                    Some(at) if !value.is_empty() => wrong.within(at..at + value.len()),
                    _ => wrong,
                };
                problems.at(&raw.key, &path, wrong);
            }
        }
    }
}

fn check_tag(metric: Metric, tag: TagKey, value: &str, facts: &Judged<'_>) -> Result<(), Wrong> {
    let one_of = |known: &[&str]| {
        if known.contains(&value) { Ok(()) } else { Err(unknown(tag.name(), value, known)) }
    };
    if metric.kind() == MetricKind::Gauge && tag == RESOURCE_NAME {
        return if facts.resources.contains(&value) {
            Ok(())
        } else {
            Err(unknown("resource", value, facts.resources))
        };
    }
    if matches!(tag, TagKey::Outcome | TagKey::ExpectedResponse) && metric.is_by_outcome() {
        let message = "among arrivals that ended alike, this rate is always 0 or 1";
        return Err(Wrong::new(message, "expected a selector that doesn't fix the outcome"));
    }
    match tag {
        TagKey::Scenario => one_of(&[facts.scenario.name()]),
        TagKey::Outcome => one_of(&Outcome::ALL.map(Outcome::name)),
        TagKey::ExpectedResponse => one_of(&["true", "false"]),
        TagKey::Own(_) => {
            let of_tag = facts.labels.iter().filter(|label| label.key == tag);
            let known: Vec<&str> = of_tag.map(|label| label.value.as_str()).collect();
            if known.is_empty() { Err(no_tag(tag, facts)) } else { one_of(&known) }
        }
        TagKey::Stage => check_stage(value, facts.stages),
        TagKey::Status => match value.parse::<u16>() {
            Ok(100..=599) if value.len() == 3 => Ok(()),
            _ => Err(Wrong::new(
                format!("{} is no HTTP status", quote(value)),
                "expected 100 to 599",
            )),
        },
    }
}

/// That arrivals of this scenario don't carry `tag`.
fn no_tag(tag: TagKey, facts: &Judged<'_>) -> Wrong {
    let owner = catalogue::BUILT_IN.iter().find(|entry| entry.tags.contains(&tag));
    if let Some(owner) = owner {
        let message = format!("arrivals of {} carry no tag `{}`", facts.scenario, tag.name());
        return Wrong::new(message, format!("only {} has it", owner.id));
    }
    let mut known: Vec<&str> = TagKey::COMMON.iter().map(|key| key.name()).collect();
    known.extend(facts.labels.iter().map(|label| label.key.name()));
    let mut seen = Vec::new();
    known.retain(|name| {
        !seen.contains(name) && {
            seen.push(*name);
            true
        }
    });
    unknown("tag", tag.name(), &known)
}

fn check_stage(value: &str, stages: usize) -> Result<(), Wrong> {
    let number = value.parse::<usize>().ok().filter(|n| n.to_string() == value);
    if matches!(value, "ramp" | "hold") || number.is_some_and(|n| (1..=stages).contains(&n)) {
        return Ok(());
    }
    let known = listing(["ramp", "hold"]);
    Err(Wrong::new(
        format!("there is no stage {}", quote(value)),
        format!("expected {known}, or a number from 1 to {stages}: the profile's stages"),
    ))
}
