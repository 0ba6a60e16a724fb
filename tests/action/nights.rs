//! Nights through the action: the first one, the one after it, and one without secrets.

use std::io::Write;

use serde_json::{Value, json};

use crate::api::Shared;
use crate::github::runner;
use crate::interpreter::Runner;
use crate::steps::{self, WITH};

const RELATIVE: &str = "p(95)<20000\", \"p(95)<1000*baseline";

/// A night of `.github/workflows/nightly.yml` on `main`.
fn night(store: &Shared) -> Runner {
    let mut runner =
        runner(store, "schedule", &json!({ "repository": { "default_branch": "main" } }));
    std::mem::swap(&mut runner.workspace, &mut steps::runner(RELATIVE).workspace);
    for (name, value) in [
        ("GITHUB_WORKFLOW_REF", "o/r/.github/workflows/nightly.yml@refs/heads/main"),
        ("GITHUB_REF_NAME", "main"),
        ("GITHUB_RUN_ID", "99"),
    ] {
        runner.env.insert(name.to_owned(), value.to_owned());
    }
    runner
}

/// What `upload-artifact` keeps of a night: its results as run `id`.
fn keep(store: &Shared, night: &Runner, id: u64) {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let results = night.workspace.path().join("load_tests/results");
    for entry in std::fs::read_dir(results).expect("results") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        archive.start_file(name, zip::write::SimpleFileOptions::default()).expect("a file");
        archive.write_all(&std::fs::read(&path).expect("readable")).expect("room");
    }
    let bytes = archive.finish().expect("whole").into_inner();
    let artifact = json!({
        "id": id * 10, "name": "load-gate-nightly", "size_in_bytes": bytes.len(), "expired": false,
    });
    let mut store = store.lock().expect("whole");
    let repository = json!({ "full_name": "o/r" });
    store.runs.insert(
        0,
        json!({
            "id": id, "path": ".github/workflows/nightly.yml", "event": "schedule",
            "status": "completed", "conclusion": "success", "head_branch": "main",
            "repository": repository, "head_repository": repository,
        }),
    );
    store.artifacts.insert(id, vec![(artifact, bytes)]);
}

#[test]
fn the_first_night_becomes_the_baseline_of_the_second() {
    let store = Shared::default();
    let with = [&WITH[..], &[("baseline", "last-success"), ("issue-on-failure", "true")]].concat();
    let first = night(&store);
    let done = first.run(&with);
    assert_eq!(done.code, 0, "{}", done.log);
    let notice = "::notice title=load-gate::no baseline yet: no run of nightly.yml on main keeps \
                  results of embedded tiny that passed; this run can become the first";
    assert!(done.log.contains(notice), "{}", done.log);
    let waits = "1 threshold relative to a baseline is not exercised";
    assert_eq!(done.log.matches(waits).count(), 1, "{}", done.log);
    keep(&store, &first, 1);

    let second = night(&store);
    let done = second.run(&with);
    assert_eq!(done.code, 0, "{}", done.log);
    assert!(!done.log.contains("no baseline yet") && !done.log.contains(waits), "{}", done.log);
    assert!(done.summary.to_lowercase().contains("against the baseline"), "{}", done.summary);
    let history = second.workspace.path().join("load_tests/results/history.json");
    let history: Value =
        serde_json::from_str(&std::fs::read_to_string(history).expect("kept")).expect("JSON");
    assert_eq!(history["nights"].as_array().expect("nights").len(), 2);
    assert!(store.lock().expect("whole").issues.is_empty());
}

#[test]
fn a_night_goes_on_without_a_baseline_where_github_refuses() {
    let with = [&WITH[..], &[("baseline", "last-success"), ("comment", "false")]].concat();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let store = Shared::default();
            let message = "Resource not accessible by integration";
            let refused = (axum::http::Method::GET, 403, message, None);
            store.lock().expect("whole").failures.push_back(refused);
            let done = night(&store).run(&with);
            assert_eq!(done.code, 0, "{}", done.log);
            assert!(done.log.contains("actions: read"), "{}", done.log);
        });
        scope.spawn(|| {
            let required = [&with[..], &[("baseline-required", "true")]].concat();
            let done = night(&Shared::default()).run(&required);
            assert_eq!(done.code, 3, "{}", done.log);
        });
    });
}

#[test]
fn a_night_without_secrets_says_so_once_and_is_no_incident() {
    let store = Shared::default();
    let mut night = night(&store);
    let keys: Vec<String> = night.env.keys().filter(|k| k.contains("API_KEY")).cloned().collect();
    assert!(keys.is_empty(), "{keys:?}");
    night.env.remove("STRIPE_WEBHOOK_SECRET");
    let with = [
        ("scenarios", "credential-vending webhook"),
        ("environment", "staging"),
        ("url", "http://127.0.0.1:9"),
        ("profile", "smoke"),
        ("no-check", "true"),
        ("issue-on-failure", "true"),
    ];
    let done = night.run(&with);
    assert_eq!(done.code, 3, "{}", done.log);
    for secret in ["set TEST_API_KEY_1", "set STRIPE_WEBHOOK_SECRET"] {
        let said = done.log.lines().filter(|l| l.starts_with("::warning") && l.contains(secret));
        assert_eq!(said.count(), 1, "{}", done.log);
    }
    assert!(store.lock().expect("whole").issues.is_empty());
    assert!(!done.summary.contains('✅'), "{}", done.summary);
}
