//! Publishing, against a stateful GitHub API on loopback.

mod api;
mod comments;
mod events;
mod issues;
mod nights;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::{Shared, Store};
use load_gate::publish::PublishWarning;
use load_gate::publish::actions::ActionsEnv;
use load_gate::publish::github::{Patience, PublishOptions, publish};
use load_gate::report::EarlierRuns;
use load_gate::secret::Secret;
use load_gate::suite::SuiteReport;
use serde_json::{Value, json};

/// A report with that verdict and nothing else of interest.
fn report(verdict: &str) -> SuiteReport {
    let text = json!({
        "schema_version": 1, "tool_version": "1.0.0", "tool_commit": null, "run_id": "lg-0",
        "started_at": "2025-10-30T17:44:12.123Z", "finished_at": "2025-10-30T17:44:12.999Z",
        "environment": { "name": "staging", "url": "https://a.test", "protected": false,
            "embedded": false, "max_rate": null, "verify_limits": false },
        "profile": "full", "seed": 1, "rate_scale": 1.0, "duration_scale": 1.0,
        "allow_skip": false, "context": { "commit": null, "run_url": null, "repository": null,
            "facts": {} },
        "partial": false, "verdict": verdict, "headline": format!("{verdict}: x"),
        "notices": [], "scenarios": [],
    });
    serde_json::from_value(text).expect("a report")
}

/// The server's store, to be changed.
fn store(change: impl FnOnce(&mut Store)) -> Shared {
    let mut store = Store::default();
    change(&mut store);
    Arc::new(Mutex::new(store))
}

/// As quick as a test may be.
const HASTY: Patience = Patience {
    total: Duration::from_secs(3),
    attempt: Duration::from_millis(500),
    retries: 12,
    backoff: Duration::from_millis(1),
    between_writes: Duration::from_millis(1),
};

fn options() -> PublishOptions {
    PublishOptions { patience: HASTY, ..PublishOptions::default() }
}

/// An event of a workflow in `o/r`.
struct Event {
    env: ActionsEnv,
    _dir: tempfile::TempDir,
}

impl Event {
    async fn new(store: &Shared, name: &str, payload: &Value) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let event = dir.path().join("event.json");
        std::fs::write(&event, payload.to_string()).expect("room");
        let env = ActionsEnv {
            api_url: api::start(store.clone()).await,
            repository: Some("o/r".to_owned()),
            event_name: name.to_owned(),
            event_path: Some(event),
            commit: Some("c0ffee00".to_owned()),
            ..ActionsEnv::default()
        };
        Self { env, _dir: dir }
    }

    async fn publish(&self, verdict: &str, options: &PublishOptions) -> Vec<PublishWarning> {
        let token = Secret::new("ghs_token");
        publish(&report(verdict), EarlierRuns::default(), options, &self.env, Some(&token)).await
    }
}

/// A run on pull request 7.
async fn run(store: &Shared, verdict: &str) -> Vec<PublishWarning> {
    let payload = json!({ "pull_request": { "number": 7 } });
    Event::new(store, "pull_request", &payload).await.publish(verdict, &options()).await
}

/// The bodies of the comments on pull request 7.
fn bodies(store: &Shared) -> Vec<String> {
    let on = store.lock().expect("whole").comments_on(7);
    on.iter().map(|c| c["body"].as_str().expect("text").to_owned()).collect()
}
