//! Interprets a composite action as GitHub's runner does: inputs, `env:`, files of commands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_norway::Value;

/// One run of an action, in a folder of its own.
pub(crate) struct Runner {
    /// The action's checkout.
    action: PathBuf,
    /// What the job's env and the runner set; nothing else of ours gets in.
    pub(crate) env: BTreeMap<String, String>,
    /// The `github` context.
    pub(crate) github: BTreeMap<String, String>,
    pub(crate) workspace: tempfile::TempDir,
    temp: tempfile::TempDir,
}

/// What a step left behind.
#[derive(Debug)]
pub(crate) struct StepResult {
    pub(crate) code: i32,
    /// Both streams, as the log shows them.
    pub(crate) log: String,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) summary: String,
}

/// What an action left behind.
#[derive(Debug)]
pub(crate) struct ActionResult {
    /// The failed step's exit code, or 0.
    pub(crate) code: i32,
    pub(crate) log: String,
    /// The action's outputs, all those declared; blank where no step set them.
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) summary: String,
}

/// What an expression can name.
struct Contexts<'a> {
    inputs: &'a BTreeMap<String, String>,
    github: &'a BTreeMap<String, String>,
    steps: &'a BTreeMap<String, BTreeMap<String, String>>,
}

impl Runner {
    pub(crate) fn new(action: &Path) -> Self {
        let temp = tempfile::tempdir().expect("a folder");
        let workspace = tempfile::tempdir().expect("a folder");
        let path = crate::path_variable();
        let at = |dir: &Path| dir.display().to_string();
        let env = [
            ("PATH", path),
            ("HOME", at(temp.path())),
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_ACTION_PATH", at(action)),
            ("GITHUB_WORKSPACE", at(workspace.path())),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_API_URL", "http://127.0.0.1:9".to_owned()),
            ("GITHUB_REPOSITORY", "octo/shop".to_owned()),
            ("GITHUB_RUN_ID", "42".to_owned()),
            ("GITHUB_EVENT_NAME", "schedule".to_owned()),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("RUNNER_TEMP", at(&temp.path().join("temp"))),
            ("RUNNER_TOOL_CACHE", at(&temp.path().join("tools"))),
            ("RUNNER_OS", "Linux".to_owned()),
            ("RUNNER_ARCH", "X64".to_owned()),
        ];
        let mut env: BTreeMap<String, String> =
            env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let event = temp.path().join("event.json");
        std::fs::write(&event, "{}").expect("written");
        std::fs::create_dir(temp.path().join("temp")).expect("made");
        std::fs::create_dir(temp.path().join("tools")).expect("made");
        env.insert("GITHUB_EVENT_PATH".to_owned(), at(&event));
        let github = [("token", ""), ("action_ref", ""), ("action_repository", "")];
        let github = github.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Self { action: action.to_owned(), env, github, workspace, temp }
    }

    /// Runs the action's steps until one fails.
    pub(crate) fn run(&self, with: &[(&str, &str)]) -> ActionResult {
        let text = std::fs::read_to_string(self.action.join("action.yml")).expect("action.yml");
        let action: Value = serde_norway::from_str(&text).expect("YAML");
        let inputs = self.inputs(&action, with);
        let mut steps = BTreeMap::new();
        let mut result = ActionResult {
            code: 0,
            log: String::new(),
            outputs: BTreeMap::new(),
            summary: String::new(),
        };
        let listed = action["runs"]["steps"].as_sequence().expect("steps");
        for (at, step) in listed.iter().enumerate() {
            let contexts = Contexts { inputs: &inputs, github: &self.github, steps: &steps };
            let done = self.step(at, step, &contexts);
            result.log += &done.log;
            result.summary += &done.summary;
            if let Some(id) = step["id"].as_str() {
                steps.insert(id.to_owned(), done.outputs);
            }
            if done.code != 0 {
                result.code = done.code;
                break;
            }
        }
        let contexts = Contexts { inputs: &inputs, github: &self.github, steps: &steps };
        for (name, output) in action["outputs"].as_mapping().expect("outputs") {
            let value = contexts.evaluate(output["value"].as_str().expect("a value"));
            result.outputs.insert(name.as_str().expect("a name").to_owned(), value);
        }
        result
    }

    /// The inputs with their defaults; one that isn't declared is a mistake.
    fn inputs(&self, action: &Value, with: &[(&str, &str)]) -> BTreeMap<String, String> {
        let declared = action["inputs"].as_mapping().expect("inputs");
        let nothing = BTreeMap::new();
        let none = BTreeMap::new();
        let contexts = Contexts { inputs: &nothing, github: &self.github, steps: &none };
        let mut inputs: BTreeMap<String, String> = declared
            .iter()
            .map(|(name, input)| {
                let default = input["default"].as_str().expect("a default");
                (name.as_str().expect("a name").to_owned(), contexts.evaluate(default))
            })
            .collect();
        for (name, value) in with {
            assert!(inputs.contains_key(*name), "no input {name}");
            inputs.insert((*name).to_owned(), (*value).to_owned());
        }
        inputs
    }

    fn step(&self, at: usize, step: &Value, contexts: &Contexts<'_>) -> StepResult {
        assert!(step.get("if").is_none(), "conditions are not interpreted");
        assert_eq!(step["shell"].as_str(), Some("bash"));
        let dir = self.temp.path().join(format!("step-{at}"));
        std::fs::create_dir_all(&dir).expect("made");
        let script = dir.join("script.sh");
        std::fs::write(&script, step["run"].as_str().expect("a run")).expect("written");
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail"]).arg(&script);
        command.current_dir(self.workspace.path()).env_clear().envs(&self.env);
        for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH"] {
            std::fs::write(dir.join(name), "").expect("written");
            command.env(name, dir.join(name));
        }
        for (name, value) in step["env"].as_mapping().into_iter().flatten() {
            let value = contexts.evaluate(value.as_str().expect("text"));
            command.env(name.as_str().expect("a name"), value);
        }
        let done = command.output().expect("bash");
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).expect("readable");
        let streams = [done.stdout, done.stderr].map(|s| String::from_utf8_lossy(&s).into_owned());
        StepResult {
            code: done.status.code().unwrap_or(-1),
            log: streams.concat(),
            outputs: commands(&read("GITHUB_OUTPUT")),
            summary: read("GITHUB_STEP_SUMMARY"),
        }
    }
}

impl Contexts<'_> {
    /// Text with `${{ … }}` replaced. Only plain property access is known: an
    /// action that needs more has logic outside the binary.
    fn evaluate(&self, text: &str) -> String {
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, after) = after.split_once("}}").expect("closed");
            result.push_str(before);
            result.push_str(&self.value(expression.trim()));
            rest = after;
        }
        result + rest
    }

    fn value(&self, expression: &str) -> String {
        if let Some((first, second)) = expression.split_once("||") {
            let first = self.value(first.trim());
            return if first.is_empty() { self.value(second.trim()) } else { first };
        }
        let parts: Vec<&str> = expression.split('.').collect();
        match parts.as_slice() {
            ["inputs", name] => self.inputs.get(*name).expect("a declared input").clone(),
            ["github", name] => self.github.get(*name).expect("a known property").clone(),
            ["steps", step, "outputs", name] => {
                let outputs = self.steps.get(*step);
                outputs.and_then(|outputs| outputs.get(*name)).cloned().unwrap_or_default()
            }
            _ => panic!("not interpreted: {expression}"),
        }
    }
}

/// `name=value` and `name<<DELIMITER` lines, as the runner reads them.
pub(crate) fn commands(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let equals = line.find('=');
        let heredoc = line.find("<<").filter(|at| equals.is_none_or(|equals| *at < equals));
        if let Some(at) = heredoc {
            let (name, delimiter) = (&line[..at], &line[at + 2..]);
            let mut value = Vec::new();
            loop {
                let line = lines.next().expect("the delimiter");
                if line == delimiter {
                    break;
                }
                value.push(line);
            }
            found.insert(name.to_owned(), value.join("\n"));
        } else if let Some(at) = equals {
            found.insert(line[..at].to_owned(), line[at + 1..].to_owned());
        } else {
            assert!(line.is_empty(), "not a command: {line}");
        }
    }
    found
}
