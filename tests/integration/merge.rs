//! Shards of one run.

use std::path::Path;

use crate::support::{Done, Served, config, finished, load_gate, run_in};

fn shard(served: &Served, more: &str) -> Done {
    let config = config(&served.url, 40, "1s", more);
    let done = run_in(&config, &["run", "webhook", "--env", "t", "--no-check"], &served.vars);
    // Alone, 40 samples are too few for p95.
    assert_eq!(done.code, 3, "{}", done.all());
    done
}

fn merge(dirs: &[&Path]) -> Done {
    let dir = tempfile::tempdir().expect("a directory");
    let output = load_gate()
        .arg("merge")
        .args(dirs)
        .args(["--results-dir", "results"])
        .current_dir(dir.path())
        .output()
        .expect("runs");
    finished(&output, dir)
}

#[test]
fn shards_are_judged_as_a_whole() {
    let served = Served::start(&["limit=1000000"]);
    let (left, right) = (shard(&served, ""), shard(&served, ""));
    let whole = merge(&[&left.results(), &right.results()]);
    assert_eq!(whole.code, 0, "{}", whole.all());
    assert!(whole.out.starts_with("pass, 1 of 1 scenarios"), "{}", whole.all());
    let number = |done: &Done, pointer: &str| {
        let json = done.json("webhook-results.json");
        json.pointer(pointer)
            .and_then(serde_json::Value::as_f64)
            .unwrap_or_else(|| panic!("{pointer}"))
    };
    for pointer in [
        "/load_gate/generator/planned",
        "/metrics/http_reqs/values/count",
        "/load_gate/outcomes/accepted",
    ] {
        assert_eq!(
            number(&whole, pointer),
            number(&left, pointer) + number(&right, pointer),
            "{pointer}"
        );
    }
    assert!(whole.results().join("junit.xml").is_file());

    let twice = merge(&[&left.results(), &left.results()]);
    assert_eq!(twice.code, 2, "{}", twice.all());
    assert!(twice.err.contains("twice"), "{}", twice.all());
    let other = shard(&served, "[scenarios.webhook.thresholds]\nchecks = [\"rate>0.5\"]\n");
    let refused = merge(&[&left.results(), &other.results()]);
    assert_eq!(refused.code, 2, "{}", refused.all());
    assert!(refused.err.contains("not shards of one run"), "{}", refused.all());
}
