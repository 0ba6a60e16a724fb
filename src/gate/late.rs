//! Whether a threshold fails by evidence that the generator can't have made
//! (docs/verdict.md, "Whose fault it is").

use super::Threshold;
use super::method::{Method, MetricKind, Operator};
use crate::measure::{Recording, Slice, Trend};
use crate::units::{Nanos, count};

/// What is shorter than this is nothing: a histogram's first step.
const NOTHING: Nanos = Nanos::from_micros(1);
/// What is shorter than this isn't told.
const TOLD: Nanos = Nanos::from_millis(1);

/// Why a threshold that fails is no accusation of the target; `None`: it stands.
pub(super) fn excuse(threshold: &Threshold, bound: f64, recording: &Recording) -> Option<String> {
    let Threshold { metric, method, operator, .. } = threshold;
    if metric.is_of_generator() {
        return Some("that is load-gate's own doing, not the target's".to_owned());
    }
    if metric.kind() == MetricKind::Gauge {
        return None;
    }
    let slice = metric.slice(&threshold.selector, recording)?;
    match metric.kind() {
        MetricKind::Trend => {
            // Too quick is nothing that a late generator could make.
            let from_above = matches!(operator, Operator::Less | Operator::LessOrEqual);
            let target = metric.since_sent(slice)?;
            let stands = !from_above || slow_for_certain(*method, *operator, bound, target, slice);
            (!stands).then(|| slow_words(slice, recording))
        }
        MetricKind::Rate => {
            let (hits, of) = metric.spared(slice);
            let holds = of == 0 || operator.holds(hits as f64 / of as f64, bound);
            holds.then(|| {
                format!(
                    "{} of the failures are timeouts and lost connections while load-gate itself \
                     was stopped or behind its schedule, and without them it holds",
                    count(slice.excused)
                )
            })
        }
        MetricKind::Gauge => None,
        MetricKind::Counter => {
            let more = matches!(operator, Operator::Greater | Operator::GreaterOrEqual);
            let missing = missing(slice, recording);
            let value = most(threshold, recording, missing)?;
            (more && missing > 0 && operator.holds(value, bound)).then(|| {
                let (missing, planned) = (count(missing), count(recording.generator.planned));
                format!("of {planned} planned arrivals the generator itself lost {missing}")
            })
        }
    }
}

/// Whether the spans of `target` break the bound though the generator had made as much
/// of them as it may have, where that makes the greatest difference.
fn slow_for_certain(
    method: Method,
    operator: Operator,
    bound: f64,
    target: &Trend,
    slice: &Slice,
) -> bool {
    let n = target.count();
    let broken = |value: f64| !operator.holds(value, bound);
    let needed = match method {
        Method::Avg => {
            let held = slice.held.mean().unwrap_or(0.0);
            return target.mean().is_some_and(|mean| broken((mean - held) / 1e6));
        }
        Method::Min => n,
        Method::Max => 1,
        // So many lie at the order statistic or above it.
        _ => method.quantile().map_or(n, |q| n - rank(q, n) + 1),
    };
    let spans: Vec<(Nanos, u64)> = target.spans().collect();
    // More than `by` was held of `more` of them. Were all the rest held by that much, and
    // those by any measure: are enough too slow all the same?
    let certain = |by: Nanos, more: u64| {
        let quick = spans.partition_point(|(span, _)| !broken((*span - by).as_millis_f64()));
        let slow: u64 = spans[quick..].iter().map(|(_, n)| n).sum();
        slow.saturating_sub(more) >= needed
    };
    let mut more = slice.held.count();
    certain(Nanos::ZERO, more)
        || slice.held.spans().any(|(by, n)| {
            more = more.saturating_sub(n);
            certain(if by > NOTHING { by } else { Nanos::ZERO }, more)
        })
}

/// The rank of a quantile among `n`, as [`Trend::quantile`] has it.
fn rank(quantile: f64, n: u64) -> u64 {
    ((quantile * n as f64 - 1e-9).ceil().max(1.0) as u64).min(n)
}

fn slow_words(slice: &Slice, recording: &Recording) -> String {
    let lag = slice.lag.max().filter(|lag| *lag > TOLD);
    let away = Some(recording.generator.longest_away).filter(|away| *away > TOLD);
    let mut did: Vec<String> = Vec::new();
    did.extend(away.map(|away| format!("stood still for up to {away}")));
    did.extend(lag.map(|lag| format!("sent arrivals up to {lag} late")));
    let did = if did.is_empty() { "was behind its schedule".to_owned() } else { did.join(" and ") };
    format!("load-gate itself {did}, and without what that may have made it holds")
}

/// Arrivals that the generator lost: planned and not sent, given up, or excused.
fn missing(slice: &Slice, recording: &Recording) -> u64 {
    let generator = &recording.generator;
    let unsent = generator.planned.saturating_sub(generator.sent + generator.given_up);
    unsent + generator.given_up + slice.excused
}

/// What a counter would be at most, had nothing been missing.
fn most(threshold: &Threshold, recording: &Recording, missing: u64) -> Option<f64> {
    let counted = threshold.metric.draw(&threshold.selector, recording)?;
    let counted = counted.value(Method::Count, recording)? + missing as f64;
    let planned = recording.stages.last().map_or(recording.duration, |stage| stage.end);
    match threshold.method {
        Method::Rate => Some(counted / planned.min(recording.duration).as_secs_f64()),
        _ => Some(counted),
    }
}
