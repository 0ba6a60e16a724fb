//! What is compared, what is refused, and what it comes to.

use super::*;
use crate::gate::{LimiterReport, Verdict};
use crate::ids::ScenarioId;
use crate::limits::{Algorithm, Inference};
use crate::measure::{Ended, Recording, Second, bucket_of};
use crate::outcome::Outcome;
use crate::plan::{Plan, Stage};
use crate::scenario::Settings;
use crate::units::Nanos;

const NOW: Timestamp = Timestamp { unix_millis: 1_761_846_252_123 };

fn plan() -> Plan {
    let scenario = ScenarioId::fixed("onboarding");
    let settings = Settings::new(scenario, [("email_domain", "loadtest.test".into())]);
    let stages = vec![Stage { duration: Nanos::from_secs(50), target: 100.0 }];
    crate::plan::fixtures::plan(scenario, settings, stages)
}

/// Fifty seconds of a hundred accepted arrivals of about `millis`.
fn recording(millis: u64) -> Recording {
    let mut recording = Recording::empty(ScenarioId::fixed("onboarding"), NOW, Ended::Completed);
    for second in 0..50u64 {
        let mut bin = Second { due: 100, sent: 100, ..Second::default() };
        bin.outcomes.add_many(Outcome::Accepted, 100);
        for i in 0..100 {
            let micros = millis * (900 + (second * 37 + i * 53) % 200);
            bin.response.add(bucket_of(Nanos::from_micros(micros)), 1);
        }
        recording.timeline.bins.push(bin);
    }
    recording
}

fn suite(millis: u64) -> SuiteReport {
    let limiter = LimiterReport {
        declared: None,
        beside: Vec::new(),
        predicted_hits: None,
        probable_hits: None,
        observed_hits: 0,
        inferred: Inference {
            algorithm: Algorithm::Unknown,
            left: Vec::new(),
            limit: None,
            window_s: None,
            why: String::new(),
        },
        rules: Vec::new(),
    };
    let verdict = Verdict {
        scenario: ScenarioId::fixed("onboarding"),
        kind: VerdictKind::Pass,
        reasons: Vec::new(),
        findings: Vec::new(),
        limiter,
        clusters: Vec::new(),
    };
    let scenario = ScenarioReport { plan: plan(), recording: recording(millis), verdict };
    SuiteReport { verdict: VerdictKind::Pass, ..crate::suite::fixtures::suite(NOW, vec![scenario]) }
}

/// Finding nothing where nothing could have been found is no "no difference".
#[test]
fn a_comparison_that_sees_little_says_so_first() {
    let same = compare_suites(&suite(20), &suite(20), false).expect("comparable");
    let with = |visible| {
        let mut scenarios = same.scenarios.clone();
        scenarios[0].figures[Figure::P95 as usize].visible = visible;
        headline::headline(&scenarios, same.figures_compared)
    };
    assert!(with(Some(1.2)).starts_with("no difference in 6 figures; a p95 up to "));
    assert_eq!(
        with(Some(48.0)),
        "can't tell: nothing differs in 6 figures, but little would have been seen (onboarding: a p95 up to 48 times as high would have gone unnoticed)"
    );
    assert!(with(None).ends_with("(onboarding: its p95 can't be compared)"));
}

#[test]
fn the_headline_says_what_it_comes_to() {
    let same = compare_suites(&suite(20), &suite(20), false).expect("comparable");
    let said = "no difference in 6 figures; a p95 up to ";
    assert!(same.headline.starts_with(said), "{}", same.headline);
    assert!(same.headline.ends_with(" % higher would have gone unnoticed"), "{}", same.headline);
    assert!(!same.is_worse());
    let slower = compare_suites(&suite(20), &suite(24), false).expect("comparable");
    assert!(slower.headline.starts_with("different: onboarding: p50 "), "{}", slower.headline);
    assert!(slower.headline.contains(" slower"), "{}", slower.headline);
    assert!(slower.certain >= 2 && slower.is_worse());
    let faster = compare_suites(&suite(24), &suite(20), false).expect("comparable");
    assert!(faster.certain >= 2 && !faster.is_worse(), "{}", faster.headline);
    assert!(serde_json::to_value(&slower).is_ok_and(|json| json["scenarios"].is_array()));
}

#[test]
fn what_is_not_comparable_is_refused_unless_told_to() {
    type Case = (&'static str, fn(&mut SuiteReport));
    let cases: [Case; 6] = [
        ("the profile is smoke and was full", |s| s.profile = "smoke".to_owned()),
        ("onboarding: the stages are 50.0 s→50/s and were 50.0 s→100/s", |s| {
            s.scenarios[0].plan.stages[0].target = 50.0;
        }),
        ("onboarding: the identities number 3 and numbered 1, or are of another kind", |s| {
            s.scenarios[0].plan.identities.count = 3;
        }),
        ("onboarding: the scenario's settings differ", |s| {
            s.scenarios[0].plan.settings = Settings::new(
                ScenarioId::fixed("onboarding"),
                [("email_domain", "other.test".into())],
            );
        }),
        ("onboarding: the scenario's checks differ: another version of it", |s| {
            s.scenarios[0].recording.checks.push(crate::measure::CheckCount {
                name: "body".to_owned(),
                passes: 1,
                fails: 0,
            });
        }),
        (
            "onboarding: the new run was interrupted after 12.0 s, so it covers only part of \
             the profile",
            |s| {
                s.scenarios[0].recording.ended = Ended::Interrupted { after: Nanos::from_secs(12) };
            },
        ),
    ];
    for (reason, change) in cases {
        let mut new = suite(20);
        change(&mut new);
        let refused = compare_suites(&suite(20), &new, false).expect_err("not comparable");
        assert_eq!(refused.reasons, [reason]);
        let anyway = compare_suites(&suite(20), &new, true).expect("told to");
        assert_eq!(anyway.warnings, [reason]);
    }
}

#[test]
fn runs_without_a_common_scenario_are_refused_even_then() {
    let mut new = suite(20);
    new.scenarios[0].recording.timeline.bins.clear();
    let refused = compare_suites(&suite(20), &new, true).expect_err("nothing to compare");
    assert_eq!(
        refused.to_string(),
        "the two runs are not comparable: no scenario was measured in both: \
         onboarding: sent no load in the new run"
    );
}

#[test]
fn another_target_is_a_warning() {
    let mut new = suite(20);
    new.environment.url = "https://api.rsolv.dev".to_owned();
    let comparison = compare_suites(&suite(20), &new, false).expect("comparable");
    assert_eq!(
        comparison.warnings,
        ["the target is https://api.rsolv.dev and was https://api.rsolv-staging.com"]
    );
}

#[test]
fn a_lower_success_rate_is_worse_and_a_higher_one_is_not() {
    let mut failing = suite(20);
    for bin in &mut failing.scenarios[0].recording.timeline.bins {
        bin.outcomes.add_many(Outcome::ServerError, 10);
    }
    let worse = compare_suites(&suite(20), &failing, false).expect("comparable");
    assert!(worse.is_worse(), "{}", worse.headline);
    let better = compare_suites(&failing, &suite(20), false).expect("comparable");
    assert!(!better.is_worse() && better.certain > 0, "{}", better.headline);
}

#[test]
fn too_short_runs_say_nothing() {
    let short = || {
        let mut suite = suite(20);
        suite.scenarios[0].recording.timeline.bins.truncate(19);
        suite
    };
    let nothing = compare_suites(&short(), &short(), false).expect("comparable");
    assert_eq!(nothing.figures_compared, 0);
    assert!(nothing.headline.starts_with("nothing can be said"), "{}", nothing.headline);
}
