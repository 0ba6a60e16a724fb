//! Scenarios written in the config, against public APIs rebuilt here without load-gate's code.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hmac::{KeyInit as _, Mac as _};

use crate::support::run_in;

/// What came: method, path with query, headers (lower case), body.
struct Asked {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// Status, headers, body.
type Told = (u16, String, String);

/// A server that answers by `answer`.
fn api(answer: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || talk(&stream, &*answer));
        }
    });
    url
}

fn talk(stream: &TcpStream, answer: &dyn Fn(&Asked) -> Told) -> Option<()> {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        reader.read_line(&mut head).ok().filter(|read| *read > 0)?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            let Some((name, value)) = line.trim().split_once(':') else { break };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut words = head.split(' ').map(str::to_owned);
        let asked = Asked { method: words.next()?, path: words.next()?, headers, body };
        let (status, headers, body) = answer(&asked);
        let text =
            format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len());
        (&*stream).write_all(text.as_bytes()).ok()?;
    }
}

const JSON: &str = "content-type: application/json; charset=utf-8\r\n";

fn json(status: u16, body: &str) -> Told {
    (status, JSON.to_owned(), body.to_owned())
}

/// A search API: two keys, each with a fixed window of its own.
fn search(limit: u32, window: Duration, results: &'static str) -> String {
    let windows: Mutex<BTreeMap<String, (Instant, u32)>> = Mutex::default();
    api(move |asked| {
        let key = asked.headers.get("x-api-key").cloned().unwrap_or_default();
        if !["key-of-ada", "key-of-bob"].contains(&key.as_str()) {
            return json(401, r#"{"error":"unknown key"}"#);
        }
        let Some(limit_of_page) = asked.path.strip_prefix("/api/v1/search?limit=") else {
            return json(404, "{}");
        };
        let now = Instant::now();
        let mut windows = windows.lock().expect("not poisoned");
        let (began, used) = windows.entry(key).or_insert((now, 0));
        if now - *began >= window {
            (*began, *used) = (now, 0);
        }
        *used += 1;
        if *used > limit {
            return json(429, r#"{"error":"slow down"}"#);
        }
        let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let right = asked.method == "POST"
            && ["10", "20", "50"].contains(&limit_of_page)
            && body["n"].is_u64()
            && body["user"].as_str().is_some_and(|user| user.len() == 36);
        if !right {
            return json(422, r#"{"error":"malformed"}"#);
        }
        let query = &body["query"];
        json(200, &format!(r#"{{"query":{query},"results":{results},"took_ms":12}}"#))
    })
}

fn search_config(url: &str, limit: u32) -> String {
    let example = include_str!("../../examples/scenarios/search.toml");
    example
        .replace("http://127.0.0.1:8080", url)
        .replace("limit = 100,", &format!("limit = {limit},"))
}

fn keys() -> Vec<(String, String)> {
    [("SEARCH_KEY_1", "key-of-ada"), ("SEARCH_KEY_2", "key-of-bob")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

/// Runs with terms.csv beside the config.
fn run(config: &str, name: &str, vars: &[(String, String)]) -> crate::support::Done {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("load-gate.toml"), config).expect("written");
    let terms = include_str!("../../examples/scenarios/terms.csv");
    std::fs::write(dir.path().join("terms.csv"), terms).expect("written");
    let done = crate::support::load_gate()
        .args(["run", name, "--env", "t", "--no-check", "--results-dir", "results"])
        .envs(vars.iter().cloned())
        .current_dir(dir.path())
        .output()
        .expect("runs");
    crate::support::finished(&done, dir)
}

#[test]
fn a_search_api_with_keys_passes_and_its_limiter_is_verified() {
    let url = search(100, Duration::from_secs(60), r#"[{"id":"x"}]"#);
    let done = run(&search_config(&url, 100), "search", &keys());
    assert_eq!(done.code, 0, "{}", done.all());
    let results = done.json("search-results.json");
    assert_eq!(results["load_gate"]["outcomes"]["accepted"], 120, "{}", done.all());
    let junit = done.read("junit.xml");
    for words in ["$.results is an array", "$.took_ms &lt; 500", "no_key"] {
        assert!(junit.contains(words), "{words} in {junit}");
    }
    let suite = done.read("suite.json");
    assert!(!suite.contains("key-of-ada") && !done.all().contains("key-of-bob"));
}

#[test]
fn faults_of_a_search_api_are_named() {
    // Fewer are let through than declared.
    let url = search(40, Duration::from_secs(60), r#"[{"id":"x"}]"#);
    let done = run(&search_config(&url, 100), "search", &keys());
    assert_eq!(done.code, 1, "{}", done.all());
    assert!(done.out.contains("limit"), "{}", done.all());
    // The contract is broken in one place.
    let url = search(100, Duration::from_secs(60), r#"[{"id":7}]"#);
    let done = run(&search_config(&url, 100), "search", &keys());
    assert_eq!(done.code, 1, "{}", done.all());
    assert!(done.out.contains("$.results[0].id is a string"), "{}", done.all());
}

#[test]
fn without_its_keys_it_is_skipped_and_said() {
    let url = search(100, Duration::from_secs(60), "[]");
    let done = run(&search_config(&url, 100), "search", &[]);
    assert_eq!(done.code, 2 + 1, "{}", done.all());
    assert!(done.all().contains("SEARCH_KEY_1"), "{}", done.all());
}

/// GitHub's way: `sha256=` and the HMAC of the body.
fn hooks(verify: bool) -> String {
    api(move |asked| {
        let shown = asked.headers.get("x-hub-signature-256").cloned().unwrap_or_default();
        let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"hook-secret-1").expect("any");
        mac.update(&asked.body);
        let right = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        if verify && shown != right {
            return (401, String::new(), "bad signature".to_owned());
        }
        (202, String::new(), String::new())
    })
}

fn hooks_config(url: &str) -> String {
    include_str!("../../examples/scenarios/hooks.toml").replace("http://127.0.0.1:8080", url)
}

#[test]
fn signed_webhooks_pass_and_an_open_door_is_found() {
    let vars = [("HOOK_SECRET".to_owned(), "hook-secret-1".to_owned())];
    let args = ["run", "hooks", "--env", "t", "--no-check"];
    let done = run_in(&hooks_config(&hooks(true)), &args, &vars);
    assert_eq!(done.code, 0, "{}", done.all());
    assert!(!done.all().contains("hook-secret-1"));
    let done = run_in(&hooks_config(&hooks(false)), &args, &vars);
    assert_eq!(done.code, 1, "{}", done.all());
    assert!(done.out.contains("forged"), "{}", done.all());
}
