//! A stateful GitHub API on a free port: comments, issues, pull requests, runs and
//! artifacts; failures on demand. What is asked and answered can be kept and held to
//! GitHub's own description (`tests/github/openapi.mjs`).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Whose token it is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The job's own.
    #[default]
    Job,
    /// An App's installation.
    App(&'static str),
    /// A person's.
    Person(&'static str),
}

impl Whose {
    pub(crate) fn user(self) -> Value {
        match self {
            Self::Job => user("github-actions[bot]", "Bot"),
            Self::App(login) => user(login, "Bot"),
            Self::Person(login) => user(login, "User"),
        }
    }
}

pub(crate) fn user(login: &str, kind: &str) -> Value {
    json!({ "login": login, "id": login.len(), "type": kind, "site_admin": false })
}

/// What the server holds, all of repository `o/r`.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that may be so")]
pub(crate) struct Store {
    /// Comments on issues and pull requests, in the order they were made.
    pub(crate) comments: Vec<Value>,
    pub(crate) issues: Vec<Value>,
    /// Open pull requests, and in `commits` those that each commit belongs to.
    pub(crate) pulls: Vec<Value>,
    pub(crate) commits: BTreeMap<String, Vec<u64>>,
    /// Runs of workflows, the newest first, and the artifacts of each with their bytes.
    pub(crate) runs: Vec<Value>,
    pub(crate) artifacts: BTreeMap<u64, Vec<(Value, Vec<u8>)>>,
    /// Answers given instead of the true ones, to requests of that method.
    pub(crate) failures: VecDeque<(Method, u16, &'static str, Option<&'static str>)>,
    pub(crate) whose: Whose,
    /// The host alone is the API, as on github.com; else it is below `/api/v3`.
    pub(crate) dotcom: bool,
    /// Whether the conversations are locked.
    pub(crate) locked: bool,
    /// Whether the repository has no issues.
    pub(crate) issues_disabled: bool,
    /// Accounts that can't be given an issue.
    pub(crate) strangers: Vec<&'static str>,
    /// Whether the token may write issues and may not give them to anybody.
    pub(crate) assigning_refused: bool,
    /// Whether no answer comes at all.
    pub(crate) mute: bool,
    pub(crate) seen: Vec<String>,
    /// Of what is fetched from the storage of artifacts: the headers.
    pub(crate) fetched: Vec<HeaderMap>,
}

pub(crate) type Shared = Arc<Mutex<Store>>;

impl Store {
    pub(crate) fn comment(&mut self, on: u64, user: &Value, body: &str) -> u64 {
        let id = 1001 + self.comments.len() as u64;
        let page = format!("https://github.com/o/r/issues/{on}#issuecomment-{id}");
        self.comments.push(json!({
            "id": id, "node_id": format!("C_{id}"), "html_url": page, "body": body, "user": user,
            "issue_url": format!("https://api.github.com/repos/o/r/issues/{on}"),
            "created_at": "2026-11-01T00:00:00Z", "updated_at": "2026-11-01T00:00:00Z",
        }));
        id
    }

    /// The comments on that issue or pull request.
    pub(crate) fn comments_on(&self, number: u64) -> Vec<Value> {
        let ours = |c: &&Value| {
            c["issue_url"].as_str().is_some_and(|u| u.ends_with(&format!("/{number}")))
        };
        self.comments.iter().filter(ours).cloned().collect()
    }

    /// Opens pull request `number` whose head is `sha`.
    pub(crate) fn pull(&mut self, number: u64, sha: &str) {
        self.pulls.push(json!({
            "number": number, "state": "open",
            "head": { "sha": sha, "ref": "work", "label": "eve:work" },
        }));
        self.commits.entry(sha.to_owned()).or_default().push(number);
    }
}

/// Starts the server; gives its base URL.
pub(crate) async fn start(store: Shared) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = format!("http://{}", listener.local_addr().expect("an address"));
    let dotcom = store.lock().expect("whole").dotcom;
    let app = Router::new().fallback(answer).with_state(store);
    tokio::spawn(async move { axum::serve(listener, app).await });
    if dotcom { host } else { format!("{host}/api/v3") }
}

/// One request, without what the server's kind puts before its path.
struct Asked {
    method: Method,
    path: String,
    query: BTreeMap<String, String>,
    sent: Value,
    host: String,
}

async fn answer(
    State(store): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let host = headers["host"].to_str().expect("a host").to_owned();
    if let Some(id) = uri.path().strip_prefix("/storage/") {
        let mut store = store.lock().expect("whole");
        store.fetched.push(headers);
        let id: u64 = id.parse().expect("a number");
        let found = store.artifacts.values().flatten().find(|(a, _)| a["id"] == id);
        let bytes = found.map(|(_, bytes)| bytes.clone());
        return bytes
            .map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response);
    }
    assert_eq!(headers["authorization"], "Bearer ghs_token");
    if store.lock().expect("whole").mute {
        std::future::pending::<()>().await;
    }
    let mut store = store.lock().expect("whole");
    store.seen.push(format!("{method} {uri}"));
    let query = url::form_urlencoded::parse(uri.query().unwrap_or("").as_bytes());
    let asked = Asked {
        path: uri.path().trim_start_matches("/api/v3").to_owned(),
        query: query.into_owned().collect(),
        sent: serde_json::from_slice(&body).unwrap_or_default(),
        method,
        host,
    };
    if store.failures.front().is_some_and(|failure| failure.0 == asked.method) {
        let (_, status, message, wait) = store.failures.pop_front().expect("one");
        let mut answer = reply(status, &json!({ "message": message }));
        if let Some(wait) = wait {
            answer.headers_mut().insert("retry-after", wait.parse().expect("a header"));
        }
        return answer;
    }
    if let Some(id) = storage(&asked) {
        let location = format!("http://{}/storage/{id}", asked.host);
        return (StatusCode::FOUND, [("location", location)]).into_response();
    }
    let (status, value) = store.answer(&asked);
    keep(&asked, status, &value);
    reply(status, &value)
}

/// The artifact whose archive is asked for: GitHub sends on to its storage.
fn storage(asked: &Asked) -> Option<u64> {
    let rest = asked.path.strip_prefix("/repos/o/r/actions/artifacts/")?;
    rest.strip_suffix("/zip")?.parse().ok()
}

impl Store {
    fn answer(&mut self, asked: &Asked) -> (u16, Value) {
        let Some(path) = asked.path.strip_prefix("/repos/o/r/") else {
            return match (asked.method.as_str(), asked.path.as_str(), self.whose) {
                ("POST", "/graphql" | "/api/graphql", whose) => (200, viewer(&asked.sent, whose)),
                ("GET", "/user", Whose::Person(_)) => (200, self.whose.user()),
                ("GET", "/user", _) => (403, refusal("Resource not accessible by integration")),
                _ => (404, refusal("Not Found")),
            };
        };
        let parts: Vec<&str> = path.split('/').collect();
        let number = |at: usize| parts.get(at).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        if self.issues_disabled && parts[0] == "issues" && parts.len() == 1 {
            return (410, refusal("Issues are disabled for this repo"));
        }
        match (asked.method.as_str(), parts.as_slice()) {
            ("GET", ["issues", _, "comments"]) => (200, asked.page(&self.comments_on(number(1)))),
            ("POST", ["issues", _, "comments"]) if self.locked => {
                (403, refusal("Unable to create comment because issue is locked."))
            }
            ("POST", ["issues", _, "comments"]) => {
                let body = asked.sent["body"].as_str().expect("a body").to_owned();
                let user = self.whose.user();
                self.comment(number(1), &user, &body);
                (201, self.comments.last().cloned().unwrap_or_default())
            }
            ("PATCH", ["issues", "comments", _]) => {
                match self.comments.iter_mut().find(|c| c["id"] == number(2)) {
                    Some(comment) => {
                        comment["body"] = asked.sent["body"].clone();
                        (200, comment.clone())
                    }
                    None => (404, refusal("Not Found")),
                }
            }
            ("GET", ["issues"]) => (200, asked.page(&self.issues_like(&asked.query))),
            ("POST", ["issues"]) => (201, self.raise(&asked.sent)),
            ("PATCH", ["issues", _]) => (200, self.change(number(1), &asked.sent)),
            ("POST", ["issues", _, "assignees"]) if self.assigning_refused => {
                (403, refusal("Must have push access to assign."))
            }
            ("POST", ["issues", _, "assignees"]) => {
                let names = asked.sent["assignees"].as_array().expect("names");
                let names = names.iter().map(|name| name.as_str().expect("a name"));
                // As GitHub does: whoever has no access is left out, in silence.
                let known = names.filter(|name| !self.strangers.iter().any(|who| who == name));
                let users: Vec<Value> = known.map(|name| user(name, "User")).collect();
                (201, self.change(number(1), &json!({ "assignees": users })))
            }
            _ => self.read(asked, &parts),
        }
    }

    /// What is only asked for: pull requests, runs and artifacts.
    fn read(&self, asked: &Asked, parts: &[&str]) -> (u16, Value) {
        let number = |at: usize| parts.get(at).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        match (asked.method.as_str(), parts) {
            ("GET", ["commits", sha, "pulls"]) => {
                let numbers = self.commits.get(*sha).cloned().unwrap_or_default();
                let pulls: Vec<Value> = self
                    .pulls
                    .iter()
                    .filter(|p| numbers.iter().any(|n| p["number"] == *n))
                    .cloned()
                    .collect();
                (200, asked.page(&pulls))
            }
            ("GET", ["pulls"]) => {
                let head = asked.query.get("head").map(String::as_str);
                let of = |p: &&Value| head.is_none() || p["head"]["label"].as_str() == head;
                (200, asked.page(&self.pulls.iter().filter(of).cloned().collect::<Vec<_>>()))
            }
            ("GET", ["actions", "workflows", file, "runs"]) => (
                200,
                json!({ "total_count": 0, "workflow_runs": self.runs_like(file, &asked.query) }),
            ),
            ("GET", ["actions", "runs", _]) => {
                match self.runs.iter().find(|r| r["id"] == number(2)) {
                    Some(run) => (200, run.clone()),
                    None => (404, refusal("Not Found")),
                }
            }
            ("GET", ["actions", "runs", _, "artifacts"]) => {
                let all = self.artifacts.get(&number(2)).into_iter().flatten();
                let all: Vec<Value> = all.map(|(artifact, _)| artifact.clone()).collect();
                (200, json!({ "total_count": all.len(), "artifacts": all }))
            }
            _ => (404, refusal("Not Found")),
        }
    }

    fn issues_like(&self, query: &BTreeMap<String, String>) -> Vec<Value> {
        let like = |issue: &&Value| {
            let labels = issue["labels"].as_array().expect("labels");
            query.get("labels").is_none_or(|label| labels.iter().any(|l| l["name"] == **label))
                && query.get("creator").is_none_or(|who| issue["user"]["login"] == **who)
        };
        self.issues.iter().filter(like).cloned().collect()
    }

    fn raise(&mut self, sent: &Value) -> Value {
        let number = 1 + self.issues.len() as u64;
        let names = sent["labels"].as_array().cloned().unwrap_or_default();
        let labels: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
        self.issues.push(json!({
            "number": number, "id": number, "state": "open", "user": self.whose.user(),
            "title": sent["title"], "body": sent["body"], "labels": labels, "assignees": [],
        }));
        self.issues[number as usize - 1].clone()
    }

    fn change(&mut self, number: u64, sent: &Value) -> Value {
        let issue = self.issues.iter_mut().find(|i| i["number"] == number).expect("the issue");
        for (key, value) in sent.as_object().expect("an object") {
            issue[key] = value.clone();
        }
        issue.clone()
    }

    fn runs_like(&self, file: &str, query: &BTreeMap<String, String>) -> Vec<Value> {
        let of = |run: &&Value| {
            run["path"].as_str().is_some_and(|path| path.ends_with(&format!("/{file}")))
                && query.get("branch").is_none_or(|branch| run["head_branch"] == **branch)
                && query
                    .get("status")
                    .is_none_or(|s| run["status"] == **s || run["conclusion"] == **s)
        };
        self.runs.iter().filter(of).cloned().collect()
    }
}

impl Asked {
    fn page(&self, all: &[Value]) -> Value {
        let page: usize = self.query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
        assert_eq!(self.query.get("per_page").map(String::as_str), Some("100"));
        json!(all.iter().skip((page - 1) * 100).take(100).collect::<Vec<_>>())
    }
}

fn refusal(message: &str) -> Value {
    json!({ "message": message })
}

/// GraphQL's answer to who is asking.
fn viewer(sent: &Value, whose: Whose) -> Value {
    assert_eq!(sent["query"], "query { viewer { login } }");
    json!({ "data": { "viewer": { "login": whose.user()["login"] } } })
}

fn reply(status: u16, value: &Value) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("content-type", "application/json")], value.to_string()).into_response()
}

/// Keeps the exchange in the folder `GITHUB_TRANSCRIPT`, where there is one.
fn keep(asked: &Asked, status: u16, value: &Value) {
    use std::io::Write;
    let Some(folder) = std::env::var_os("GITHUB_TRANSCRIPT") else { return };
    let line = json!({
        "method": asked.method.as_str(), "path": asked.path, "query": asked.query,
        "sent": asked.sent, "status": status, "answer": value,
    });
    let name = format!("{}.jsonl", std::process::id());
    let file = std::path::Path::new(&folder).join(name);
    let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
    // In one piece: tests run beside one another.
    file.expect("a transcript").write_all(format!("{line}\n").as_bytes()).expect("kept");
}
