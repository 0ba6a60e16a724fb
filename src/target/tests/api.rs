//! Every row of docs/api.md's tables.

use super::*;
use crate::target::Endpoint;

#[tokio::test]
async fn onboarding_creates_a_customer_whose_key_works_at_once() {
    let api = Api::new(&[]);
    let got = get(api.onboard("ada@loadtest.test")).await;
    assert_eq!(got.status, 201);
    let key = got.json["api_key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("rsolv_") && key.len() == 49);
    assert_eq!(
        got.json["customer"],
        json!({
            "id": 4711, "name": "Ada", "email": "ada@loadtest.test", "trial_fixes_limit": 5,
            "trial_fixes_used": 0, "subscription_type": "trial",
        })
    );
    assert!((unix() - date(&got)).abs() <= 30);
    let vended = get(api.post(EXCHANGE, BOTH).header("x-api-key", key)).await;
    assert_eq!(vended.status, 200);
    assert_eq!(api.target.counts().customers, 1);
}

#[tokio::test]
async fn onboarding_refuses_bad_emails_and_a_422_uses_quota() {
    let api = Api::new(&[]);
    let bodies = [
        json!({ "name": "Ada" }),
        json!({ "name": "Ada", "email": 7 }),
        json!({ "name": "Ada", "email": "no-at-sign" }),
        json!({ "name": "Ada", "email": "a@example.com" }),
        json!({ "name": "Ada", "email": "a@x.Example.COM" }),
        json!({ "email": "a@loadtest.test" }),
        json!("text"),
    ];
    for body in bodies {
        let got = get(api.post(ONBOARD, &body)).await;
        assert_eq!(got.status, 422, "{body}");
        assert_eq!(got.json["error"]["code"], "VALIDATION_FAILED");
        assert!(got.json["error"]["message"].is_string());
    }
    assert_eq!(get(api.onboard("a@notexample.com")).await.status, 201);
    assert_eq!(get(api.onboard("taken@loadtest.test")).await.status, 201);
    assert_eq!(get(api.onboard("TAKEN@loadtest.test")).await.status, 422);
    let limited = get(api.onboard("eleventh@loadtest.test")).await;
    assert_eq!(limited.status, 429);
    assert_eq!(limited.json["error"]["code"], "RATE_LIMITED");
    assert!(limited.json["error"]["message"].is_string());
    assert!(limited.headers.keys().all(|name| {
        !name.as_str().starts_with("x-ratelimit") && name.as_str() != "retry-after"
    }));
    assert_eq!(api.count(Endpoint::Onboarding, 422), 8);
}

#[tokio::test]
async fn onboarding_counts_by_the_first_forwarded_address() {
    let api = Api::new(&["limit=1"]);
    let from = |addresses: &str, n: u8| {
        api.onboard(&format!("a{n}@loadtest.test")).header("X-Forwarded-For", addresses)
    };
    assert_eq!(get(from("198.18.0.1, 10.0.0.1", 1)).await.status, 201);
    assert_eq!(get(from("198.18.0.1 , 10.0.0.2", 2)).await.status, 429);
    assert_eq!(get(from("198.18.0.2,198.18.0.1", 3)).await.status, 201);
    assert_eq!(get(from("127.0.0.1", 4)).await.status, 201);
    assert_eq!(get(api.onboard("a5@loadtest.test")).await.status, 429, "the peer is 127.0.0.1");
}

#[tokio::test]
async fn exchange_vends_what_was_asked() {
    let api = Api::new(&[]);
    let before = time::OffsetDateTime::now_utc();
    let got = get(api.exchange(BOTH).header("X-GitHub-Job", "j").header("X-GitHub-Run", "1")).await;
    let after = time::OffsetDateTime::now_utc();
    assert_eq!(got.status, 200);
    let credentials = got.json["credentials"].as_object().unwrap();
    assert_eq!(credentials.keys().collect::<Vec<_>>(), ["anthropic", "openai"]);
    for credential in credentials.values() {
        assert!(credential["api_key"].as_str().unwrap().starts_with("sk-"));
        let text = credential["expires_at"].as_str().unwrap();
        assert_eq!((text.len(), &text[19..20], &text[26..]), (27, ".", "Z"));
        let rfc = &time::format_description::well_known::Rfc3339;
        let expires = time::OffsetDateTime::parse(text, rfc).unwrap();
        let ttl = time::Duration::minutes(120);
        let slack = time::Duration::milliseconds(5);
        assert!(expires >= before + ttl - slack && expires <= after + ttl + slack);
    }
    assert_eq!(got.json["usage"]["remaining_fixes"], 999_999_999);
    assert!(got.json["usage"]["reset_at"].as_str().unwrap().ends_with("-01T00:00:00Z"));
    assert_eq!(got.header("x-ratelimit-limit"), Some("500"));
    assert_eq!(got.header("x-ratelimit-remaining"), Some("499"));
    assert_eq!(got.header("retry-after"), None);
}

#[tokio::test]
async fn exchange_takes_a_known_key_in_its_header_only() {
    let api = Api::new(&[]);
    let bare = || api.post(EXCHANGE, BOTH);
    for (request, code) in [
        (bare(), "AUTH_REQUIRED"),
        (bare().header("X-API-Key", ""), "AUTH_REQUIRED"),
        (bare().header("Authorization", format!("Bearer {}", api.key)), "AUTH_REQUIRED"),
        (bare().header("X-API-Key", format!("rsolv_{}", "a".repeat(43))), "INVALID_API_KEY"),
        (bare().header("X-API-Key", &api.key).header("X-API-Key", &api.key), "INVALID_API_KEY"),
    ] {
        let got = get(request).await;
        assert_eq!(got.status, 401);
        assert_eq!(got.json["error"]["code"], code);
        assert!(got.json["error"]["message"].is_string() && got.json["requestId"].is_string());
    }
}

#[tokio::test]
async fn exchange_checks_the_shape_before_its_limiter() {
    let api = Api::new(&["limit=2"]);
    for _ in 0..5 {
        let got = get(api.exchange(r#"{"providers":["aws"]}"#)).await;
        assert_eq!(got.status, 422);
        let error = &got.json["errors"][0];
        assert_eq!(error["source"]["pointer"], "/providers/0");
        assert!(error["title"].is_string() && error["detail"].is_string());
    }
    for status in [200, 200, 429] {
        assert_eq!(get(api.exchange(BOTH)).await.status, status);
    }
    assert_eq!(get(api.exchange("{}")).await.status, 422, "the shape comes first");
    assert_eq!(get(api.exchange(BOTH).header("X-API-Key", "x")).await.status, 401);
}

#[tokio::test]
async fn the_exchange_limiter_admits_sixty_a_key() {
    let api = Api::new(&[]);
    for _ in 0..60 {
        assert_eq!(get(api.exchange(BOTH)).await.status, 200);
    }
    let got = get(api.exchange(BOTH)).await;
    assert_eq!(got.status, 429);
    assert_eq!(got.json, json!({ "error": "Rate limit exceeded", "retry_after": 60 }));
    assert_eq!(got.header("retry-after"), Some("60"));
    assert_eq!(got.header("x-ratelimit-limit"), Some("500"), "another bucket's");
    assert_eq!(got.header("x-ratelimit-remaining"), Some("439"));
}

#[tokio::test]
async fn the_limiter_by_key_counts_all_calls_and_comes_before_the_shape() {
    let api = Api::new(&["per-key.limit=3"]);
    let health = || api.request(Method::GET, "/api/health").header("X-API-Key", &api.key);
    assert_eq!(get(health()).await.status, 200);
    assert_eq!(get(api.exchange("{}")).await.status, 422);
    let last = get(api.exchange(BOTH)).await;
    assert_eq!((last.status, last.header("x-ratelimit-remaining")), (200, Some("0")));
    assert!(last.header("retry-after").is_some(), "the last allowed 200 carries it too");
    for request in [api.exchange("{}"), health()] {
        let got = get(request).await;
        assert_eq!(got.status, 429);
        assert_eq!(got.json, json!({ "errors": { "detail": "Too Many Requests" } }));
        assert_eq!(got.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(got.header("x-ratelimit-remaining"), Some("0"));
        let reset: i64 = got.header("x-ratelimit-reset").unwrap().parse().unwrap();
        let wait: i64 = got.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=61).contains(&wait));
        assert!((reset - (date(&got) + wait)).abs() <= 2);
    }
    assert_eq!(
        get(api.request(Method::GET, "/api/health")).await.status,
        200,
        "open without a key"
    );
}

#[tokio::test]
async fn exchange_refuses_when_the_month_is_used_up() {
    let api = Api::new(&["usage=2"]);
    for left in [1, 0] {
        assert_eq!(get(api.exchange(BOTH)).await.json["usage"]["remaining_fixes"], left);
    }
    let got = get(api.exchange(BOTH)).await;
    assert_eq!((got.status, got.json), (403, json!({ "error": "Monthly usage limit exceeded" })));
}

#[tokio::test]
async fn webhooks_are_acknowledged_alike_new_or_repeated() {
    let api = Api::new(&[]);
    for _ in 0..2 {
        let got = get(api.deliver("evt_1", 0)).await;
        assert_eq!((got.status, got.text.as_str()), (200, r#"{"status":"success"}"#));
    }
    let counts = api.target.counts();
    assert_eq!((counts.events, counts.duplicates), (1, 1));
}

#[tokio::test]
async fn webhooks_need_a_true_and_timely_signature() {
    let api = Api::new(&[]);
    let bare = |body: &str| api.post(WEBHOOK, body);
    let signed = |header: String| bare("{}").header("Stripe-Signature", header);
    let good = sign(&api.secret, "{}", unix());
    for (request, status, error) in [
        (bare("{}"), 401, "Missing signature"),
        (signed("nonsense".into()), 401, "Invalid signature"),
        (signed(sign("whsec_other", "{}", unix())), 401, "Invalid signature"),
        (bare("{ }").header("Stripe-Signature", &good), 401, "Invalid signature"),
        (
            bare("{}").header("Stripe-Signature", &good).header("Stripe-Signature", &good),
            401,
            "Invalid signature",
        ),
        (api.deliver("evt_1", 310), 400, "Signature expired"),
        (api.deliver("evt_1", -310), 400, "Signature expired"),
        (signed(good.clone()), 400, "Invalid payload"),
    ] {
        let got = get(request).await;
        assert_eq!((got.status, got.json), (status, json!({ "error": error })));
    }
    assert_eq!(get(api.deliver("evt_1", 290)).await.status, 200);
    assert_eq!(get(api.deliver("evt_2", -290)).await.status, 200);
}

#[tokio::test]
async fn webhooks_have_one_limit_for_everybody() {
    let api = Api::new(&["webhook.limit=2"]);
    assert_eq!(get(api.deliver("evt_1", 0)).await.status, 200);
    assert_eq!(get(api.post(WEBHOOK, "{}")).await.status, 401);
    let got = get(api.deliver("evt_2", 0).header("X-Forwarded-For", "198.18.0.9")).await;
    assert_eq!((got.status, got.json), (429, json!({ "error": "Rate limit exceeded" })));
    assert_eq!(got.headers.get("retry-after"), None);
}

#[tokio::test]
async fn health_is_open_but_looks_at_a_key() {
    let api = Api::new(&[]);
    let health = || api.request(Method::GET, "/api/health");
    let got = get(health()).await;
    assert_eq!((got.status, &got.json["status"]), (200, &json!("healthy")));
    assert_eq!(got.json["services"]["database"], "healthy");
    assert_eq!(got.header("x-ratelimit-limit"), None);
    let keyed = get(health().header("x-api-key", &api.key)).await;
    assert_eq!((keyed.status, keyed.header("x-ratelimit-remaining")), (200, Some("499")));
    let wrong = get(health().header("x-api-key", "wrong")).await;
    assert_eq!((wrong.status, &wrong.json["error"]["code"]), (401, &json!("INVALID_API_KEY")));
    assert_eq!(get(api.request(Method::GET, "/health")).await.status, 200);
}

#[tokio::test]
async fn elsewhere_answers_are_json_too() {
    let api = Api::new(&[]);
    let missing = get(api.request(Method::GET, "/nowhere")).await;
    assert_eq!((missing.status, missing.json), (404, json!({"errors":{"detail":"Not Found"}})));
    let method = get(api.request(Method::GET, ONBOARD)).await;
    assert_eq!((method.status, method.header("allow")), (405, Some("POST")));
    let large = get(api.post(ONBOARD, "x".repeat((1 << 20) + 1))).await;
    assert_eq!(large.status, 413);
    for got in [&method, &large] {
        assert!(got.json["errors"]["detail"].is_string());
        assert!((unix() - date(got)).abs() <= 30);
    }
    assert_eq!(get(api.request(Method::POST, "/health")).await.status, 405);
}

#[tokio::test]
async fn it_stops_when_dropped_or_told_and_says_when_a_port_is_taken() {
    let api = Api::new(&[]);
    let port = api.target.url().rsplit(':').next().unwrap().parse().unwrap();
    let again = Target::start(TargetConfig { port, ..TargetConfig::embedded(1, 0) });
    assert_eq!(again.unwrap_err().to_string(), format!("can't listen on 127.0.0.1:{port}"));
    assert_eq!(get(api.request(Method::GET, "/health")).await.status, 200);
    api.target.stopper().stop();
    assert_eq!(api.target.wait().answers(Endpoint::Health, 200), 1);
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
