//! The pull request's comment: made, found again, edited, made anew.

use axum::http::Method;
use load_gate::publish::github::{CommentMode, PublishOptions, publish_failure};
use load_gate::secret::Secret;
use serde_json::json;

use crate::api::{Shared, Whose, user};
use crate::{Event, bodies, options, run, store};

const MARKED: &str = "<!-- load-gate:load-gate -->\n";

/// Pull request 7 with 251 comments of others, of whom some copied the marker.
fn crowded(whose: Whose, dotcom: bool) -> Shared {
    store(|store| {
        (store.whose, store.dotcom) = (whose, dotcom);
        for i in 0..251 {
            match i {
                120 => store.comment(7, &user("eve", "User"), &format!("{MARKED}mine")),
                130 => store.comment(7, &user("other-app[bot]", "Bot"), &format!("{MARKED}theirs")),
                140 => store.comment(7, &user("ann", "User"), &format!("> {MARKED}quoted")),
                150 => store.comment(8, &user("ann", "User"), "on another one"),
                _ => store.comment(7, &user("bob", "User"), "hello"),
            };
        }
    })
}

#[tokio::test]
async fn whoever_we_are_one_comment_is_made_then_edited_and_others_are_left_alone() {
    for whose in [Whose::Job, Whose::App("our-app[bot]"), Whose::Person("ann")] {
        for dotcom in [true, false] {
            let store = crowded(whose, dotcom);
            let others = store.lock().expect("whole").comments.clone();
            for verdict in ["pass", "fail", "inconclusive"] {
                assert_eq!(run(&store, verdict).await, []);
            }
            let store = store.lock().expect("whole");
            assert_eq!(store.comments[..251], others[..]);
            assert_eq!(store.comments.len(), 252);
            let body = store.comments[251]["body"].as_str().expect("text");
            assert!(body.contains("**inconclusive**"), "{body}");
        }
    }
}

#[tokio::test]
async fn on_change_a_changed_verdict_is_a_new_comment_and_the_earlier_one_a_line() {
    let store = store(|_| {});
    let event =
        Event::new(&store, "pull_request", &json!({ "pull_request": { "number": 7 } })).await;
    let options = PublishOptions { comment: CommentMode::OnChange, ..options() };
    for verdict in ["pass", "pass", "fail", "fail", "pass"] {
        assert_eq!(event.publish(verdict, &options).await, []);
    }
    let bodies = bodies(&store);
    assert_eq!(bodies.len(), 3, "{bodies:?}");
    for (earlier, was) in [(&bodies[0], "pass"), (&bodies[1], "fail")] {
        assert!(!earlier.contains("<!--") && earlier.lines().count() == 1, "{earlier}");
        assert!(earlier.contains(&format!("earlier: {was}")), "{earlier}");
    }
    let second = "https://github.com/o/r/issues/7#issuecomment-1002";
    assert!(bodies[0].contains(&format!("({second})")), "{}", bodies[0]);
    assert!(bodies[2].starts_with(MARKED) && bodies[2].contains("**pass**"), "{}", bodies[2]);
    // A mistake is another verdict, too.
    let token = Secret::new("ghs_token");
    assert!(publish_failure("input `x`", &options, &event.env, Some(&token)).await.is_none());
    assert_eq!(crate::bodies(&store).len(), 4);
}

#[tokio::test]
async fn never_asks_nothing() {
    let store = store(|_| {});
    let event =
        Event::new(&store, "pull_request", &json!({ "pull_request": { "number": 7 } })).await;
    let options = PublishOptions { comment: CommentMode::Never, ..options() };
    assert_eq!(event.publish("fail", &options).await, []);
    let token = Secret::new("ghs_token");
    assert!(publish_failure("input `x`", &options, &event.env, Some(&token)).await.is_none());
    assert_eq!(store.lock().expect("whole").seen, Vec::<String>::new());
}

#[tokio::test]
async fn every_refusal_is_a_warning_that_names_its_remedy() {
    let cases = [
        (Method::GET, 401, "Bad credentials", "the token is wrong"),
        (Method::POST, 403, "Resource not accessible by integration", "pull-requests: write"),
        (Method::GET, 404, "Not Found", "pull-requests: write"),
        (Method::POST, 422, "Validation Failed", "refused the content"),
        (Method::POST, 403, "Repository was archived so is read-only.", "archived"),
    ];
    for (method, status, message, todo) in cases {
        let store = store(|store| store.failures.push_back((method, status, message, None)));
        let warnings = run(&store, "pass").await;
        assert_eq!(warnings.len(), 1, "{status}");
        assert!(warnings[0].reason.contains(message), "{}", warnings[0]);
        assert!(warnings[0].todo.contains(todo), "{}", warnings[0]);
        assert!(bodies(&store).is_empty());
    }
}

#[tokio::test]
async fn a_locked_conversation_says_so() {
    let store = store(|store| store.locked = true);
    let warnings = run(&store, "pass").await;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].todo.contains("unlock it"), "{}", warnings[0]);
    assert!(!warnings[0].to_string().contains("permissions"), "{}", warnings[0]);
}

#[tokio::test]
async fn passing_trouble_is_tried_again_and_makes_one_comment() {
    for (method, status, wait) in [
        (Method::GET, 500, None),
        (Method::POST, 502, None),
        (Method::POST, 429, Some("0")),
        (Method::GET, 403, Some("1")),
    ] {
        let store = store(|store| store.failures.push_back((method, status, "later", wait)));
        assert_eq!(run(&store, "pass").await, [], "{status}");
        assert_eq!(bodies(&store).len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_bad_minute_of_github_s_is_sat_out() {
    let store = store(|store| {
        for _ in 0..8 {
            store.failures.push_back((Method::GET, 502, "Bad Gateway", None));
        }
    });
    assert_eq!(run(&store, "pass").await, []);
    assert_eq!(bodies(&store).len(), 1);
}

#[tokio::test]
async fn a_wait_past_the_deadline_and_silence_are_warnings() {
    let store = store(|store| {
        store.failures.push_back((Method::POST, 429, "later", Some("3600")));
    });
    assert_eq!(run(&store, "pass").await.len(), 1);
    store.lock().expect("whole").mute = true;
    let warnings = run(&store, "pass").await;
    assert!(warnings[0].reason.contains("in time"), "{}", warnings[0]);
}

#[tokio::test]
async fn a_comment_deleted_in_the_meantime_is_made_anew() {
    let store = store(|store| {
        store.comment(7, &Whose::Job.user(), &format!("{MARKED}old"));
        store.failures.push_back((Method::PATCH, 404, "Not Found", None));
    });
    assert_eq!(run(&store, "pass").await, []);
    let bodies = bodies(&store);
    assert!(bodies[1].contains("**pass**"), "{bodies:?}");
}

#[tokio::test]
async fn a_mistake_takes_the_place_of_an_earlier_verdict() {
    let store = store(|_| {});
    assert_eq!(run(&store, "pass").await, []);
    let event =
        Event::new(&store, "pull_request", &json!({ "pull_request": { "number": 7 } })).await;
    let (problem, token) = ("input `x`: ``` @everyone\n  <b>", Secret::new("ghs_token"));
    assert!(publish_failure(problem, &options(), &event.env, Some(&token)).await.is_none());
    let bodies = bodies(&store);
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].contains("**not run**") && !bodies[0].contains("**pass**"), "{}", bodies[0]);
    assert_eq!(bodies[0].matches("```").count(), 2, "{}", bodies[0]);
}
