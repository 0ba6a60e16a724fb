//! Written scenarios, from the table to the request and its judgement.

mod whole;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::fixtures::{UNIX, answer, call, identity, same_cases};
use super::super::{Answer, Identity, Scenario, Secrets, Settings, build, fingerprint};
use super::*;
use crate::ids::IdentityKind;
use crate::outcome::{Outcome, ProbeEnd};

fn column(values: &[&str]) -> DataColumn {
    let values: Vec<String> = values.iter().map(|value| (*value).to_owned()).collect();
    DataColumn {
        fingerprint: fingerprint(&values, &[]),
        values,
        order: Turn::InTurn,
        weights: Vec::new(),
    }
}

fn spec() -> Spec {
    let text = |text: &str| text.to_owned();
    Spec {
        request: RequestSpec {
            method: text("POST"),
            path: text("/search?limit={data.limit}&q={data.term}"),
            headers: BTreeMap::from([(text("x-api-key"), text("{identity}"))]),
            body: BodySpec::Json(json!({
                "query": "{data.term}", "user": "{uuid}", "again": ["{uuid}"], "at": "{unix:int}",
                "n": "{n:int}", "text": "n is {n}", "limit": "{data.limit:int}", "fixed": 1.5,
            })),
        },
        expect: vec![ExpectSpec {
            status: vec![200, 202],
            json: vec![
                (text("$.query"), json!("{data.term}")),
                (text("$.results"), json!("array")),
                (text("$.took_ms"), json!("< 500")),
            ],
            ..ExpectSpec::default()
        }],
        identity: IdentityKind::Key,
        keys: Some(text("SEARCH_KEY_*")),
        sign: None,
        tags: BTreeMap::from([(text("term"), text("{data.term}"))]),
        data: BTreeMap::from([
            (text("limit"), column(&["10", "20", "50"])),
            (text("term"), column(&["a b", "c&d=\"e\""])),
        ]),
        setup: None,
        probes: vec![ProbeSpec {
            kind: text("no_key"),
            without: vec![text("x-api-key")],
            status: vec![401, 403],
            ..ProbeSpec::default()
        }],
        writes: Some(false),
    }
}

fn scenario(spec: Spec) -> Box<dyn Scenario> {
    let id = ScenarioId::fixed("search");
    let settings = Settings { written: Some(Box::new(spec)), ..Settings::new(id, []) };
    let secrets = Secrets { signing: Some(Secret::new("shh-secret")), known: Vec::new() };
    build(&settings, 7, "run-1", secrets).expect("is written")
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("is JSON")
}

#[test]
fn a_request_is_its_table_filled_in() {
    let (scenario, identity) = (scenario(spec()), identity());
    let request = scenario.request(&call(&identity, Traffic::Arrival, 2));
    assert_eq!(request.path, "/search?limit=20&q=c%26d%3D%22e%22");
    assert_eq!(request.method, http::Method::POST);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("x-api-key"), Some("an-opaque-key"));
    let body = body(&request);
    assert_eq!(body["query"], "c&d=\"e\"");
    assert_eq!((&body["n"], &body["limit"]), (&json!(2), &json!(20)));
    assert_eq!((&body["at"], &body["fixed"]), (&json!(UNIX.as_secs()), &json!(1.5)));
    assert_eq!(body["text"], "n is 2");
    assert_eq!(body["user"], body["again"][0], "one value a request");
    let uuid = body["user"].as_str().expect("a text");
    assert!(uuid.len() == 36 && &uuid[14..15] == "4", "{uuid}");
    let other = scenario.request(&call(&identity, Traffic::Arrival, 3));
    assert_ne!(self::body(&other)["user"], uuid);
    assert!(request.labels.contains(1) && !request.labels.contains(0));
    assert_eq!(scenario.labels()[1].to_string(), "term:c&d=\"e\"");
}

#[test]
fn an_answer_is_held_against_the_table() {
    let (scenario, identity) = (scenario(spec()), identity());
    let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
    let checks = [
        "status is 200 or 202",
        "body_size",
        "body is JSON",
        "no duplicate keys",
        "$.query is {data.term}",
        "$.results is an array",
        "$.took_ms < 500",
    ];
    assert_eq!(scenario.checks(), checks);
    let judged = |status, body: &str| scenario.judge(&request, &answer(status, body.as_bytes()));
    let good = r#"{"query":"a b","results":[],"took_ms":3}"#;
    assert_eq!(judged(202, good).outcome, Some(Outcome::Accepted));
    assert_eq!(judged(201, good).outcome, Some(Outcome::Unexpected));
    assert_eq!(judged(429, "{}").outcome, Some(Outcome::RateLimited));
    assert_eq!(judged(401, "{}").outcome, Some(Outcome::Rejected));
    for (body, check) in [
        ("not JSON", 2),
        (r#"{"query":"a b","query":"a b","results":[],"took_ms":3}"#, 3),
        (r#"{"query":"other","results":[],"took_ms":3}"#, 4),
        (r#"{"query":"a b","results":{},"took_ms":3}"#, 5),
        (r#"{"query":"a b","results":[],"took_ms":500}"#, 6),
        (r#"{"query":"a b","results":[],"took_ms":"3"}"#, 6),
    ] {
        let judgement = judged(200, body);
        assert_eq!(judgement.outcome, Some(Outcome::Contract), "{body}");
        assert_eq!(judgement.failed.trailing_zeros(), check, "{body}");
    }
}

/// An OAuth client: `id:secret` becomes a token.
fn with_setup() -> Spec {
    let text = |text: &str| text.to_owned();
    let mut spec = spec();
    spec.request.headers = BTreeMap::from([
        (text("authorization"), text("Bearer {setup.token}")),
        (text("cookie"), text("sid={setup.session}")),
    ]);
    spec.setup = Some(SetupSpec {
        request: RequestSpec {
            method: text("POST"),
            path: text("/token"),
            headers: BTreeMap::from([(text("authorization"), text("Basic {identity:base64}"))]),
            body: BodySpec::Form(BTreeMap::from([
                (text("client"), text("{identity.name}")),
                (text("secret"), text("{identity.secret}")),
            ])),
        },
        status: vec![200],
        capture: BTreeMap::from([
            (text("token"), text("$.access_token")),
            (text("session"), text("cookie sid")),
        ]),
        expires: Some(Expires::Told(text("$.expires_in"))),
    });
    spec
}

#[test]
fn what_setup_captures_is_shown_and_never_quoted() {
    let scenario = scenario(with_setup());
    let mut identity = Identity { key: Some(Secret::new("ada:pass-word")), ..identity() };
    let request = scenario.setup(&call(&identity, Traffic::Setup, 1)).expect("there is one");
    assert_eq!(request.header("authorization"), Some("Basic YWRhOnBhc3Mtd29yZA=="));
    assert_eq!(request.body, b"client=ada&secret=pass-word");
    let mut headers = http::HeaderMap::new();
    headers.append("set-cookie", "other=1; Path=/".parse().expect("fits"));
    headers.append("set-cookie", "sid=abc-123; HttpOnly".parse().expect("fits"));
    let told = |status, body: &str| {
        let answer = Answer { headers: Some(&headers), ..answer(status, body.as_bytes()) };
        scenario.captured(&answer)
    };
    let captured = told(200, r#"{"access_token":"tok-1234","expires_in":"90"}"#).expect("gives");
    assert_eq!(captured.lifetime, Some(std::time::Duration::from_secs(90)));
    assert!(!format!("{captured:?}").contains("tok-1234"));
    for (status, body, why) in [
        (
            401,
            r#"{"error":"no such client"}"#,
            "it was answered 401: {\"error\":\"no such client\"}",
        ),
        (201, r#"{"access_token":"tok-1234"}"#, "it was answered 201"),
        (200, "tok-1234", "its answer isn't JSON"),
        (200, r#"{"expires_in":90}"#, "its answer has no value for token at $.access_token"),
        (200, r#"{"access_token":{},"expires_in":90}"#, "no value for token"),
        (200, r#"{"access_token":"t"}"#, "its answer has no seconds at $.expires_in"),
        (200, r#"{"access_token":"t","expires_in":0}"#, "expires within a second"),
    ] {
        let told = told(status, body).expect_err(body);
        assert!(told.contains(why), "{told}");
    }
    identity.captured = Some(std::sync::Arc::new(captured));
    let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
    assert_eq!(request.header("authorization"), Some("Bearer tok-1234"));
    assert_eq!(request.header("cookie"), Some("sid=abc-123"));
    let secrets = identity.captured.as_ref().map_or(&[][..], |captured| captured.secrets());
    let refusal = Answer { secrets, ..answer(403, b"the token tok-1234 of abc-123 is revoked") };
    let quoted = scenario.judge(&request, &refusal).excerpt.expect("is quoted");
    assert_eq!(quoted, "the token *** of *** is revoked");
}

#[test]
fn a_probe_that_shows_who_sends_is_sent_by_an_identity() {
    let mut spec = with_setup();
    spec.probes.push(ProbeSpec {
        kind: "bad_body".to_owned(),
        body: Some(BodySpec::Text("not JSON".to_owned())),
        status: vec![400],
        ..ProbeSpec::default()
    });
    spec.probes[0].without = vec!["authorization".to_owned(), "cookie".to_owned()];
    assert_eq!(probes_by_identity(&spec), ["bad_body"]);
}

#[test]
fn a_probe_is_wrong_in_what_it_says() {
    let (scenario, identity) = (scenario(spec()), identity());
    let kind = ProbeKind::fixed("no_key");
    let probe = scenario.probe(kind, &call(&identity, Traffic::Probe, 1));
    assert_eq!(probe.header("x-api-key"), None);
    let judged = |status| scenario.judge_probe(kind, &answer(status, b""));
    assert_eq!(judged(403), ProbeEnd::Held);
    assert_eq!(judged(404), ProbeEnd::Other);
    assert_eq!(judged(200), ProbeEnd::Breached);
    assert_eq!(judged(500), ProbeEnd::Neither);
}

#[test]
fn signatures_are_those_that_github_makes() {
    let mut spec = spec();
    // The example of GitHub's documentation on validating deliveries.
    spec.sign = Some(SignSpec {
        scheme: Scheme::HmacSha256,
        secret: "HOOK_SECRET".to_owned(),
        header: "x-hub-signature-256".to_owned(),
        encoding: Encoding::Hex,
        prefix: "sha256=".to_owned(),
        payload: "{body}".to_owned(),
    });
    let sign = spec.sign.clone().expect("is there");
    let secret = Secret::new("It's a Secret to Everybody");
    assert_eq!(
        sign::signature(&sign, &secret, 0, b"", b"Hello, World!"),
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
    for flaw in [Flaw::Missing, Flaw::Wrong] {
        spec.probes.push(ProbeSpec {
            kind: format!("{flaw:?}").to_lowercase(),
            signature: Some(flaw),
            status: vec![401],
            ..ProbeSpec::default()
        });
    }
    let (scenario, identity) = (scenario(spec), identity());
    let header = "x-hub-signature-256";
    let call = call(&identity, Traffic::Probe, 1);
    let right = scenario.request(&call);
    let wrong = scenario.probe(ProbeKind::fixed("wrong"), &call);
    let missing = scenario.probe(ProbeKind::fixed("missing"), &call);
    assert!(right.header(header).is_some_and(|value| value.len() == 71));
    assert!(wrong.header(header).is_some() && wrong.header(header) != right.header(header));
    assert_eq!(missing.header(header), None);
}

#[test]
fn headers_are_matched_with_stars_and_without_case() {
    for (pattern, value, holds) in [
        ("application/json*", "Application/JSON; charset=utf-8", true),
        ("application/json", "application/json; charset=utf-8", false),
        ("*", "", true),
        ("a*b*c", "a-b-b-c", true),
        ("a*b*c", "a-c", false),
        ("", "x", false),
    ] {
        assert_eq!(check::matches(pattern, value), holds, "{pattern} {value}");
    }
    let like = Condition::parse("~ /page/*", &Names::default()).expect("is one");
    let path = JsonPath::parse("$").expect("is one");
    for (value, holds) in [("/page/2", true), ("/PAGE/2", false), ("page", false)] {
        assert_eq!(like.holds(&path, &json!(value), &json!("/page/*")), holds, "{value}");
    }
}

#[test]
fn each_element_must_meet_a_condition_and_of_none_nothing_is_asked_but_presence() {
    let holds = |path: &str, condition: &str, body: serde_json::Value| {
        let condition = Condition::parse(condition, &Names::default()).expect("is one");
        condition.holds(&JsonPath::parse(path).expect("is one"), &body, &json!(null))
    };
    for (body, all) in [
        (json!({"a": []}), true),
        (json!({"a": [{"id": "x"}, {"id": "y"}]}), true),
        (json!({"a": [{"id": "x"}, {}]}), false),
        (json!({"a": [{"id": "x"}, {"id": 7}]}), false),
        (json!({"a": {}}), true),
        (json!({"a": null}), false),
        (json!({"a": "text"}), false),
        (json!({}), false),
    ] {
        assert_eq!(holds("$.a[*].id", "string", body.clone()), all, "{body}");
    }
    assert!(!holds("$.a[*]", "present", json!({"a": []})));
    assert!(holds("$.a[*].b", "absent", json!({"a": []})));
    assert!(!holds("$.a[*].b", "absent", json!({"a": [{}, {"b": 1}]})));
    assert!(!holds("$.a[*].b", "present", json!({"a": [{}, {"b": 1}]})));
    assert!(!holds("$.a", "nonempty", json!({"a": []})));
    assert!(holds("$.a[*][*]", "< 5", json!({"a": [[], [1, 2]]})));
}

proptest! {
    #![proptest_config(same_cases())]

    #[test]
    fn a_value_never_leaves_its_place(value in "\\PC{0,40}") {
        let mut spec = spec();
        spec.data.insert("term".to_owned(), column(&[&value]));
        let scenario = scenario(spec);
        let identity = identity();
        let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
        prop_assert_eq!(&body(&request)["query"], &json!(value));
        prop_assert_eq!(body(&request).as_object().map(serde_json::Map::len), Some(8));
        prop_assert!(request.path.is_ascii() && request.path.matches(['&', '#', ' ']).count() == 1);
    }

    #[test]
    fn no_text_is_a_panic(text in "\\PC{0,40}", inner in "[a-z.:{}0-9]{0,20}") {
        let names = Names { data: &["a"], setup: &[], identity: true, body: false };
        for text in [text, format!("{{{inner}}}")] {
            if let Err(error) = Template::parse(&text, &names) {
                prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
            }
            drop(Condition::parse(&text, &names));
        }
    }

    #[test]
    fn plain_text_is_itself(text in "[^{}]{0,40}") {
        let template = Template::parse(&text, &Names::default()).expect("no braces");
        prop_assert_eq!(template.constant(), Some(text.as_str()));
    }

    #[test]
    fn no_answer_makes_the_judge_panic(
        status in 0_u16..1000,
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let (scenario, identity) = (scenario(spec()), identity());
        let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
        let judgement = scenario.judge(&request, &Answer { ..answer(status, &body) });
        prop_assert_eq!(judgement.passed & judgement.failed, 0);
    }
}

#[test]
fn names_that_have_a_status_alone_are_checks_and_all_statuses_count() {
    let mut own = spec();
    let text = |text: &str| text.to_owned();
    let named = |name: &str, status: &[u16]| ExpectSpec {
        name: Some(text(name)),
        status: status.to_vec(),
        ..ExpectSpec::default()
    };
    let shape = ExpectSpec {
        name: Some(text("shape")),
        status: vec![200, 202],
        json: vec![(text("$.a"), json!("= 3")), (text("$.b"), json!("~ {data.term}*"))],
        header: vec![(text("x-echo"), text("{data.limit}-*"))],
    };
    own.expect = vec![named("is taken", &[200, 201, 202]), shape, named("is done", &[200])];
    let (scenario, identity) = (scenario(own), identity());
    assert_eq!(
        scenario.checks(),
        ["is taken", "body_size", "body is JSON", "no duplicate keys", "shape", "is done"]
    );
    let request = scenario.request(&call(&identity, Traffic::Arrival, 1));
    let headers = |value: &str| {
        let mut headers = http::HeaderMap::new();
        headers.insert("x-echo", value.parse().expect("a value"));
        headers
    };
    let judged = |status, body: &str, echo: &str| {
        let headers = headers(echo);
        let answer = Answer { headers: Some(&headers), ..answer(status, body.as_bytes()) };
        scenario.judge(&request, &answer)
    };
    let good = r#"{"a":3,"b":"a b and more"}"#;
    assert_eq!(judged(200, good, "10-x").outcome, Some(Outcome::Accepted));
    assert_eq!(
        judged(202, good, "10-x").outcome,
        Some(Outcome::Unexpected),
        "one of them says 200"
    );
    for (body, echo) in [
        (r#"{"a":"3","b":"a b"}"#, "10-x"),
        (r#"{"a":4,"b":"a b"}"#, "10-x"),
        (r#"{"a":3,"b":"other"}"#, "10-x"),
        (good, "20-x"),
        (good, "{data.limit}-x"),
    ] {
        assert_eq!(judged(200, body, echo).failed.trailing_zeros(), 4, "{body} {echo}");
    }
}

#[test]
fn a_probe_changes_what_it_says_and_nothing_twice() {
    let mut own = spec();
    let text = |text: &str| text.to_owned();
    own.request.headers.insert(text("x-ts"), text("{unix}"));
    own.sign = Some(SignSpec {
        scheme: Scheme::HmacSha256,
        secret: text("SECRET"),
        header: text("x-sig"),
        encoding: Encoding::Hex,
        prefix: text("v0="),
        payload: text("v0:{unix}:{body}"),
    });
    let probe =
        |kind: &str| ProbeSpec { kind: text(kind), status: vec![401], ..ProbeSpec::default() };
    own.probes = vec![
        ProbeSpec { signature: Some(Flaw::Expired), ..probe("old") },
        ProbeSpec { without: vec![text("content-type")], ..probe("untyped") },
        ProbeSpec { headers: BTreeMap::from([(text("x-sig"), text("v0=00"))]), ..probe("forged") },
    ];
    let (scenario, identity) = (scenario(own), identity());
    let sent = |kind| scenario.probe(ProbeKind::fixed(kind), &call(&identity, Traffic::Probe, 1));
    let old = sent("old");
    // As whoever kept it for an hour would send it again: the header too is an hour old.
    let then = (UNIX.as_secs() - 3600).to_string();
    assert_eq!(old.header("x-ts"), Some(then.as_str()));
    assert_eq!(body(&old)["at"], json!(UNIX.as_secs() - 3600));
    let payload = format!("v0:{then}:{}", String::from_utf8_lossy(&old.body));
    let sign = SignSpec {
        scheme: Scheme::HmacSha256,
        secret: String::new(),
        header: String::new(),
        encoding: Encoding::Hex,
        prefix: text("v0="),
        payload: String::new(),
    };
    let secret = Secret::new("shh-secret");
    let right = sign::signature(&sign, &secret, 0, &[], payload.as_bytes());
    assert_eq!(old.header("x-sig"), Some(right.as_str()), "nothing but its age is wrong");
    assert_eq!(sent("untyped").header("content-type"), None);
    let forged = sent("forged");
    let all: Vec<_> = forged.headers.iter().filter(|(name, _)| *name == "x-sig").collect();
    assert_eq!(all, [&("x-sig", text("v0=00"))]);
}
