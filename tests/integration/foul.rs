//! The machine under load-gate in foul weather: stopped, out of descriptors.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Done, Served, config, load_gate};

/// A run of onboarding under way, in a directory of its own.
struct Started {
    child: Child,
    dir: TempDir,
    /// Reads standard error to its end.
    err: JoinHandle<String>,
    under_way: std::sync::mpsc::Receiver<()>,
}

impl Started {
    /// `limits`: what a shell sets before, such as `ulimit -n 64`.
    fn new(config: &str, limits: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("load-gate.toml"), config).expect("written");
        let binary = load_gate();
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limits}\nexec \"$0\" \"$@\"")]).arg(binary.get_program());
        for (name, value) in binary.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut child = command
            .args(["run", "onboarding", "-e", "t", "--no-check", "--results-dir", "results"])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let (begun, under_way) = std::sync::mpsc::channel();
        let lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let err = thread::spawn(move || {
            let mut all = String::new();
            for line in lines.map_while(Result::ok) {
                if line.starts_with("  load: ") {
                    let _ = begun.send(());
                }
                all = all + &line + "\n";
            }
            all
        });
        Self { child, dir, err, under_way }
    }

    /// Waits until the load has been under way for a while.
    fn in_the_load(&self) {
        self.under_way.recv_timeout(Duration::from_secs(30)).expect("begins");
        thread::sleep(Duration::from_millis(800));
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("sends the signal");
    }

    fn end(self) -> Done {
        let done = self.child.wait_with_output().expect("ends");
        Done {
            code: done.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&done.stdout).into_owned(),
            err: self.err.join().expect("reads"),
            dir: self.dir,
        }
    }
}

fn outcome(done: &Done, name: &str) -> u64 {
    let results: Value = done.json("onboarding-results.json");
    results["load_gate"]["outcomes"][name].as_u64().expect("a count")
}

fn headline(done: &Done) -> String {
    done.json("suite.json")["headline"].as_str().expect("text").to_owned()
}

#[test]
fn a_generator_that_was_stopped_accuses_itself_and_not_the_target() {
    let quick = "[scenarios.onboarding.thresholds]\n\
                 \"response_time{outcome:accepted}\" = [\"p(95)<1000\"]\n";
    let stopped = |thresholds: &str, latency: &str, code: i32| {
        let target = Served::start(&[latency, "limit=1000000"]);
        let text = config(&target.url, 40, "6s", "").replace("max_lag = \"2s\"\n", "");
        let text = text.replace("timeout = \"1s\"", "timeout = \"10s\"");
        let started = Started::new(&format!("{text}{thresholds}"), "");
        started.in_the_load();
        started.signal(Signal::STOP);
        thread::sleep(Duration::from_millis(2500));
        started.signal(Signal::CONT);
        let done = started.end();
        assert_eq!(done.code, code, "{}", done.all());
        if code == 3 {
            assert!(headline(&done).contains("the generator fell short"), "{}", done.all());
        }
        // One may have been stopped in the middle of being sent.
        assert!(outcome(&done, "timeout") <= 1, "{}", done.all());
    };
    // A target in good health, and one that is over the bound by itself.
    thread::scope(|scope| {
        scope.spawn(|| stopped("", "latency=1ms", 3));
        scope.spawn(|| stopped(quick, "latency=1ms", 3));
        scope.spawn(|| stopped(quick, "latency=1500ms", 1));
    });
}

#[test]
fn too_few_descriptors_for_the_load_drop_arrivals_and_say_what_to_raise() {
    let target = Served::start(&["latency=800ms", "limit=1000000"]);
    let done = Started::new(&config(&target.url, 200, "1s", ""), "ulimit -n 64").end();
    assert_eq!(done.code, 3, "{}", done.all());
    assert!(headline(&done).contains("raise `ulimit -n`"), "{}", done.all());
    assert!(outcome(&done, "dropped") > 0 && outcome(&done, "transport") == 0, "{}", done.all());
}

#[test]
fn too_few_descriptors_to_start_are_a_mistake_in_words() {
    let target = Served::start(&[]);
    let done = Started::new(&config(&target.url, 20, "1s", ""), "ulimit -n 8").end();
    assert_eq!(done.code, 2, "{}", done.all());
    assert!(
        done.err.contains("8 open files") && done.err.contains("raise `ulimit -n`"),
        "{}",
        done.all()
    );
    assert!(!done.err.contains("panicked"), "{}", done.all());
}
