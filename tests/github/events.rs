//! Which pull request an event is about.

use load_gate::publish::github::PublishOptions;
use serde_json::{Value, json};

use crate::api::Shared;
use crate::{Event, options, store};

/// Pull request 7 with head `c0ffee00`, and 9, stacked on it, with head `facade00`.
fn two_pulls() -> Shared {
    store(|store| {
        store.pull(7, "c0ffee00");
        store.pull(9, "facade00");
        store.commits.entry("c0ffee00".to_owned()).or_default().insert(0, 9);
    })
}

/// The pull requests that got a comment.
async fn commented(name: &str, payload: &Value, options: &PublishOptions) -> Vec<u64> {
    let store = two_pulls();
    let event = Event::new(&store, name, payload).await;
    assert_eq!(event.publish("pass", options).await, [], "{name}");
    let store = store.lock().expect("whole");
    [1, 7, 9, 12].into_iter().filter(|n| !store.comments_on(*n).is_empty()).collect()
}

#[tokio::test]
async fn every_event_finds_its_pull_request() {
    let fork = json!({ "workflow_run": { "event": "pull_request", "head_sha": "c0ffee00",
        "head_branch": "work", "pull_requests": [],
        "head_repository": { "owner": { "login": "eve" } } } });
    for (name, payload) in [
        ("pull_request", json!({ "pull_request": { "number": 7 } })),
        ("pull_request_target", json!({ "number": 7 })),
        ("issue_comment", json!({ "issue": { "number": 7, "pull_request": {} } })),
        (
            "merge_group",
            json!({ "merge_group": { "head_ref": "refs/heads/gh-readonly-queue/main/pr-7-c0ffee00" } }),
        ),
        ("deployment_status", json!({ "deployment": { "sha": "c0ffee00" } })),
        ("deployment", json!({ "deployment": { "sha": "c0ffee00" } })),
        ("workflow_dispatch", json!({ "inputs": {} })),
        ("push", json!({ "after": "c0ffee00" })),
        ("workflow_run", fork),
        ("workflow_run", json!({ "workflow_run": { "pull_requests": [{ "number": 7 }] } })),
    ] {
        assert_eq!(commented(name, &payload, &options()).await, [7], "{name} {payload}");
    }
}

#[tokio::test]
async fn where_there_is_none_nothing_is_said() {
    let zeros = "0".repeat(40);
    for (name, payload) in [
        ("schedule", json!({})),
        ("issue_comment", json!({ "issue": { "number": 7 } })),
        ("merge_group", json!({ "merge_group": { "head_ref": "refs/heads/main" } })),
        ("deployment_status", json!({ "deployment": { "sha": "badc0de0" } })),
        ("push", json!({ "after": zeros })),
        (
            "workflow_run",
            json!({ "workflow_run": { "event": "schedule", "head_sha": "c0ffee00" } }),
        ),
    ] {
        let none: [u64; 0] = [];
        assert_eq!(commented(name, &payload, &options()).await, none, "{name} {payload}");
    }
}

#[tokio::test]
async fn a_number_that_is_given_wins() {
    let options = PublishOptions { pull_request: Some(12), ..options() };
    for name in ["schedule", "repository_dispatch", "pull_request"] {
        let payload = json!({ "pull_request": { "number": 7 } });
        assert_eq!(commented(name, &payload, &options).await, [12], "{name}");
    }
}

#[tokio::test]
async fn the_runs_of_a_fork_s_commit_elsewhere_are_not_ours() {
    let payload = json!({
        "repository": { "id": 1 },
        "workflow_run": { "event": "pull_request", "head_sha": "badc0de0",
            "pull_requests": [{ "number": 12, "base": { "repo": { "id": 2 } } }] },
    });
    let none: [u64; 0] = [];
    assert_eq!(commented("workflow_run", &payload, &options()).await, none);
}
