//! Scenarios written in the config, against public APIs rebuilt here without load-gate's code.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use hmac::{KeyInit as _, Mac as _};

use crate::merge::{Machine, in_seconds, merge};
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
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || talk(&stream, &*answer));
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

/// OAuth's client credentials, and an API that takes the tokens it gave, for as long as
/// they hold.
struct Orders {
    /// How long a token holds.
    lifetime: Duration,
    /// Which clients there are.
    clients: Vec<&'static str>,
    /// From which token request on they are refused.
    gives: u64,
    /// Requests of a client a minute.
    limit: u64,
}

struct OrdersSeen {
    url: String,
    tokens: Arc<Mutex<BTreeMap<String, (usize, Instant)>>>,
}

fn orders(api_: Orders) -> OrdersSeen {
    use base64::Engine as _;
    let tokens: Arc<Mutex<BTreeMap<String, (usize, Instant)>>> = Arc::default();
    let used: Mutex<BTreeMap<usize, u64>> = Mutex::default();
    let asked_for = std::sync::atomic::AtomicU64::new(0);
    let given = Arc::clone(&tokens);
    let url = api(move |asked| {
        let shown = asked.headers.get("authorization").cloned().unwrap_or_default();
        let mut tokens = given.lock().expect("not poisoned");
        if asked.path == "/oauth/token" {
            let n = asked_for.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
            let basic = shown.strip_prefix("Basic ").unwrap_or_default();
            let client =
                base64::engine::general_purpose::STANDARD.decode(basic).unwrap_or_default();
            let client = String::from_utf8(client).unwrap_or_default();
            let known = api_.clients.iter().position(|known| *known == client);
            let fine = asked.method == "POST"
                && asked.body == b"grant_type=client_credentials&scope=orders%3Aread"
                && n <= api_.gives;
            return match known.filter(|_| fine) {
                Some(client) => {
                    let token = format!("tok-{n}-of-{client}-secret");
                    tokens.insert(token.clone(), (client, Instant::now()));
                    let seconds = api_.lifetime.as_secs();
                    json(200, &format!(r#"{{"access_token":"{token}","expires_in":{seconds}}}"#))
                }
                None => json(401, &format!(r#"{{"error":"invalid_client {client}"}}"#)),
            };
        }
        let token = shown.strip_prefix("Bearer ").unwrap_or_default();
        let Some((client, since)) = tokens.get(token) else {
            return json(401, &format!(r#"{{"error":"no such token: {token}"}}"#));
        };
        if since.elapsed() >= api_.lifetime {
            return json(401, r#"{"error":"expired"}"#);
        }
        let mut used = used.lock().expect("not poisoned");
        let used = used.entry(*client).or_default();
        *used += 1;
        if *used > api_.limit {
            return json(429, r#"{"error":"slow down"}"#);
        }
        match asked.path.strip_prefix("/v1/orders?page=") {
            Some(page @ ("1" | "2" | "3")) => {
                let list = r#"[{"id":"o-1","total":12.5},{"id":"o-2","total":0}]"#;
                json(200, &format!(r#"{{"page":{page},"orders":{list}}}"#))
            }
            _ => json(422, r#"{"error":"no such page"}"#),
        }
    });
    OrdersSeen { url, tokens }
}

fn orders_config(url: &str) -> String {
    include_str!("../../examples/scenarios/orders.toml").replace("http://127.0.0.1:8080", url)
}

const CLIENTS: [&str; 2] = ["client-a:secret-of-a", "client-b:secret-of-b"];

fn clients() -> Vec<(String, String)> {
    let numbered = CLIENTS.iter().enumerate();
    numbered.map(|(i, client)| (format!("ORDERS_CLIENT_{}", i + 1), (*client).to_owned())).collect()
}

fn run_orders(url: &str, vars: &[(String, String)]) -> crate::support::Done {
    let args = ["run", "orders", "--env", "t", "--no-check"];
    let done = run_in(&orders_config(url), &args, vars);
    let everything = format!("{}{}", done.all(), done.read("suite.json"));
    for secret in ["secret-of-a", "secret-of-b", "tok-1-of", "tok-2-of"] {
        assert!(!everything.contains(secret), "{secret} in {everything}");
    }
    done
}

#[test]
fn an_api_behind_oauth_is_set_up_for_each_client_and_renewed_before_tokens_expire() {
    let lifetime = Duration::from_secs(2);
    let seen = orders(Orders { lifetime, clients: CLIENTS.to_vec(), gives: 99, limit: 90 });
    let done = run_orders(&seen.url, &clients());
    assert_eq!(done.code, 0, "{}", done.all());
    let suite = done.json("suite.json");
    let recording = &suite["scenarios"][0]["recording"];
    let sent = recording["setups"]["sent"].as_u64().expect("counted");
    assert!(sent >= 4 && recording["setups"]["failed"] == 0, "{recording}");
    let given = seen.tokens.lock().expect("not poisoned").len() as u64;
    assert_eq!(sent, given, "every request for a token is counted");
    let results = done.json("orders-results.json");
    assert_eq!(results["load_gate"]["outcomes"]["accepted"], 120, "{}", done.all());
    let junit = done.read("junit.xml");
    for words in
        ["a page of orders", "JSON is said to be JSON", "no_token", "page_zero", "is set up"]
    {
        assert!(junit.contains(words), "{words} in {junit}");
    }
}

#[test]
fn each_client_is_set_up_and_probed_by_the_one_machine_that_sends_as_it() {
    let clients = ["a:of-a", "b:of-b", "c:of-c", "d:of-d", "e:of-e"];
    let lifetime = Duration::from_secs(60);
    let seen = orders(Orders { lifetime, clients: clients.to_vec(), gives: 99, limit: 90 });
    // Nobody is set aside, whose proof would come before the load.
    let config = orders_config(&seen.url)
        .replace("profile = \"tiny\"", "profile = \"tiny\"\nverify_limits = false");
    let config = format!("{config}\n[probes]\nshare = 0.3\n");
    let vars: Vec<(String, String)> = (1..)
        .zip(clients)
        .map(|(n, client)| (format!("ORDERS_CLIENT_{n}"), client.to_owned()))
        .collect();
    let start = in_seconds(4);
    let machines = ["1/3", "2/3", "3/3"].map(|shard| {
        Machine::start(&config, &vars, &["orders", "--shard", shard, "--start-at", &start])
    });
    let shards = machines.map(Machine::end);
    let results: Vec<_> = shards.iter().map(crate::support::Done::results).collect();
    let dirs: Vec<_> = results.iter().map(std::path::PathBuf::as_path).collect();
    let whole = merge(&dirs);
    assert_eq!(whole.code, 0, "{}{}", whole.all(), shards.map(|shard| shard.all()).concat());
    let tokens = seen.tokens.lock().expect("not poisoned");
    let given: Vec<usize> = tokens.values().map(|(client, _)| *client).collect();
    let distinct: std::collections::BTreeSet<_> = given.iter().collect();
    assert_eq!((given.len(), distinct.len()), (5, 5), "{given:?}");
    let recording = &whole.json("suite.json")["scenarios"][0]["recording"];
    assert_eq!(recording["setups"]["sent"], 5, "{}", recording["setups"]);
    // Probes that show a token are refused for what is wrong with them, not for the token.
    let probes = recording["probes"].as_array().expect("probes");
    assert_eq!(probes.len(), 2);
    for probe in probes {
        assert!(probe["sent"].as_u64() >= Some(15), "{probe}");
        assert_eq!(probe["held"], probe["sent"], "{probe}");
    }
    let labels: Vec<_> = recording["ledgers"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|ledger| ledger["label"].as_str())
        .collect();
    assert_eq!(labels, ["key 1", "key 2", "key 3", "key 4", "key 5"]);
}

#[test]
fn a_client_without_a_token_takes_no_part_and_is_named() {
    let lifetime = Duration::from_secs(60);
    let seen = orders(Orders { lifetime, clients: vec![CLIENTS[1]], gives: 99, limit: 1000 });
    let done = run_orders(&seen.url, &clients());
    let told = "key 1: POST /oauth/token: it was answered 401: {\"error\":\"invalid_client client-a:***\"}";
    assert!(
        done.all().contains(told) || done.read("summary.md").contains("key 1"),
        "{}",
        done.all()
    );
    let suite = done.json("suite.json");
    assert_eq!(suite["scenarios"][0]["plan"]["identities"]["count"], 1, "{}", done.all());
    assert_eq!(suite["scenarios"][0]["recording"]["ledgers"][0]["label"], "key 2");
}

#[test]
fn tokens_that_are_not_given_are_nobody_s_failure_but_the_setup_s() {
    let unsure = |seconds: u64, clients_: Vec<&'static str>, gives: u64, words: &str| {
        let lifetime = Duration::from_secs(seconds);
        let seen = orders(Orders { lifetime, clients: clients_, gives, limit: 90 });
        let done = run_orders(&seen.url, &clients());
        assert_eq!(done.code, 3, "{}", done.all());
        assert!(done.out.contains(words), "{}", done.all());
    };
    thread::scope(|scope| {
        // Nobody gets one.
        let nobody = "no identity could be set up: key 1: POST /oauth/token";
        scope.spawn(|| unsure(60, Vec::new(), 99, nobody));
        // None is renewed.
        let none = "were not sent, for want of what they give";
        scope.spawn(|| unsure(2, CLIENTS.to_vec(), 2, none));
    });
}

#[test]
fn a_check_tries_one_request_of_a_scenario_and_says_what_holds() {
    let lifetime = Duration::from_secs(60);
    let seen = orders(Orders { lifetime, clients: CLIENTS.to_vec(), gives: 99, limit: 90 });
    let args = ["check", "orders", "--env", "t", "--try"];
    let done = run_in(&orders_config(&seen.url), &args, &clients());
    assert_eq!(done.code, 0, "{}", done.all());
    for words in [
        "POST /oauth/token gives 1 value, which hold for 1m",
        "GET /v1/orders?page=1 is answered 200",
        "all 6 checks hold",
        "ORDERS_CLIENT_* of orders  2 set",
    ] {
        assert!(done.out.contains(words), "{words}: {}", done.all());
    }
    assert!(!done.all().contains("tok-1"), "{}", done.all());
    let wrong = orders_config(&seen.url).replace("\"string\"", "\"number\"");
    let done = run_in(&wrong, &args, &clients());
    assert_eq!(done.code, 1, "{}", done.all());
    assert!(done.out.contains("1 of 6 checks fail"), "{}", done.all());
    assert!(done.out.contains("`a page of orders` does not hold"), "{}", done.all());
    let done = run_in(&orders_config(&seen.url), &args, &[]);
    assert!(done.out.contains("set ORDERS_CLIENT_1"), "{}", done.all());
}

#[test]
fn faults_of_webhooks_and_of_an_api_behind_oauth_are_named() {
    let lifetime = Duration::from_secs(60);
    thread::scope(|scope| {
        // Another secret than the sender's.
        scope.spawn(|| {
            let vars = [("HOOK_SECRET".to_owned(), "hook-secret-2".to_owned())];
            let args = ["run", "hooks", "--env", "t", "--no-check"];
            let done = run_in(&hooks_config(&hooks(true)), &args, &vars);
            assert_eq!(done.code, 3, "{}", done.all());
            let words = "set HOOK_SECRET to this environment's secret";
            assert!(done.out.contains(words), "{}", done.all());
        });
        // A limiter that lets fewer through than is declared.
        scope.spawn(|| {
            let seen = orders(Orders { lifetime, clients: CLIENTS.to_vec(), gives: 99, limit: 30 });
            let done = run_orders(&seen.url, &clients());
            assert_eq!(done.code, 1, "{}", done.all());
            assert!(done.out.contains("limit"), "{}", done.all());
        });
        // A page that isn't the one asked for.
        scope.spawn(|| {
            let seen = orders(Orders { lifetime, clients: CLIENTS.to_vec(), gives: 99, limit: 90 });
            let wrong = orders_config(&seen.url).replace("\"{data.page:int}\"", "\"{data.page}\"");
            let done = run_in(&wrong, &["run", "orders", "--env", "t", "--no-check"], &clients());
            assert_eq!(done.code, 1, "{}", done.all());
            let words = "check `a page of orders` failed every time";
            assert!(done.out.contains(words), "{}", done.all());
        });
    });
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
