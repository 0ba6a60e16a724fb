//! The issue on failing runs: raised, refreshed, given to somebody, closed.

use load_gate::publish::PublishWarning;
use load_gate::publish::github::PublishOptions;
use serde_json::json;

use crate::api::{Shared, Whose, user};
use crate::{Event, options, store};

fn nightly() -> PublishOptions {
    PublishOptions {
        issue_on_failure: true,
        issue_on_inconclusive: true,
        close_on_recovery: true,
        ..options()
    }
}

async fn night(store: &Shared, verdict: &str, options: &PublishOptions) -> Vec<PublishWarning> {
    Event::new(store, "schedule", &json!({})).await.publish(verdict, options).await
}

/// What was said on issue 1, first words only.
fn said(store: &Shared) -> Vec<String> {
    let on = store.lock().expect("whole").comments_on(1);
    let word = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
    on.iter().map(|c| word(c["body"].as_str().expect("text"))).collect()
}

#[tokio::test]
async fn it_is_raised_refreshed_and_closed_whoever_we_are() {
    for whose in [Whose::Job, Whose::App("our-app[bot]"), Whose::Person("ann")] {
        let store = store(|store| store.whose = whose);
        assert_eq!(night(&store, "pass", &nightly()).await, []);
        assert!(store.lock().expect("whole").issues.is_empty());
        for verdict in ["fail", "fail"] {
            assert_eq!(night(&store, verdict, &nightly()).await, []);
            assert_eq!(store.lock().expect("whole").issues.len(), 1);
        }
        assert_eq!(said(&store), Vec::<String>::new(), "an unchanged verdict notifies nobody");
        assert_eq!(night(&store, "inconclusive", &nightly()).await, []);
        assert_eq!(said(&store), ["Now"]);
        let title = store.lock().expect("whole").issues[0]["title"].clone();
        assert_eq!(title, "load-gate: staging is inconclusive (full)");
        assert_eq!(night(&store, "pass", &nightly()).await, []);
        assert_eq!(said(&store), ["Now", "Recovered:"]);
        assert_eq!(store.lock().expect("whole").issues[0]["state"], "closed");
        assert_eq!(night(&store, "fail", &nightly()).await, []);
        let store = store.lock().expect("whole");
        assert_eq!(store.issues.len(), 1);
        assert_eq!(store.issues[0]["state"], "open");
        assert_eq!(store.issues[0]["labels"], json!([{ "name": "load-gate" }]));
    }
}

#[tokio::test]
async fn it_is_found_without_its_label() {
    for whose in [Whose::Job, Whose::App("our-app[bot]")] {
        let store = store(|store| store.whose = whose);
        assert_eq!(night(&store, "fail", &nightly()).await, []);
        store.lock().expect("whole").issues[0]["labels"] = json!([]);
        assert_eq!(night(&store, "fail", &nightly()).await, []);
        assert_eq!(store.lock().expect("whole").issues.len(), 1);
        assert_eq!(night(&store, "pass", &nightly()).await, []);
        assert_eq!(store.lock().expect("whole").issues[0]["state"], "closed");
    }
}

#[tokio::test]
async fn a_copy_of_its_marker_is_somebody_else_s() {
    let marker = "<!-- load-gate-issue:staging-full.";
    let store = store(|_| {});
    assert_eq!(night(&store, "fail", &nightly()).await, []);
    {
        let mut store = store.lock().expect("whole");
        assert!(store.issues[0]["body"].as_str().expect("text").starts_with(marker));
        store.issues[0]["user"] = user("eve", "User");
    }
    assert_eq!(night(&store, "fail", &nightly()).await, []);
    let store = store.lock().expect("whole");
    assert_eq!(store.issues.len(), 2);
    assert_eq!(store.issues[0]["user"]["login"], "eve");
}

#[tokio::test]
async fn it_is_given_to_whom_it_may_concern_once() {
    let store = store(|_| {});
    let options =
        PublishOptions { assignees: vec!["ann".to_owned(), "bob".to_owned()], ..nightly() };
    assert_eq!(night(&store, "fail", &options).await, []);
    let given = |store: &Shared| {
        let issue = store.lock().expect("whole").issues[0].clone();
        issue["assignees"].as_array().expect("people").len()
    };
    assert_eq!(given(&store), 2);
    // Who laid it down isn't given it again by the next night.
    store.lock().expect("whole").issues[0]["assignees"] = json!([]);
    assert_eq!(night(&store, "fail", &options).await, []);
    assert_eq!(given(&store), 0);
    assert_eq!(night(&store, "pass", &options).await, []);
    assert_eq!(night(&store, "fail", &options).await, []);
    assert_eq!(given(&store), 2);
}

#[tokio::test]
async fn who_cannot_be_given_it_is_named_and_the_issue_stands() {
    let options =
        PublishOptions { assignees: vec!["ann".to_owned(), "bob".to_owned()], ..nightly() };
    let left_out = store(|store| store.strangers = vec!["bob"]);
    let warnings = night(&left_out, "fail", &options).await;
    let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["the issue's assignees could not be set: GitHub left out `bob`; name accounts with \
          access to this repository"]
    );
    assert_eq!(left_out.lock().expect("whole").issues.len(), 1);

    let refused = store(|store| store.assigning_refused = true);
    let warnings = night(&refused, "fail", &options).await;
    assert_eq!(warnings.len(), 1);
    let said = warnings[0].to_string();
    assert!(said.starts_with("the issue's assignees could not be set: GitHub answered 403"));
    assert_eq!(refused.lock().expect("whole").issues.len(), 1);
}

#[tokio::test]
async fn closing_alone_works_and_writes_nothing_else() {
    let store = store(|_| {});
    assert_eq!(night(&store, "fail", &nightly()).await, []);
    let alone = PublishOptions { issue_on_failure: false, ..nightly() };
    let before = store.lock().expect("whole").issues[0].clone();
    assert_eq!(night(&store, "inconclusive", &alone).await, []);
    assert_eq!(store.lock().expect("whole").issues[0], before);
    assert_eq!(night(&store, "pass", &alone).await, []);
    assert_eq!(store.lock().expect("whole").issues[0]["state"], "closed");
}

#[tokio::test]
async fn a_repository_without_issues_says_so() {
    let store = store(|store| store.issues_disabled = true);
    let warnings = night(&store, "fail", &nightly()).await;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].todo.contains("issues switched off"), "{}", warnings[0]);
    assert!(!warnings[0].to_string().contains("permissions"), "{}", warnings[0]);
}
