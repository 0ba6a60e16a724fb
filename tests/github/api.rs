//! A stateful GitHub API on a free port: comments, and failures on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// What the server holds.
#[derive(Default)]
pub(crate) struct Store {
    pub(crate) comments: Vec<Value>,
    pub(crate) issues: Vec<Value>,
    /// Answers given instead of the true ones, to requests of that method.
    pub(crate) failures: VecDeque<(Method, u16, &'static str, Option<&'static str>)>,
    /// The App whose token it is; `None`: the job's own.
    pub(crate) app: Option<&'static str>,
    /// Whether no answer comes at all.
    pub(crate) mute: bool,
    pub(crate) seen: Vec<String>,
}

pub(crate) type Shared = Arc<Mutex<Store>>;

/// Starts the server; gives its base URL.
pub(crate) async fn start(store: Shared) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/api/v3", listener.local_addr().expect("an address"));
    let app = Router::new().fallback(answer).with_state(store);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

async fn answer(
    State(store): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers["authorization"], "Bearer ghs_token");
    if store.lock().expect("whole").mute {
        std::future::pending::<()>().await;
    }
    let mut store = store.lock().expect("whole");
    store.seen.push(format!("{method} {uri}"));
    if store.failures.front().is_some_and(|failure| failure.0 == method) {
        let (_, status, message, wait) = store.failures.pop_front().expect("one");
        let mut answer = reply(status, &json!({ "message": message }));
        if let Some(wait) = wait {
            answer.headers_mut().insert("retry-after", wait.parse().expect("a header"));
        }
        return answer;
    }
    let path = uri.path().trim_start_matches("/api/v3").to_owned();
    let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
    let page = uri.query().unwrap_or("").split('&').find_map(|p| p.strip_prefix("page="));
    let page: usize = page.and_then(|page| page.parse().ok()).unwrap_or(1);
    let paged =
        |all: &[Value]| json!(all.iter().skip((page - 1) * 100).take(100).collect::<Vec<_>>());
    let bot = json!({ "login": store.app.unwrap_or("github-actions[bot]"), "type": "Bot" });
    match (method.as_str(), path.as_str()) {
        ("GET", "/repos/o/r/issues/7/comments") => reply(200, &paged(&store.comments)),
        ("POST", "/repos/o/r/issues/7/comments" | "/repos/o/r/issues/1/comments") => {
            let id = store.comments.len() + 1;
            store.comments.push(json!({ "id": id, "body": sent["body"], "user": bot }));
            reply(201, &json!({ "id": id }))
        }
        ("GET", "/repos/o/r/issues") => reply(200, &paged(&store.issues)),
        ("POST", "/repos/o/r/issues") => {
            let mut issue = sent;
            issue["number"] = json!(1);
            issue["id"] = json!(1);
            issue["state"] = json!("open");
            issue["user"] = bot;
            store.issues.push(issue);
            reply(201, &json!({ "number": 1 }))
        }
        ("PATCH", "/repos/o/r/issues/1") => {
            for (key, value) in sent.as_object().expect("an object") {
                store.issues[0][key] = value.clone();
            }
            reply(200, &json!({}))
        }
        ("PATCH", path) if path.starts_with("/repos/o/r/issues/comments/") => {
            let id: usize = path.rsplit('/').next().expect("one").parse().expect("a number");
            match store.comments.get_mut(id - 1) {
                Some(comment) => comment["body"] = sent["body"].clone(),
                None => return reply(404, &json!({ "message": "Not Found" })),
            }
            reply(200, &json!({}))
        }
        ("POST", "/api/graphql") => reply(200, &viewer(&sent, store.app)),
        ("GET", "/user") => reply(403, &json!({ "message": "Resource not accessible" })),
        _ => reply(404, &json!({ "message": "Not Found" })),
    }
}

/// GraphQL's answer to who is asking; a job's own token isn't told.
fn viewer(sent: &Value, app: Option<&str>) -> Value {
    assert_eq!(sent["query"], "query { viewer { login } }");
    match app {
        Some(login) => json!({ "data": { "viewer": { "login": login } } }),
        None => json!({ "errors": [{ "message": "Resource not accessible by integration" }] }),
    }
}

fn reply(status: u16, value: &Value) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("content-type", "application/json")], value.to_string()).into_response()
}
