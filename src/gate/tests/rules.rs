//! Each rule of the verdict: what is red, what is yellow, what is green.

use super::builder::{DEFAULT, Made, criteria, fine};
use crate::gate::{
    About, Criteria, FindingVerdict, GeneratorBounds, Verdict, VerdictKind, breached_now, evaluate,
    parse_threshold, suite,
};
use crate::ids::ScenarioId;
use crate::measure::{Ended, Excerpt, Recording};
use crate::outcome::Outcome;
use crate::units::Nanos;

pub(super) fn judged(thresholds: &[&str], recording: &Recording) -> Verdict {
    evaluate(&criteria(thresholds), recording, None)
}

pub(super) fn first(verdict: &Verdict) -> &str {
    verdict.reasons.first().map_or("", String::as_str)
}

#[test]
fn a_run_in_which_all_is_well_passes_without_a_word() {
    let verdict = fine().verdict();
    assert_eq!(verdict.kind, VerdictKind::Pass, "{verdict:#?}");
    assert!(verdict.reasons.is_empty() && verdict.clusters.is_empty());
}

#[test]
fn each_outcome_counts_against_success_except_refusals_by_the_limiter() {
    for (outcome, status, kind) in [
        (Outcome::RateLimited, 429, VerdictKind::Pass),
        (Outcome::Contract, 201, VerdictKind::Fail),
        (Outcome::Rejected, 422, VerdictKind::Fail),
        (Outcome::ServerError, 500, VerdictKind::Fail),
        (Outcome::Unexpected, 302, VerdictKind::Fail),
        (Outcome::Timeout, 0, VerdictKind::Fail),
        (Outcome::Transport, 0, VerdictKind::Fail),
        (Outcome::Dropped, 0, VerdictKind::Inconclusive),
    ] {
        let mut made = fine();
        made.met(outcome, status, 100);
        let verdict = made.verdict();
        assert_eq!(verdict.kind, kind, "{outcome}: {}", first(&verdict));
    }
}

#[test]
fn a_run_in_which_nothing_was_accepted_fails_whatever_the_thresholds() {
    for (outcome, status) in
        [(Outcome::RateLimited, 429), (Outcome::Rejected, 401), (Outcome::Timeout, 0)]
    {
        let mut made = Made::new();
        made.met(outcome, status, 500);
        let verdict = judged(&[], &made.done());
        assert_eq!(verdict.kind, VerdictKind::Fail, "{outcome}");
        assert!(first(&verdict).starts_with("no arrival was accepted: of 500 sent, 500 "));
    }
    let verdict = judged(&[], &Made::new().done());
    assert_eq!(verdict.kind, VerdictKind::Inconclusive);
    assert_eq!(first(&verdict), "no arrival was sent");
}

#[test]
fn the_old_baseline_is_red_by_its_numbers() {
    // 364,635 refusals, quick ones, and 90 validation errors: the old suite called it a pass.
    let mut made = Made::with(&["response_time{outcome:rate_limited} p(95)<500"]);
    made.takes = Nanos::from_millis(12);
    made.met(Outcome::RateLimited, 429, 346_000);
    made.takes = Nanos::from_micros(20_770);
    made.met(Outcome::RateLimited, 429, 364_635 - 346_000);
    made.met(Outcome::Rejected, 422, 90);
    let recording = made.done();
    let thresholds = [DEFAULT, &["response_time{outcome:rate_limited} p(95)<500"]].concat();
    let verdict = judged(&thresholds, &recording);
    assert_eq!(verdict.kind, VerdictKind::Fail);
    assert_eq!(recording.total().rate_limit_hits, 364_635);
    assert_eq!(
        verdict.reasons,
        [
            "no arrival was accepted: of 364,725 sent, 364,635 were rate limited (429), 90 were \
             rejected (422)",
            "success_rate is 0 %, wanted > 90.00 % (95 % interval 0 % to 4.09 %, n = 90): 90 \
             were rejected (422)",
            "check `status is 201` failed every time, 90 times",
            "response_time{outcome:accepted}: p(95)<2000: nothing to measure, no sample matches \
             (364,635 were rate limited (429), 90 were rejected (422))",
        ]
    );
    let refusals =
        verdict.findings.iter().find(|f| f.name.contains("rate_limited")).expect("there");
    assert_eq!(refusals.verdict, FindingVerdict::Pass, "a quick refusal is quick");
    assert!(refusals.message.contains("20.8 ms"), "{}", refusals.message);
    let (kind, headline) = suite(&[verdict], true);
    assert_eq!(kind, VerdictKind::Fail);
    assert!(headline.starts_with("fail: onboarding: no arrival was accepted"), "{headline}");
}

#[test]
fn the_point_estimate_decides_at_the_bound() {
    for (expression, accepted, failed, kind) in [
        ("rate>0.90", 901, 99, VerdictKind::Pass),
        ("rate>0.90", 900, 100, VerdictKind::Fail),
        ("rate>=0.90", 900, 100, VerdictKind::Pass),
        ("rate==1", 400, 0, VerdictKind::Pass),
        ("rate!=1", 400, 0, VerdictKind::Fail),
    ] {
        let mut made = Made::new();
        made.met(Outcome::Accepted, 201, accepted).met(Outcome::ServerError, 500, failed);
        let key = format!("success_rate {expression}");
        let verdict = judged(&[&key], &made.done());
        assert_eq!(verdict.kind, kind, "{expression} of {accepted} and {failed}");
    }
}

#[test]
fn a_close_call_is_marked_and_does_not_change_the_verdict() {
    for (accepted, failed, close) in
        [(400, 0, false), (370, 30, true), (358, 42, true), (200, 200, false)]
    {
        let mut made = Made::new();
        made.met(Outcome::Accepted, 201, accepted).met(Outcome::ServerError, 500, failed);
        let verdict = made.verdict();
        let rate =
            verdict.findings.iter().find(|f| f.name.starts_with("success_rate")).expect("there");
        assert_eq!(rate.threshold.as_ref().expect("a threshold").close, close, "{accepted}");
        assert_eq!(rate.evidence.iter().any(|e| e.contains("close call")), close);
        let good = accepted * 10 > (accepted + failed) * 9;
        assert_eq!(rate.verdict == FindingVerdict::Pass, good, "{accepted}");
    }
}

#[test]
fn too_few_samples_are_inconclusive_and_say_how_many_are_needed() {
    for (method, needed) in [("med", 5), ("p(90)", 29), ("p(95)", 59), ("p(99)", 299)] {
        for (n, kind) in [(needed - 1, VerdictKind::Inconclusive), (needed, VerdictKind::Pass)] {
            let mut made = Made::new();
            made.met(Outcome::Accepted, 201, n);
            let key = format!("response_time{{outcome:accepted}} {method}<2000");
            let verdict = judged(&[&key], &made.done());
            assert_eq!(verdict.kind, kind, "{method} of {n}: {}", first(&verdict));
            if n < needed {
                assert!(
                    first(&verdict).contains(&format!("{needed} are needed")),
                    "{}",
                    first(&verdict)
                );
                assert!(first(&verdict).contains("a run of about 1"), "{}", first(&verdict));
            }
        }
    }
    // One sample is enough for these.
    let mut made = Made::new();
    made.met(Outcome::Accepted, 201, 1);
    let one = ["max<2000", "avg<2000", "min<2000"]
        .map(|e| format!("response_time{{outcome:accepted}} {e}"));
    let mut keys: Vec<&str> = one.iter().map(String::as_str).collect();
    keys.push("success_rate rate>0.9");
    assert_eq!(judged(&keys, &made.done()).kind, VerdictKind::Pass);
}

#[test]
fn an_empty_metric_is_inconclusive_never_a_silent_pass() {
    let keys = [
        "response_time{outcome:timeout} max<1",
        "success_rate{stage:ramp} rate>0.1",
        "http_req_duration{status:500} p(95)<1",
        "http_reqs{provider:openai} count>=0",
        "errors{stage:ramp} rate<1",
        "checks{stage:ramp} rate>0",
    ];
    for key in keys {
        let mut made = Made::with(&[key]);
        made.met(Outcome::Accepted, 201, 400);
        let verdict = judged(&[key], &made.done());
        assert_eq!(verdict.kind, VerdictKind::Inconclusive, "{key}");
        assert!(first(&verdict).contains("nothing to measure"), "{}", first(&verdict));
    }
    // None of a status is a count like any other, and so are no drops.
    for key in
        ["http_reqs{status:500} count<1", "dropped_iterations count<1", "rate_limit_hits count<1"]
    {
        let mut made = Made::with(&[key]);
        made.met(Outcome::Accepted, 201, 400);
        assert_eq!(judged(&[key], &made.done()).kind, VerdictKind::Pass, "{key}");
        assert_eq!(judged(&[key], &Made::with(&[key]).done()).kind, VerdictKind::Inconclusive);
    }
}

#[test]
fn what_the_recording_did_not_keep_is_inconclusive() {
    let verdict = judged(&["response_time{stage:hold,provider:openai} max<1"], &fine().done());
    assert_eq!(verdict.kind, VerdictKind::Inconclusive);
    assert!(first(&verdict).contains("didn't keep"), "{}", first(&verdict));
    // One that was over before its load kept nothing, and another config wouldn't help.
    let at = fine().done().started_at;
    let none = Recording::empty(ScenarioId::fixed("onboarding"), at, Ended::Completed);
    let verdict = judged(&["response_time{outcome:accepted} max<1"], &none);
    let said = verdict.findings.iter().find(|f| f.about == About::Threshold).expect("judged");
    assert!(said.message.ends_with("nothing to measure, no request was sent"), "{}", said.message);
}

#[test]
fn a_relative_threshold_needs_its_baseline() {
    let key = ["response_time{outcome:accepted} p(95)<1.5*baseline"];
    let new = fine().done();
    let asked = |required| Criteria { baseline_required: required, ..criteria(&key) };
    let verdict = evaluate(&asked(true), &new, None);
    assert_eq!(verdict.kind, VerdictKind::Inconclusive);
    assert!(first(&verdict).contains("--baseline"), "{}", first(&verdict));
    let first_night = evaluate(&asked(false), &new, None);
    assert_eq!(first_night.kind, VerdictKind::Pass, "it can become the baseline");
    let said = first_night.findings.iter().find(|f| f.about == About::Threshold);
    let said = said.expect("the threshold");
    assert_eq!(said.verdict, FindingVerdict::Skipped);
    assert!(said.message.contains("not exercised, there is no baseline yet"), "{}", said.message);
    for (millis, kind) in [(10, VerdictKind::Pass), (5, VerdictKind::Fail)] {
        let mut base = Made::new();
        base.takes = Nanos::from_millis(millis);
        base.met(Outcome::Accepted, 201, 400);
        assert_eq!(evaluate(&criteria(&key), &new, Some(&base.done())).kind, kind);
    }
    let empty = Made::new().done();
    assert_eq!(evaluate(&asked(true), &new, Some(&empty)).kind, VerdictKind::Inconclusive);
    assert_eq!(evaluate(&asked(false), &new, Some(&empty)).kind, VerdictKind::Pass);
}

#[test]
fn fail_outweighs_inconclusive_outweighs_pass() {
    use VerdictKind::{Fail, Inconclusive, Pass, Skipped};

    let verdict_of = |kind: VerdictKind| {
        let mut verdict = fine().verdict();
        verdict.kind = kind;
        verdict.reasons = vec![format!("reason of {kind}")];
        verdict
    };
    for (kinds, allow_skip, expected, headline) in [
        (vec![Pass, Pass, Pass], false, Pass, "pass, 3 of 3 scenarios"),
        (vec![Pass, Inconclusive, Fail], false, Fail, "fail: onboarding: reason of fail"),
        (
            vec![Pass, Inconclusive],
            false,
            Inconclusive,
            "inconclusive: onboarding: reason of inconclusive",
        ),
        (
            vec![Pass, Skipped, Pass],
            false,
            Inconclusive,
            "inconclusive: onboarding: reason of skipped",
        ),
        (
            vec![Pass, Skipped, Pass],
            true,
            Pass,
            "pass, 2 of 3 scenarios (onboarding: reason of skipped)",
        ),
        (vec![Fail, Skipped], true, Fail, "fail: onboarding: reason of fail"),
        (vec![Skipped, Skipped], true, Inconclusive, "inconclusive: onboarding: reason of skipped"),
        (vec![], true, Inconclusive, "inconclusive: no scenario was to run"),
    ] {
        let verdicts: Vec<Verdict> = kinds.iter().map(|kind| verdict_of(*kind)).collect();
        assert_eq!(suite(&verdicts, allow_skip), (expected, headline.to_owned()), "{kinds:?}");
    }
}

#[test]
fn abort_on_fail_waits_for_its_delay_and_for_evidence() {
    let mut criteria = criteria(&[]);
    let mut threshold =
        parse_threshold("response_time{outcome:accepted}", "p(95)<5").expect("a threshold");
    threshold.abort_on_fail = true;
    threshold.delay_abort_eval = Nanos::from_secs(5);
    criteria.thresholds.push(threshold);
    let mut made = Made::new();
    made.met(Outcome::Accepted, 201, 58);
    assert_eq!(breached_now(&criteria, &made.done(), Nanos::from_secs(9)), None, "too few");
    made.met(Outcome::Accepted, 201, 1);
    assert_eq!(breached_now(&criteria, &made.done(), Nanos::from_secs(4)), None, "too early");
    let reason = breached_now(&criteria, &made.done(), Nanos::from_secs(5)).expect("breached");
    assert!(reason.contains("wanted < 5.00 ms"), "{reason}");
    criteria.thresholds[0].abort_on_fail = false;
    assert_eq!(breached_now(&criteria, &made.done(), Nanos::from_secs(9)), None);
}

#[test]
fn nothing_is_green_by_the_bounds_alone() {
    // However lax, a generator that dropped everything has measured nothing.
    let mut made = Made::new();
    made.met(Outcome::Dropped, 0, 100);
    let mut lax = criteria(&[]);
    lax.generator = GeneratorBounds { max_lag: Nanos::MAX, max_dropped: 1.0, max_off_plan: 1.0 };
    assert_eq!(evaluate(&lax, &made.done(), None).kind, VerdictKind::Inconclusive);
}

#[test]
fn once_answers_came_that_nobody_asked_for_nothing_is_certain() {
    let mut failing = fine();
    failing.met(Outcome::ServerError, 500, 500);
    for made in [fine(), failing] {
        let mut recording = made.done();
        recording.connections.opened = 3;
        recording.connections.unsolicited = 1;
        let verdict = judged(DEFAULT, &recording);
        assert_eq!(verdict.kind, VerdictKind::Inconclusive);
        assert!(first(&verdict).starts_with("unsolicited bytes came on 1 of 3 connections"));
        assert!(!first(&verdict).contains("  "), "{}", first(&verdict));
    }
}

#[test]
fn what_this_machine_had_too_little_of_is_said_where_arrivals_were_dropped() {
    let mut made = fine();
    made.met(Outcome::Dropped, 0, 100);
    let mut recording = made.done();
    recording.excerpts.push(Excerpt {
        outcome: Outcome::Dropped,
        status: 0,
        count: 100,
        arrival: 401,
        at: Nanos::ZERO,
        check: None,
        text: "this process may open no more files: raise `ulimit -n`".to_owned(),
        trace: None,
    });
    let verdict = judged(DEFAULT, &recording);
    let said = verdict.findings.iter().find(|f| f.about == About::Generator).expect("is there");
    assert!(said.message.ends_with("raise `ulimit -n`"), "{}", said.message);
}
