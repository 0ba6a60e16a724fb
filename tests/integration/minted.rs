//! An API whose customers are made by a setup: each identity has a key of its own making, and
//! probes that show one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use crate::api::{api, json};
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
