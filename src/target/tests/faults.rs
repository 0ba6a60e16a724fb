//! Every fault, by its effect on the wire.

use super::*;
use crate::target::{Endpoint, FAULTS, FaultError, fault_help};

async fn health(api: &Api) -> Got {
    get(api.request(Method::GET, "/api/health")).await
}

/// The statuses of `n` onboardings, one after another.
async fn onboardings(api: &Api, n: usize) -> Vec<u16> {
    let mut all = Vec::new();
    for i in 0..n {
        all.push(get(api.onboard(&format!("f{i}@loadtest.test"))).await.status);
    }
    all
}

fn share_of(statuses: &[u16], status: u16) -> f64 {
    statuses.iter().filter(|s| **s == status).count() as f64 / statuses.len() as f64
}

#[tokio::test]
async fn errors_befall_their_share_of_one_endpoint_and_the_seed_decides_which() {
    let faults = ["onboarding.errors=0.2", "limiter=off"];
    let api = Api::new(&faults);
    let statuses = onboardings(&api, 300).await;
    assert!((0.12..0.28).contains(&share_of(&statuses, 500)));
    assert!(statuses.iter().all(|status| matches!(status, 201 | 500)));
    assert_eq!(health(&api).await.status, 200);
    assert_eq!(onboardings(&Api::new(&faults), 300).await, statuses);
}

#[tokio::test]
async fn statuses_and_redirects_replace_the_answer() {
    let api = Api::new(&["status=418", "health.redirect=on", "health.status=503:0"]);
    assert_eq!(get(api.exchange(BOTH)).await.status, 418);
    let moved = health(&api).await;
    assert_eq!((moved.status, moved.header("location")), (302, Some("/elsewhere")));
}

#[tokio::test]
async fn a_hanging_server_never_answers() {
    let api = Api::new(&["health.hang=on"]);
    let request =
        api.request(Method::GET, "/health").timeout(std::time::Duration::from_millis(200));
    assert!(request.send().await.unwrap_err().is_timeout());
    assert_eq!(api.target.counts().requests(Endpoint::Health), 1);
    assert_eq!(api.count(Endpoint::Health, 200), 0);
}

/// The first error of kind `io::Error` under `error`.
fn io_kind(error: &reqwest::Error) -> Option<std::io::ErrorKind> {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = error.source();
    }
    None
}

#[tokio::test]
async fn a_reset_is_a_reset_and_garbage_is_no_http() {
    let api = Api::new(&["webhook.reset=on", "health.garbage=on"]);
    let reset = api.deliver("evt_1", 0).send().await.unwrap_err();
    assert_eq!(io_kind(&reset), Some(std::io::ErrorKind::ConnectionReset), "{reset:?}");
    let garbage = api.request(Method::GET, "/health").send().await.unwrap_err();
    assert!(format!("{garbage:?}").contains("Parse"), "{garbage:?}");
    assert_eq!(get(api.exchange(BOTH)).await.status, 200);
}

#[tokio::test]
async fn bodies_can_be_broken_oversized_or_slow() {
    let broken = get(Api::new(&["broken-json=on"]).onboard("a@loadtest.test")).await;
    assert!(broken.status == 201 && broken.json.is_null() && broken.text.starts_with('{'));
    let refused = get(Api::new(&["broken-json=on"]).onboard("a")).await;
    assert!(refused.json.is_object(), "only a success is cut");
    let large = get(Api::new(&["oversized=on"]).onboard("a@loadtest.test")).await;
    assert!(large.text.len() > 2 << 20 && large.json["customer"]["id"] == 4711);
    let api = Api::new(&["slow-body=1s"]);
    let response = api.onboard("a@loadtest.test").send().await.unwrap();
    let headers = tokio::time::Instant::now();
    let slow = read(response).await;
    assert!(slow.json["customer"]["id"] == 4711);
    assert!(headers.elapsed() >= std::time::Duration::from_millis(200), "the head came first");
}

#[tokio::test]
async fn latency_and_stalls_hold_answers_back() {
    let api = Api::new(&["latency=80ms"]);
    let start = tokio::time::Instant::now();
    assert_eq!(health(&api).await.status, 200);
    assert!(start.elapsed() >= std::time::Duration::from_millis(80));
    // Frozen for all but 1 ms of every 100 ms. The opening can't see 30 requests pass,
    // one after the other: some wait for the next.
    let api = Api::new(&["stall=99ms/100ms"]);
    let start = tokio::time::Instant::now();
    let mut answered = 0;
    while start.elapsed() < std::time::Duration::from_millis(99) {
        assert_eq!(health(&api).await.status, 200);
        answered += 1;
    }
    assert!(answered <= 30, "{answered} were answered, and none was held back");
}

#[tokio::test]
async fn each_endpoint_loses_the_field_it_is_said_to() {
    let api = Api::new(&["missing-field"]);
    let got = get(api.onboard("a@loadtest.test")).await;
    assert!(got.status == 201 && got.json.get("api_key").is_none());
    let got = get(api.exchange(BOTH)).await;
    let credentials = got.json["credentials"].as_object().unwrap();
    assert!(credentials.len() == 2);
    assert!(
        credentials.values().all(|c| c.get("expires_at").is_none() && c["api_key"].is_string())
    );
    assert_eq!(get(api.deliver("evt_1", 0)).await.json, json!({}));
    assert_eq!(health(&api).await.json.get("status"), None);
}

#[tokio::test]
async fn answers_can_be_wrong_in_content() {
    let api = Api::new(&["wrong-ttl=on", "wrong-provider=on", "echo=wrong"]);
    let got = get(api.exchange(BOTH)).await;
    let credentials = got.json["credentials"].as_object().unwrap();
    assert_eq!(credentials.keys().collect::<Vec<_>>(), ["anthropic", "openrouter"]);
    let rfc = &time::format_description::well_known::Rfc3339;
    let text = credentials["anthropic"]["expires_at"].as_str().unwrap();
    let ahead = time::OffsetDateTime::parse(text, rfc).unwrap().unix_timestamp() - unix();
    assert!((ahead - 240 * 60).abs() <= 30);
    let all = r#"{"providers":["anthropic","openai","openrouter","ollama"]}"#;
    assert_eq!(get(api.exchange(all)).await.json["credentials"].as_object().unwrap().len(), 4);
    let got = get(api.onboard("a@loadtest.test")).await;
    assert!(
        got.json["customer"]["email"] != "a@loadtest.test" && got.json["customer"]["name"] != "Ada"
    );
}

#[tokio::test]
async fn checks_can_be_off_and_signatures_all_refused() {
    let api = Api::new(&["signature-check=off", "key-check=off", "email-check=off"]);
    assert_eq!(get(api.post(WEBHOOK, r#"{"id":"evt_1"}"#)).await.status, 200);
    assert_eq!(get(api.post(EXCHANGE, BOTH)).await.status, 200);
    assert_eq!(get(api.post(EXCHANGE, BOTH).header("X-API-Key", "wrong")).await.status, 200);
    assert_eq!(get(api.onboard("no-at-sign")).await.status, 201);
    assert_eq!(get(api.onboard("a@example.com")).await.status, 201);
    let api = Api::new(&["signature=reject"]);
    for request in [api.deliver("evt_1", 0), api.deliver("evt_1", 310)] {
        let got = get(request).await;
        assert_eq!((got.status, got.json), (401, json!({ "error": "Invalid signature" })));
    }
    let missing = get(api.post(WEBHOOK, "{}")).await;
    assert_eq!(missing.json, json!({ "error": "Missing signature" }));
}

#[tokio::test]
async fn limiters_are_of_every_kind_and_wrong_in_every_way() {
    // A window of a day, so that none can end in the middle of the test.
    for (limiter, admitted) in [
        ("anchored", 10..=10),
        ("aligned", 10..=20),
        ("sliding", 10..=10),
        ("bucket", 10..=10),
        ("off", 60..=60),
        ("eager", 5..=5),
        ("stuck", 10..=10),
        ("replicas:3", 30..=30),
        ("leak:0.5", 20..=50),
    ] {
        let api = Api::new(&[&format!("limiter={limiter}"), "window=1day"]);
        let statuses = onboardings(&api, 60).await;
        let got = statuses.iter().filter(|status| **status == 201).count();
        assert!(admitted.contains(&got), "{limiter}: {got}");
        assert!(statuses.iter().all(|status| matches!(status, 201 | 429)));
    }
}

#[tokio::test]
async fn a_window_ends_and_a_stuck_one_does_not() {
    let later = async |faults: &[&str]| {
        let api = Api::new(faults);
        while onboardings(&api, 1).await != [429] {}
        // More than one whole second after the opening: at most two.
        tokio::time::sleep(std::time::Duration::from_millis(2_050)).await;
        get(api.onboard("late@loadtest.test")).await.status
    };
    let short = ["limit=2", "window=1s"];
    let stuck = [&short[..], &["limiter=stuck"]].concat();
    assert_eq!(tokio::join!(later(&short), later(&stuck)), (201, 429));
}

#[tokio::test]
async fn an_ingress_that_overwrites_the_header_leaves_the_peer() {
    let api = Api::new(&["spoofable=false", "limit=1"]);
    let from = |n: u8| {
        let request = api.onboard(&format!("a{n}@loadtest.test"));
        request.header("X-Forwarded-For", format!("198.18.0.{n}"))
    };
    assert_eq!(get(from(1)).await.status, 201);
    assert_eq!(get(from(2)).await.status, 429);
}

#[tokio::test]
async fn a_refusal_can_lie_about_when_to_come_again_or_say_nothing() {
    for (fault, header, in_body) in [
        ("retry-after=true", Some("60"), json!(60)),
        ("retry-after=lie", Some("6"), json!(6)),
        ("no-retry-after", None, Value::Null),
    ] {
        let api = Api::new(&["limit=1", fault]);
        get(api.exchange(BOTH)).await;
        let got = get(api.exchange(BOTH)).await;
        assert_eq!((got.status, got.header("retry-after")), (429, header));
        assert_eq!(got.json["retry_after"], in_body);
    }
}

#[tokio::test]
async fn a_wrong_clock_shows_in_dates_signatures_and_expiry() {
    let api = Api::new(&["clock=+400s"]);
    assert_eq!(get(api.deliver("evt_1", 0)).await.status, 400);
    assert_eq!(get(api.deliver("evt_1", -400)).await.status, 200);
    let got = get(api.exchange(BOTH)).await;
    assert!((date(&got) - unix() - 400).abs() <= 30);
    let rfc = &time::format_description::well_known::Rfc3339;
    let text = got.json["credentials"]["openai"]["expires_at"].as_str().unwrap();
    let expires = time::OffsetDateTime::parse(text, rfc).unwrap().unix_timestamp();
    assert!((expires - unix() - 400 - 7_200).abs() <= 30);
    let behind = health(&Api::new(&["clock=-1h"])).await;
    assert!((date(&behind) - unix() + 3_600).abs() <= 30);
}

#[tokio::test]
async fn a_degraded_server_says_so_with_503_and_on_the_open_path_with_200() {
    let api = Api::new(&["unhealthy"]);
    let got = health(&api).await;
    assert_eq!((got.status, &got.json["status"]), (503, &json!("degraded")));
    let open = get(api.request(Method::GET, "/health")).await;
    assert_eq!((open.status, &open.json["status"]), (200, &json!("degraded")));
}

fn parse(settings: &[&str]) -> Result<Faults, FaultError> {
    Faults::parse(&settings.iter().map(|&s| s.to_owned()).collect::<Vec<_>>())
}

#[test]
fn the_one_that_names_an_endpoint_wins_whatever_the_order() {
    let one = parse(&["webhook.errors=0.5", "errors=10%"]).unwrap();
    assert_eq!(one, parse(&["errors=0.9", "errors=0.1", "webhook.errors=0.5"]).unwrap());
    assert_ne!(one, parse(&["errors=0.1"]).unwrap());
    assert_eq!(parse(&[]).unwrap(), Faults::default());
    assert_eq!(parse(&["errors=off", "latency=0s", "hang=0"]).unwrap().clock, 0);
}

#[test]
fn a_fault_that_there_is_not_is_refused_with_what_there_is() {
    let message = |text: &str| parse(&[text]).unwrap_err().to_string();
    let unknown = message("latencie=20ms");
    assert!(
        unknown.starts_with("there is no fault `latencie` (did you mean `latency`?); there are:")
    );
    for fault in FAULTS {
        assert!(unknown.contains(&format!("\n  {}={}", fault.name, fault.takes)), "{}", fault.name);
    }
    insta::assert_snapshot!(message("webhok.errors=1"), @"there is no endpoint `webhok` (did you mean `webhook`?); there are: onboarding, credential-vending, webhook, health, per-key");
    insta::assert_snapshot!(message("webhook.wrong-ttl=on"), @"`wrong-ttl` is no fault of webhook, but of credential-vending");
    insta::assert_snapshot!(message("per-key.errors=on"), @"`errors` is no fault of per-key, but of onboarding, credential-vending, webhook, health");
    insta::assert_snapshot!(message("webhook.clock=1s"), @"`clock` is no fault of webhook, but of the whole server (no prefix)");
    insta::assert_snapshot!(message("errors=2"), @"`2` is no value of the fault `errors`, which takes on, off or a share (0.2, 20%)");
}

#[test]
fn every_value_that_makes_no_sense_is_refused() {
    for text in [
        "latency",
        "latency=",
        "latency=-1s",
        "latency=2days",
        "latency=uniform:50ms..10ms",
        "latency=uniform:10ms",
        "latency=lognormal:20ms",
        "latency=lognormal:20ms,-1",
        "latency=lognormal:20ms,NaN",
        "latency=pareto:1ms,0",
        "latency=normal:1ms,2",
        "stall=1s",
        "stall=2s/1s",
        "stall=0s/0s",
        "errors=-0.1",
        "errors=NaN",
        "errors=101%",
        "status=99",
        "status=600",
        "status=500:2",
        "limit=0",
        "limit=1000001",
        "limit=-1",
        "window=0s",
        "limiter=leak",
        "limiter=leak:2",
        "limiter=replicas:0",
        "limiter=off:1",
        "limiter=on",
        "retry-after=0",
        "signature=off",
        "echo=off",
        "clock=noon",
        "usage=-1",
        "spoofable=0.5",
        "slow-body=on",
    ] {
        let error = parse(&[text]).unwrap_err();
        assert!(matches!(error, FaultError::Value { .. }), "{text}: {error}");
    }
}

#[test]
fn help_lists_every_fault() {
    insta::assert_snapshot!(fault_help());
}
