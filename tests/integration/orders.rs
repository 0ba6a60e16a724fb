//! An API behind OAuth, rebuilt here without load-gate's code: a setup for each client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::api::{api, json};
use crate::merge::{Machine, in_seconds, merge};
use crate::support::run_in;

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

pub(crate) fn orders_config(url: &str) -> String {
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
    let began = Instant::now();
    let done = run_orders(&seen.url, &clients());
    assert_eq!(done.code, 0, "{}", done.all());
    // One at first, and one in every 1.5 s at most: a renewal is asked for once.
    let most = 2 * (1 + (began.elapsed().as_secs_f64() / 1.5) as usize);
    let suite = done.json("suite.json");
    let recording = &suite["scenarios"][0]["recording"];
    let sent = recording["setups"]["sent"].as_u64().expect("counted");
    assert!(sent >= 4 && recording["setups"]["failed"] == 0, "{recording}");
    let given = seen.tokens.lock().expect("not poisoned").len() as u64;
    assert_eq!(sent, given, "every request for a token is counted");
    assert!(given <= most as u64, "{given} tokens, where {most} are enough");
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
    let told = "key 1: POST /oauth/token: it was answered 401: {\"error\":\"invalid_client";
    let said = done.out.replace("\n  ", " ");
    assert!(said.contains("1 of 2 identities could not be set up and take no part"), "{said}");
    assert!(said.contains(told) && done.read("summary.md").contains("key 1"), "{said}");
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

/// What was printed, however long its lines were.
fn in_one_line(done: &crate::support::Done) -> String {
    done.out.split_whitespace().collect::<Vec<_>>().join(" ")
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
        "ORDERS_CLIENT_* of orders 2 set",
    ] {
        assert!(in_one_line(&done).contains(words), "{words}: {}", done.all());
    }
    assert!(!done.all().contains("tok-1"), "{}", done.all());
    let wrong = orders_config(&seen.url).replace("\"string\"", "\"number\"");
    let done = run_in(&wrong, &args, &clients());
    assert_eq!(done.code, 1, "{}", done.all());
    assert!(in_one_line(&done).contains("1 of 6 checks fail"), "{}", done.all());
    assert!(in_one_line(&done).contains("`a page of orders` does not hold"), "{}", done.all());
    let done = run_in(&orders_config(&seen.url), &args, &[]);
    assert!(in_one_line(&done).contains("set ORDERS_CLIENT_1"), "{}", done.all());
}

#[test]
fn faults_of_an_api_behind_oauth_are_named() {
    let lifetime = Duration::from_secs(60);
    thread::scope(|scope| {
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
fn a_token_that_is_long_in_coming_is_asked_for_once_at_a_time() {
    let most: Arc<Mutex<BTreeMap<String, (u32, u32)>>> = Arc::default();
    let seen = Arc::clone(&most);
    let url = api(move |asked| {
        if asked.path != "/oauth/token" {
            return json(200, r#"{"page":1,"orders":[]}"#);
        }
        let client = asked.headers.get("authorization").cloned().unwrap_or_default();
        let count = |by: i32| {
            let mut all = most.lock().expect("not poisoned");
            let (now, most) = all.entry(client.clone()).or_default();
            *now = now.saturating_add_signed(by);
            *most = (*most).max(*now);
        };
        count(1);
        // Longer than the pause between two tries.
        thread::sleep(Duration::from_millis(700));
        count(-1);
        json(200, r#"{"access_token":"tok-of-a","expires_in":2}"#)
    });
    let done =
        run_in(&orders_config(&url), &["run", "orders", "--env", "t", "--no-check"], &clients());
    assert!(done.out.contains("orders"), "{}", done.all());
    let seen = seen.lock().expect("not poisoned");
    assert_eq!(seen.len(), 2, "{}", done.all());
    assert!(seen.values().all(|(_, most)| *most == 1), "{seen:?}");
}
