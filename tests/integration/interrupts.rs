//! Runs that are cancelled or killed at random moments still leave reports that are valid and agree.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How many moments are tried for each kind of end; `tests/weather/kill.py` tries fifty.
const MOMENTS: u64 = 10;
/// How many runs go on at once.
const AT_ONCE: usize = 5;
/// How long the runs last at least when nobody ends them: three scenarios of one second.
const LENGTH: Duration = Duration::from_secs(3);
const SCENARIOS: [&str; 3] = ["onboarding", "credential-vending", "webhook"];

const EMBEDDED: [&str; 2] = ["-e", "embedded"];

/// A run, in a directory of its own.
struct Run {
    dir: tempfile::TempDir,
    child: Child,
}

impl Run {
    fn start(arguments: &[&str], target: &[&str], seed: u64) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        if seed % 4 < 2 {
            std::fs::write(dir.path().join("load-gate.toml"), UNVERIFIED).expect("writes");
        }
        let child = Command::new(env!("CARGO_BIN_EXE_load-gate"))
            .args(["run", "-p", "smoke", "--seed", &seed.to_string()])
            .args(target)
            .args(["--results-dir", &dir.path().join("results").display().to_string()])
            .args(arguments)
            .env_clear()
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("load-gate starts");
        Self { dir, child }
    }

    fn results(&self) -> PathBuf {
        self.dir.path().join("results")
    }

    /// Waits until suite.json is there and `ready`: the first one is written before the first request.
    fn wait_for(&mut self, ready: impl Fn(&Value) -> bool) {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            let text = std::fs::read_to_string(self.results().join("suite.json"));
            // Written whole or not at all: whenever it is there, it can be read.
            if text.is_ok_and(|text| ready(&serde_json::from_str(&text).expect("is JSON"))) {
                return;
            }
            assert!(self.child.try_wait().expect("waits").is_none(), "it ended before");
            thread::sleep(Duration::from_millis(10));
        }
        panic!("no such suite.json within a minute");
    }

    fn signal(&self, signal: Signal) {
        // One that has ended but wasn't waited for can still be sent signals.
        kill_process(Pid::from_child(&self.child), signal).expect("sends the signal");
    }

    /// Waits for the end, which must come within `limit`.
    fn end(&mut self, limit: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("waits") {
                return status;
            }
            if start.elapsed() > limit {
                let _ = self.child.kill();
                panic!("still running {:?} after the signal", start.elapsed());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Does `one` for every moment, a few at once.
fn at_moments(seed: u64, one: impl Fn(u64, Duration) + Sync) {
    let mut rng = StdRng::seed_from_u64(seed);
    let moments: Vec<Duration> =
        (0..MOMENTS).map(|_| Duration::from_millis(rng.random_range(0..3500))).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(moment) = moments.get(next.fetch_add(1, Ordering::Relaxed)) {
                    one(moment.as_millis() as u64, *moment);
                }
            });
        }
    });
}

const SHORT: [&str; 4] = ["--duration-scale", "0.1", "--rate-scale", "0.5"];
/// Half of the runs verify the limiters first; the others get to every scenario in time.
const UNVERIFIED: &str = "[environments.embedded]\nverify_limits = false\n";

#[test]
fn cancelled_at_any_moment_everything_is_written_within_five_seconds() {
    at_moments(1, |seed, moment| {
        let mut run = Run::start(&SHORT, &EMBEDDED, seed);
        run.wait_for(|_| true);
        thread::sleep(moment);
        let had_ended = run.child.try_wait().expect("waits").is_some();
        let signals = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];
        let signal = signals[(seed / 2 % 4) as usize];
        if !had_ended {
            run.signal(signal);
        }
        let status = run.end(Duration::from_secs(5));
        let suite = consistent(&run.results());
        assert_eq!(suite["partial"], false, "cancelled after {moment:?}");
        if !had_ended && suite["headline"].as_str().is_some_and(|h| h.contains("interrupted ")) {
            assert_eq!(status.code(), Some(3), "{}", suite["headline"]);
            assert_eq!(suite["verdict"], "inconclusive");
        } else {
            // Only a run that was over, or just about to be, may say anything else.
            assert!(moment + Duration::from_secs(2) > LENGTH, "{moment:?}: {}", suite["headline"]);
        }
    });
}

#[test]
fn killed_at_any_moment_the_last_checkpoint_makes_reports() {
    at_moments(2, |seed, moment| {
        let mut run = Run::start(&SHORT, &EMBEDDED, seed);
        run.wait_for(|_| true);
        thread::sleep(moment);
        killed(run, |_| {});
    });
}

#[test]
fn killed_after_ten_seconds_what_was_measured_is_in_the_reports() {
    let mut run =
        Run::start(&["webhook", "--duration-scale", "3", "--rate-scale", "0.5"], &EMBEDDED, 3);
    let arrivals =
        |suite: &Value| total(&suite["scenarios"][0]["recording"]["slices"][""]["outcomes"]);
    run.wait_for(|suite| arrivals(suite) > 0);
    killed(run, |suite| {
        assert_eq!(suite["partial"], true);
        assert!(arrivals(suite) > 0);
    });
}

#[test]
fn cancelled_while_the_target_hangs_everything_is_written_within_five_seconds() {
    thread::scope(|scope| {
        // From the canary on, and in the middle of the load.
        for answered in [0, 30] {
            scope.spawn(move || {
                let (url, hangs) = hanging_target(answered);
                let mut run = Run::start(
                    &["onboarding", "--rate-scale", "0.5", "--no-check"],
                    &["--url", &url],
                    4,
                );
                hangs.recv_timeout(Duration::from_secs(60)).expect("is asked once more");
                thread::sleep(Duration::from_millis(300));
                run.signal(Signal::INT);
                let status = run.end(Duration::from_secs(5));
                assert_eq!(status.code(), Some(3));
                let suite = consistent(&run.results());
                assert!(suite["headline"].as_str().is_some_and(|h| h.contains("interrupted")));
                let outcomes = &suite["scenarios"][0]["recording"]["slices"][""]["outcomes"];
                assert_eq!(total(outcomes) > 0, answered > 0, "{outcomes}");
            });
        }
    });
}

/// A server that answers so many requests with 500 and then never again; tells of each
/// that it leaves without an answer.
fn hanging_target(answered: usize) -> (String, Receiver<()>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("has an address"));
    let (tell, hangs) = channel();
    thread::spawn(move || {
        let mut held = Vec::new();
        for mut stream in listener.incoming().flatten() {
            if held.len() < answered {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(
                    b"HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                );
            } else {
                let _ = tell.send(());
            }
            held.push(stream);
        }
    });
    (url, hangs)
}

/// Kills a run, makes its reports again and looks whether they agree.
fn killed(mut run: Run, and: impl FnOnce(&Value)) {
    let had_ended = run.child.try_wait().expect("waits").is_some();
    if !had_ended {
        run.signal(Signal::KILL);
    }
    run.end(Duration::from_secs(5));
    let again = Command::new(env!("CARGO_BIN_EXE_load-gate"))
        .args(["report", &run.results().display().to_string()])
        .env_clear()
        .output()
        .expect("load-gate starts");
    let suite = consistent(&run.results());
    if suite["partial"] == true {
        assert_eq!(again.status.code(), Some(3), "{}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(suite["verdict"], "inconclusive");
        let summary = std::fs::read_to_string(run.results().join("summary.md")).expect("is there");
        assert!(summary.to_lowercase().contains("partial"), "{summary}");
    } else {
        // It was over, or just about to be.
        let headline = suite["headline"].as_str().expect("text");
        assert!(!headline.contains("interrupted") && !headline.contains("partial"), "{headline}");
    }
    and(&suite);
}

/// Every report is there and valid, and their counts agree; suite.json.
fn consistent(results: &Path) -> Value {
    let json = |name: &str| -> Value {
        let text = std::fs::read_to_string(results.join(name));
        serde_json::from_str(&text.unwrap_or_else(|e| panic!("{name}: {e}"))).expect(name)
    };
    let suite = json("suite.json");
    for scenario in suite["scenarios"].as_array().expect("scenarios") {
        let id = scenario["plan"]["scenario"].as_str().expect("a name");
        agree(scenario, &json(&format!("{id}-results.json")), id);
    }
    let asked_for = suite["scenarios"].as_array().map_or(0, Vec::len);
    assert!(asked_for == 1 || asked_for == SCENARIOS.len(), "every scenario has its results");
    for name in ["summary.md", "report.html", "baseline.md"] {
        let page = std::fs::read_to_string(results.join(name));
        assert!(page.is_ok_and(|page| !page.is_empty()), "{name}");
    }
    valid_junit(&std::fs::read_to_string(results.join("junit.xml")).expect("junit.xml"));
    suite
}

/// The figures of one scenario in suite.json and in its results file.
fn agree(scenario: &Value, results: &Value, id: &str) {
    let recording = &scenario["recording"];
    let slice = &recording["slices"][""];
    let outcomes = &slice["outcomes"];
    assert_eq!(outcomes, &results["load_gate"]["outcomes"], "{id}: outcomes");
    let (ended, dropped) = (total(outcomes), number(&outcomes["dropped"]));
    let sent = ended - dropped;
    let metric = |name: &str, value: &str| &results["metrics"][name]["values"][value];
    let pairs = [
        ("iterations", number(metric("iterations", "count")), sent),
        ("dropped_iterations", number(metric("dropped_iterations", "count")), dropped),
        ("generator.sent", number(&recording["generator"]["sent"]), sent),
        ("load_gate.generator.sent", number(&results["load_gate"]["generator"]["sent"]), sent),
        ("statuses", total(&recording["statuses"]), sent),
        ("http_reqs", number(metric("http_reqs", "count")), total(&recording["requests"])),
        ("requests", number(&slice["requests"]), total(&recording["requests"])),
    ];
    for (what, is, wanted) in pairs {
        assert_eq!(is, wanted, "{id}: {what}");
    }
    let bins = recording["timeline"]["bins"].as_array().expect("bins");
    let due: u64 = bins.iter().map(|bin| total(&bin["outcomes"])).sum();
    assert_eq!(due, ended, "{id}: seconds");
    let answered = sent - number(&outcomes["timeout"]) - number(&outcomes["transport"]);
    assert_eq!(number(&slice["response_time"]["count"]), answered, "{id}: response times");
}

fn number(value: &Value) -> u64 {
    value.as_f64().map_or(0, |n| n as u64)
}

fn total(counts: &Value) -> u64 {
    counts.as_object().map_or(0, |counts| counts.values().map(number).sum())
}

/// Reads the file as a strict XML reader does, and counts.
fn valid_junit(text: &str) {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_str(text);
    let (mut cases, mut announced) = (0, 0);
    loop {
        match reader.read_event().expect("is well-formed") {
            Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                b"testcase" => cases += 1,
                b"testsuite" => {
                    let tests = tag.try_get_attribute("tests").expect("reads").expect("is there");
                    let tests = tests
                        .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                        .expect("is text");
                    announced += tests.parse::<u64>().expect("a number");
                }
                _ => {}
            },
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(cases > 0 && cases == announced, "{cases} cases of {announced}");
}
