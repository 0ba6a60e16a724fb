//! An API whose customers are made by a setup: each identity has a key of its own making, and
//! probes that show one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::{api, json};
use crate::merge::{Machine, in_seconds};
use crate::support::run_in;

/// What the API was asked for.
#[derive(Default)]
struct Seen {
    /// Whose keys there are, by key: the address that made it.
    keys: BTreeMap<String, String>,
    /// Items that a key was good for, by key.
    items: BTreeMap<String, u64>,
    /// Requests that were counted against an address.
    used: BTreeMap<String, u64>,
}

/// Items of customers that anybody may become, `limit` a minute and address.
fn items(limit: u64, checks_bodies: bool) -> (String, Arc<Mutex<Seen>>) {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let kept = Arc::clone(&seen);
    let url = api(move |asked| {
        let mut seen = kept.lock().expect("not poisoned");
        let from = asked.headers.get("x-forwarded-for").cloned().unwrap_or_default();
        let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        if asked.path == "/v1/customers" {
            if asked.method != "POST" || !body["email"].is_string() {
                return json(422, "{}");
            }
            let key = format!("made-key-{}", seen.keys.len() + 1);
            let told = format!(r#"{{"customer":{{"keys":[{{"secret":"{key}"}}]}}}}"#);
            seen.keys.insert(key, from);
            return json(201, &told);
        }
        let key = asked.headers.get("x-api-key").cloned().unwrap_or_default();
        if !seen.keys.contains_key(&key) {
            return json(401, r#"{"error":"unknown key"}"#);
        }
        let used = seen.used.entry(from).or_default();
        *used += 1;
        if *used > limit {
            return json(429, r#"{"error":"slow down"}"#);
        }
        if checks_bodies && !body["n"].is_u64() {
            return json(422, &format!(r#"{{"error":"n of {key}"}}"#));
        }
        *seen.items.entry(key).or_default() += 1;
        json(201, &format!(r#"{{"items":[[{}]]}}"#, body["n"]))
    });
    (url, seen)
}

fn config(url: &str) -> String {
    format!(
        r#"[environments.t]
url = "{url}"
profile = "tiny"
[engine]
max_lag = "2s"
[probes]
share = 0.1
[scenarios.items]
method = "POST"
path = "/v1/items"
headers = {{ "X-API-Key" = "{{setup.key}}" }}
json = {{ n = "{{n:int}}" }}
expect = {{ status = 201, json = {{ "$.items[*][0]" = "{{n:int}}" }} }}
identities = 4
rate_limit = {{ limit = 20, window = "60s", scope = "ip" }}
writes = true
[scenarios.items.setup]
method = "POST"
path = "/v1/customers"
json = {{ email = "{{email}}" }}
expect = {{ status = 201 }}
capture = {{ key = "$.customer.keys[0].secret" }}
[[scenarios.items.probes]]
kind = "no_key"
without_header = "X-API-Key"
expect = {{ status = 401 }}
[[scenarios.items.probes]]
kind = "no_number"
json = {{ n = "seven" }}
expect = {{ status = 422 }}
[scenarios.items.profiles]
tiny = [{{ duration = "0s", target = 40 }}, {{ duration = "3s", target = 40 }}]
[scenarios.items.thresholds]
success_rate = ["rate>0.99"]
"#
    )
}

#[test]
fn each_identity_makes_its_key_and_probes_show_the_keys_that_were_made() {
    let (url, seen) = items(20, true);
    let done = run_in(&config(&url), &["run", "items", "--env", "t", "--no-check"], &[]);
    assert_eq!(done.code, 0, "{}", done.all());
    let suite = done.json("suite.json");
    let recording = &suite["scenarios"][0]["recording"];
    let seen = seen.lock().expect("not poisoned");
    assert_eq!(recording["setups"]["sent"], seen.keys.len(), "{}", done.all());
    // Whoever made a key is an address of its own, and the only one that shows it in the load.
    let makers: std::collections::BTreeSet<_> = seen.keys.values().collect();
    assert_eq!(makers.len(), seen.keys.len(), "{:?}", seen.keys);
    let accepted = done.json("items-results.json")["load_gate"]["outcomes"]["accepted"].clone();
    assert_eq!(accepted, 79, "four times twenty, and the canary: {}", done.all());
    let used = seen.items.values().filter(|n| **n >= 20).count();
    assert_eq!(used, 4, "{:?}", seen.items);
    let probes = recording["probes"].as_array().expect("probes");
    assert_eq!(probes.len(), 2, "{recording}");
    for probe in probes {
        assert!(probe["sent"].as_u64() >= Some(6), "{probe}");
        assert_eq!(probe["held"], probe["sent"], "none is refused for its key: {probe}");
    }
    let everything = format!("{}{}", done.all(), done.read("suite.json"));
    assert!(!everything.contains("made-key-"), "a key that was made is a secret");
}

#[test]
fn a_probe_that_a_key_s_owner_gets_through_with_fails_the_gate() {
    let (url, _) = items(20, false);
    let done = run_in(&config(&url), &["run", "items", "--env", "t", "--no-check"], &[]);
    assert_eq!(done.code, 1, "{}", done.all());
    assert!(done.out.contains("no_number"), "{}", done.all());
}

/// When each key was exchanged, by key; of those that are none, by what is wrong with them.
type Exchanged = BTreeMap<String, Vec<Instant>>;

/// Customers, and exchanges of their keys, `limit` a second each.
fn exchanges(limit: usize) -> (String, Arc<Mutex<Exchanged>>) {
    let seen: Arc<Mutex<Exchanged>> = Arc::default();
    let kept = Arc::clone(&seen);
    let url = api(move |asked| {
        let mut seen = kept.lock().expect("not poisoned");
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        if asked.path == "/api/v1/customers/onboard" {
            let key = format!("rsolv_{:0>43}", seen.len());
            let customer = serde_json::json!({
                "id": seen.len() + 1, "name": body["name"], "email": body["email"],
                "trial_fixes_limit": 5, "trial_fixes_used": 0, "subscription_type": "trial",
            });
            let told = serde_json::json!({ "customer": customer, "api_key": key });
            seen.insert(key, Vec::new());
            return json(201, &told.to_string());
        }
        let (key, now) = (asked.headers.get("x-api-key"), Instant::now());
        let key = key.map_or("", String::as_str);
        let Some(admitted) = seen.get_mut(key) else {
            let code = if key.is_empty() { "AUTH_REQUIRED" } else { "INVALID_API_KEY" };
            seen.entry(code.to_owned()).or_default().push(now);
            return json(401, &format!(r#"{{"error":{{"code":"{code}","message":"no"}}}}"#));
        };
        if admitted.iter().filter(|at| now - **at < Duration::from_secs(1)).count() >= limit {
            return json(429, r#"{"error":"Rate limit exceeded","retry_after":1}"#);
        }
        admitted.push(now);
        let minutes = body["ttl_minutes"].as_u64().expect("a TTL");
        let credential =
            serde_json::json!({ "api_key": "sk", "expires_at": in_seconds(60 * minutes) });
        let providers = body["providers"].as_array().expect("providers").iter();
        let credentials: BTreeMap<_, _> =
            providers.filter_map(|name| Some((name.as_str()?, &credential))).collect();
        let usage = serde_json::json!({ "remaining_fixes": 9, "reset_at": in_seconds(9000) });
        json(200, &serde_json::json!({ "credentials": credentials, "usage": usage }).to_string())
    });
    (url, seen)
}

#[test]
fn the_key_that_proves_the_limit_is_made_by_the_machine_that_shows_it() {
    let (url, seen) = exchanges(10);
    let config = format!(
        r#"[environments.t]
url = "{url}"
profile = "tiny"
email_domain = "loadtest.test"
[engine]
max_lag = "2s"
[scenarios.credential-vending]
mint_keys = 4
rate_limit = {{ limit = 10, window = "1s", scope = "customer", retry_after = false, headers = false }}
[scenarios.credential-vending.profiles]
tiny = [{{ duration = "0s", target = 6 }}, {{ duration = "2s", target = 6 }}]
"#
    );
    let start = in_seconds(14);
    // The fourth key is the one that is set aside, and would by turns be the second machine's.
    let machines = ["1/2", "2/2"].map(|shard| {
        let args = ["credential-vending", "--no-check", "--shard", shard, "--start-at", &start];
        Machine::start(&config, &[], &args)
    });
    for machine in machines {
        let done = machine.end();
        assert!(done.code == 0, "{}", done.all());
    }
    let seen = seen.lock().expect("not poisoned");
    assert!(!seen.contains_key("AUTH_REQUIRED"), "somebody showed no key: {seen:?}");
    let made: Vec<usize> =
        seen.iter().filter(|(key, _)| key.starts_with("rsolv_")).map(|(_, at)| at.len()).collect();
    assert_eq!(made.len(), 4);
    assert!(
        made.iter().all(|n| *n > 0) && made.iter().sum::<usize>() > 13,
        "all are shown: {made:?}"
    );
}
