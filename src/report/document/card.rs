//! A scenario on a card: each figure that is gated against its bound, and what became of it.

use super::super::figures;
use super::super::words;
use super::model::{Card, Measure};
use super::table::Mark;
use crate::gate::{FindingVerdict, MetricKind};
use crate::measure::Ended;
use crate::suite::ScenarioReport;
use crate::units;

/// The card of one scenario, held against `before` where there is a baseline.
pub(super) fn of(scenario: &ScenarioReport, before: Option<&ScenarioReport>) -> Card {
    let mut measures = thresholds(scenario);
    measures.extend(refusals(scenario));
    let p95 = figures::per_bin(&scenario.recording, 0.95);
    let spark = (p95.iter().flatten().count() > 1).then_some(("p95 over time", p95));
    let recording = &scenario.recording;
    let sent = match recording.total().outcomes.total() {
        0 => "nothing was sent".to_owned(),
        n => format!("{} arrivals in {}", units::count(n), recording.duration),
    };
    Card { measures, spark, change: before.and_then(|before| change(scenario, before)), sent }
}

fn thresholds(scenario: &ScenarioReport) -> Vec<Measure> {
    let findings = scenario.verdict.findings.iter();
    let judged = findings.filter_map(|f| Some((f, f.threshold.as_ref()?)));
    let mut measures: Vec<(FindingVerdict, Measure)> = judged
        .filter_map(|(finding, threshold)| {
            let bound = threshold.bound?;
            let share = threshold.metric.kind() == MetricKind::Rate;
            let seen = threshold.observed.unwrap_or(0.0);
            let most = threshold.interval.map_or(seen, |(_, high)| high.max(seen));
            let top = if share { 1.0 } else { (bound * 1.25).max(most * 1.05) };
            let mark = words::finding(finding.verdict);
            let measure = Measure {
                name: threshold.metric.to_string(),
                wanted: threshold.expression.clone(),
                value: threshold.observed.map_or_else(|| "–".to_owned(), |v| threshold.say(v)),
                mark: mark_of(finding.verdict),
                word: if threshold.close { format!("{}, close", mark.text) } else { mark.text },
                top,
                at: threshold.observed,
                interval: threshold.interval,
                bounds: vec![bound],
            };
            Some((finding.verdict, measure))
        })
        .collect();
    measures.sort_by_key(|(verdict, _)| std::cmp::Reverse(*verdict as u8));
    measures.into_iter().map(|(_, measure)| measure).take(4).collect()
}

const fn mark_of(verdict: FindingVerdict) -> Mark {
    match verdict {
        FindingVerdict::Pass => Mark::Pass,
        FindingVerdict::Fail => Mark::Fail,
        FindingVerdict::Inconclusive => Mark::Inconclusive,
        FindingVerdict::Info | FindingVerdict::Skipped => Mark::Info,
    }
}

/// Refusals observed within what was predicted.
fn refusals(scenario: &ScenarioReport) -> Option<Measure> {
    let limiter = &scenario.verdict.limiter;
    let (low, high) = limiter.predicted_hits?;
    let seen = limiter.observed_hits;
    let within = (low..=high).contains(&seen);
    let word = match scenario.recording.ended {
        _ if within => "as predicted",
        Ended::Completed => "not as predicted",
        // What is predicted is of all that was to be sent.
        _ => "cut short",
    };
    Some(Measure {
        name: format!("{} observed", limiter.refused_by()),
        wanted: format!("{} to {} predicted", units::count(low), units::count(high)),
        value: units::count(seen),
        // What a limiter owes is said by its rules; this only tells where to look.
        mark: if within { Mark::Pass } else { Mark::Info },
        word: word.to_owned(),
        top: (high.max(seen).max(1)) as f64 * 1.15,
        at: Some(seen as f64),
        interval: None,
        bounds: vec![low as f64, high as f64],
    })
}

/// `p95 12.3 ms, +4.2 % against the baseline`.
fn change(scenario: &ScenarioReport, before: &ScenarioReport) -> Option<String> {
    let p95 = |s: &ScenarioReport| figures::accepted(&s.recording).response_time.quantile(0.95);
    let (now, then) = (p95(scenario)?, p95(before)?);
    let ratio = now.0 as f64 / (then.0 as f64).max(1.0);
    if (ratio - 1.0).abs() < 0.001 {
        return Some(format!("p95 {}, as the baseline's", units::span(now)));
    }
    Some(format!(
        "p95 {}, {} against the baseline's {}",
        units::span(now),
        units::change(ratio),
        units::span(then)
    ))
}
