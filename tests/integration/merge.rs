//! Shards of one run, dealt by load-gate or run at rates of their own.

use std::path::Path;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use crate::support::{Done, Served, config, finished, load_gate, run_in};

fn shard(served: &Served, more: &str) -> Done {
    let config = config(&served.url, 40, "1s", more);
    let done = run_in(&config, &["run", "webhook", "--env", "t", "--no-check"], &served.vars);
    // Alone, 40 samples are too few for p95.
    assert_eq!(done.code, 3, "{}", done.all());
    done
}

pub fn merge(dirs: &[&Path]) -> Done {
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
    let another = "[scenarios.webhook.thresholds]\nchecks = [\"rate>0.5\"]\n";
    let [left, right, other] = std::thread::scope(|scope| {
        let shards = ["", "", another].map(|more| scope.spawn(|| shard(&served, more)));
        shards.map(|shard| shard.join().expect("a shard"))
    });
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
    let refused = merge(&[&left.results(), &other.results()]);
    assert_eq!(refused.code, 2, "{}", refused.all());
    assert!(refused.err.contains("not shards of one run"), "{}", refused.all());
}

/// One of several machines: a run in a directory of its own, under way.
pub struct Machine {
    child: Child,
    dir: TempDir,
}

impl Machine {
    pub fn start(config: &str, vars: &[(String, String)], args: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("load-gate.toml"), config).expect("written");
        let child = load_gate()
            .args(["run", "--env", "t", "--results-dir", "results"])
            .args(args)
            .envs(vars.iter().cloned())
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        Self { child, dir }
    }

    pub fn end(self) -> Done {
        finished(&self.child.wait_with_output().expect("ends"), self.dir)
    }
}

/// RFC 3339 of so many seconds from now.
pub fn in_seconds(seconds: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let unix = now.expect("after 1970").as_secs() + seconds;
    load_gate::units::Timestamp { unix_millis: i64::try_from(unix).expect("fits") * 1000 }.rfc3339()
}

#[test]
fn one_plan_is_dealt_started_at_one_moment_and_judged_once() {
    let served = Served::start(&["limit=1000000"]);
    let start = in_seconds(4);
    let config = config(&served.url, 120, "1s", "");
    let machines = ["1/3", "2/3", "3/3"].map(|shard| {
        let args = ["webhook", "--shard", shard, "--start-at", start.as_str()];
        Machine::start(&config, &served.vars, &args)
    });
    let shards = machines.map(Machine::end);
    for (shard, index) in shards.iter().zip(1..) {
        assert_eq!(shard.code, 0, "{}", shard.all());
        let first = format!("shard {index} of 3: a part isn't judged");
        assert!(shard.out.starts_with(&first), "{}", shard.all());
        assert!(shard.out.contains("in time"), "{}", shard.all());
        let json = shard.json("suite.json");
        assert_eq!(json["shard"]["index"], index);
        assert_eq!(json["shard"]["start_at"], start.as_str());
        assert_eq!(json["verdict"], "inconclusive", "a part is nobody's verdict");
        assert_eq!(json["seed"], shards[0].json("suite.json")["seed"]);
        assert_eq!(json["run_id"], shards[0].json("suite.json")["run_id"]);
    }
    let results: Vec<_> = shards.iter().map(Done::results).collect();
    let dirs: Vec<&Path> = results.iter().map(std::path::PathBuf::as_path).collect();
    let whole = merge(&dirs);
    assert_eq!(whole.code, 0, "{}", whole.all());
    let json = whole.json("webhook-results.json");
    assert_eq!(json["load_gate"]["generator"]["planned"], 120);
    assert_eq!(json["load_gate"]["shards"]["rows"].as_array().map(Vec::len), Some(3));
    // The canary went out once, and one probe of each of three kinds.
    assert_eq!(json["metrics"]["http_reqs"]["values"]["count"], 124);
    let summary = whole.read("summary.md");
    assert!(summary.contains("3 of 3"), "{summary}");

    // A machine that never came.
    let part = merge(&dirs[..2]);
    assert_eq!(part.code, 3, "{}", part.all());
    assert!(
        part.out.starts_with("inconclusive: webhook: 2 of 3 shards are there: shard 3 is missing"),
        "{}",
        part.all()
    );
    // One of them twice, though all are there.
    let twice = merge(&[dirs[0], dirs[1], dirs[2], dirs[1]]);
    assert_eq!(twice.code, 3, "{}", twice.all());
    assert!(twice.out.contains("is shard 2 once more"), "{}", twice.all());
    // What a machine measured isn't overwritten, though the directory above it is named.
    let above = tempfile::tempdir().expect("a directory");
    for (dir, name) in dirs.iter().zip(["1", "2", "3"]) {
        std::fs::create_dir(above.path().join(name)).expect("made");
        let to = above.path().join(name).join("suite.json");
        std::fs::copy(dir.join("suite.json"), to).expect("copied");
    }
    let into = |name: &str| {
        let into = above.path().join(name);
        let merge =
            load_gate().arg("merge").arg(above.path()).arg("--results-dir").arg(&into).output();
        merge.expect("runs").status.code()
    };
    assert_eq!((into("1"), into("whole"), into("whole")), (Some(2), Some(0), Some(0)));
    // Reports made again from a shard's results aren't green either.
    let output = load_gate().arg("report").arg(dirs[1]).output().expect("runs");
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_start_that_is_over_and_shards_of_the_embedded_target_are_mistakes() {
    let served = Served::start(&[]);
    let config = config(&served.url, 40, "1s", "");
    let run = |more: &[&str]| run_in(&config, &[&["run", "webhook"], more].concat(), &served.vars);
    let long_over = load_gate::units::Timestamp::parse_rfc3339(&in_seconds(0)).expect("a moment");
    let long_over = load_gate::units::Timestamp { unix_millis: long_over.unix_millis - 60_000 };
    let over = run(&["--env", "t", "--shard", "1/2", "--start-at", &long_over.rfc3339()]);
    assert_eq!(over.code, 2, "{}", over.all());
    assert!(over.err.contains("which is over: nothing would be sent"), "{}", over.all());
    let embedded = run(&["--env", "embedded", "--shard", "1/2"]);
    assert_eq!(embedded.code, 2, "{}", embedded.all());
    assert!(embedded.err.contains("each machine would load its own"), "{}", embedded.all());
}
