//! What the verdict says: the fault, in words, and where it gathers.

use super::builder::{Made, fine};
use crate::gate::{Verdict, evaluate};
use crate::outcome::Outcome;
use crate::tags::LabelSet;
use crate::units::Nanos;

fn all(verdict: &Verdict) -> String {
    [verdict.reasons.as_slice(), &verdict.clusters].concat().join("\n")
}

#[test]
fn each_fault_is_named() {
    let mut told = Vec::new();
    for (outcome, status, check, text) in [
        (Outcome::ServerError, 503, "", ""),
        (Outcome::Rejected, 422, "", ""),
        (Outcome::Unexpected, 302, "", ""),
        (Outcome::Unexpected, 204, "", ""),
        (Outcome::Contract, 201, "has api_key", ""),
        (Outcome::Contract, 201, "body_size", ""),
        (Outcome::Timeout, 0, "", ""),
        (Outcome::Transport, 0, "", "connection error: Connection reset by peer (os error 104)"),
        (
            Outcome::Transport,
            0,
            "",
            "malformed HTTP: what came doesn't begin as an HTTP/1.1 answer does",
        ),
        (Outcome::Dropped, 0, "", ""),
    ] {
        let mut made = fine();
        made.says = (check, text);
        made.met(outcome, status, 100);
        told.push(made.verdict().reasons.swap_remove(0));
    }
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn several_faults_are_listed_by_their_weight() {
    let mut made = fine();
    made.met(Outcome::ServerError, 500, 30)
        .met(Outcome::ServerError, 503, 60)
        .met(Outcome::Timeout, 0, 10)
        .met(Outcome::Rejected, 404, 5)
        .met(Outcome::Rejected, 403, 3);
    let reason = made.verdict().reasons.swap_remove(0);
    assert!(
        reason.ends_with(
            "60 met a server error (503), 30 met a server error (500), 10 timed out (no whole \
             answer within 1.00 s), 5 were rejected (404), 3 met something else"
        ),
        "{reason}"
    );
}

#[test]
fn seconds_in_which_answers_stood_still_are_named() {
    let mut made = Made::new();
    for second in 0..10 {
        for n in 0..50_u64 {
            made.due = Nanos::from_secs(second) + Nanos::from_millis(n * 20);
            made.takes = Nanos::from_millis(if second == 9 { 1000 - n * 20 } else { 3 });
            made.met(Outcome::Accepted, 201, 1);
        }
    }
    let verdict = evaluate(
        &super::criteria(&["response_time{outcome:accepted} p(95)<200"]),
        &made.done(),
        None,
    );
    insta::assert_snapshot!(all(&verdict));
    assert!(fine().verdict().clusters.is_empty(), "nothing stood still");
}

#[test]
fn slow_answers_say_in_which_stage() {
    let mut made = Made::new();
    made.due = Nanos::from_millis(500);
    made.met(Outcome::Accepted, 201, 100);
    made.due = Nanos::from_secs(5);
    made.takes = Nanos::from_millis(90);
    made.met(Outcome::Accepted, 201, 100);
    let criteria = super::criteria(&["response_time{outcome:accepted} p(95)<50"]);
    let reason = evaluate(&criteria, &made.done(), None).reasons.swap_remove(0);
    assert!(reason.ends_with(": slowest in stage 2 (hold, to 50/s): p95 90.0 ms"), "{reason}");
}

#[test]
fn failures_that_gather_on_a_tag_are_named_and_even_ones_are_not() {
    let mut made = Made::new();
    made.labels = LabelSet::EMPTY.with(0);
    made.met(Outcome::Accepted, 201, 200);
    made.labels = LabelSet::EMPTY.with(1);
    made.met(Outcome::Accepted, 201, 160).met(Outcome::ServerError, 500, 40);
    let clusters = made.verdict().clusters;
    assert!(clusters.iter().any(|c| c.contains("provider:openai")), "{clusters:?}");

    let mut made = Made::new();
    for label in [0, 1] {
        made.labels = LabelSet::EMPTY.with(label);
        made.met(Outcome::Accepted, 201, 160).met(Outcome::ServerError, 500, 40);
    }
    assert_eq!(made.verdict().clusters, Vec::<String>::new());
}
