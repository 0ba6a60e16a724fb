//! action/install.sh: which binary it takes, and what it refuses. Releases are
//! served from a folder (`file://`), so that nothing reaches the network.

use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::api::{Shared, Whose, user};
use crate::github;
use crate::interpreter::commands;
use crate::root;

/// What stands for a release's binary.
const BINARY: &str = "#!/bin/sh\necho load-gate\n";
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// A checkout of the action, a server with releases, and a runner's folders.
struct Stage {
    dir: tempfile::TempDir,
}

struct Installed {
    code: i32,
    log: String,
    bin: Option<PathBuf>,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { dir: tempfile::tempdir().expect("a folder") };
        for folder in ["checkout/action", "tools", "temp", "bin"] {
            std::fs::create_dir_all(stage.path(folder)).expect("made");
        }
        let script = root().join("action/install.sh");
        std::fs::copy(script, stage.path("checkout/action/install.sh")).expect("copied");
        // A cargo that tells that it was asked.
        stage.program("cargo", "#!/bin/sh\necho cargo \"$@\" >&2\nexit 1\n");
        // A curl that reaches folders alone.
        let curl = "#!/bin/sh\ncase \"$*\" in *https://*) echo no network here >&2; exit 6 ;; esac\n\
                    PATH=${PATH#*:}; exec curl \"$@\"\n";
        stage.program("curl", curl);
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        crate::program(&self.path("bin").join(name), text);
    }

    /// Puts release `version` on the server and, newest first, among the checksums.
    fn release(&self, version: &str, content: &str, checksum_of: &str) {
        self.release_for(TARGET, version, content, checksum_of);
    }

    fn release_for(&self, target: &str, version: &str, content: &str, checksum_of: &str) {
        let name = format!("load-gate-{version}-{target}");
        let folder = self.path(&format!("server/rsolv/load-gate/releases/download/v{version}"));
        std::fs::create_dir_all(&folder).expect("made");
        std::fs::write(folder.join(&name), content).expect("written");
        let sum = hex::encode(Sha256::digest(checksum_of));
        let list = self.path("checkout/action/checksums.txt");
        let before = std::fs::read_to_string(&list).unwrap_or_default();
        std::fs::write(&list, format!("# a comment\n{sum}  {name}\n{before}")).expect("written");
    }

    fn install(&self, env: &[(&str, &str)]) -> Installed {
        let path = crate::path_variable();
        let output = self.path("output");
        std::fs::write(&output, "").expect("written");
        let done = Command::new("bash")
            .arg(self.path("checkout/action/install.sh"))
            .env_clear()
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_SERVER_URL", format!("file://{}", self.path("server").display()))
            .env("RUNNER_TOOL_CACHE", self.path("tools"))
            .env("RUNNER_TEMP", self.path("temp"))
            .envs([("RUNNER_OS", "Linux"), ("RUNNER_ARCH", "X64")])
            .envs(env.iter().copied())
            .output()
            .expect("bash");
        let log = [done.stdout, done.stderr].map(|s| String::from_utf8_lossy(&s).into_owned());
        let outputs = commands(&std::fs::read_to_string(&output).expect("readable"));
        Installed {
            code: done.status.code().unwrap_or(-1),
            log: log.concat(),
            bin: outputs.get("bin").map(PathBuf::from),
        }
    }
}

fn version_of(bin: Option<&Path>) -> String {
    let bin = bin.expect("a binary");
    let folder = bin.parent().and_then(Path::parent).and_then(Path::file_name);
    folder.expect("a version").to_string_lossy().into_owned()
}

#[test]
fn the_ref_picks_the_release() {
    let stage = Stage::new();
    for version in ["1.0.0", "1.1.0", "2.0.0"] {
        stage.release(version, BINARY, BINARY);
    }
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let picks = [("v1", "1.1.0"), ("v1.0", "1.0.0"), ("v1.0.0", "1.0.0"), (commit, "2.0.0")];
    for (reference, version) in picks {
        let installed = stage.install(&[("ACTION_REF", reference)]);
        assert_eq!(installed.code, 0, "{reference}: {}", installed.log);
        assert_eq!(version_of(installed.bin.as_deref()), version, "{reference}");
    }
    let installed = stage.install(&[("ACTION_REF", "v1"), ("INPUT_VERSION", "v2.0.0")]);
    assert_eq!(version_of(installed.bin.as_deref()), "2.0.0", "{}", installed.log);
}

#[test]
fn a_changed_binary_is_refused() {
    let stage = Stage::new();
    stage.release("1.0.0", "#!/bin/sh\necho owned\n", BINARY);
    let installed = stage.install(&[("ACTION_REF", "v1")]);
    assert_eq!(installed.code, 2, "{}", installed.log);
    assert!(installed.log.contains("SHA-256"), "{}", installed.log);
    assert!(installed.log.contains("Don't run it"), "{}", installed.log);
    assert_eq!(installed.bin, None);
    assert!(!installed.log.contains("cargo"), "{}", installed.log);
}

#[test]
fn the_cache_is_held_to_the_checksum_too() {
    let stage = Stage::new();
    stage.release("1.0.0", BINARY, BINARY);
    let first = stage.install(&[("ACTION_REF", "v1")]);
    assert!(first.log.contains("downloading"), "{}", first.log);
    let second = stage.install(&[("ACTION_REF", "v1")]);
    assert!(!second.log.contains("downloading"), "{}", second.log);
    assert_eq!(first.bin, second.bin);
    std::fs::write(first.bin.expect("a binary"), "#!/bin/sh\necho owned\n").expect("written");
    let third = stage.install(&[("ACTION_REF", "v1")]);
    assert!(third.log.contains("downloading"), "{}", third.log);
    let text = std::fs::read_to_string(third.bin.expect("a binary")).expect("readable");
    assert_eq!(text, BINARY);
}

#[test]
fn without_a_release_that_fits_it_is_built() {
    let stage = Stage::new();
    stage.release("1.0.0", BINARY, BINARY);
    let unfit: [&[(&str, &str)]; 5] = [
        &[],
        &[("ACTION_REF", "main")],
        &[("ACTION_REF", "v3")],
        &[("ACTION_REF", "v1"), ("RUNNER_ARCH", "ARM")],
        &[("ACTION_REF", "v1"), ("INPUT_VERSION", "source")],
    ];
    for env in unfit {
        let installed = stage.install(env);
        let asked = installed.log.contains("cargo build --release --locked --bin load-gate");
        assert!(asked, "{env:?}: {}", installed.log);
        assert_eq!(installed.code, 2, "the stand-in for cargo fails: {}", installed.log);
        assert!(installed.log.contains("Look at cargo's lines above"), "{}", installed.log);
    }
}

#[test]
fn a_build_is_taken_from_cargos_folder() {
    let stage = Stage::new();
    let make = "#!/bin/sh\nenv\nd=${CARGO_TARGET_DIR:-target}/release\nmkdir -p $d\n\
                printf '#!/bin/sh\\n' >$d/load-gate\nchmod +x $d/load-gate\n";
    stage.program("cargo", make);
    let secrets = [
        ("TEST_API_KEY_1", "rsolv_first"),
        ("TEST_API_KEY_27", "rsolv_second"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_x"),
        ("GITHUB_TOKEN", "ghs_x"),
    ];
    let installed = stage.install(&secrets);
    assert_eq!(installed.code, 0, "{}", installed.log);
    let built = stage.path("checkout").canonicalize().expect("there");
    let bin = installed.bin.expect("a binary").canonicalize().expect("there");
    assert_eq!(bin, built.join("target/release/load-gate"));
    for (name, _) in secrets {
        assert!(!installed.log.contains(name), "{name} reached the build:\n{}", installed.log);
    }
}

#[test]
fn a_version_nobody_vouches_for_is_refused() {
    let stage = Stage::new();
    stage.release("1.0.0", BINARY, BINARY);
    let installed = stage.install(&[("ACTION_REF", "v1"), ("INPUT_VERSION", "1.9.9")]);
    assert_eq!(installed.code, 2, "{}", installed.log);
    assert!(installed.log.contains("uses: rsolv/load-gate@v1.9.9"), "{}", installed.log);
    let newest = "newest\n::error::owned";
    let installed = stage.install(&[("ACTION_REF", "v1"), ("INPUT_VERSION", newest)]);
    assert_eq!(installed.code, 2, "{}", installed.log);
    assert!(installed.log.contains("is not a version"), "{}", installed.log);
    assert!(!installed.log.contains("owned"), "{}", installed.log);
}

#[test]
fn provenance_that_does_not_hold_is_refused() {
    let stage = Stage::new();
    let curl = format!(
        "#!/bin/sh\nwhile [ $# -gt 1 ]; do [ \"$1\" = --output ] && out=$2; shift; done\n\
         printf '%s' '{BINARY}' >\"$out\"\n"
    );
    stage.release("1.0.0", BINARY, BINARY);
    stage.program("curl", &curl);
    // Only the pauses between tries are cut short, not how long a try may take.
    let sleep = "#!/bin/sh\n[ \"$1\" -lt 10 ] || exec env PATH=/usr/bin:/bin sleep \"$1\"\n";
    stage.program("sleep", sleep);
    let env =
        [("ACTION_REF", "v1"), ("GITHUB_SERVER_URL", "https://github.com"), ("GH_TOKEN", "ghs_x")];
    stage.program("gh", "#!/bin/sh\n[ \"$3\" = --help ]\n");
    let refused = stage.install(&env);
    assert_eq!(refused.code, 2, "{}", refused.log);
    assert!(refused.log.contains("provenance"), "{}", refused.log);
    assert_eq!(refused.bin, None);
    stage.program("gh", "#!/bin/sh\necho gh \"$@\"\n");
    let taken = stage.install(&env);
    assert_eq!(taken.code, 0, "{}", taken.log);
    assert!(taken.log.contains("--signer-workflow rsolv/load-gate/"), "{}", taken.log);
}

#[test]
fn where_glibc_s_does_not_run_the_static_one_is_taken() {
    let stage = Stage::new();
    let broken = "#!/bin/sh\nexit 127\n";
    stage.release_for("x86_64-unknown-linux-musl", "1.0.0", BINARY, BINARY);
    stage.release("1.0.0", broken, broken);
    for _ in 0..2 {
        let installed = stage.install(&[("ACTION_REF", "v1")]);
        assert_eq!(installed.code, 0, "{}", installed.log);
        assert!(installed.log.contains("x86_64-unknown-linux-gnu doesn't run here"));
        let bin = installed.bin.expect("a binary");
        assert!(bin.ends_with("load-gate-static"), "{}", bin.display());
    }
}

#[test]
fn a_fork_without_releases_takes_upstream_s_held_to_the_same_checksum() {
    let stage = Stage::new();
    stage.release("1.0.0", BINARY, BINARY);
    let fork = [("ACTION_REF", "v1"), ("ACTION_REPOSITORY", "eve/load-gate")];
    let installed = stage.install(&fork);
    assert_eq!(installed.code, 0, "{}", installed.log);
    assert!(installed.log.contains("/eve/load-gate/releases/"), "{}", installed.log);
    let stage = Stage::new();
    stage.release("1.0.0", "#!/bin/sh\necho owned\n", BINARY);
    let installed = stage.install(&fork);
    assert_eq!(installed.code, 2, "{}", installed.log);
    assert!(installed.log.contains("SHA-256"), "{}", installed.log);
}

#[test]
fn a_failed_installation_takes_the_place_of_an_earlier_verdict() {
    let green = "<!-- load-gate:load-gate -->\n✅ **pass**";
    for (whose, there) in
        [(Whose::Job, true), (Whose::App("our-app[bot]"), true), (Whose::Job, false)]
    {
        let store = Shared::default();
        {
            let mut store = store.lock().expect("whole");
            (store.whose, store.dotcom) = (whose, false);
            for _ in 0..120 {
                store.comment(7, &user("eve", "User"), green);
            }
            if there {
                store.comment(7, &whose.user(), green);
            }
        }
        let stage = Stage::new();
        stage.release("1.0.0", "changed", BINARY);
        stage.program("gh", include_str!("gh.py"));
        let (api, summary) = (github::start(store.clone()), stage.path("summary"));
        let summary = summary.display().to_string();
        let env = [
            ("ACTION_REF", "v1"),
            ("GITHUB_REF", "refs/pull/7/merge"),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_API_URL", &api),
            ("GITHUB_STEP_SUMMARY", &summary),
            ("GH_TOKEN", "ghs_token"),
        ];
        let installed = stage.install(&env);
        assert_eq!(installed.code, 2, "{}", installed.log);
        let comments = store.lock().expect("whole").comments_on(7);
        assert_eq!(comments.len(), 121, "{}", installed.log);
        let body = comments[120]["body"].as_str().expect("text");
        assert!(body.starts_with("<!-- load-gate:load-gate -->\n⛔ **not run**"), "{body}");
        assert!(comments[..120].iter().all(|c| c["body"] == green), "others are left alone");
        let summary = std::fs::read_to_string(&summary).expect("a summary");
        assert!(summary.contains("**not run**"), "{summary}");
        let never = [&env[..], &[("INPUT_COMMENT", "never")]].concat();
        store.lock().expect("whole").seen.clear();
        assert_eq!(stage.install(&never).code, 2);
        assert!(store.lock().expect("whole").seen.is_empty());
    }
}
