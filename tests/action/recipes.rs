//! Every workflow that the pages give to copy, executed: checkout and artifacts by folders,
//! `run:` by bash with a strict stand-in for `gh`, our action by its own steps, against a
//! served target and a GitHub API on loopback.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use serde_json::json;
use serde_norway::Value;

use crate::api::Shared;
use crate::github::runner;
use crate::interpreter::{Runner, commands};
use crate::reusable::{START_IN, came_late};
use crate::root;

/// What the recipes' environments are here: small, and on loopback.
const CONFIG: &str = r#"
[engine]
max_lag = "20s"
[environments.staging]
url = "URL"
scenarios = ["webhook"]
[environments.production]
url = "LIVE"
scenarios = ["onboarding"]
[environments.embedded]
scenarios = ["webhook"]
[scenarios.webhook]
rate_limit = "none"
[scenarios.webhook.profiles]
smoke = [{ duration = "0s", target = 80 }, { duration = "1s", target = 80 }]
full = [{ duration = "0s", target = 80 }, { duration = "1s", target = 80 }]
[scenarios.onboarding]
rate_limit = "none"
[scenarios.onboarding.profiles]
production = [{ duration = "0s", target = 160 }, { duration = "2s", target = 160 }]
"#;

/// A served target, ended with the test.
pub(crate) struct Served {
    process: Child,
    env: BTreeMap<String, String>,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn serve() -> Served {
    let mut process = Command::new(env!("CARGO_BIN_EXE_load-gate"))
        .args(["serve", "--fault", "onboarding.limiter=off", "--fault", "webhook.limiter=off"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("serves");
    let mut env = BTreeMap::new();
    for line in BufReader::new(process.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|l| l.split_once('=')) {
            env.insert(name.to_owned(), value.to_owned());
        }
        if env.contains_key("STRIPE_WEBHOOK_SECRET") {
            break;
        }
    }
    Served { process, env }
}

/// One execution of a workflow.
pub(crate) struct Execution<'a> {
    pub(crate) runner: Runner,
    pub(crate) served: &'a Served,
    pub(crate) store: Shared,
    pub(crate) event: String,
    /// `gh`'s folder: releases, and artifacts by run.
    pub(crate) stub: PathBuf,
    /// What `needs`, `steps`, `inputs` and the event come to.
    pub(crate) known: BTreeMap<String, String>,
    /// The secrets that a called workflow was passed; `None`: the repository's.
    pub(crate) secrets: Option<BTreeMap<String, String>>,
    pub(crate) log: String,
    /// Seconds to the start of a load of several machines.
    pub(crate) start_in: &'static str,
}

impl Execution<'_> {
    /// Text with its expressions replaced; of `a || b` what isn't blank.
    pub(crate) fn evaluate(&self, text: &str) -> String {
        let mut done = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, after) = after.split_once("}}").expect("closed");
            done.push_str(before);
            let each = expression.split("||").map(|name| self.value(name.trim()));
            done.push_str(&each.into_iter().find(|value| !value.is_empty()).unwrap_or_default());
            rest = after;
        }
        done + rest
    }

    fn value(&self, name: &str) -> String {
        if let Some(secret) = name.strip_prefix("secrets.") {
            if let Some(passed) = &self.secrets {
                return passed
                    .get(secret)
                    .unwrap_or_else(|| panic!("{secret} isn't declared"))
                    .clone();
            }
            return self.served.env.get(secret).cloned().unwrap_or_default();
        }
        self.known.get(name).unwrap_or_else(|| panic!("nobody knows {name}")).clone()
    }

    pub(crate) fn text(&self, value: &Value) -> String {
        match value {
            Value::String(text) => self.evaluate(text),
            Value::Bool(yes) => yes.to_string(),
            Value::Number(number) => number.to_string(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn pairs(&self, mapping: &Value) -> Vec<(String, String)> {
        let pairs = mapping.as_mapping().into_iter().flatten();
        pairs.map(|(k, v)| (k.as_str().expect("a name").to_owned(), self.text(v))).collect()
    }

    /// Runs the jobs in their order (each needs those before it); gives the first failing code.
    fn run(&mut self, workflow: &Value) -> i32 {
        for (name, job) in workflow["jobs"].as_mapping().expect("jobs") {
            let name = name.as_str().expect("a name");
            let code = if job["uses"].is_string() {
                self.call(job, &BTreeSet::new()).code
            } else {
                self.steps(job)
            };
            if code != 0 {
                return code;
            }
            for (output, value) in self.pairs(&job["outputs"]) {
                self.known.insert(format!("needs.{name}.outputs.{output}"), value);
            }
        }
        0
    }

    /// Runs the steps of a job until one fails, and those that always run.
    pub(crate) fn steps(&mut self, job: &Value) -> i32 {
        for (name, value) in self.pairs(&job["env"]) {
            self.runner.env.insert(name, value);
        }
        let mut failed = 0;
        for (at, step) in job["steps"].as_sequence().expect("steps").iter().enumerate() {
            if failed != 0 && step["if"] != "always()" {
                continue;
            }
            let code = self.step(step, at);
            failed = if failed == 0 { code } else { failed };
        }
        failed
    }

    fn step(&mut self, step: &Value, at: usize) -> i32 {
        let with = self.pairs(&step["with"]);
        let before = self.runner.env.clone();
        self.runner.env.extend(self.pairs(&step["env"]));
        let code = match (step["uses"].as_str(), step["run"].as_str()) {
            (Some(uses), _) if uses.starts_with("actions/checkout@") => 0,
            (Some(uses), _) if uses.starts_with("actions/upload-artifact@") => self.keep(&with),
            (Some(uses), _) if uses.starts_with("actions/download-artifact@") => self.fetch(&with),
            (Some(uses), _) if uses.contains("/load-gate@") => {
                let with: Vec<(&str, &str)> =
                    with.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                let done = self.runner.run(&with);
                self.log += &done.log;
                if let Some(id) = step["id"].as_str() {
                    let outputs = done.outputs.into_iter();
                    let named = |(name, value)| (format!("steps.{id}.outputs.{name}"), value);
                    self.known.extend(outputs.map(named));
                }
                done.code
            }
            (None, Some(script)) => self.shell(script, step["id"].as_str(), at),
            other => panic!("not executed: {other:?}"),
        };
        self.runner.env = before;
        code
    }

    /// `upload-artifact`: what is named has to be there.
    fn keep(&self, with: &[(String, String)]) -> i32 {
        let get = |name: &str| with.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
        let path = self.runner.workspace.path().join(get("path").expect("a path"));
        assert!(path.exists(), "{} isn't there to be kept", path.display());
        if get("archive") == Some("false") {
            assert!(path.is_file(), "one file is kept as it is: {}", path.display());
            return 0;
        }
        let kept = self.stub.join("artifacts/9").join(get("name").expect("a name"));
        std::fs::create_dir_all(&kept).expect("made");
        let files = match std::fs::read_dir(&path) {
            Ok(folder) => folder.map(|entry| entry.expect("an entry").path()).collect(),
            Err(_) => vec![path],
        };
        for entry in files {
            if entry.is_file() {
                std::fs::copy(&entry, kept.join(entry.file_name().expect("a name"))).expect("kept");
            }
        }
        0
    }

    fn shell(&mut self, script: &str, id: Option<&str>, at: usize) -> i32 {
        assert!(!script.contains("${{"), "no expression reaches a shell: {script}");
        let output = self.stub.join(format!("output-{at}"));
        std::fs::write(&output, "").expect("written");
        let path = format!("{}:{}", self.stub.join("bin").display(), self.runner.env["PATH"]);
        let done = Command::new("bash")
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script])
            .current_dir(self.runner.workspace.path())
            .env_clear()
            .envs(&self.runner.env)
            .env("PATH", path)
            .env("GH_STUB", &self.stub)
            .env("GITHUB_OUTPUT", &output)
            .output()
            .expect("bash");
        for stream in [&done.stdout, &done.stderr] {
            self.log += &String::from_utf8_lossy(stream);
        }
        for (name, value) in commands(&std::fs::read_to_string(&output).expect("readable")) {
            if let Some(id) = id {
                self.known.insert(format!("steps.{id}.outputs.{name}"), value);
            }
        }
        done.status.code().unwrap_or(-1)
    }
}

/// A workspace with what the recipes expect of a repository.
pub(crate) fn execution<'a>(
    served: &'a Served,
    store: &Shared,
    stub: &Path,
    event: &str,
) -> Execution<'a> {
    let payload = match event {
        "workflow_run" => json!({ "workflow_run": { "event": "pull_request",
            "head_sha": "c0ffee00", "pull_requests": [{ "number": 7 }],
            "html_url": "https://github.com/o/r/actions/runs/9" } }),
        "pull_request" => json!({ "pull_request": { "number": 7 } }),
        _ => json!({ "repository": { "default_branch": "main" } }),
    };
    let mut runner = runner(store, event, &payload);
    let url = &served.env["API_URL"];
    // Another host, or staging would be production.
    let live = url.replace("127.0.0.1", "localhost");
    let config = runner.workspace.path().join(".github/load-gate.toml");
    std::fs::create_dir_all(config.parent().expect("a folder")).expect("made");
    std::fs::write(config, CONFIG.replace("URL", url).replace("LIVE", &live)).expect("written");
    crate::program(
        &runner.workspace.path().join("deploy.sh"),
        "#!/bin/sh\necho \"deployed to $1\"\n",
    );
    crate::program(&stub.join("bin/gh"), include_str!("gh.py"));
    let asset = stub.join("releases/rsolv/load-gate/load-gate-1.0.0-x86_64-unknown-linux-gnu");
    std::fs::create_dir_all(asset.parent().expect("a folder")).expect("made");
    // The legs of a matrix share it.
    let linked = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_load-gate"), &asset);
    assert!(linked.is_ok() || asset.is_file(), "{linked:?}");
    for (name, value) in [
        ("GITHUB_WORKFLOW_REF", "o/r/.github/workflows/load-gate-nightly.yml@refs/heads/main"),
        ("GITHUB_REF_NAME", "main"),
    ] {
        runner.env.insert(name.to_owned(), value.to_owned());
    }
    let known = [
        ("github.token", "ghs_token"),
        ("github.event.workflow_run.id", "9"),
        ("inputs.confirm", "localhost"),
    ];
    let known = known.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    Execution {
        runner,
        served,
        store: Shared::clone(store),
        event: event.to_owned(),
        stub: stub.to_owned(),
        known,
        secrets: None,
        log: String::new(),
        start_in: START_IN[0],
    }
}

/// The whole workflows of a page.
fn workflows(page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(page)).expect(page);
    let blocks = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.contains("\njobs:")).map(str::to_owned).collect()
}

/// A workflow of a page, with its name and the first event that starts it.
struct Recipe {
    name: String,
    event: String,
    workflow: Value,
}

impl Recipe {
    fn read(text: &str, served: &Served) -> Self {
        let text = text.replace("https://api.rsolv-staging.com", &served.env["API_URL"]);
        let workflow: Value = serde_norway::from_str(&text).expect("YAML");
        let event = match &workflow["on"] {
            Value::String(event) => Some(event.as_str()),
            on => on.as_mapping().and_then(|events| events.keys().next()?.as_str()),
        };
        Self {
            name: workflow["name"].as_str().expect("a name").to_owned(),
            event: event.expect("an event").to_owned(),
            workflow,
        }
    }

    /// Executes it, once more with more time to the start where its machines came late.
    fn does_what_it_says(&self, served: &Served, stub: &Path) {
        for start_in in START_IN {
            let store = Shared::default();
            let mut execution = execution(served, &store, stub, &self.event);
            execution.start_in = start_in;
            let code = execution.run(&self.workflow);
            let (name, log) = (&self.name, &execution.log);
            if came_late(log) && start_in != START_IN[START_IN.len() - 1] {
                continue;
            }
            assert_eq!(code, 0, "{name} ({}):\n{log}", self.event);
            let commented = !store.lock().expect("whole").comments_on(7).is_empty();
            let comments =
                matches!(name.as_str(), "load-gate" | "load-gate large" | "load-gate comment");
            assert_eq!(commented, comments, "{name}:\n{log}");
            assert!(store.lock().expect("whole").issues.is_empty(), "{name}");
            return;
        }
    }
}

#[test]
fn every_recipe_does_what_it_says() {
    let served = serve();
    let texts = ["README.md", "docs/github.md"].into_iter().flat_map(workflows);
    let recipes: Vec<Recipe> = texts.map(|text| Recipe::read(&text, &served)).collect();
    let names: Vec<&str> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
    let wanted = [
        "load-gate",
        "load-gate",
        "load-gate nightly",
        "load-gate large",
        "deploy",
        "load-gate production",
        "load-gate fork",
        "load-gate comment",
    ];
    assert_eq!(names, wanted);
    // Each by itself but for the last: it comments on what the one before it has kept.
    let groups = Mutex::new(recipes.chunk_by(|_, next| next.name == "load-gate comment"));
    let work = || {
        loop {
            let Some(group) = groups.lock().expect("whole").next() else { break };
            let stub = tempfile::tempdir().expect("a folder");
            for recipe in group {
                recipe.does_what_it_says(&served, stub.path());
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
}
