//! Whose fault it is: what the generator may have made accuses nobody.

use super::builder::{Made, criteria};
use crate::gate::{FindingVerdict, Verdict, VerdictKind, breached_now, evaluate};
use crate::outcome::Outcome;
use crate::units::Nanos;

const P95: &[&str] = &["response_time{outcome:accepted} p(95)<100"];

fn ms(millis: u64) -> Nanos {
    Nanos::from_millis(millis)
}

/// 1,000 arrivals answered in 10 ms, and then as told.
fn made(thresholds: &[&str]) -> Made {
    let mut made = Made::with(thresholds);
    made.met(Outcome::Accepted, 201, 1000);
    made
}

/// Arrivals that were sent `lag` late, were answered `service` after that, of which the
/// generator may have made `held`.
fn met(made: &mut Made, n: u64, lag: u64, service: u64, held: u64) {
    (made.lag, made.takes, made.held) = (ms(lag), ms(lag + service), ms(held));
    made.met(Outcome::Accepted, 201, n);
}

fn of_threshold(made: &Made, thresholds: &[&str]) -> (FindingVerdict, String) {
    let verdict = evaluate(&criteria(thresholds), &made.done(), None);
    let finding = verdict.findings.iter().find(|f| f.threshold.is_some()).expect("is judged");
    (finding.verdict, finding.message.clone())
}

fn judged(made: &Made) -> Verdict {
    evaluate(&criteria(P95), &made.done(), None)
}

#[test]
fn arrivals_sent_late_and_answered_soon_accuse_nobody_and_the_generator_comes_first() {
    let mut made = made(P95);
    met(&mut made, 500, 2400, 4, 0);
    let (verdict, message) = of_threshold(&made, P95);
    assert_eq!(verdict, FindingVerdict::Inconclusive, "{message}");
    let verdict = judged(&made);
    assert_eq!(verdict.kind, VerdictKind::Inconclusive);
    insta::assert_snapshot!(verdict.reasons.join("\n"));
    assert!(verdict.clusters.is_empty(), "nothing stood still there: {:?}", verdict.clusters);
}

#[test]
fn a_target_whose_service_time_alone_is_over_the_bound_is_accused() {
    let mut made = made(P95);
    met(&mut made, 100, 0, 300, 0);
    met(&mut made, 500, 2400, 4, 0);
    assert_eq!(of_threshold(&made, P95).0, FindingVerdict::Fail);
}

#[test]
fn what_was_slow_because_of_a_bunch_sent_late_accuses_nobody() {
    let mut made = made(P95);
    // The last of the bunch: hardly late themselves, and behind all the others.
    met(&mut made, 500, 20, 400, 2400);
    assert_eq!(of_threshold(&made, P95).0, FindingVerdict::Inconclusive);
    // Enough others were slow as well.
    met(&mut made, 80, 0, 300, 0);
    assert_eq!(of_threshold(&made, P95).0, FindingVerdict::Fail);
}

#[test]
fn a_reader_away_for_a_little_is_taken_off_and_no_more() {
    let with = |service| {
        let mut made = made(P95);
        met(&mut made, 2000, 30, service, 40);
        of_threshold(&made, P95).0
    };
    assert_eq!(with(120), FindingVerdict::Inconclusive);
    assert_eq!(with(300), FindingVerdict::Fail, "40 ms of it are no excuse");
}

#[test]
fn the_mean_and_the_extremes_are_held_to_the_same() {
    for (thresholds, excused) in [
        (&["response_time avg<100"], true),
        (&["http_req_duration avg<100"], true),
        (&["http_req_duration max<100"], true),
        (&["http_req_duration med<1"], false),
        (&["http_req_waiting p(99)<100"], true),
        (&["http_req_duration p(95)>10000"], false),
    ] {
        let mut made = made(thresholds);
        met(&mut made, 500, 0, 2400, 2390);
        let wanted = if excused { FindingVerdict::Inconclusive } else { FindingVerdict::Fail };
        assert_eq!(of_threshold(&made, thresholds).0, wanted, "{thresholds:?}");
    }
}

#[test]
fn a_failure_by_a_hair_stands_where_the_generator_did_nothing() {
    let exactly = &["response_time p(95)<10"];
    let mut made = Made::with(exactly);
    made.lag = Nanos::ZERO;
    made.met(Outcome::Accepted, 201, 1000);
    assert_eq!(of_threshold(&made, exactly).0, FindingVerdict::Fail);
}

#[test]
fn timeouts_and_lost_connections_of_a_generator_that_was_away_fail_no_rate() {
    for thresholds in
        [&["success_rate rate>0.90"], &["errors rate<0.10"], &["http_req_failed rate<0.10"]]
    {
        let mut made = made(thresholds);
        made.excused = true;
        made.met(Outcome::Timeout, 0, 150).met(Outcome::Transport, 0, 150);
        let (verdict, message) = of_threshold(&made, thresholds);
        assert_eq!(verdict, FindingVerdict::Inconclusive, "{message}");
        assert!(message.starts_with("the generator fell short: "), "{message}");
        // A wrong status is the target's, whenever it comes.
        made.met(Outcome::ServerError, 503, 150);
        assert_eq!(of_threshold(&made, thresholds).0, FindingVerdict::Fail);
    }
}

#[test]
fn nothing_answered_while_the_generator_was_away_says_nothing_of_the_target() {
    let mut made = Made::with(&[]);
    made.excused = true;
    made.met(Outcome::Timeout, 0, 150);
    let verdict = evaluate(&criteria(&[]), &made.done(), None);
    assert_eq!(verdict.kind, VerdictKind::Inconclusive, "{:?}", verdict.reasons);
    made.excused = false;
    made.met(Outcome::Timeout, 0, 1);
    assert_eq!(evaluate(&criteria(&[]), &made.done(), None).kind, VerdictKind::Fail);
}

#[test]
fn what_was_never_sent_counts_against_nobody() {
    let thresholds = &["success_rate rate>0.90", "errors rate<0.10"];
    let mut made = made(thresholds);
    made.met(Outcome::Dropped, 0, 4000);
    let verdict = evaluate(&criteria(thresholds), &made.done(), None);
    assert_eq!(verdict.kind, VerdictKind::Inconclusive);
    assert!(verdict.reasons[0].contains("4,000 of 5,000 arrivals were dropped"));
    for of_generator in [&["dropped_iterations count<1"], &["schedule_lag p(95)<0.001"]] {
        let (verdict, message) = of_threshold(&made, of_generator);
        assert_eq!(verdict, FindingVerdict::Inconclusive, "{message}");
    }
    for (missing, wanted) in [
        (&["http_reqs count>4500"], FindingVerdict::Inconclusive),
        (&["iterations rate>400"], FindingVerdict::Inconclusive),
        (&["iterations count>5500"], FindingVerdict::Fail),
        (&["rate_limit_hits count>9000"], FindingVerdict::Fail),
    ] {
        assert_eq!(of_threshold(&made, missing).0, wanted, "{missing:?}");
    }
}

#[test]
fn what_accuses_nobody_ends_no_run() {
    let mut aborting = criteria(P95);
    aborting.thresholds[0].abort_on_fail = true;
    let mut made = made(P95);
    met(&mut made, 500, 2400, 4, 0);
    assert_eq!(breached_now(&aborting, &made.done(), Nanos::from_secs(9)), None);
    met(&mut made, 500, 0, 300, 0);
    assert!(breached_now(&aborting, &made.done(), Nanos::from_secs(9)).is_some());
}
