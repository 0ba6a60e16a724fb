//! What an interval decides, and what it takes for one.

use super::builder::{Made, criteria};
use crate::gate::{Criteria, Decide, Decision, Finding, FindingVerdict, evaluate};
use crate::measure::Recording;
use crate::outcome::Outcome;
use crate::units::Nanos;

/// A minute of 50 arrivals a second that take `takes(second, i)` milliseconds.
fn minute(takes: impl Fn(u64, u64) -> u64) -> Recording {
    let mut made = Made::new();
    for second in 0..60 {
        made.due = Nanos::from_secs(second);
        for i in 0..50 {
            let within = (i * 977 + second * 131) % 1000;
            made.takes = Nanos::from_micros(takes(second, i) * 1000 + within);
            made.met(Outcome::Accepted, 201, 1);
        }
    }
    let mut recording = made.done();
    recording.duration = Nanos::from_secs(60);
    recording
}

/// Every answer as likely fast as the next: 10 to 59 ms, whatever the second.
fn even(second: u64, i: u64) -> u64 {
    10 + (i * 37 + second * 17) % 50
}

/// A queue that fills for fifteen seconds and drains for fifteen.
fn queue(second: u64, i: u64) -> u64 {
    even(second, i) + if second % 30 < 15 { 0 } else { 200 }
}

fn judged(expression: &str, decide: Decide, recording: &Recording) -> Finding {
    let decision = Decision { decide, ..Decision::default() };
    let threshold = format!("response_time{{outcome:accepted}} {expression}");
    let criteria = Criteria { decision, ..criteria(&[&threshold]) };
    let verdict = evaluate(&criteria, recording, None);
    verdict.findings.into_iter().find(|f| f.threshold.is_some()).expect("a threshold")
}

#[test]
fn samples_that_are_worth_too_few_are_inconclusive_and_say_how_long_a_run_would_do() {
    let finding = judged("p(95)<2000", Decide::Point, &minute(queue));
    assert_eq!(finding.verdict, FindingVerdict::Inconclusive, "{finding:?}");
    let worth = finding.threshold.as_ref().and_then(|t| t.worth).expect("told");
    assert!(worth < 59, "{worth}");
    let said = &finding.message;
    assert!(said.contains("n = 3,000, worth about"), "{said}");
    assert!(said.contains("59 independent samples are needed: a run of about"), "{said}");
    assert!(said.ends_with("would decide"), "{said}");
}

#[test]
fn what_even_the_lower_bound_breaks_fails_however_little_the_samples_are_worth() {
    let slow = minute(|second, i| 5_000 + queue(second, i));
    let finding = judged("p(95)<2000", Decide::Point, &slow);
    assert_eq!(finding.verdict, FindingVerdict::Fail, "{finding:?}");
    assert!(finding.message.contains("n = 3,000, worth about"), "{}", finding.message);
}

#[test]
fn independent_samples_decide_as_they_did() {
    let recording = minute(even);
    for decide in Decide::ALL {
        let finding = judged("p(95)<2000", decide, &recording);
        assert_eq!(finding.verdict, FindingVerdict::Pass, "{finding:?}");
        assert!(finding.message.ends_with("n = 3,000)"), "{}", finding.message);
    }
}

#[test]
fn a_close_call_is_decided_by_the_figure_or_not_at_all() {
    let recording = minute(even);
    // p95 is 57.5 ms.
    let point = judged("p(95)<57.8", Decide::Point, &recording);
    assert_eq!(point.verdict, FindingVerdict::Pass, "{point:?}");
    let close = point.evidence.iter().any(|line| {
        line.starts_with("a close call: the interval straddles 57.8 ms; a run of about")
            && line.ends_with("would decide")
    });
    assert!(close, "{:?}", point.evidence);
    let interval = judged("p(95)<57.8", Decide::Interval, &recording);
    assert_eq!(interval.verdict, FindingVerdict::Inconclusive, "{interval:?}");
    assert!(interval.message.contains("the interval straddles 57.8 ms"), "{}", interval.message);
    // What has no interval is decided by the figure.
    let none = judged("max<60", Decide::Interval, &recording);
    assert_eq!(none.verdict, FindingVerdict::Pass, "{none:?}");
}

#[test]
fn a_run_too_short_to_tell_says_so() {
    let mut made = Made::new();
    made.met(Outcome::Accepted, 201, 400);
    let finding = judged("p(95)<2000", Decide::Point, &made.done());
    let marked = "too short to tell whether neighbours resemble each other";
    assert!(finding.evidence.iter().any(|line| line.contains(marked)), "{finding:?}");
    assert_eq!(finding.threshold.map(|t| t.told), Some(false));
}

/// A few failures say little of how often a queue fails, and a good deal where each comes
/// by itself.
#[test]
fn a_rate_of_few_failures_in_a_queue_says_so() {
    let failing = |takes: fn(u64, u64) -> u64, fails: fn(u64) -> bool| {
        let mut made = Made::new();
        for second in 0..60 {
            made.due = Nanos::from_secs(second);
            for i in 0..50 {
                made.takes = Nanos::from_millis(takes(second, i));
                made.met(Outcome::Accepted, 201, 1);
            }
            if fails(second) {
                made.met(Outcome::ServerError, 503, 1);
            }
        }
        let mut recording = made.done();
        recording.duration = Nanos::from_secs(60);
        let findings = evaluate(&criteria(&["success_rate rate>0.9"]), &recording, None).findings;
        let finding = findings.into_iter().find(|f| f.threshold.is_some()).expect("a threshold");
        let rare = finding.threshold.as_ref().is_some_and(|t| t.rare);
        let said = finding.evidence.iter().any(|line| line.contains("is rare"));
        assert_eq!(rare, said, "{finding:?}");
        rare
    };
    assert!(failing(queue, |second| second % 30 == 20));
    assert!(!failing(even, |second| second % 30 == 20));
    assert!(!failing(queue, |_| false), "none failed");
}

#[test]
fn more_confidence_and_more_looks_widen_the_interval() {
    let recording = minute(even);
    let width = |decision: Decision| {
        let criteria =
            Criteria { decision, ..criteria(&["response_time{outcome:accepted} p(95)<2000"]) };
        let findings = evaluate(&criteria, &recording, None).findings;
        let result = findings.into_iter().find_map(|f| f.threshold).expect("a threshold");
        let (low, high) = result.interval.expect("enough");
        (high - low, result.confidence)
    };
    let usual = width(Decision::default());
    let looks = width(Decision { looks: 3, ..Decision::default() });
    let sure = width(Decision { confidence: 0.99, ..Decision::default() });
    assert!(usual.0 <= looks.0 && looks.0 <= sure.0, "{usual:?} {looks:?} {sure:?}");
    assert!(usual.1 < looks.1 && looks.1 < sure.1);
}

#[test]
fn criteria_of_an_older_version_are_read() {
    let json = serde_json::to_value(criteria(&[])).expect("serialises");
    let mut old = json.clone();
    old.as_object_mut().expect("an object").remove("decision");
    let read: Criteria = serde_json::from_value(old).expect("reads");
    assert_eq!(read.decision, Decision::default());
}
