//! Thresholds against a recording.

use super::observe::{Observed, observe};
use super::{
    About, Bound, Criteria, Decide, Decision, Finding, FindingVerdict, Method, MetricKind,
    Threshold, ThresholdResult, enough, failures, late, stalls,
};
use crate::measure::Recording;
use crate::units;

/// Judges one threshold: the point estimate or the whole interval decides, and too little
/// evidence is inconclusive. Without its baseline it is not exercised, or inconclusive
/// where a baseline is required.
pub(super) fn judge(
    threshold: &Threshold,
    criteria: &Criteria,
    recording: &Recording,
    baseline: Option<&Recording>,
) -> Finding {
    let decision = criteria.decision;
    let observed = look(threshold, decision, recording);
    let bound = bound_of(threshold, baseline);
    let mut result = empty(threshold, decision, bound);
    if let Some(observed) = observed {
        result.observed = Some(observed.value);
        result.interval = observed.interval;
        result.samples = observed.samples;
        result.worth = observed.worth.map(|worth| worth.round() as u64);
        result.told = observed.told;
        result.rare = observed.rare;
    }
    let (verdict, message, evidence) = match (observed, bound) {
        (None, _) => nothing_observed(threshold, recording),
        (Some(observed), None) => no_baseline(threshold, criteria, &observed),
        (Some(observed), Some(bound)) => {
            result.close = is_close(threshold, &observed, bound);
            let judged = compare(threshold, decision, recording, &observed, bound);
            unless_late(threshold, recording, &observed, bound, judged)
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

fn no_baseline(
    threshold: &Threshold,
    criteria: &Criteria,
    observed: &Observed,
) -> (FindingVerdict, String, Vec<String>) {
    let (verdict, what) = if criteria.baseline_required {
        (FindingVerdict::Inconclusive, "no baseline to compare with")
    } else {
        (FindingVerdict::Skipped, "not exercised, there is no baseline yet")
    };
    let is = value(threshold, observed.value);
    let message = format!("{}: {what} ({is} observed); give --baseline", title(threshold));
    (verdict, message, Vec::new())
}

fn look(threshold: &Threshold, decision: Decision, recording: &Recording) -> Option<Observed> {
    let Threshold { metric, method, selector, .. } = threshold;
    observe(*metric, *method, selector, recording, decision.level())
}

/// The figures of a threshold of which nothing is known yet.
fn empty(threshold: &Threshold, decision: Decision, bound: Option<f64>) -> ThresholdResult {
    ThresholdResult {
        metric: threshold.metric,
        method: threshold.method,
        key: threshold.key.clone(),
        expression: threshold.expression.clone(),
        observed: None,
        interval: None,
        confidence: decision.level(),
        bound,
        samples: 0,
        worth: None,
        told: true,
        rare: false,
        close: false,
    }
}

/// The finding on a threshold that was not evaluated.
pub(super) fn not_run(threshold: &Threshold, decision: Decision, reason: &str) -> Finding {
    Finding {
        about: About::Threshold,
        name: title(threshold),
        verdict: FindingVerdict::Skipped,
        message: format!("not evaluated: {reason}"),
        evidence: Vec::new(),
        threshold: Some(empty(threshold, decision, bound_of(threshold, None))),
    }
}

/// Whether the threshold fails for certain enough to end a run for it.
pub(super) fn fails(
    threshold: &Threshold,
    criteria: &Criteria,
    recording: &Recording,
) -> Option<String> {
    let finding = judge(threshold, criteria, recording, None);
    (finding.verdict == FindingVerdict::Fail).then_some(finding.message)
}

/// Why a longer load might decide the threshold; `None`: it is decided.
pub(super) fn open(
    threshold: &Threshold,
    criteria: &Criteria,
    recording: &Recording,
) -> Option<String> {
    let decision = criteria.decision;
    let observed = look(threshold, decision, recording)?;
    let bound = bound_of(threshold, None)?;
    if is_close(threshold, &observed, bound) {
        let is = value(threshold, observed.value);
        let bound = value(threshold, bound);
        return Some(format!("{} was {is}, its interval straddling {bound}", subject(threshold)));
    }
    let why = enough::too_little(threshold, recording, &observed, bound, decision.confidence);
    why.map(|_| format!("{} rested on too little", subject(threshold)))
}

fn compare(
    threshold: &Threshold,
    decision: Decision,
    recording: &Recording,
    observed: &Observed,
    bound: f64,
) -> (FindingVerdict, String, Vec<String>) {
    let is = value(threshold, observed.value);
    let too_little = enough::too_little(threshold, recording, observed, bound, decision.confidence);
    if let Some(why) = too_little {
        let message = format!("{}: {why}", title(threshold));
        let evidence = vec![format!("{} is {is}", subject(threshold))];
        return (FindingVerdict::Inconclusive, message, evidence);
    }
    let wanted = format!("{} {}", threshold.operator, value(threshold, bound));
    let mut message = format!("{} is {is}, wanted {wanted}", subject(threshold));
    if threshold.metric.kind() != MetricKind::Counter {
        message = format!("{message} ({})", rests_on(threshold, observed, decision.level()));
    }
    let holds = threshold.operator.holds(observed.value, bound);
    let close = is_close(threshold, observed, bound);
    let mut evidence = Vec::new();
    if !holds && let Some(why) = why(threshold, recording) {
        message = format!("{message}: {why}");
        if threshold.metric.kind() == MetricKind::Rate {
            evidence.extend(failures::quotes(recording));
        }
    }
    let mut verdict = if holds { FindingVerdict::Pass } else { FindingVerdict::Fail };
    if close {
        let longer = enough::to_decide(recording, observed, bound);
        let longer = longer.map_or(String::new(), |longer| format!("; {longer}"));
        let straddles = format!("the interval straddles {}{longer}", value(threshold, bound));
        if decision.decide == Decide::Interval {
            verdict = FindingVerdict::Inconclusive;
            message = format!("{message}: {straddles}");
        } else {
            evidence.push(format!("a close call: {straddles}"));
        }
    } else if decision.decide == Decide::Interval && lacks_interval(threshold, observed) {
        verdict = FindingVerdict::Inconclusive;
        message = format!("{message}: too few samples for an interval");
    }
    if observed.interval.is_some() && !observed.told {
        evidence.push(enough::too_short());
    }
    if observed.interval.is_some() && observed.rare {
        evidence.push(enough::too_rare());
    }
    if let Bound::TimesBaseline(factor) = threshold.bound {
        let base = value(threshold, bound / factor);
        evidence.push(format!("{factor} times the baseline's {base}"));
    }
    (verdict, message, evidence)
}

/// A failure that the generator itself may have made says nothing.
fn unless_late(
    threshold: &Threshold,
    recording: &Recording,
    observed: &Observed,
    bound: f64,
    (verdict, message, mut evidence): (FindingVerdict, String, Vec<String>),
) -> (FindingVerdict, String, Vec<String>) {
    if verdict != FindingVerdict::Fail {
        return (verdict, message, evidence);
    }
    let Some(excuse) = late::excuse(threshold, bound, recording) else {
        return (verdict, message, evidence);
    };
    let is = value(threshold, observed.value);
    let wanted = format!("{} {}", threshold.operator, value(threshold, bound));
    evidence.insert(0, message);
    let message = format!(
        "the generator fell short: {} is {is}, wanted {wanted}, but {excuse}",
        subject(threshold)
    );
    (FindingVerdict::Inconclusive, message, evidence)
}

/// `95 % interval 18.2 ms to 21.4 ms, n = 6,000, worth about 210`.
fn rests_on(threshold: &Threshold, observed: &Observed, confidence: f64) -> String {
    let n = super::rests_on(observed.samples, observed.worth.map(|worth| worth.round() as u64));
    match observed.interval {
        Some((low, high)) => format!(
            "{} interval {} to {}, {n}",
            units::confidence(confidence),
            value(threshold, low),
            value(threshold, high)
        ),
        None => n,
    }
}

/// Whether the threshold's figure has intervals, and this one has none that could
/// contradict it.
fn lacks_interval(threshold: &Threshold, observed: &Observed) -> bool {
    let has = threshold.metric.kind() == MetricKind::Rate
        || (threshold.metric.kind() == MetricKind::Trend
            && threshold.method.quantile().is_some_and(|q| q < 1.0));
    has && observed.interval.is_none() && observed.at_least.is_none()
}

/// What the failure comes from, in words.
fn why(threshold: &Threshold, recording: &Recording) -> Option<String> {
    let metric = threshold.metric;
    match metric.kind() {
        MetricKind::Rate if metric.is_by_outcome() => failures::failures(recording),
        MetricKind::Rate => failures::instead(recording),
        MetricKind::Trend if !metric.is_of_generator() => {
            stalls::stalls(recording).or_else(|| stalls::slowest_stage(recording))
        }
        MetricKind::Trend | MetricKind::Counter | MetricKind::Gauge => None,
    }
}

fn nothing_observed(
    threshold: &Threshold,
    recording: &Recording,
) -> (FindingVerdict, String, Vec<String>) {
    if threshold.metric.kind() == MetricKind::Gauge {
        let why = no_resource(threshold, recording);
        return (FindingVerdict::Inconclusive, format!("{}: {why}", title(threshold)), Vec::new());
    }
    let kept = recording.slice(&threshold.metric.narrow(&threshold.selector)).is_some();
    let why = if !kept && recording.generator.sent == 0 {
        "nothing to measure, no request was sent".to_owned()
    } else if kept {
        failures::instead(recording).map_or_else(
            || "nothing to measure, no sample matches".to_owned(),
            |met| format!("nothing to measure, no sample matches ({met})"),
        )
    } else {
        "this recording didn't keep what it asks for: run again with this threshold in the config"
            .to_owned()
    };
    (FindingVerdict::Inconclusive, format!("{}: {why}", title(threshold)), Vec::new())
}

/// Why nothing is known of a resource.
fn no_resource(threshold: &Threshold, recording: &Recording) -> String {
    match threshold.metric.resource(&threshold.selector, recording) {
        Some(resource) => {
            let why = resource
                .missing
                .as_deref()
                .unwrap_or("its query found nothing in the run's window");
            format!("nothing is known of it: {why}")
        }
        None => "the service's monitoring was not asked: name it in `[resources] url` or \
                 LOAD_GATE_RESOURCES_URL"
            .to_owned(),
    }
}

fn bound_of(threshold: &Threshold, baseline: Option<&Recording>) -> Option<f64> {
    match threshold.bound {
        Bound::Fixed(bound) => Some(bound),
        Bound::TimesBaseline(factor) => {
            let value = match baseline {
                Some(baseline) => in_baseline(threshold, baseline),
                None => threshold.baseline,
            };
            Some(value? * factor)
        }
    }
}

/// The baseline's value of what the threshold is about.
fn in_baseline(threshold: &Threshold, baseline: &Recording) -> Option<f64> {
    let drawn = threshold.metric.draw(&threshold.selector, baseline)?;
    drawn.value(threshold.method, baseline)
}

impl Criteria {
    /// Keeps what thresholds relative to `baseline` are held against, so that whoever
    /// reads what was recorded can judge it as it was judged.
    pub fn hold_against(&mut self, baseline: &Recording) {
        for threshold in &mut self.thresholds {
            if let Bound::TimesBaseline(_) = threshold.bound {
                threshold.baseline = in_baseline(threshold, baseline);
            }
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
