//! Publishing, against a stateful GitHub API on loopback.

mod api;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::{Shared, Store};
use axum::http::Method;
use load_gate::publish::PublishWarning;
use load_gate::publish::actions::ActionsEnv;
use load_gate::publish::github::{Patience, PublishOptions, publish, publish_failure};
use load_gate::secret::Secret;
use load_gate::suite::SuiteReport;
use serde_json::json;

fn report(verdict: &str) -> SuiteReport {
    let text = json!({
        "schema_version": 1, "tool_version": "1.0.0", "tool_commit": null, "run_id": "lg-0",
        "started_at": "2025-10-30T17:44:12.123Z", "finished_at": "2025-10-30T17:44:12.999Z",
        "environment": { "name": "staging", "url": "https://a.test", "protected": false,
            "embedded": false, "max_rate": null, "verify_limits": false },
        "profile": "full", "seed": 1, "rate_scale": 1.0, "duration_scale": 1.0,
        "allow_skip": false, "context": { "commit": null, "run_url": null, "repository": null,
            "facts": {} },
        "partial": false, "verdict": verdict, "headline": format!("{verdict}: x"),
        "notices": [], "scenarios": [],
    });
    serde_json::from_value(text).expect("a report")
}

async fn run(store: &Shared, verdict: &str, issue: bool) -> Vec<PublishWarning> {
    let dir = tempfile::tempdir().expect("a directory");
    let event = dir.path().join("event.json");
    std::fs::write(&event, json!({ "pull_request": { "number": 7 } }).to_string()).expect("room");
    let env = ActionsEnv {
        api_url: api::start(store.clone()).await,
        repository: Some("o/r".to_owned()),
        event_name: if issue { "schedule" } else { "pull_request" }.to_owned(),
        event_path: Some(event),
        ..ActionsEnv::default()
    };
    let options = PublishOptions {
        issue_on_failure: issue,
        close_on_recovery: true,
        patience: Patience {
            total: Duration::from_secs(5),
            attempt: Duration::from_millis(500),
            retries: 2,
            backoff: Duration::from_millis(1),
            between_writes: Duration::from_millis(1),
        },
        ..PublishOptions::default()
    };
    publish(
        &report(verdict),
        load_gate::report::EarlierRuns::default(),
        &options,
        &env,
        Some(&Secret::new("ghs_token")),
    )
    .await
}

fn ours(store: &Shared) -> usize {
    let store = store.lock().expect("whole");
    store.comments.iter().filter(|c| c["user"]["type"] == "Bot").count()
}

#[tokio::test]
async fn one_comment_is_made_then_updated_and_others_are_left_alone() {
    let store: Shared = Arc::new(Mutex::new(Store::default()));
    let others: Vec<_> = (1..=250)
        .map(|id| {
            let body = if id == 120 { "<!-- load-gate:load-gate -->\nmine" } else { "hello" };
            json!({ "id": id, "body": body, "user": { "login": "ann", "type": "User" } })
        })
        .collect();
    store.lock().expect("whole").comments.clone_from(&others);
    assert_eq!(run(&store, "pass", false).await, []);
    assert_eq!(run(&store, "fail", false).await, []);
    assert_eq!(ours(&store), 1);
    let store = store.lock().expect("whole");
    assert_eq!(store.comments[..250], others[..]);
    assert!(store.comments[250]["body"].as_str().expect("text").contains("fail"));
}

#[tokio::test]
async fn every_refusal_is_a_warning_that_names_its_remedy() {
    let cases = [
        (Method::GET, 401, "Bad credentials", "the token is wrong"),
        (Method::POST, 403, "Resource not accessible by integration", "pull-requests: write"),
        (Method::GET, 404, "Not Found", "pull-requests: write"),
        (Method::POST, 422, "Validation Failed", "refused the content"),
    ];
    for (method, status, message, todo) in cases {
        let store: Shared = Arc::new(Mutex::new(Store::default()));
        store.lock().expect("whole").failures.push_back((method, status, message, None));
        let warnings = run(&store, "pass", false).await;
        assert_eq!(warnings.len(), 1, "{status}");
        assert!(warnings[0].reason.contains(message), "{}", warnings[0]);
        assert!(warnings[0].todo.contains(todo), "{}", warnings[0]);
        assert_eq!(ours(&store), 0);
    }
}

#[tokio::test]
async fn passing_trouble_is_tried_again_and_makes_one_comment() {
    for (method, status, wait) in [
        (Method::GET, 500, None),
        (Method::POST, 502, None),
        (Method::POST, 429, Some("0")),
        (Method::GET, 403, Some("1")),
    ] {
        let store: Shared = Arc::new(Mutex::new(Store::default()));
        store.lock().expect("whole").failures.push_back((method, status, "later", wait));
        assert_eq!(run(&store, "pass", false).await, [], "{status}");
        assert_eq!(ours(&store), 1, "{status}");
    }
}

#[tokio::test]
async fn a_wait_past_the_deadline_and_silence_are_warnings() {
    let store: Shared = Arc::new(Mutex::new(Store::default()));
    store.lock().expect("whole").failures.push_back((Method::POST, 429, "later", Some("3600")));
    assert_eq!(run(&store, "pass", false).await.len(), 1);
    store.lock().expect("whole").mute = true;
    let warnings = run(&store, "pass", false).await;
    assert!(warnings[0].reason.contains("in time"), "{}", warnings[0]);
}

#[tokio::test]
async fn the_issue_is_raised_refreshed_and_closed() {
    let store: Shared = Arc::new(Mutex::new(Store::default()));
    assert_eq!(run(&store, "pass", true).await, []);
    assert!(store.lock().expect("whole").issues.is_empty());
    for verdict in ["fail", "fail"] {
        assert_eq!(run(&store, verdict, true).await, []);
        assert_eq!(store.lock().expect("whole").issues.len(), 1);
    }
    assert_eq!(run(&store, "pass", true).await, []);
    let store = store.lock().expect("whole");
    assert_eq!(store.issues[0]["state"], "closed");
    assert_eq!(store.issues[0]["labels"], json!(["load-gate"]));
    assert_eq!(store.comments.len(), 1);
}

#[tokio::test]
async fn an_app_finds_its_own_comment_again_and_nobody_else_s() {
    let store: Shared = Arc::new(Mutex::new(Store::default()));
    store.lock().expect("whole").app = Some("our-app[bot]");
    store.lock().expect("whole").comments = vec![json!({
        "id": 1, "body": "<!-- load-gate:load-gate -->\ntheirs",
        "user": { "login": "another-app[bot]", "type": "Bot" },
    })];
    assert!(run(&store, "pass", false).await.is_empty());
    assert!(run(&store, "fail", false).await.is_empty());
    let store = store.lock().expect("whole");
    assert_eq!(store.comments.len(), 2, "{:?}", store.comments);
    assert!(store.comments[0]["body"].as_str().expect("text").ends_with("theirs"));
    assert!(store.comments[1]["body"].as_str().expect("text").contains("**fail**"));
}

#[tokio::test]
async fn a_comment_deleted_in_the_meantime_is_made_anew() {
    let store: Shared = Arc::new(Mutex::new(Store::default()));
    store.lock().expect("whole").comments = vec![json!({
        "id": 9, "body": "<!-- load-gate:load-gate -->\nold",
        "user": { "login": "github-actions[bot]", "type": "Bot" },
    })];
    assert!(run(&store, "pass", false).await.is_empty());
    let store = store.lock().expect("whole");
    assert!(store.comments[1]["body"].as_str().expect("text").contains("**pass**"));
}

#[tokio::test]
async fn a_mistake_takes_the_place_of_an_earlier_verdict() {
    let store: Shared = Arc::new(Mutex::new(Store::default()));
    assert!(run(&store, "pass", false).await.is_empty());
    let dir = tempfile::tempdir().expect("a directory");
    let event = dir.path().join("event.json");
    std::fs::write(&event, json!({ "pull_request": { "number": 7 } }).to_string()).expect("room");
    let env = ActionsEnv {
        api_url: api::start(store.clone()).await,
        repository: Some("o/r".to_owned()),
        event_name: "pull_request".to_owned(),
        event_path: Some(event),
        ..ActionsEnv::default()
    };
    let (problem, token) = ("input `x`: ``` @everyone\n  <b>", Secret::new("ghs_token"));
    let options = PublishOptions::default();
    assert!(publish_failure(problem, &options, &env, Some(&token)).await.is_none());
    let store = store.lock().expect("whole");
    assert_eq!(store.comments.len(), 1);
    let body = store.comments[0]["body"].as_str().expect("text");
    assert!(body.contains("**not run**") && !body.contains("**pass**"), "{body}");
    assert_eq!(body.matches("```").count(), 2, "{body}");
}
