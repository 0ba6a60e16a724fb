//! Thresholds on what the service's own monitoring knew.

use super::builder::{criteria, fine};
use crate::gate::{
    Decide, Decision, FindingVerdict, Verdict, VerdictKind, evaluate, parse_threshold,
};
use crate::measure::{Recording, Resource, ResourceUnit};
use crate::units::{Nanos, Timestamp};

fn resource(values: &[Option<f64>], missing: Option<&str>) -> Resource {
    Resource {
        name: "db_pool".to_owned(),
        unit: ResourceUnit::Share,
        query: "q".to_owned(),
        from: Timestamp { unix_millis: 1_700_000_000_000 },
        step: Nanos::from_secs(1),
        values: values.to_vec(),
        missing: missing.map(str::to_owned),
    }
}

fn with(resources: Vec<Resource>) -> Recording {
    Recording { resources, ..fine().done() }
}

fn judged(expression: &str, recording: &Recording) -> Verdict {
    let threshold = format!("resource{{name:db_pool}} {expression}");
    evaluate(&criteria(&[&threshold]), recording, None)
}

fn of(verdict: &Verdict) -> (FindingVerdict, Option<f64>, String) {
    let finding = verdict.findings.iter().find(|f| f.threshold.is_some()).expect("a threshold");
    let observed = finding.threshold.as_ref().and_then(|threshold| threshold.observed);
    (finding.verdict, observed, finding.message.clone())
}

#[test]
fn every_method_takes_what_its_name_says_and_the_bound_decides() {
    let values: Vec<Option<f64>> = (1..=20).map(|i| Some(f64::from(i) / 20.0)).collect();
    let recording = with(vec![resource(&values, None)]);
    for (expression, verdict, observed) in [
        ("max<0.9", FindingVerdict::Fail, 1.0),
        ("max<=1", FindingVerdict::Pass, 1.0),
        ("min>0.01", FindingVerdict::Pass, 0.05),
        ("avg<0.5", FindingVerdict::Fail, 0.525),
        ("med<0.6", FindingVerdict::Pass, 0.5),
        ("p(95)<0.95", FindingVerdict::Fail, 0.95),
        ("p(95)<0.96", FindingVerdict::Pass, 0.95),
    ] {
        let (found, value, _) = of(&judged(expression, &recording));
        assert_eq!(found, verdict, "{expression}");
        assert!(value.is_some_and(|value| (value - observed).abs() < 1e-12), "{expression}");
    }
    let (_, _, message) = of(&judged("max<0.9", &recording));
    assert_eq!(message, "max of resource{name:db_pool} is 1, wanted < 0.9 (n = 20)");
}

#[test]
fn what_is_not_known_is_inconclusive_and_says_why() {
    for (resources, why) in [
        (vec![], "LOAD_GATE_RESOURCES_URL"),
        (vec![resource(&[], Some("nobody answers"))], "nobody answers"),
        (vec![resource(&[None, None], None)], "found nothing"),
    ] {
        let verdict = judged("max<0.9", &with(resources));
        assert_eq!(verdict.kind, VerdictKind::Inconclusive);
        let (found, observed, message) = of(&verdict);
        assert_eq!((found, observed), (FindingVerdict::Inconclusive, None));
        assert!(message.contains(why), "{message}");
    }
}

#[test]
fn a_resource_is_held_against_its_baseline() {
    let before = with(vec![resource(&[Some(0.4)], None)]);
    let mut criteria = criteria(&["resource{name:db_pool} max<2*baseline"]);
    criteria.hold_against(&before);
    for (now, verdict) in [(0.7, FindingVerdict::Pass), (0.9, FindingVerdict::Fail)] {
        let recording = with(vec![resource(&[Some(now)], None)]);
        // Judged anew without the baseline at hand, and with it.
        for baseline in [None, Some(&before)] {
            assert_eq!(of(&evaluate(&criteria, &recording, baseline)).0, verdict, "{now}");
        }
    }
}

#[test]
fn where_intervals_decide_a_resource_still_has_none() {
    let recording = with(vec![resource(&[Some(0.4), Some(0.5)], None)]);
    let mut criteria = criteria(&["resource{name:db_pool} p(95)<0.9"]);
    criteria.decision = Decision { decide: Decide::Interval, ..criteria.decision };
    assert_eq!(of(&evaluate(&criteria, &recording, None)).0, FindingVerdict::Pass);
}

#[test]
fn a_threshold_names_one_resource_and_nothing_else() {
    for key in [
        "resource",
        "resource{stage:hold}",
        "resource{name:a,stage:hold}",
        "resource{outcome:accepted}",
    ] {
        let error = parse_threshold(key, "max<1").expect_err(key);
        assert!(error.to_string().contains("doesn't say which"), "{error}");
    }
    for expression in ["rate<1", "count<1"] {
        assert!(parse_threshold("resource{name:a}", expression).is_err(), "{expression}");
    }
}
