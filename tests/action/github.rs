//! The action's steps against a GitHub API and hostile targets on loopback.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::api::{self, Shared};
use crate::interpreter::{ActionResult, Runner};
use crate::steps::{self, WITH};

const TOKEN: &str = "ghs_token";

/// The API in a thread of its own; gives its URL.
pub(crate) fn start(store: Shared) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            tell.send(api::start(store).await).expect("heard");
            std::future::pending::<()>().await;
        });
    });
    told.recv().expect("a URL")
}

/// A runner of an event about pull request 7 of o/r, whose head is in `head`.
pub(crate) fn runner(store: &Shared, event: &str, payload: &Value) -> Runner {
    let mut runner = steps::runner("p(95)<20000");
    std::fs::write(&runner.env["GITHUB_EVENT_PATH"], payload.to_string()).expect("written");
    for (name, value) in [
        ("GITHUB_API_URL", start(Arc::clone(store))),
        ("GITHUB_REPOSITORY", "o/r".to_owned()),
        ("GITHUB_EVENT_NAME", event.to_owned()),
        ("GITHUB_SHA", "c0ffee00".to_owned()),
    ] {
        runner.env.insert(name.to_owned(), value);
    }
    runner.github.insert("token".to_owned(), TOKEN.to_owned());
    runner
}

fn pull_request(head: &str) -> Value {
    let repository = |name: &str| json!({ "repo": { "full_name": name } });
    json!({ "pull_request": { "number": 7, "head": repository(head), "base": repository("o/r") } })
}

fn bodies(store: &Shared) -> Vec<String> {
    let store = store.lock().expect("whole");
    store.comments.iter().map(|c| c["body"].as_str().expect("text").to_owned()).collect()
}

fn assert_masked_first(result: &ActionResult) {
    let run = result.log.find("::add-mask::").expect("a mask");
    assert!(!result.log[..run].contains("load-gate"), "{}", result.log);
    let rest = result.log.replace(&format!("::add-mask::{TOKEN}"), "");
    assert!(!rest.contains(TOKEN), "{rest}");
}

#[test]
fn a_pull_request_gets_one_comment_that_is_updated() {
    let store = Shared::default();
    let runner = runner(&store, "pull_request", &pull_request("o/r"));
    for _ in 0..2 {
        let result = runner.run(&WITH);
        assert_eq!(result.code, 0, "{}", result.log);
        assert!(!result.log.contains("::warning"), "{}", result.log);
        assert!(result.log.contains("::group::"), "{}", result.log);
        assert_masked_first(&result);
    }
    let bodies = bodies(&store);
    assert_eq!(bodies.len(), 1);
    let mut lines = bodies[0].lines();
    assert_eq!(lines.next(), Some("<!-- load-gate:load-gate -->"));
    assert!(lines.next().expect("a verdict").contains("pass"), "{}", bodies[0]);
    let seen = store.lock().expect("whole").seen.join("\n");
    assert!(seen.contains("PATCH /api/v3/repos/o/r/issues/comments/1001"), "{seen}");
}

#[test]
fn a_forks_token_costs_a_notice_and_workflow_run_comments() {
    let store = Shared::default();
    let refused = (axum::http::Method::POST, 403, "Resource not accessible by integration", None);
    store.lock().expect("whole").failures.push_back(refused);
    let fork = runner(&store, "pull_request", &pull_request("eve/r"));
    let result = fork.run(&WITH);
    assert_eq!(result.code, 0, "{}", result.log);
    assert_eq!(result.log.matches("::notice").count(), 1, "{}", result.log);
    assert!(!result.log.contains("::warning"), "{}", result.log);
    assert!(result.summary.contains("pass"), "{}", result.summary);
    assert!(bodies(&store).is_empty());

    let payload = json!({
        "workflow_run": { "event": "pull_request", "head_sha": "c0ffee00",
            "html_url": "https://github.com/o/r/actions/runs/9", "pull_requests": [{ "number": 7 }] },
    });
    let from = runner(&store, "workflow_run", &payload);
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_load-gate"))
        .args(["comment", "--from"])
        .arg(fork.workspace.path().join("load_tests/results"))
        .env_clear()
        .envs(&from.env)
        .env("GITHUB_TOKEN", TOKEN)
        .output()
        .expect("runs");
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let bodies = bodies(&store);
    assert_eq!(bodies.len(), 1);
    assert!(bodies[0].contains("(https://github.com/o/r/actions/runs/9)"), "{}", bodies[0]);
}

#[test]
fn what_is_no_result_of_a_run_is_refused() {
    let store = Shared::default();
    let runner = runner(&store, "workflow_run", &json!({}));
    let dir = runner.workspace.path();
    for text in ["", "{}", "[]", "{\"schema_version\": 99}", "\u{0}"] {
        std::fs::write(dir.join("suite.json"), text).expect("written");
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_load-gate"))
            .args(["comment", "--from", "."])
            .current_dir(dir)
            .env_clear()
            .envs(&runner.env)
            .env("GITHUB_TOKEN", TOKEN)
            .output()
            .expect("runs");
        assert_eq!(done.status.code(), Some(2), "{text}");
    }
    assert!(store.lock().expect("whole").seen.is_empty());
}

#[test]
fn a_failing_night_raises_an_issue_and_a_good_one_closes_it() {
    let store = Shared::default();
    let with = |dir: &'static str| {
        let more =
            [("issue-on-failure", "true"), ("close-on-recovery", "true"), ("results-dir", dir)];
        [&WITH[..], &more].concat()
    };
    let mut night = runner(&store, "schedule", &json!({}));
    let bad = steps::runner_with(steps::RED);
    std::mem::swap(&mut night.workspace, &mut { bad }.workspace);
    assert_eq!(night.run(&with("a")).code, 1);
    let issue = store.lock().expect("whole").issues[0].clone();
    assert!(issue["body"].as_str().expect("text").contains("success_rate is"), "{issue}");
    let good = steps::runner("p(95)<20000");
    std::mem::swap(&mut night.workspace, &mut { good }.workspace);
    assert_eq!(night.run(&with("b")).code, 0);
    let store = store.lock().expect("whole");
    assert_eq!(store.issues.len(), 1);
    assert_eq!(store.issues[0]["state"], "closed");
    assert!(store.comments[0]["body"].as_str().expect("text").starts_with("Recovered"));
}

/// Answers every POST with `status` and a body that would like to be more than text.
fn hostile(status: u16, heard: Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let heard = Arc::clone(&heard);
            std::thread::spawn(move || answer(stream, status, &heard));
        }
    });
    url
}

const EVIL: &str = "##[error]owned\n::error::owned\r\n::set-output name=verdict::pass\n@everyone <script>alert(1)</script> \
                    [x](https://evil.test) | a | b |\n<!-- load-gate:load-gate --> ]]> \u{1b}[31m\u{0} &amp; \
                    ![i](https://evil.test/i.png)\nEOF\n";

fn answer(mut stream: TcpStream, status: u16, heard: &Mutex<String>) {
    let mut pending = Vec::new();
    let mut buffer = [0; 8192];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        pending.extend_from_slice(&buffer[..read]);
        let Some(head) = pending.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&pending[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|l| l.strip_prefix("content-length:"));
        let length: usize = length.and_then(|l| l.trim().parse().ok()).unwrap_or(0);
        if pending.len() < head + 4 + length {
            continue;
        }
        heard.lock().expect("whole").push_str(&String::from_utf8_lossy(&pending));
        pending.clear();
        let body = format!("{EVIL}{}", "A".repeat(1000 * 1000));
        let head = format!(
            "HTTP/1.1 {status} No\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

#[test]
fn hostile_bodies_stay_inert_everywhere() {
    std::thread::scope(|scope| {
        for status in [400, 500, 200] {
            scope.spawn(move || stays_inert(status));
        }
    });
}

fn stays_inert(status: u16) {
    let store = Shared::default();
    let heard = Arc::new(Mutex::new(String::new()));
    let mut runner = runner(&store, "pull_request", &pull_request("o/r"));
    runner.env.insert("STRIPE_WEBHOOK_SECRET".to_owned(), "whsec_very_secret_value".to_owned());
    let url = hostile(status, Arc::clone(&heard));
    let with = [
        ("scenarios", "webhook"),
        ("environment", "staging"),
        ("url", url.as_str()),
        ("profile", "tiny"),
        ("config", "gate.toml"),
        ("rate-scale", "0.25"),
    ];
    let result = runner.run(&with);
    assert_eq!(result.code, 1, "{}", result.log);
    let results = runner.workspace.path().join("load_tests/results");
    let read = |name: &str| std::fs::read_to_string(results.join(name)).expect("a file");
    let comment = bodies(&store).concat();
    assert!(!comment.is_empty());
    // The runner takes `::` at the start of a line and `##[` anywhere for a command.
    assert!(!result.log.contains("##["), "{}", result.log);
    for line in result.log.lines().map(str::trim_start).filter(|l| l.starts_with("::")) {
        let ours = [
            "add-mask::",
            "group::",
            "endgroup::",
            "error title=load-gate",
            "warning title=load-gate",
        ];
        assert!(ours.iter().any(|start| line[2..].starts_with(start)), "{line}");
    }
    assert_eq!(result.outputs["verdict"], "fail");
    for (name, text) in [
        ("comment", comment.as_str()),
        ("summary", result.summary.as_str()),
        ("summary.md", read("summary.md").as_str()),
        ("report.html", read("report.html").as_str()),
        ("junit.xml", read("junit.xml").as_str()),
        ("log", result.log.as_str()),
    ] {
        assert!(!text.contains('\u{0}') && !text.contains("\u{1b}[31m"), "{name}: {text}");
        // In JUnit and in a log it is text like any other.
        let text_only = matches!(name, "junit.xml" | "log");
        assert!(text_only || !text.contains("<script>alert"), "{name}: {text}");
        assert!(!text.contains(&"A".repeat(500)), "{name} quotes at length");
        let told = text.replace("::add-mask::whsec_very_secret_value", "");
        assert!(!told.contains("whsec_very_secret"), "{name}");
        if !text_only && name != "report.html" {
            assert!(!text.contains("](https://evil"), "{name}: {text}");
            assert!(!text.contains("@everyone"), "{name}: {text}");
        }
    }
    let junit = read("junit.xml");
    let mut reader = quick_xml::Reader::from_str(&junit);
    while reader.read_event().expect("XML") != quick_xml::events::Event::Eof {}
    let comments = comment.matches("<!-- load-gate:load-gate -->").count();
    assert_eq!(comments, 1, "the marker is ours alone: {comment}");
    assert!(!heard.lock().expect("whole").contains(TOKEN), "the target got GitHub's token");
}
