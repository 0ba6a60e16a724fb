//! Against a server of its own that counts: what load-gate says it sent and met is what was.

use crate::support::{Counting, config, run_in};

const PATH: &str = "/api/webhooks/stripe";

#[test]
fn sent_and_every_outcome_agree_with_the_server() {
    // Not a dividing pattern: a mistake of one would show.
    let server = Counting::start(Box::new(|path, n| {
        if path != PATH {
            return (404, String::new(), Vec::new());
        }
        let json = "content-type: application/json\r\n".to_owned();
        match n % 7 {
            // The canary is number 0.
            _ if n == 0 => (200, json, br#"{"status":"success"}"#.to_vec()),
            1 => (500, String::new(), Vec::new()),
            2 => (429, "retry-after: 1\r\n".to_owned(), b"{}".to_vec()),
            3 => (422, json, br#"{"error":"no"}"#.to_vec()),
            4 => (302, "location: /elsewhere\r\n".to_owned(), Vec::new()),
            5 => (200, json, br#"{"status":"odd"}"#.to_vec()),
            _ => (200, json, br#"{"status":"success"}"#.to_vec()),
        }
    }));
    let vars = [("STRIPE_WEBHOOK_SECRET".to_owned(), "whsec_counting".to_owned())];
    let config = config(&server.url, 200, "1s", "[probes]\nshare = 0\n");
    let done = run_in(&config, &["run", "webhook", "--env", "t", "--no-check"], &vars);
    assert_eq!(done.code, 1, "{}", done.all());

    let json = done.json("webhook-results.json");
    let number = |pointer: &str| {
        json.pointer(pointer)
            .and_then(serde_json::Value::as_f64)
            .unwrap_or_else(|| panic!("{pointer}")) as u64
    };
    let outcome = |name: &str| number(&format!("/load_gate/outcomes/{name}"));
    let count = |status| server.count(PATH, status);
    assert_eq!(number("/load_gate/generator/planned"), 200);
    assert_eq!(outcome("dropped"), 0);
    // The canary is a request, and no iteration.
    assert_eq!(number("/metrics/http_reqs/values/count"), server.total());
    assert_eq!(number("/metrics/iterations/values/count"), 200);
    assert_eq!(server.total(), 201);
    assert_eq!(outcome("server_error"), count(500));
    assert_eq!(outcome("rate_limited"), count(429));
    assert_eq!(outcome("rejected"), count(422));
    assert_eq!(outcome("unexpected"), count(302));
    assert_eq!(outcome("accepted") + outcome("contract"), count(200) - 1);
    assert_eq!(number("/metrics/rate_limit_hits/values/count"), count(429));
    assert_eq!(outcome("timeout") + outcome("transport"), 0);
    assert_eq!(server.total(), [200, 302, 422, 429, 500].map(count).iter().sum::<u64>());
}

#[test]
fn the_old_baseline_at_small_scale_is_red() {
    // Nothing but refusals and a few validation errors: the old suite called it a pass.
    let server = Counting::start(Box::new(|_, n| {
        if n % 40 == 7 {
            (422, String::new(), br#"{"error":{"code":"VALIDATION_FAILED"}}"#.to_vec())
        } else {
            (429, "retry-after: 60\r\n".to_owned(), br#"{"error":"rate limited"}"#.to_vec())
        }
    }));
    let config = config(&server.url, 200, "1s", "[probes]\nshare = 0\n");
    let done = run_in(&config, &["run", "onboarding", "--env", "t", "--no-check"], &[]);
    assert_eq!(done.code, 1, "{}", done.all());
    let first = done.out.lines().next().unwrap_or_default();
    assert!(
        first.starts_with("fail: onboarding: no arrival was accepted: of 200 sent, 195 were rate limited (429), 5 were rejected (422)"),
        "{first}"
    );
}

#[test]
fn several_workers_send_what_one_would_and_count_as_the_server_does() {
    let server = Counting::start(Box::new(|_, _| {
        let json = "content-type: application/json\r\n".to_owned();
        (200, json, br#"{"status":"success"}"#.to_vec())
    }));
    let vars = [("STRIPE_WEBHOOK_SECRET".to_owned(), "whsec_counting".to_owned())];
    let config = config(&server.url, 200, "1s", "");
    let args = ["run", "webhook", "--env", "t", "--no-check", "--workers", "3"];
    let done = run_in(&config, &args, &vars);
    let json = done.json("webhook-results.json");
    let number = |pointer: &str| {
        json.pointer(pointer)
            .and_then(serde_json::Value::as_f64)
            .unwrap_or_else(|| panic!("{pointer}")) as u64
    };
    assert_eq!(number("/load_gate/outcomes/accepted"), 200, "{}", done.all());
    assert_eq!(number("/load_gate/generator/planned"), 200);
    assert_eq!(number("/metrics/http_reqs/values/count"), server.total());
}
