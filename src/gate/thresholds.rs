//! Thresholds against a recording.

use super::observe::{Observed, observe};
use super::{
    About, Bound, Finding, FindingVerdict, Method, MetricKind, Threshold, ThresholdResult, met,
    slow,
};
use crate::measure::Recording;
use crate::measure::intervals::{CONFIDENCE, min_samples};
use crate::units;

/// Judges one threshold: the point estimate decides, too little evidence is
/// inconclusive, and so is a baseline that isn't there.
pub(super) fn judge(
    threshold: &Threshold,
    recording: &Recording,
    baseline: Option<&Recording>,
) -> Finding {
    let observed = observe(threshold.metric, threshold.method, &threshold.selector, recording);
    let bound = bound_of(threshold, baseline);
    let mut result = ThresholdResult {
        metric: threshold.metric,
        method: threshold.method,
        key: threshold.key.clone(),
        expression: threshold.expression.clone(),
        observed: observed.map(|o| o.value),
        interval: observed.and_then(|o| o.interval),
        bound,
        samples: observed.map_or(0, |o| o.samples),
        close: false,
    };
    let (verdict, message, evidence) = match (observed, bound) {
        (None, _) => nothing_observed(threshold, recording),
        (Some(observed), None) => (
            FindingVerdict::Inconclusive,
            format!(
                "{}: no baseline to compare with ({} observed); give --baseline",
                title(threshold),
                value(threshold, observed.value)
            ),
            Vec::new(),
        ),
        (Some(observed), Some(bound)) => {
            result.close = is_close(threshold, &observed, bound);
            compare(threshold, recording, &observed, bound, result.close)
        }
    };
    Finding {
        about: About::Threshold,
        name: title(threshold),
        verdict,
        message,
        evidence,
        threshold: Some(result),
    }
}

/// The finding on a threshold that was not evaluated.
pub(super) fn not_run(threshold: &Threshold, reason: &str) -> Finding {
    Finding {
        about: About::Threshold,
        name: title(threshold),
        verdict: FindingVerdict::Skipped,
        message: format!("not evaluated: {reason}"),
        evidence: Vec::new(),
        threshold: Some(ThresholdResult {
            metric: threshold.metric,
            method: threshold.method,
            key: threshold.key.clone(),
            expression: threshold.expression.clone(),
            observed: None,
            interval: None,
            bound: bound_of(threshold, None),
            samples: 0,
            close: false,
        }),
    }
}

/// Whether the threshold fails for certain enough to end a run for it.
pub(super) fn fails(threshold: &Threshold, recording: &Recording) -> Option<String> {
    let finding = judge(threshold, recording, None);
    (finding.verdict == FindingVerdict::Fail).then_some(finding.message)
}

fn compare(
    threshold: &Threshold,
    recording: &Recording,
    observed: &Observed,
    bound: f64,
    close: bool,
) -> (FindingVerdict, String, Vec<String>) {
    let wanted = format!("{} {}", threshold.operator, value(threshold, bound));
    let is = value(threshold, observed.value);
    let mut rests_on = format!("{} samples", units::count(observed.samples));
    if let Some((low, high)) = observed.interval {
        let (low, high) = (value(threshold, low), value(threshold, high));
        rests_on = format!("95 % interval {low} to {high}, {rests_on}");
    }
    if threshold.metric.kind() == MetricKind::Counter {
        rests_on = String::new();
    }
    let holds = threshold.operator.holds(observed.value, bound);
    let needed = threshold.method.quantile().map_or(1, |q| min_samples(q, CONFIDENCE));
    let mut message = format!("{} is {is}, wanted {wanted}", subject(threshold));
    if observed.samples < needed && threshold.metric.kind() == MetricKind::Trend {
        let longer = how_much_longer(recording, observed.samples, needed);
        let message = format!(
            "{}: {} samples can't support {}, {needed} are needed{longer}",
            title(threshold),
            observed.samples,
            threshold.method
        );
        return (
            FindingVerdict::Inconclusive,
            message,
            vec![format!("{} is {is}", subject(threshold))],
        );
    }
    if !rests_on.is_empty() {
        message = format!("{message} ({rests_on})");
    }
    let mut evidence = Vec::new();
    if !holds && let Some(why) = why(threshold, recording) {
        message = format!("{message}: {why}");
        if threshold.metric.kind() == MetricKind::Rate {
            evidence.extend(met::quotes(recording));
        }
    }
    if close {
        evidence.push(format!("a close call: the interval straddles {}", value(threshold, bound)));
    }
    if let Bound::TimesBaseline(factor) = threshold.bound {
        let base = value(threshold, bound / factor);
        evidence.push(format!("{factor} times the baseline's {base}"));
    }
    (if holds { FindingVerdict::Pass } else { FindingVerdict::Fail }, message, evidence)
}

/// What the failure comes from, in words.
fn why(threshold: &Threshold, recording: &Recording) -> Option<String> {
    let metric = threshold.metric;
    match metric.kind() {
        MetricKind::Rate if metric.is_by_outcome() => met::failures(recording),
        MetricKind::Rate => met::instead(recording),
        MetricKind::Trend if !metric.is_of_generator() => {
            slow::stalls(recording).or_else(|| slow::slowest_stage(recording))
        }
        MetricKind::Trend | MetricKind::Counter => None,
    }
}

fn nothing_observed(
    threshold: &Threshold,
    recording: &Recording,
) -> (FindingVerdict, String, Vec<String>) {
    let kept = recording.slice(&threshold.metric.narrow(&threshold.selector)).is_some();
    let why = if kept {
        met::instead(recording).map_or_else(
            || "nothing to measure, no sample matches".to_owned(),
            |met| format!("nothing to measure, no sample matches ({met})"),
        )
    } else {
        "this recording didn't keep what it asks for: run again with this threshold in the config"
            .to_owned()
    };
    (FindingVerdict::Inconclusive, format!("{}: {why}", title(threshold)), Vec::new())
}

fn how_much_longer(recording: &Recording, have: u64, needed: u64) -> String {
    if have == 0 || recording.duration == units::Nanos::ZERO {
        return String::new();
    }
    let factor = needed as f64 / have as f64;
    let lasting = units::Nanos::from_secs_f64(recording.duration.as_secs_f64() * factor);
    format!(": at this rate a run of about {lasting}")
}

fn bound_of(threshold: &Threshold, baseline: Option<&Recording>) -> Option<f64> {
    match threshold.bound {
        Bound::Fixed(bound) => Some(bound),
        Bound::TimesBaseline(factor) => {
            let base = baseline?;
            let observed = observe(threshold.metric, threshold.method, &threshold.selector, base)?;
            Some(observed.value * factor)
        }
    }
}

fn is_close(threshold: &Threshold, observed: &Observed, bound: f64) -> bool {
    observed.interval.is_some_and(|(low, high)| {
        let (at_low, at_high) =
            (threshold.operator.holds(low, bound), threshold.operator.holds(high, bound));
        at_low != at_high
    })
}

/// `response_time{outcome:accepted}: p(95)<2000`: unique within a scenario.
fn title(threshold: &Threshold) -> String {
    format!("{}: {}", threshold.key, threshold.expression)
}

/// `p(95) of response_time{outcome:accepted}`.
fn subject(threshold: &Threshold) -> String {
    match (threshold.metric.kind(), threshold.method) {
        (MetricKind::Rate, _) | (MetricKind::Counter, Method::Count) => threshold.key.clone(),
        _ => format!("{} of {}", threshold.method, threshold.key),
    }
}

fn value(threshold: &Threshold, value: f64) -> String {
    threshold.metric.say(threshold.method, value)
}
