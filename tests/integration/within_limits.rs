//! Load within the limits: spread over addresses, over keys, over minted keys.

use crate::support::{Counting, Served, config, run_in, run_keeping_up};

/// A busy machine's lag is not what is asked here.
const PATIENT: &str = "[engine]\nmax_lag = \"20s\"\n";

fn rule<'a>(results: &'a serde_json::Value, name: &str) -> &'a str {
    let rules = results["load_gate"]["rate_limit"]["rules"].as_array().expect("rules");
    let found = rules.iter().find(|rule| rule["name"] == name).expect("the rule");
    found["verdict"].as_str().expect("a verdict")
}

#[test]
fn onboarding_at_full_rate_succeeds_and_its_limiter_is_verified() {
    let args = ["run", "onboarding", "--env", "embedded", "-p", "full", "--duration-scale", "0.01"];
    let done = run_keeping_up(PATIENT, &args, &[]);
    assert_eq!(done.code, 0, "{}", done.all());
    let results = done.json("onboarding-results.json");
    assert_eq!(results["metrics"]["iterations"]["values"]["count"], 402);
    let rate = results["metrics"]["success_rate"]["values"]["rate"].as_f64().expect("a rate");
    assert!(rate > 0.99, "{rate}");
    for name in ["engages", "holds", "lets_through", "says_so"] {
        assert_eq!(rule(&results, name), "pass", "{name}: {}", done.all());
    }
    let hits = results["load_gate"]["rate_limit"]["observed_hits"].as_u64().expect("a number");
    let predicted = &results["load_gate"]["rate_limit"]["predicted_hits"];
    let bound = |i: usize| predicted[i].as_u64().expect("a number");
    assert!((bound(0)..=bound(1)).contains(&hits), "{hits} of {predicted}");
}

/// Three keys of 60 in twenty seconds each, none of them given.
#[test]
fn keys_are_minted_where_the_config_asks_for_them() {
    let served = Served::start(&["credential-vending.limit=60", "credential-vending.window=20s"]);
    let minting =
        "mint_keys = 3\nrate_limit = { limit = 60, window = \"20s\", scope = \"customer\" }";
    let config = config(&served.url, 80, "1s", "").replace(
        "[scenarios.credential-vending]\nrate_limit = \"none\"",
        &format!("[scenarios.credential-vending]\n{minting}"),
    );
    let args = ["run", "credential-vending", "--env", "t", "--cooldown", "0s"];
    let done = run_in(&config, &args, &[]);
    assert_eq!(done.code, 0, "{}", done.all());
    let said = "will create 0 customers and 3 more for their keys (mint_keys), 0 events";
    assert!(done.err.contains(said), "{}", done.err);
    let results = done.json("credential-vending-results.json");
    assert_eq!(results["load_gate"]["outcomes"]["accepted"], 80, "{}", done.all());
    assert_eq!(results["load_gate"]["outcomes"]["rate_limited"], 0);
    // The keys are secrets: they are in no file and on no screen.
    for entry in std::fs::read_dir(done.results()).expect("a directory") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        assert!(!text.contains("rsolv_"), "{}", path.display());
    }
    assert!(!done.all().contains("rsolv_"), "{}", done.all());
}

#[test]
fn keys_are_not_minted_on_protected_ground() {
    let served = Served::start(&[]);
    let config = config(&served.url, 20, "1s", "")
        .replace("email_domain", "protected = true\nmax_rate = 100\nemail_domain")
        .replace(
            "[scenarios.credential-vending]\n",
            "[scenarios.credential-vending]\nmint_keys = 3\n",
        );
    let host = served.url.trim_start_matches("http://").split(':').next().expect("a host");
    let args = ["run", "credential-vending", "--env", "t", "--confirm-production", host];
    let done = run_in(&config, &args, &[]);
    assert_ne!(done.code, 0, "{}", done.all());
    assert!(done.all().contains("mint_keys"), "{}", done.all());
}

/// The p99 needs 299 samples, and the load is planned to send 150.
#[test]
fn a_load_goes_on_until_its_thresholds_are_decided() {
    let served = Served::start(&["onboarding.limiter=off"]);
    let patient = "[scenarios.onboarding.thresholds]\n\
                   \"response_time{outcome:accepted}\" = [\"p(99)<60000\"]\n";
    let config = config(&served.url, 75, "2s", patient)
        .replace("tiny = [", "tiny = { extend = \"2s\", stages = [")
        .replace(" }]\n", " }] }\n");
    let done = run_in(&config, &["run", "onboarding", "--env", "t", "-v"], &served.vars);
    assert_eq!(done.code, 0, "{}", done.all());
    assert!(done.out.contains("went on for 2.00 s after its planned end"), "{}", done.all());
    assert!(done.err.contains("may go on for 2.00 s more"), "{}", done.err);
    let results = done.json("onboarding-results.json");
    assert_eq!(results["metrics"]["iterations"]["values"]["count"], 300);
    // What is stored can be judged anew.
    let suite = done.results().join("suite.json");
    let again = crate::support::load_gate().arg("report").arg(&suite).output().expect("runs");
    assert_eq!(again.status.code(), Some(0), "{}", String::from_utf8_lossy(&again.stderr));
}

/// A limiter by address, or of everybody, would count it, and be accused of refusing too soon.
#[test]
fn the_check_before_a_run_takes_no_place_of_a_limiter() {
    let look = |limit: &str, looked: u64| {
        let server = Counting::start(Box::new(|_, _| (200, String::new(), b"{}".to_vec())));
        let config = format!(
            "[environments.t]\nurl = \"{}\"\nprofile = \"tiny\"\n[scenarios.items]\npath = \"/items\"\n\
             expect = {{ status = 200 }}\nrate_limit = {limit}\n[scenarios.items.profiles]\n\
             tiny = [{{ duration = \"0s\", target = 20 }}, {{ duration = \"1s\", target = 20 }}]\n",
            server.url
        );
        let done = run_in(&config, &["run", "items", "--env", "t"], &[]);
        assert!(server.count("/items", 200) > 20, "{}", done.all());
        assert_eq!(server.count("/", 200), looked, "{limit}: {}", done.all());
    };
    std::thread::scope(|scope| {
        scope.spawn(|| look("{ limit = 400, window = \"20s\", scope = \"global\" }", 0));
        scope.spawn(|| look("\"none\"", 1));
    });
}
