//! Scenarios written in the config, against public APIs rebuilt here without load-gate's code.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use hmac::{KeyInit as _, Mac as _};

use crate::api::{api, json};
use crate::orders::orders_config;
use crate::support::run_in;

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
    let named = |limit: u32, results: &'static str, words: &str| {
        let url = search(limit, Duration::from_secs(60), results);
        let done = run(&search_config(&url, 100), "search", &keys());
        assert_eq!(done.code, 1, "{}", done.all());
        assert!(done.out.contains(words), "{}", done.all());
    };
    thread::scope(|scope| {
        // Fewer are let through than declared.
        scope.spawn(|| named(40, r#"[{"id":"x"}]"#, "limit"));
        // The contract is broken in one place.
        scope.spawn(|| named(100, r#"[{"id":7}]"#, "$.results[0].id is a string"));
    });
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
    thread::scope(|scope| {
        scope.spawn(|| {
            let done = run_in(&hooks_config(&hooks(true)), &args, &vars);
            assert_eq!(done.code, 0, "{}", done.all());
            assert!(!done.all().contains("hook-secret-1"));
        });
        scope.spawn(|| {
            let done = run_in(&hooks_config(&hooks(false)), &args, &vars);
            assert_eq!(done.code, 1, "{}", done.all());
            assert!(done.out.contains("forged"), "{}", done.all());
        });
    });
}

#[test]
fn another_secret_than_the_sender_s_is_named() {
    let vars = [("HOOK_SECRET".to_owned(), "hook-secret-2".to_owned())];
    let args = ["run", "hooks", "--env", "t", "--no-check"];
    let done = run_in(&hooks_config(&hooks(true)), &args, &vars);
    assert_eq!(done.code, 3, "{}", done.all());
    let words = "set HOOK_SECRET to this environment's secret";
    assert!(done.out.contains(words), "{}", done.all());
}

#[test]
fn a_limiter_that_nobody_declared_is_inferred() {
    let url = search(30, Duration::from_secs(60), r#"[{"id":"x"}]"#);
    let config = search_config(&url, 100);
    let from = config.find("rate_limit =").expect("is declared");
    let to = config[from..].find('\n').expect("ends") + from;
    let config = format!("{}{}", &config[..from], &config[to..]);
    let done = run(&config, "search", &keys());
    assert_eq!(done.code, 1, "{}", done.all());
    assert!(done.out.contains("inferred"), "{}", done.all());
    assert!(done.out.contains("30 "), "{}", done.all());
}

#[test]
fn completions_know_the_scenarios_of_the_config() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("load-gate.toml"), orders_config("http://127.0.0.1:1"))
        .expect("written");
    // Those of fish know no arguments of commands.
    for shell in ["bash", "zsh"] {
        let done = crate::support::load_gate()
            .args(["completions", shell])
            .current_dir(dir.path())
            .output()
            .expect("runs");
        let script = String::from_utf8_lossy(&done.stdout);
        assert!(done.status.success() && script.contains("webhook"), "{script}");
        assert!(script.contains("orders"), "{shell}: {script}");
    }
}
