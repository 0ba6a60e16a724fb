//! The check against a tiny server of its own, line by line.

use std::sync::{Arc, Mutex, PoisonError};

use hmac::{KeyInit as _, Mac as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::CheckState;
use super::*;
use crate::engine::WallClock;
use crate::ids::ScenarioId;
use crate::plan::Environment;
use crate::scenario::Scenario;
use crate::scenario::{Secrets, Settings, build, catalogue};
use crate::secret::Secret;

const KEY: &str = "rsolv_good-key-of-a-customer";

/// Answers each request by `answer(head and body)` and notes it.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("has an address"));
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let (answer, notes) = (Arc::new(answer), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, notes) = (Arc::clone(&answer), Arc::clone(&notes));
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    let mut chunk = [0; 4096];
                    while let Ok(n @ 1..) = stream.read(&mut chunk).await {
                        request.extend_from_slice(&chunk[..n]);
                        if request[0] == 0x16 {
                            // A TLS handshake: not spoken here.
                            return;
                        }
                        let text = String::from_utf8_lossy(&request).into_owned();
                        if whole(&text) {
                            let reply = answer(&text);
                            notes.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                            let _ = stream.write_all(reply.as_bytes()).await;
                            return;
                        }
                    }
                });
            }
        });
        Self { url, requests }
    }

    fn paths(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().filter_map(|r| r.split(' ').nth(1).map(str::to_owned)).collect()
    }
}

/// Whether head and body are there.
fn whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn reply(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    )
}

/// A Date header of this moment and `ahead` seconds.
fn date(ahead: i64) -> String {
    let clock = WallClock::start();
    let seconds = i64::try_from(clock.unix().as_secs()).expect("fits") + ahead;
    let moment = time::OffsetDateTime::from_unix_timestamp(seconds).expect("in range");
    let format = time::macros::format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    format!("date: {}\r\n", moment.format(&format).expect("formats"))
}

fn webhook(secret: &str) -> Arc<dyn Scenario> {
    let settings = Settings::new(
        ScenarioId::fixed("webhook"),
        [
            ("duplicates", 0.0.into()),
            ("stripe_customer", "cus_loadgate".into()),
            ("stripe_price", "price_loadgate".into()),
        ],
    );
    let secret = Secret::new(secret);
    build(&settings, 1, "test", Secrets { signing: Some(secret.clone()), known: vec![secret] })
        .expect("is built in")
        .into()
}

/// An API as docs/api.md describes it, that took `secret` for its own.
fn api(secret: &'static str, ahead: i64) -> impl Fn(&str) -> String + Send + Sync + 'static {
    let mac = move |text: &str| {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let value = head.lines().find_map(|line| line.strip_prefix("stripe-signature: "))?;
        let (t, v1) = value.strip_prefix("t=")?.split_once(",v1=")?;
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).ok()?;
        mac.update(format!("{t}.{body}").as_bytes());
        mac.verify_slice(&hex::decode(v1).ok()?).ok()
    };
    move |request| {
        let date = date(ahead);
        if request.starts_with("POST /api/webhooks/stripe ") {
            return match mac(request) {
                Some(()) => reply("200 OK", &date, r#"{"status":"success"}"#),
                None => reply("401 Unauthorized", &date, r#"{"error":"Invalid signature"}"#),
            };
        }
        let shown = request.lines().find_map(|line| line.strip_prefix("x-api-key: "));
        if shown.is_some_and(|key| key != KEY) {
            let body =
                r#"{"error":{"code":"INVALID_API_KEY","message":"no key rsolv_stolen12345"}}"#;
            return reply("401 Unauthorized", &date, body);
        }
        reply("200 OK", &date, r#"{"status":"healthy","services":{}}"#)
    }
}

fn look(name: &'static str, secrets: Vec<Secret>) -> CredentialLook {
    let entry = catalogue::find(ScenarioId::fixed(name)).expect("is built in");
    let credential = entry.credential.expect("needs one");
    let signer = (name == "webhook").then(|| webhook("whsec_right"));
    CredentialLook { credential, scenario: entry.id, needed: true, secrets, signer }
}

fn what(url: &str) -> Preflight {
    Preflight {
        environment: Environment {
            name: "staging".to_owned(),
            url: url.to_owned(),
            protected: false,
            embedded: false,
            max_rate: None,
            verify_limits: true,
        },
        within_run: false,
        spares_quota: false,
        tells_health: true,
        variables: Vec::new(),
        trials: Vec::new(),
        credentials: vec![
            look("credential-vending", vec![Secret::new(KEY)]),
            look("webhook", vec![Secret::new("whsec_right")]),
        ],
        github: None,
        results_dir: std::env::temp_dir(),
        max_in_flight: 10,
        ca_file: None,
        contradictions: Vec::new(),
        known: Vec::new(),
    }
}

async fn check(what: &Preflight) -> CheckReport {
    preflight(what, Arc::new(WallClock::start())).await
}

fn line<'a>(report: &'a CheckReport, name: &str) -> &'a CheckLine {
    report.lines.iter().find(|line| line.name == name).unwrap_or_else(|| panic!("no line {name}"))
}

#[tokio::test]
async fn a_target_that_is_well_is_ready() {
    let server = Server::start(api("whsec_right", 0)).await;
    let dir = tempfile::tempdir().expect("a directory");
    let mut what = what(&server.url);
    what.results_dir = dir.path().to_owned();
    let report = check(&what).await;
    let off: Vec<_> = report
        .lines
        .iter()
        .filter(|line| !matches!(line.state, CheckState::Ok | CheckState::Skipped))
        .collect();
    assert!(off.is_empty(), "{off:?}");
    assert_eq!(report.exit_code(), 0);
    assert_eq!(
        server.paths(),
        ["/api/health", "/api/health", "/api/webhooks/stripe", "/api/webhooks/stripe"]
    );
    assert_eq!(dir.path().read_dir().expect("reads").count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn a_wrong_key_and_a_wrong_secret_are_found_and_not_quoted() {
    let server = Server::start(api("whsec_another", 0)).await;
    let mut what = what(&server.url);
    what.credentials[0].secrets.push(Secret::new("opaque-and-wrong"));
    let report = check(&what).await;
    assert_eq!(line(&report, "API key 1").state, CheckState::Ok);
    let key = line(&report, "API key 2");
    assert_eq!(key.state, CheckState::Bad);
    assert!(key.found.contains("INVALID_API_KEY"), "{}", key.found);
    assert!(key.todo.contains("TEST_API_KEY_2"), "{}", key.todo);
    let secret = line(&report, "webhook secret");
    assert_eq!(secret.state, CheckState::Bad);
    assert!(secret.todo.contains("STRIPE_WEBHOOK_SECRET"), "{}", secret.todo);
    assert_eq!(line(&report, "webhook signatures").state, CheckState::Ok);
    assert_eq!(report.exit_code(), 1);
    let text = serde_json::to_string(&report).expect("serialises");
    for secret in ["opaque-and-wrong", KEY, "whsec_right", "rsolv_stolen"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn within_a_run_and_on_protected_ground_no_event_is_sent() {
    for (within_run, protected) in [(true, false), (false, true)] {
        let server = Server::start(api("whsec_right", 0)).await;
        let mut what = what(&server.url);
        what.within_run = within_run;
        what.environment.protected = protected;
        let report = check(&what).await;
        let skipped = line(&report, "webhook secret");
        assert_eq!(skipped.state, CheckState::Skipped);
        assert!(!skipped.found.is_empty());
        assert!(server.paths().iter().all(|path| path == "/api/health"));
        assert_eq!(report.exit_code(), 0);
    }
}

#[tokio::test]
async fn a_target_that_accepts_anything_is_found() {
    let server = Server::start(|_| reply("200 OK", &date(0), r#"{"status":"healthy"}"#)).await;
    let report = check(&what(&server.url)).await;
    assert_eq!(line(&report, "webhook signatures").state, CheckState::Bad);
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn clocks_apart_are_told_with_their_direction() {
    for (ahead, state, words) in [
        (400, CheckState::Bad, "ahead of"),
        (-400, CheckState::Bad, "behind"),
        (100, CheckState::Warn, "ahead of"),
        (0, CheckState::Ok, "agrees"),
    ] {
        let server = Server::start(api("whsec_right", ahead)).await;
        let report = check(&what(&server.url)).await;
        let clock = line(&report, "clock");
        assert_eq!(clock.state, state, "{clock:?}");
        assert!(clock.found.contains(words), "{clock:?}");
    }
    let server = Server::start(|_| reply("200 OK", "", r#"{"status":"healthy"}"#)).await;
    assert_eq!(line(&check(&what(&server.url)).await, "clock").state, CheckState::Warn);
}

#[tokio::test]
async fn health_is_read_from_status_and_body() {
    let degraded = r#"{"status":"degraded","services":{"database":"unhealthy"}}"#;
    for (status, headers, body, state, words) in [
        ("503 Service Unavailable", "", degraded, CheckState::Bad, "database"),
        ("200 OK", "", "<html>welcome, secret stuff</html>", CheckState::Warn, "does not say"),
        ("301 Moved Permanently", "location: /x\r\n", "", CheckState::Bad, "status 301"),
        ("404 Not Found", "", "no such page", CheckState::Bad, "no such page"),
        ("429 Too Many Requests", "", "", CheckState::Warn, "status 429"),
        ("502 Bad Gateway", "", "\u{1b}[31mupstream", CheckState::Bad, "status 502: upstream"),
    ] {
        let server = Server::start(move |_| reply(status, headers, body)).await;
        let report = check(&what(&server.url)).await;
        let health = line(&report, "health");
        assert_eq!(health.state, state, "{health:?}");
        assert!(health.found.contains(words), "{health:?}");
        assert!(!health.found.contains("secret stuff"), "a 2xx body is never quoted");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_the_rest_is_still_looked_at() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("has an address");
    drop(listener);
    for url in [format!("http://{address}"), format!("https://{address}"), "no url".to_owned()] {
        let report = check(&what(&url)).await;
        assert_eq!(report.exit_code(), 3, "{url}");
        assert_eq!(line(&report, "reachability").state, CheckState::Bad, "{url}");
        assert!(report.lines.iter().any(|line| line.name == "results directory"));
    }
}

#[tokio::test]
async fn no_tls_where_tls_should_be_is_unreachable() {
    let server = Server::start(api("whsec_right", 0)).await;
    let report = check(&what(&server.url.replace("http:", "https:"))).await;
    assert_eq!(line(&report, "TLS").state, CheckState::Bad);
    assert_eq!(report.exit_code(), 3);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let server = Server::start(api("whsec_right", 0)).await;
    let mut what = what(&server.url);
    for look in &mut what.credentials {
        look.secrets.clear();
    }
    what.contradictions = vec!["3,000 webhooks a minute meet a limit of 1,000".to_owned()];
    let report = check(&what).await;
    assert!(line(&report, "API keys").found.contains("TEST_API_KEY_1"));
    assert!(line(&report, "webhook secret").found.contains("STRIPE_WEBHOOK_SECRET"));
    assert_eq!(line(&report, "plan").state, CheckState::Warn);
    assert_eq!(report.exit_code(), 0, "a run is possible, with --allow-skip");
    for look in &mut what.credentials {
        look.needed = false;
    }
    let report = check(&what).await;
    assert_eq!(line(&report, "API keys").state, CheckState::Skipped);
    assert_eq!(line(&report, "webhook secret").state, CheckState::Skipped);
}

#[tokio::test]
async fn the_github_token_is_tried_where_it_costs_nothing() {
    let server = Server::start(|request| {
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let good = request.contains("authorization: Bearer ghs_good\r\n");
        match (path.as_str(), good) {
            ("/api/v3/rate_limit", true) => {
                reply("200 OK", "x-ratelimit-remaining: 4999\r\n", "{}")
            }
            ("/api/v3/rate_limit", false) => {
                reply("401 Unauthorized", "", r#"{"message":"Bad credentials"}"#)
            }
            _ => reply("200 OK", &date(0), r#"{"status":"healthy"}"#),
        }
    })
    .await;
    for (token, state, words) in [
        ("ghs_good", CheckState::Ok, "4,999 calls"),
        ("ghs_bad", CheckState::Bad, "Bad credentials"),
    ] {
        let mut what = what(&server.url);
        let api_url = format!("{}/api/v3", server.url);
        what.github = Some(GitHubAccess { api_url, token: Secret::new(token) });
        let report = check(&what).await;
        let github = line(&report, "GitHub token");
        assert_eq!(github.state, state, "{github:?}");
        assert!(github.found.contains(words), "{github:?}");
    }
}

#[test]
fn a_directory_that_is_a_file_takes_no_results() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    assert_eq!(local::results_dir(file.path()).state, CheckState::Bad);
    assert_eq!(local::results_dir(&file.path().join("results")).state, CheckState::Bad);
    let dir = tempfile::tempdir().expect("a directory");
    assert_eq!(local::results_dir(&dir.path().join("a/b")).state, CheckState::Ok);
    assert!(!dir.path().join("a").exists(), "nothing is left behind");
    assert_eq!(local::results_dir(std::path::Path::new("no/such/relative")).state, CheckState::Ok);
}
