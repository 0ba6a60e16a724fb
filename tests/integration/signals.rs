//! Asked to end while it does something else than send: heard, and what is on disk, what GitHub is
//! told and the exit code say the same.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Served, config, load_gate};

/// A command under way, in a directory of its own.
struct Started {
    child: Child,
    dir: TempDir,
}

/// How long anything is waited for that is to come: only a hang takes as long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than an end may take, and shorter than what would be waited for without a signal.
const END: Duration = Duration::from_secs(8);

impl Started {
    fn new(config: &str, args: &[&str], vars: &[(&str, &str)], stdout: Stdio) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("load-gate.toml"), config).expect("written");
        Self::within(dir, args, vars, stdout)
    }

    fn within(dir: TempDir, args: &[&str], vars: &[(&str, &str)], stdout: Stdio) -> Self {
        let mut command = load_gate();
        command.args(args).envs(vars.iter().copied()).current_dir(dir.path());
        let said = std::fs::File::create(dir.path().join("said")).expect("made");
        command.stdin(Stdio::null()).stdout(stdout).stderr(said);
        Self { child: command.spawn().expect("starts"), dir }
    }

    fn until(&mut self, what: &str, ready: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !ready(self) {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
            assert!(self.child.try_wait().expect("waits").is_none(), "{}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sends the signal");
    }

    fn end(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("waits") {
                return status;
            }
            if start.elapsed() > END {
                let _ = self.child.kill();
                panic!("it goes on: {}", self.said());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The end after this signal.
    fn ended_by(&mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        self.end().code()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.path("said")).unwrap_or_default()
    }

    fn suite(&self) -> Value {
        let text = std::fs::read_to_string(self.path("results/suite.json")).expect("is there");
        serde_json::from_str(&text).expect("JSON")
    }
}

/// A server that takes connections and never answers; whether it has taken one.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("has an address"));
    listener.set_nonblocking(true).expect("is one");
    (listener, url)
}

/// A run of one second that passes.
fn passing(served: &Served) -> String {
    let patient = "[scenarios.onboarding.thresholds]\n\
                   \"response_time{outcome:accepted}\" = [\"p(95)<60000\"]\n";
    config(&served.url, 60, "1s", patient)
}

const RUN: [&str; 8] =
    ["run", "onboarding", "--env", "t", "--no-check", "--cooldown", "0s", "--results-dir=results"];

/// A pipe that is full: whoever writes to it waits.
fn full() -> (PipeReader, PipeWriter) {
    use rustix::fs::{OFlags, fcntl_setfl};
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    fcntl_setfl(&writer, OFlags::NONBLOCK).expect("is one");
    while writer.write(&[b'x'; 512]).is_ok() {}
    fcntl_setfl(&writer, OFlags::empty()).expect("is one");
    (reader, writer)
}

#[test]
fn an_interrupt_is_heard_while_nobody_reads_the_summary_and_the_files_say_so() {
    let served = Served::start(&["limit=1000000"]);
    let (mut reader, writer) = full();
    let mut run = Started::new(&passing(&served), &RUN, &[], writer.into());
    // The last file: all are written, and say that it passed.
    run.until("the reports", |run| run.path("results/history.json").exists());
    assert_eq!(run.suite()["verdict"], "pass");
    assert_eq!(run.ended_by(Signal::INT), Some(3), "{}", run.said());
    let suite = run.suite();
    assert_eq!(suite["verdict"], "inconclusive");
    // Of the last file the test hears before the run does.
    let headline = suite["headline"].as_str().expect("is text");
    assert!(headline.starts_with("inconclusive: interrupted while "), "{headline}");
    assert_eq!(suite["partial"], false);
    let junit = std::fs::read_to_string(run.path("results/junit.xml")).expect("is there");
    assert!(junit.contains("interrupted while "), "{junit}");
    let mut all = Vec::new();
    reader.read_to_end(&mut all).expect("reads what was there before");
}

/// A step whose GitHub never answers; `config` is its load-gate.toml.
fn step(config: &str, inputs: &[(&str, &str)], args: &[&str]) -> (Started, TcpListener) {
    let (github, url) = silent();
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("load-gate.toml"), config).expect("written");
    std::fs::write(dir.path().join("event.json"), "{\"pull_request\": {\"number\": 7}}")
        .expect("w");
    std::fs::write(dir.path().join("output"), "").expect("written");
    let mut vars = vec![
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_WORKFLOW_REF", "o/r/.github/workflows/nightly.yml@refs/heads/main"),
        ("GITHUB_REF_NAME", "main"),
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_EVENT_PATH", "event.json"),
        ("GITHUB_OUTPUT", "output"),
        ("GITHUB_API_URL", &url),
        ("GITHUB_TOKEN", "ghs_token"),
        ("INPUT_GITHUB_TOKEN", "ghs_token"),
        ("INPUT_RESULTS_DIR", "results"),
    ];
    vars.extend(inputs);
    (Started::within(dir, args, &vars, Stdio::null()), github)
}

const INPUTS: [(&str, &str); 3] =
    [("INPUT_ENVIRONMENT", "t"), ("INPUT_SCENARIOS", "onboarding"), ("INPUT_NO_CHECK", "true")];

/// The last that the step's outputs say of its verdict and its exit code.
fn outputs(run: &Started) -> (String, String) {
    let text = std::fs::read_to_string(run.path("output")).expect("is there");
    let last = |name: &str| {
        let mut lines = text.lines();
        let mut value = String::new();
        while let Some(line) = lines.next() {
            if line.starts_with(&format!("{name}<<")) {
                lines.next().unwrap_or_default().clone_into(&mut value);
            }
        }
        value
    };
    (last("verdict"), last("exit-code"))
}

#[test]
fn two_signals_while_it_is_published_leave_no_pass_behind() {
    let served = Served::start(&["limit=1000000"]);
    let (mut run, github) = step(&passing(&served), &INPUTS, &["action"]);
    run.until("GitHub is asked", |_| github.accept().is_ok());
    assert_eq!(outputs(&run), ("pass".to_owned(), "0".to_owned()));
    run.signal(Signal::INT);
    assert_eq!(run.ended_by(Signal::TERM), Some(3), "{}", run.said());
    assert_eq!(run.suite()["verdict"], "inconclusive");
    assert_eq!(outputs(&run), ("inconclusive".to_owned(), "3".to_owned()));
}

#[test]
fn an_interrupt_is_heard_after_a_scenario_was_ended_as_failed() {
    let served = Served::start(&["limit=1000000", "status=503"]);
    let aborts = "[scenarios.onboarding.thresholds]\n\
                  success_rate = [{ threshold = \"rate>0.9\", abortOnFail = true }]\n";
    let text = config(&served.url, 60, "8s", aborts);
    let (mut run, github) = step(&text, &INPUTS, &["action"]);
    run.until("GitHub is asked", |_| github.accept().is_ok());
    assert_eq!(run.ended_by(Signal::TERM), Some(1), "{}", run.said());
    assert_eq!(run.suite()["verdict"], "fail");
    assert_eq!(outputs(&run), ("fail".to_owned(), "1".to_owned()));
}

#[test]
fn receivers_that_never_answer_share_what_an_interrupt_leaves_of_time() {
    let served = Served::start(&["limit=1000000"]);
    let (_receiver, url) = silent();
    let text = config(&served.url, 60, "30s", "");
    let receivers = ["--pushgateway", url.as_str(), "--prometheus-url", &format!("{url}/write")];
    let args: Vec<&str> = RUN.iter().copied().chain(receivers).collect();
    let mut run = Started::new(&text, &args, &[], Stdio::null());
    run.until("the load", |run| run.said().contains("load: "));
    assert_eq!(run.ended_by(Signal::INT), Some(3), "{}", run.said());
    let notices = run.suite()["notices"].to_string();
    assert!(notices.contains("Pushgateway") && notices.contains("given up"), "{notices}");
}

#[test]
fn an_interrupt_is_heard_while_the_baseline_is_fetched_and_reports_are_written() {
    let served = Served::start(&["limit=1000000"]);
    let inputs: Vec<_> = INPUTS.into_iter().chain([("INPUT_BASELINE", "last-success")]).collect();
    let (mut run, github) = step(&passing(&served), &inputs, &["action"]);
    run.until("GitHub is asked", |_| github.accept().is_ok());
    assert_eq!(run.ended_by(Signal::INT), Some(3), "{}", run.said());
    let headline = run.suite()["headline"].clone();
    assert_eq!(headline, "inconclusive: onboarding: interrupted before its load began");
    assert_eq!(outputs(&run), ("inconclusive".to_owned(), "3".to_owned()));
}

#[test]
fn an_interrupt_is_heard_while_a_finished_run_is_published() {
    let served = Served::start(&["limit=1000000"]);
    let mut run = Started::new(&passing(&served), &RUN, &[], Stdio::null());
    assert_eq!(run.child.wait().expect("ends").code(), Some(0), "{}", run.said());
    let from = run.path("results").display().to_string();
    let (mut comment, github) = step("", &[], &["comment", "--from", &from]);
    comment.until("GitHub is asked", |_| github.accept().is_ok());
    assert_eq!(comment.ended_by(Signal::TERM), Some(3), "{}", comment.said());
    let merge = [("INPUT_MERGE", from.as_str()), ("INPUT_RESULTS_DIR", "merged")];
    let (mut merge, github) = step("", &merge, &["action"]);
    merge.until("GitHub is asked", |_| github.accept().is_ok());
    assert_eq!(merge.ended_by(Signal::TERM), Some(3), "{}", merge.said());
    assert_eq!(outputs(&merge), ("inconclusive".to_owned(), "3".to_owned()));
}

#[test]
fn an_interrupt_in_minting_is_the_reason_even_where_skipping_is_allowed() {
    let (target, url) = silent();
    let text = config(&url, 60, "1s", "").replace(
        "[scenarios.credential-vending]\n",
        "[scenarios.credential-vending]\nmint_keys = 2\n",
    );
    let text = text.replace("timeout = \"1s\"", "timeout = \"30s\"");
    let args = ["run", "credential-vending", "--env", "t", "--no-check", "--allow-skip"];
    let args: Vec<_> = args.into_iter().chain(["--results-dir=results"]).collect();
    let mut run = Started::new(&text, &args, &[], Stdio::null());
    run.until("a customer is to be created", |_| target.accept().is_ok());
    assert_eq!(run.ended_by(Signal::TERM), Some(3), "{}", run.said());
    let headline = run.suite()["headline"].clone();
    assert_eq!(headline, "inconclusive: credential-vending: interrupted before its load began");
}

#[test]
fn a_check_that_is_interrupted_says_so() {
    let (target, url) = silent();
    let text = config(&url, 60, "1s", "");
    let mut check = Started::new(&text, &["check", "onboarding", "-e", "t"], &[], Stdio::null());
    check.until("it is asked", |_| target.accept().is_ok());
    assert_eq!(check.ended_by(Signal::INT), Some(3));
    assert!(check.said().contains("interrupted: the check"), "{}", check.said());
}
