//! `load-gate init` through the binary: what it writes can be used as it is.

use std::path::Path;
use std::process::{Command, Output};

const CONFIG: &str = ".github/load-gate.toml";
const WORKFLOW: &str = ".github/workflows/load-gate.yml";

fn load_gate(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_load-gate"));
    command.args(args).current_dir(dir);
    for name in ["API_URL", "LOAD_GATE_ENV", "LOAD_GATE_CONFIG"] {
        command.env_remove(name);
    }
    command.output().expect("load-gate")
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|s| String::from_utf8_lossy(s).into_owned()).concat()
}

#[test]
fn what_it_writes_is_a_plan() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join(".git")).expect("made");
    let written = load_gate(dir.path(), &["init"]);
    assert_eq!(written.status.code(), Some(0), "{}", said(&written));
    assert!(said(&written).contains("gh secret set STRIPE_WEBHOOK_SECRET"), "{}", said(&written));
    for env in ["staging", "embedded"] {
        let plan = load_gate(dir.path(), &["plan", "--env", env, "--profile", "smoke"]);
        assert_eq!(plan.status.code(), Some(0), "{}", said(&plan));
    }
}

#[test]
fn what_is_there_is_only_replaced_by_force() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(dir.path().join(".github/workflows")).expect("made");
    std::fs::write(dir.path().join(WORKFLOW), "mine\n").expect("written");
    let kept = load_gate(dir.path(), &["init"]);
    assert_eq!(kept.status.code(), Some(0), "{}", said(&kept));
    assert!(said(&kept).contains(&format!("{WORKFLOW} is there already and stays")));
    assert!(said(&kept).contains("-mine"), "{}", said(&kept));
    assert!(dir.path().join(CONFIG).exists(), "what wasn't there is written");
    assert_eq!(std::fs::read_to_string(dir.path().join(WORKFLOW)).expect("there"), "mine\n");
    let forced = load_gate(dir.path(), &["init", "--force"]);
    assert_eq!(forced.status.code(), Some(0), "{}", said(&forced));
    assert_ne!(std::fs::read_to_string(dir.path().join(WORKFLOW)).expect("there"), "mine\n");
}
