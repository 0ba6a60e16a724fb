//! The reusable workflow of several machines, executed: the legs of its matrix side by side, each
//! in a workspace of its own; artifacts are folders; the last job comes after all of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_norway::Value;

use crate::api::Shared;
use crate::recipes::{Execution, Served, execution, serve};
use crate::root;

/// Seconds to the start of the load: machines that share a busy core or two may not be
/// there by the first of these, and then the next is tried.
pub(crate) const START_IN: [&str; 3] = ["5", "15", "60"];

/// Whether machines weren't there in time, by what load-gate said of it.
pub(crate) fn came_late(log: &str) -> bool {
    ["which is over: nothing would be sent", "the generator fell short"]
        .iter()
        .any(|said| log.contains(said))
}

impl Execution<'_> {
    /// Runs the workflow that `job` calls; `absent`: legs of its matrix whose machine never
    /// came up. Its outputs, and the first failing code.
    pub(crate) fn call(&mut self, job: &Value, absent: &BTreeSet<u64>) -> Called {
        let uses = job["uses"].as_str().expect("a workflow");
        let path = uses.strip_prefix("rsolv/load-gate/").and_then(|uses| uses.split('@').next());
        let text = std::fs::read_to_string(root().join(path.expect("one of ours")));
        let workflow: Value = serde_norway::from_str(&text.expect("is there")).expect("YAML");
        let called = &workflow["on"]["workflow_call"];
        let mut inputs = self.inputs(called, job);
        // Whoever copies the page has three minutes.
        inputs.insert("start-in".to_owned(), self.start_in.to_owned());
        let mut known = self.known.clone();
        known.retain(|name, _| name.starts_with("github."));
        known.extend(inputs.into_iter().map(|(name, value)| (format!("inputs.{name}"), value)));
        let passed = self.passed_on(called, job);
        let before = std::mem::replace(&mut self.known, known);
        let secrets = self.secrets.replace(passed);
        let mut result = Called::default();
        for (name, job) in workflow["jobs"].as_mapping().expect("jobs") {
            let name = name.as_str().expect("a name");
            let code = match job["strategy"]["matrix"].as_mapping() {
                Some(matrix) => self.side_by_side(job, matrix, absent),
                None => self.steps(job),
            };
            result.code = if result.code == 0 { code } else { result.code };
            for (output, value) in self.pairs(&job["outputs"]) {
                self.known.insert(format!("needs.{name}.outputs.{output}"), value.clone());
                self.known.insert(format!("jobs.{name}.outputs.{output}"), value);
            }
        }
        for (name, output) in called["outputs"].as_mapping().expect("outputs") {
            let name = name.as_str().expect("a name").to_owned();
            result.outputs.insert(name, self.text(&output["value"]));
        }
        (self.known, self.secrets) = (before, secrets);
        result
    }

    /// The inputs of a called workflow: declared ones alone, of their types.
    fn inputs(&self, called: &Value, job: &Value) -> BTreeMap<String, String> {
        let declared = called["inputs"].as_mapping().expect("inputs");
        let mut inputs = BTreeMap::new();
        for (name, value) in job["with"].as_mapping().into_iter().flatten() {
            let name = name.as_str().expect("a name");
            let fits = match declared.get(name).unwrap_or_else(|| panic!("no input {name}"))["type"]
                .as_str()
                .expect("a type")
            {
                "number" => value.is_number(),
                "boolean" => value.is_bool(),
                _ => value.is_string(),
            };
            assert!(fits, "{name} is not of its type");
            inputs.insert(name.to_owned(), self.text(value));
        }
        for (name, input) in declared {
            let name = name.as_str().expect("a name");
            assert!(inputs.contains_key(name) || input["required"] != true, "{name} is required");
            inputs.entry(name.to_owned()).or_insert_with(|| self.text(&input["default"]));
        }
        inputs
    }

    /// The secrets that a called workflow gets: those declared, as far as they are passed.
    fn passed_on(&self, called: &Value, job: &Value) -> BTreeMap<String, String> {
        let declared = called["secrets"].as_mapping().expect("secrets");
        let passed: BTreeMap<String, String> = self.pairs(&job["secrets"]).into_iter().collect();
        for name in passed.keys() {
            assert!(declared.contains_key(name.as_str()), "no secret {name}");
        }
        let each = declared.keys().map(|name| name.as_str().expect("a name").to_owned());
        each.map(|name| (name.clone(), passed.get(&name).cloned().unwrap_or_default())).collect()
    }

    /// Every leg of a matrix at once. The worst code.
    fn side_by_side(
        &mut self,
        job: &Value,
        matrix: &serde_norway::Mapping,
        absent: &BTreeSet<u64>,
    ) -> i32 {
        let (name, list) = matrix.iter().next().expect("one dimension");
        let name = name.as_str().expect("a name");
        let list = self.list(list.as_str().expect("an expression"));
        let mut legs: Vec<Execution<'_>> = Vec::new();
        for value in list.iter().filter(|value| !absent.contains(value)) {
            let mut leg = execution(self.served, &self.store, &self.stub, &self.event);
            leg.start_in = self.start_in;
            leg.known.clone_from(&self.known);
            leg.known.insert(format!("matrix.{name}"), value.to_string());
            leg.secrets.clone_from(&self.secrets);
            legs.push(leg);
        }
        let codes: Vec<i32> = std::thread::scope(|scope| {
            let running: Vec<_> =
                legs.iter_mut().map(|leg| scope.spawn(|| leg.steps(job))).collect();
            running.into_iter().map(|leg| leg.join().expect("a leg")).collect()
        });
        for leg in &legs {
            self.log += &leg.log;
        }
        codes.into_iter().max().unwrap_or(0)
    }

    /// `${{ fromJSON(…) }}`, of numbers.
    fn list(&self, text: &str) -> Vec<u64> {
        let inner = text.strip_prefix("${{ fromJSON(").and_then(|text| text.strip_suffix(") }}"));
        let inner = inner.expect("a list made elsewhere");
        serde_json::from_str(&self.evaluate(&format!("${{{{ {inner} }}}}"))).expect("numbers")
    }

    /// `download-artifact` of a pattern: a folder for each.
    pub(crate) fn fetch(&self, with: &[(String, String)]) -> i32 {
        let get = |name: &str| with.iter().find(|(k, _)| k == name).map(|(_, v)| v.as_str());
        assert!(with.iter().all(|(name, _)| ["pattern", "path"].contains(&name.as_str())));
        let start = get("pattern").and_then(|pattern| pattern.strip_suffix('*')).expect("begins");
        let into = self.runner.workspace.path().join(get("path").expect("a path"));
        let kept = self.stub.join("artifacts/9");
        for entry in std::fs::read_dir(kept).into_iter().flatten() {
            let entry = entry.expect("an entry");
            if !entry.file_name().to_string_lossy().starts_with(start) {
                continue;
            }
            let folder = into.join(entry.file_name());
            std::fs::create_dir_all(&folder).expect("made");
            for file in std::fs::read_dir(entry.path()).expect("a folder") {
                let file = file.expect("a file");
                std::fs::copy(file.path(), folder.join(file.file_name())).expect("fetched");
            }
        }
        0
    }
}

/// What a called workflow came to.
#[derive(Debug, Default)]
pub(crate) struct Called {
    pub(crate) code: i32,
    pub(crate) outputs: BTreeMap<String, String>,
}

/// A job that calls it as the page shows.
const CALLER: &str = "
uses: rsolv/load-gate/.github/workflows/shards.yml@v1
with: { shards: 3, environment: staging, profile: smoke }
secrets:
  STRIPE_WEBHOOK_SECRET: ${{ secrets.STRIPE_WEBHOOK_SECRET }}
";

/// What it came to, and the comments on the pull request.
fn called(served: &Served, absent: &[u64]) -> (Called, Vec<String>, String) {
    let job: Value = serde_norway::from_str(CALLER).expect("YAML");
    let once = |start_in| {
        let store = Shared::default();
        let stub = tempfile::tempdir().expect("a folder");
        let mut execution = execution(served, &store, stub.path(), "pull_request");
        execution.start_in = start_in;
        let result = execution.call(&job, &absent.iter().copied().collect());
        let store = store.lock().expect("whole");
        let comments = store.comments.iter().map(|c| c["body"].as_str().expect("text").to_owned());
        (result, comments.collect(), execution.log)
    };
    let [first, later @ ..] = START_IN;
    later.into_iter().fold(
        once(first),
        |done, start_in| {
            if came_late(&done.2) { once(start_in) } else { done }
        },
    )
}

#[test]
fn a_matrix_of_machines_is_judged_once_and_one_that_never_came_up_is_named() {
    let served = serve();
    std::thread::scope(|scope| {
        scope.spawn(|| judged_once(&served));
        scope.spawn(|| named_and_not_green(&served));
    });
}

fn judged_once(served: &Served) {
    let (result, comments, log) = called(served, &[]);
    assert_eq!(result.code, 0, "{log}");
    assert_eq!(result.outputs["verdict"], "pass", "{log}");
    assert_eq!(result.outputs["exit-code"], "0");
    let [comment] = comments.as_slice() else { panic!("{} comments", comments.len()) };
    assert!(comment.contains("**pass**"), "{comment}");
    assert!(comment.contains("3 of 3 shards are there"), "{comment}");
}

fn named_and_not_green(served: &Served) {
    let (result, comments, log) = called(served, &[2]);
    assert_eq!(result.code, 3, "{log}");
    assert_eq!(result.outputs["verdict"], "inconclusive", "{log}");
    let [comment] = comments.as_slice() else { panic!("{} comments", comments.len()) };
    assert!(comment.contains("2 of 3 shards are there: shard 2 is missing"), "{comment}");
}
