//! What can't be kept can't be green: results directories that vanish, and one that two runs want.

use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Served, config, load_gate};

/// A run of one scenario that goes on for two seconds.
fn start(dir: &TempDir, served: &Served, thresholds: &str) -> Child {
    let text = config(&served.url, 80, "1s", thresholds);
    std::fs::write(dir.path().join("load-gate.toml"), text).expect("written");
    load_gate()
        .args(["run", "onboarding", "--env", "t", "--cooldown", "0s", "--no-check"])
        .args(["--results-dir", "results"])
        .env("TMPDIR", dir.path().join("aside"))
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts")
}

/// Waits until the run has begun: its first suite.json is there before the first request.
fn begun(results: &Path, child: &mut Child) {
    while !results.join("suite.json").exists() {
        assert!(child.try_wait().expect("waits").is_none(), "it ended before it began");
        thread::sleep(Duration::from_millis(5));
    }
}

const PATIENT: &str = "[scenarios.onboarding.thresholds]\n\
                       \"response_time{outcome:accepted}\" = [\"p(95)<60000\"]\n";

/// A run whose results directory becomes a file in its midst; what it said, and the place it named.
fn without_a_directory(faults: &[&str]) -> (Output, TempDir, Option<PathBuf>) {
    let served = Served::start(faults);
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("aside")).expect("made");
    let results = dir.path().join("results");
    let mut child = start(&dir, &served, PATIENT);
    begun(&results, &mut child);
    // Moved away at once: a directory that is emptied bit by bit may be written to meanwhile.
    std::fs::rename(&results, dir.path().join("gone")).expect("moved");
    std::fs::write(&results, "not a directory").expect("written");
    let done = child.wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let aside = said.lines().find_map(|line| line.split_once("suite.json is kept at "));
    let aside = aside.map(|(_, path)| PathBuf::from(path.trim()));
    (done, dir, aside)
}

#[test]
fn a_pass_that_cannot_be_kept_is_inconclusive_and_kept_elsewhere() {
    let (done, _dir, aside) = without_a_directory(&["limit=1000000"]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    let err = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{said}{err}");
    assert!(said.contains("inconclusive: what was measured could not be kept"), "{said}");
    let kept = std::fs::read_to_string(aside.expect("a second place is named")).expect("read");
    let kept: serde_json::Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(kept["verdict"], "inconclusive");
    assert_eq!(kept["scenarios"][0]["verdict"]["kind"], "pass");
}

#[test]
fn a_fail_that_cannot_be_kept_stays_a_fail() {
    let (done, _dir, aside) = without_a_directory(&["limit=1000000", "status=503"]);
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(aside.is_some());
}

#[test]
fn a_second_run_in_the_same_directory_is_refused_and_the_first_goes_on() {
    let served = Served::start(&["limit=1000000"]);
    let dir = tempfile::tempdir().expect("a directory");
    let mut first = start(&dir, &served, PATIENT);
    begun(&dir.path().join("results"), &mut first);
    let second = start(&dir, &served, PATIENT).wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2), "{said}");
    assert!(said.contains("another run of load-gate is writing to"), "{said}");
    let first = first.wait_with_output().expect("ends");
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    let third = start(&dir, &served, PATIENT).wait_with_output().expect("ends");
    assert_eq!(third.status.code(), Some(0), "{}", String::from_utf8_lossy(&third.stderr));
}
