//! The webhook scenario: events, redelivery, signatures, probes, judgement.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::outcome::Outcome;
use crate::scenario::call::Acknowledged;
use crate::scenario::fixtures::{
    UNIX, WEBHOOK_SECRET, answer, assert_contract, call, identity, json, scenario,
};

/// Deliveries acknowledged, with the moment at which each was built.
#[derive(Debug, Default)]
struct Delivered(HashMap<u64, Duration>);

impl Acknowledged for Delivered {
    fn delivery(&self, n: u64) -> Option<Past> {
        self.0.get(&n).map(|unix| Past { n, unix: *unix })
    }
}

/// Whether `request` is signed at `unix` as the target's own check has it.
fn is_signed(request: &Request, secret: &str, unix: u64) -> bool {
    let signature = stripe::sign(&Secret::new(secret), unix, &request.body);
    request.header("stripe-signature") == Some(&signature)
}

#[test]
fn ten_thousand_deliveries_have_the_stated_mix() {
    let (scenario, identity) = (scenario(ID), identity());
    let mut past = Delivered::default();
    let mut sent: HashMap<u64, Vec<u8>> = HashMap::new();
    let mut ids = HashSet::new();
    let (mut types, mut duplicates) = ([0_u32; 7], 0);
    for n in 1..=10_000 {
        let unix = UNIX + Duration::from_millis(20 * n);
        let call = Call { unix, past: &past, ..call(&identity, Traffic::Arrival, n) };
        let request = scenario.request(&call);
        assert!(is_signed(&request, WEBHOOK_SECRET, unix.as_secs()));
        let event = json(&request.body);
        let kind = (0..7).find(|kind| request.labels.contains(*kind)).expect("has a type");
        assert_eq!(event["type"], scenario.labels()[kind].value.as_str());
        types[kind] += 1;
        assert_ne!(request.labels.contains(7), request.labels.contains(8));
        assert_eq!(request.repeatable, request.labels.contains(8));
        let id = event["id"].to_string();
        if request.repeatable {
            assert!(ids.insert(id), "an original has an id of its own");
            past.0.insert(n, unix);
            sent.insert(n, request.body);
        } else {
            duplicates += 1;
            assert!(sent.values().any(|body| *body == request.body), "the very bytes");
        }
    }
    assert!((900..1100).contains(&duplicates), "{duplicates}");
    let share = [714, 2714, 714, 3714, 714, 714, 714];
    for (count, share) in types.into_iter().zip(share) {
        assert!(count.abs_diff(share) < 150, "{types:?}");
    }
}

#[test]
fn with_nothing_acknowledged_nothing_is_repeated() {
    let (scenario, identity) = (scenario(ID), identity());
    for n in 1..500 {
        assert!(scenario.request(&call(&identity, Traffic::Arrival, n)).repeatable);
    }
    // Nor by any traffic but arrivals.
    let past = Delivered([(1, UNIX)].into());
    for n in 0..500 {
        let proof = Call { past: &past, ..call(&identity, Traffic::Proof, n) };
        assert!(scenario.request(&proof).repeatable);
    }
}

#[test]
fn the_canary_too_is_repeated_by_its_bytes() {
    let (scenario, identity) = (scenario(ID), identity());
    let canary = scenario.request(&call(&identity, Traffic::Canary, 0));
    let past = Delivered([(0, UNIX)].into());
    let unix = UNIX + Duration::from_secs(90);
    let repeat = (1..500)
        .map(|n| {
            scenario.request(&Call { unix, past: &past, ..call(&identity, Traffic::Arrival, n) })
        })
        .find(|request| !request.repeatable)
        .expect("one in ten");
    assert_eq!(repeat.body, canary.body);
    assert!(is_signed(&repeat, WEBHOOK_SECRET, unix.as_secs()), "signed afresh");
    assert!(is_signed(&canary, WEBHOOK_SECRET, UNIX.as_secs()));
}

/// The whole of one delivery; `stripe.Webhook.construct_event` of Stripe's own
/// library (16.1.0) takes it.
#[test]
fn a_delivery_that_stripe_would_take() {
    let (scenario, identity) = (scenario(ID), identity());
    let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
    let header = request.header("stripe-signature").expect("is signed");
    let body = String::from_utf8_lossy(&request.body);
    insta::assert_snapshot!(format!("{header}\n{body}"));
}

#[test]
fn each_probe_is_wrong_in_one_thing() {
    let (scenario, identity) = (scenario(ID), identity());
    let probe = |kind| scenario.probe(kind, &call(&identity, Traffic::Probe, 4));
    let now = UNIX.as_secs();

    let bad = probe(BAD_SIGNATURE);
    let header = bad.header("stripe-signature").expect("is there");
    assert!(header.starts_with(&format!("t={now},v1=")) && header.len() == 80, "{header}");
    assert!(!is_signed(&bad, WEBHOOK_SECRET, now));

    let expired = probe(EXPIRED_SIGNATURE);
    assert!(is_signed(&expired, WEBHOOK_SECRET, now - 3600));
    assert_eq!(probe(MISSING_SIGNATURE).header("stripe-signature"), None);
    assert_eq!(json(&expired.body)["object"], "event");
}

#[test]
fn without_a_secret_nothing_is_signed() {
    let run = Run::new(2, 1, "run-1", Vec::new());
    let scenario = Webhook::new(run, &Settings::new(ID, [("duplicates", 0.1.into())]), None);
    let request = scenario.request(&call(&identity(), Traffic::Arrival, 1));
    assert_eq!(request.header("stripe-signature"), None);
}

#[test]
fn only_success_is_an_acknowledgement() {
    let (scenario, identity) = (scenario(ID), identity());
    let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
    let accepted = scenario.judge(&request, &answer(200, br#"{"status":"success","id":1}"#));
    assert_eq!(accepted.outcome, Some(Outcome::Accepted));
    assert_eq!((accepted.passed, accepted.failed, accepted.items), (0b1_1111, 0, 1));
    for body in [json!({"status": "queued"}), json!({}), json!(["success"]), json!("success")] {
        assert_contract(scenario.as_ref(), &request, 200, &body, CHECKS[COMMON]);
    }
}
