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
fn without_a_directory(faults: &[&str], aside: bool) -> (Output, TempDir, Option<PathBuf>) {
    let served = Served::start(faults);
    let dir = tempfile::tempdir().expect("a directory");
    if aside {
        std::fs::create_dir(dir.path().join("aside")).expect("made");
    }
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
    let (done, _dir, aside) = without_a_directory(&["limit=1000000"], true);
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
    let (done, _dir, aside) = without_a_directory(&["limit=1000000", "status=503"], true);
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(aside.is_some());
}

#[test]
fn where_the_first_place_for_temporary_files_is_missing_another_is_found() {
    let (done, dir, aside) = without_a_directory(&["limit=1000000"], false);
    let aside = aside.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&done.stderr)));
    assert!(aside.is_file() && !aside.starts_with(dir.path()), "{}", aside.display());
    std::fs::remove_dir_all(aside.parent().expect("a directory")).expect("removed");
}

#[test]
fn a_directory_that_another_run_made_anew_is_left_to_it() {
    let served = Served::start(&["limit=1000000"]);
    let dir = tempfile::tempdir().expect("a directory");
    let results = dir.path().join("results");
    std::fs::create_dir(dir.path().join("aside")).expect("made");
    let mut first = start(&dir, &served, PATIENT);
    begun(&results, &mut first);
    std::fs::rename(&results, dir.path().join("gone")).expect("moved");
    std::fs::create_dir(&results).expect("made");
    let mut second = start(&dir, &served, PATIENT);
    begun(&results, &mut second);
    let first = first.wait_with_output().expect("ends");
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    assert_eq!(first.status.code(), Some(3), "{said}");
    assert_eq!(said.matches("made anew since this run took it").count(), 1, "{said}");
    let second = second.wait_with_output().expect("ends");
    assert_eq!(second.status.code(), Some(0), "{}", String::from_utf8_lossy(&second.stderr));
    let stamped = std::fs::read_dir(&results).expect("lists").flatten().filter(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("onboarding-2") && name.ends_with(".txt")
    });
    assert_eq!(stamped.count(), 1, "the second's alone");
}

#[test]
fn a_run_that_goes_on_is_not_reported_on() {
    let served = Served::start(&["limit=1000000"]);
    let dir = tempfile::tempdir().expect("a directory");
    let mut run = start(&dir, &served, PATIENT);
    begun(&dir.path().join("results"), &mut run);
    let report = load_gate().args(["report", "results"]).current_dir(dir.path()).output();
    let report = report.expect("ends");
    let said = String::from_utf8_lossy(&report.stderr).into_owned();
    assert_eq!(report.status.code(), Some(2), "{said}");
    assert!(said.contains("another run of load-gate is writing to results"), "{said}");
    assert_eq!(run.wait().expect("ends").code(), Some(0));
}

/// A command whose files may have no more than a few KiB.
fn with_small_files(dir: &TempDir, args: &[&str]) -> Output {
    let load_gate = env!("CARGO_BIN_EXE_load-gate");
    std::process::Command::new("sh")
        .args(["-c", "ulimit -f 4; exec \"$0\" \"$@\"", load_gate])
        .args(args)
        .current_dir(dir.path())
        .env_clear()
        .env("TMPDIR", dir.path())
        .stdin(Stdio::null())
        .output()
        .expect("ends")
}

#[test]
fn files_that_may_not_grow_are_said_and_leave_nothing_half_written() {
    let served = Served::start(&["limit=1000000"]);
    let dir = tempfile::tempdir().expect("a directory");
    let run = start(&dir, &served, PATIENT).wait_with_output().expect("ends");
    assert_eq!(run.status.code(), Some(0), "{}", String::from_utf8_lossy(&run.stderr));
    let mut shard = vec!["run", "onboarding", "--env", "t", "--no-check", "--results-dir", "part"];
    shard.extend(["--shard", "1/2", "--start-at", "+1s", "--seed", "4"]);
    for args in [&["report", "results"][..], &shard[..]] {
        let done = with_small_files(&dir, args);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(3), "{args:?}: {said}");
        assert!(said.contains("failed to write"), "{args:?}: {said}");
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(told.contains("inconclusive: what was measured could not be kept"), "{told}");
    }
    let half = crate::support::files_below(dir.path()).into_iter();
    let mut half = half.filter(|path| path.to_string_lossy().contains("/.load-gate-"));
    assert_eq!(half.next(), None);
}

#[cfg(target_os = "linux")]
#[test]
fn what_is_printed_to_a_full_disk_is_no_success() {
    let printed = |to: Stdio| {
        let mut command = load_gate();
        command.args(["completions", "bash"]).stdout(to).stderr(Stdio::piped());
        command.spawn().expect("starts").wait_with_output().expect("ends")
    };
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("is there");
    let done = printed(full.into());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(3), "{said}");
    assert!(said.contains("failed to write standard output"), "{said}");
    // A reader that went away has read enough.
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    assert_eq!(printed(writer.into()).status.code(), Some(0));
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
