//! What would be green, or said, without being true.

use super::builder::{DEFAULT, Made, criteria, fine};
use crate::gate::{VerdictKind, evaluate, parse_threshold, suite};
use crate::measure::Ended;
use crate::outcome::Outcome;
use crate::units::Nanos;

#[test]
fn a_run_that_sent_too_little_is_not_green() {
    // A plan of ramps alone has no hold that could be off the plan.
    let mut recording = fine().done();
    recording.stages.retain(|stage| stage.number == 1);
    recording.stages[0].planned = 40_200;
    recording.generator.planned = 40_200;
    let verdict = evaluate(&criteria(DEFAULT), &recording, None);
    assert_eq!(verdict.kind, VerdictKind::Inconclusive, "{:?}", verdict.reasons);
}

#[test]
fn a_metric_of_accepted_arrivals_never_answers_for_others() {
    for key in [
        "onboarding_duration{outcome:rate_limited}",
        "credential_vending_duration{expected_response:false}",
        "duplicate_events_detected{duplicate:false}",
    ] {
        let expression = if key.contains("duration") { "p(95)<1" } else { "count<1" };
        assert!(parse_threshold(key, expression).is_err(), "{key}");
    }
    assert!(parse_threshold("onboarding_duration{outcome:accepted}", "p(95)<1").is_ok());
}

#[test]
fn two_broken_checks_are_not_taken_for_one() {
    let mut made = fine();
    made.says = ("has api_key", "");
    made.met(Outcome::Contract, 201, 60);
    let mut recording = made.done();
    // Forty of them broke another check.
    (recording.checks[0].fails, recording.checks[1].fails) = (40, 20);
    let reason = evaluate(&criteria(DEFAULT), &recording, None).reasons.swap_remove(0);
    assert!(
        reason.ends_with(
            ": 60 broke the contract (status 201): checks failed `status is 201` 40 times, \
             `has api_key` 20 times"
        ),
        "{reason}"
    );
}

#[test]
fn what_gathers_in_a_stage_is_said_once() {
    let mut made = Made::new();
    made.due = Nanos::from_millis(500);
    made.met(Outcome::Accepted, 201, 300);
    made.due = Nanos::from_secs(5);
    made.met(Outcome::Accepted, 201, 300).met(Outcome::ServerError, 500, 60);
    let clusters = made.verdict().clusters;
    assert_eq!(clusters.len(), 1, "{clusters:?}");
}

#[test]
fn refusals_where_no_limit_is_declared_are_not_silent() {
    let mut none = criteria(DEFAULT);
    none.limit = None;
    let mut made = Made::new();
    made.met(Outcome::Accepted, 201, 400);
    assert_eq!(evaluate(&none, &made.done(), None).kind, VerdictKind::Pass);
    made.met(Outcome::RateLimited, 429, 39_600);
    let verdict = evaluate(&none, &made.done(), None);
    assert_eq!(verdict.kind, VerdictKind::Fail);
    assert_eq!(
        verdict.reasons,
        ["rate limit, lets through: 39,600 of 40,000 arrivals were refused with 429, though \
             the endpoint is declared to have no limit (`rate_limit = \"none\"`): declare the \
             limit it has, or have it lifted"]
    );
}

#[test]
fn every_skipped_scenario_is_named() {
    let skipped = |why: &str| {
        let ended = Ended::Skipped { reason: why.to_owned() };
        evaluate(&criteria(DEFAULT), &Made::new().ended(ended), None)
    };
    let verdicts = [fine().verdict(), skipped("no key"), skipped("no secret")];
    let (kind, headline) = suite(&verdicts, true);
    assert_eq!(kind, VerdictKind::Pass);
    assert!(headline.starts_with("pass, 1 of 3 scenarios"), "{headline}");
    assert!(headline.contains("no key") && headline.contains("no secret"), "{headline}");
}
