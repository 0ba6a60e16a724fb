//! What holds of all three scenarios alike.

use std::collections::HashSet;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::fixtures::{KEY, WEBHOOK_SECRET, answer, call, identity, scenario, scenario_of};
use super::{Answer, Identity, Past, Secrets, Settings, build, catalogue};
use crate::ids::{ProbeKind, ScenarioId, Traffic};
use crate::outcome::{Outcome, ProbeEnd};

/// Every built-in scenario.
fn all() -> [ScenarioId; 3] {
    [0, 1, 2].map(|i| catalogue::BUILT_IN[i].id)
}

fn success(id: ScenarioId) -> u16 {
    if id == ScenarioId::fixed("onboarding") { 201 } else { 200 }
}

#[test]
fn bits_suffice_and_checks_differ() {
    for id in &all() {
        let scenario = scenario(*id);
        assert_eq!(scenario.id(), *id);
        assert!(scenario.labels().len() <= 64 && scenario.checks().len() < 32);
        assert_eq!(scenario.checks()[0], format!("status is {}", success(*id)));
        let distinct: HashSet<_> = scenario.checks().iter().collect();
        assert_eq!(distinct.len(), scenario.checks().len());
    }
    let probes = || catalogue::BUILT_IN.iter().flat_map(|entry| entry.probes);
    let kinds: HashSet<_> = probes().map(|probe| probe.kind).collect();
    assert_eq!(kinds.len(), probes().count(), "every kind belongs to one scenario");
}

#[test]
fn the_same_call_gives_the_same_request_and_another_run_another() {
    let identity = identity();
    for id in &all() {
        for traffic in Traffic::ALL {
            let request = |seed, run: &str, n| {
                let request = scenario_of(*id, seed, run).request(&call(&identity, *traffic, n));
                (request.body, request.headers)
            };
            assert_eq!(request(7, "run-1", 12), request(7, "run-1", 12));
            assert_ne!(request(7, "run-1", 12), request(7, "run-2", 12));
            assert_ne!(request(7, "run-1", 12), request(8, "run-1", 12));
            assert_ne!(request(7, "run-1", 12), request(7, "run-1", 13));
        }
    }
}

#[test]
fn only_a_given_address_is_claimed() {
    let address = Some(Ipv4Addr::new(198, 18, 0, 7));
    for id in &all() {
        let own = scenario(*id).request(&call(&identity(), Traffic::Arrival, 1));
        assert_eq!(own.header("x-forwarded-for"), None);
        assert_eq!(own.header("content-type"), Some("application/json"));
        let other = Identity { address, ..identity() };
        let spread = scenario(*id).request(&call(&other, Traffic::Arrival, 1));
        assert_eq!(spread.header("x-forwarded-for"), Some("198.18.0.7"));
    }
}

#[test]
fn a_refusal_is_told_by_its_status_and_quoted_masked() {
    let identity = identity();
    for id in &all() {
        let scenario = scenario(*id);
        let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
        let body = format!("no\u{1b}: {KEY} {WEBHOOK_SECRET} {}", "x".repeat(400));
        for (status, outcome) in [
            (302, Outcome::Unexpected),
            (401, Outcome::Rejected),
            (503, Outcome::ServerError),
            (700, Outcome::Unexpected),
        ] {
            let judgement = scenario.judge(&request, &answer(status, body.as_bytes()));
            assert_eq!(judgement.outcome, Some(outcome));
            assert_eq!((judgement.passed, judgement.failed, judgement.items), (0, 1, 0));
            let excerpt = judgement.excerpt.expect("is quoted");
            assert!(excerpt.starts_with("no: *** *** xxx"), "{excerpt}");
            assert_eq!(excerpt.chars().count(), 200);
        }
        let wrong_success = scenario.judge(&request, &answer(204, b"secret"));
        assert_eq!(wrong_success.outcome, Some(Outcome::Unexpected));
        assert_eq!(wrong_success.excerpt, None);
        assert_eq!(scenario.judge(&request, &answer(500, b"")).excerpt, None);
        let binary = scenario.judge(&request, &answer(500, b"\xff\x00ok")).excerpt;
        assert_eq!(binary.as_deref(), Some("ok"));
    }
}

#[test]
fn a_429_tells_how_long_to_wait_and_is_not_checked() {
    let scenario = scenario(ScenarioId::fixed("credential-vending"));
    let identity = identity();
    let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
    for (body, json, retry_after) in [
        (r#"{"error":"Rate limit exceeded","retry_after":60}"#, true, Some(60)),
        (r#"{"error":"Rate limit exceeded","retry_after":"60"}"#, true, None),
        (r#"{"error":"Rate limit exceeded","retry_after":-1}"#, true, None),
        (r#"{"error":"Rate limit exceeded","retry_after":99999999999}"#, true, None),
        (r#"{"errors":{"detail":"Too Many Requests"}}"#, true, None),
        ("Too Many Requests", false, None),
    ] {
        let judgement = scenario.judge(&request, &answer(429, body.as_bytes()));
        assert_eq!(judgement.outcome, Some(Outcome::RateLimited));
        assert_eq!((judgement.json, judgement.retry_after), (json, retry_after), "{body}");
        assert_eq!((judgement.passed, judgement.failed), (0, 0));
        assert_eq!(judgement.excerpt.as_deref(), Some(body));
    }
    let elsewhere = scenario.judge(&request, &answer(503, br#"{"retry_after":5}"#));
    assert_eq!(elsewhere.retry_after, None);
}

#[test]
fn a_body_over_the_cap_is_never_judged() {
    let identity = identity();
    for id in &all() {
        let scenario = scenario(*id);
        let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
        for status in [success(*id), 204, 302, 422, 429, 500] {
            let judgement = scenario.judge(&request, &Answer { body: None, ..answer(status, b"") });
            assert_eq!(judgement.outcome, Some(Outcome::Contract));
            assert_eq!(scenario.checks()[judgement.failed.trailing_zeros() as usize], "body_size");
            assert_eq!(judgement.failed.count_ones(), 1);
            assert_eq!(judgement.passed, u32::from(status == success(*id)));
            assert_eq!(judgement.excerpt, None);
        }
    }
}

#[test]
fn what_is_not_json_fails_that_check_first() {
    let identity = identity();
    let deep = "[".repeat(100_000);
    for id in &all() {
        let scenario = scenario(*id);
        let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
        for body in ["", "<html>", "{\"a\":", "\u{feff}{}", &deep] {
            let judgement = scenario.judge(&request, &answer(success(*id), body.as_bytes()));
            assert_eq!(judgement.outcome, Some(Outcome::Contract));
            assert_eq!(
                scenario.checks()[judgement.failed.trailing_zeros() as usize],
                "body is JSON"
            );
            assert!(!judgement.json && judgement.excerpt.is_none());
            // It has no keys that could stand twice.
            let unique = scenario.checks().iter().position(|check| *check == "no duplicate keys");
            let unique = 1 << unique.expect("is a check");
            assert_eq!((judgement.passed | judgement.failed) & unique, 0);
        }
    }
}

#[test]
fn a_key_that_stands_twice_is_a_breach_of_its_own_and_odd_json_is_json() {
    let identity = identity();
    for id in &all() {
        let scenario = scenario(*id);
        let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
        let judge = |body: &str| scenario.judge(&request, &answer(success(*id), body.as_bytes()));
        let odd = format!(r#"{{"n":{},"s":"\ud800"}}"#, "9".repeat(5000));
        for (body, unique) in [(r#"{"x":[{"a":1,"\u0061":1}]}"#, false), (odd.as_str(), true)] {
            let judgement = judge(body);
            let failed = |name| {
                let bit = scenario.checks().iter().position(|check| *check == name);
                judgement.failed & (1 << bit.expect("is a check")) != 0
            };
            assert_eq!(judgement.outcome, Some(Outcome::Contract));
            assert_eq!((failed("body is JSON"), failed("no duplicate keys")), (false, !unique));
        }
    }
}

#[test]
fn probes_are_held_by_their_own_status_only() {
    for (kind, id, status) in [
        (ProbeKind::fixed("bad_signature"), ScenarioId::fixed("webhook"), 401),
        (ProbeKind::fixed("missing_signature"), ScenarioId::fixed("webhook"), 401),
        (ProbeKind::fixed("expired_signature"), ScenarioId::fixed("webhook"), 400),
        (ProbeKind::fixed("bad_key"), ScenarioId::fixed("credential-vending"), 401),
        (ProbeKind::fixed("malformed_email"), ScenarioId::fixed("onboarding"), 422),
    ] {
        let scenario = scenario(id);
        let probes = catalogue::find(id).expect("is built in").probes;
        assert!(probes.iter().any(|probe| probe.kind == kind));
        let request = scenario.probe(kind, &call(&identity(), Traffic::Probe, 3));
        assert_eq!(request.expect, super::Expect::Refusal(kind));
        assert!(!request.repeatable);
        for other in 0..1000 {
            let expected = match other {
                s if s == status => ProbeEnd::Held,
                200..=299 => ProbeEnd::Breached,
                429 => ProbeEnd::Neither,
                400..=499 => ProbeEnd::Other,
                _ => ProbeEnd::Neither,
            };
            assert_eq!(scenario.judge_probe(kind, &answer(other, b"")), expected, "{kind} {other}");
        }
    }
}

#[test]
fn advice_is_short_and_holds_no_secret() {
    let lines: Vec<String> = all()
        .iter()
        .flat_map(|id| [401, 403, 422].map(|status| (id, status)))
        .map(|(id, status)| format!("{id} {status}: {}", scenario(*id).advice(status)))
        .collect();
    let text = lines.join("\n");
    assert!(!text.contains(KEY) && !text.contains(WEBHOOK_SECRET));
    insta::assert_snapshot!(text);
}

#[test]
fn neither_a_request_nor_an_answer_prints_what_it_holds() {
    let identity = identity();
    for id in &all() {
        let request = scenario(*id).request(&call(&identity, Traffic::Arrival, 1));
        let text = format!("{request:?} {:?} {identity:?}", answer(200, b"sk-live"));
        assert!(
            !text.contains(KEY) && !text.contains("sk-live") && !text.contains("v1="),
            "{text}"
        );
        assert!(text.contains("content-type") && text.contains("body: 7 bytes"), "{text}");
    }
}

#[test]
fn settings_that_the_config_refuses_do_no_harm() {
    let identity = identity();
    let [onboarding, vending, webhook] = all();
    let many: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    let settings = [
        Settings::new(vending, []),
        Settings::new(
            vending,
            [("providers", many.into()), ("ttl_minutes", (0..1000).collect::<Vec<_>>().into())],
        ),
        Settings::new(onboarding, [("email_domain", "a@b\"\u{0}".into())]),
        Settings::new(webhook, [("duplicates", "NaN".into()), ("stripe_price", "\n".into())]),
    ];
    for settings in settings {
        let scenario = build(&settings, 0, "", Secrets::default()).expect("is built in");
        let past = Everything;
        for n in [0, 1, u64::MAX] {
            for traffic in Traffic::ALL {
                let call = super::Call { past: &past, ..call(&identity, *traffic, n) };
                let request = scenario.request(&call);
                serde_json::from_slice::<serde_json::Value>(&request.body).expect("is JSON");
                for probe in catalogue::BUILT_IN.iter().flat_map(|entry| entry.probes) {
                    scenario.probe(probe.kind, &call);
                }
            }
        }
    }
}

/// Whatever is asked for was acknowledged, at the end of time.
#[derive(Debug)]
struct Everything;

impl super::Acknowledged for Everything {
    fn delivery(&self, n: u64) -> Option<Past> {
        Some(Past { n, unix: std::time::Duration::MAX })
    }
}

proptest! {
    #![proptest_config(super::fixtures::same_cases())]

    #[test]
    fn no_answer_makes_a_judge_panic(
        status in 0_u16..1000,
        body in proptest::collection::vec(any::<u8>(), 0..300),
        skew in any::<f64>(),
    ) {
        for id in &all() {
            let scenario = scenario(*id);
            let identity = identity();
            let request = scenario.request(&call(&identity, Traffic::Minting, 1));
            let answer = Answer { skew, ..answer(status, &body) };
            let judgement = scenario.judge(&request, &answer);
            prop_assert_eq!(judgement.passed & judgement.failed, 0);
            prop_assert_ne!(judgement.outcome, Some(Outcome::Accepted));
            if (200..300).contains(&status) {
                prop_assert_eq!(judgement.excerpt, None);
            } else if let Some(excerpt) = judgement.excerpt {
                prop_assert!(excerpt.chars().count() <= 200);
                prop_assert!(!excerpt.chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn json_of_any_shape_is_judged(
        value in prop_oneof![
            Just("null"), Just("[]"), Just("{}"), Just("1e308"), Just("\"x\""),
            Just(r#"{"customer":[],"api_key":{},"credentials":[],"usage":1,"status":[]}"#),
            Just(r#"{"customer":null,"credentials":{"anthropic":null,"openai":[]},"status":1}"#),
            Just(r#"{"credentials":{"anthropic":{"expires_at":"+999999-01-01T00:00:00Z"}}}"#),
        ],
    ) {
        for id in &all() {
            let scenario = scenario(*id);
            let identity = identity();
            let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
            let judgement = scenario.judge(&request, &answer(success(*id), value.as_bytes()));
            prop_assert_eq!(judgement.outcome, Some(Outcome::Contract));
            prop_assert!(judgement.json);
        }
    }
}
