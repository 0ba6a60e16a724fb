//! The action's inputs, from the variables that action.yml maps them to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::args::{self, BaselineArgs, MergeArgs, RunArgs, SharedArgs};
use crate::cli::delivery::Delivery;
use crate::ids::ScenarioId;
use crate::publish::github::{CommentMode, DEFAULT_ID, Patience, PublishOptions};
use crate::scenario::catalogue;
use crate::secret::Secret;
use crate::units::Nanos;

/// The longest `comment-id`.
const COMMENT_ID_MAX: usize = 100;
/// The most people that GitHub assigns to an issue.
const MOST_ASSIGNEES: usize = 10;
/// The longest name of an account.
const LOGIN_MAX: usize = 60;

/// The step's inputs.
#[derive(Debug)]
pub(in crate::cli) struct ActionInputs {
    /// What `run` is asked to do.
    pub(in crate::cli) run: RunArgs,
    /// What `merge` is asked to do; `None`: it is `run` that is asked.
    pub(in crate::cli) merge: Option<MergeArgs>,
    /// Whether an inconclusive verdict (exit code 3) fails the step.
    pub(in crate::cli) fail_on_inconclusive: bool,
    /// What becomes of the result on GitHub.
    pub(in crate::cli) delivery: Delivery,
}

/// Where it is said that the inputs can't be read: as far as they can.
pub(in crate::cli) fn blind(vars: &BTreeMap<String, String>) -> Delivery {
    let inputs = Inputs { vars };
    let token = inputs.get("github-token").or_else(|| inputs.variable("GITHUB_TOKEN"));
    Delivery {
        publish: PublishOptions {
            comment: inputs.comment().unwrap_or_default(),
            pull_request: inputs.pull_request().unwrap_or_default(),
            comment_id: inputs.comment_id().unwrap_or_else(|_| DEFAULT_ID.to_owned()),
            ..PublishOptions::default()
        },
        token: token.map(Secret::new),
    }
}

/// An input that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("input `{input}`: {problem}")]
pub(in crate::cli) struct InputError {
    input: String,
    problem: String,
}

fn wrong(input: &str, problem: String) -> InputError {
    InputError { input: input.to_owned(), problem }
}

/// What the variables `INPUT_*` (and `GITHUB_TOKEN`) ask for. Numbers, durations
/// and names of environments and profiles are `config`'s to judge.
pub(in crate::cli) fn parse(vars: &BTreeMap<String, String>) -> Result<ActionInputs, InputError> {
    let inputs = Inputs { vars };
    inputs.are_lines()?;
    let text = |input| inputs.get(input).map(str::to_owned);
    let path = |input| inputs.get(input).map(PathBuf::from);
    let run = RunArgs {
        scenarios: inputs.scenarios()?,
        shared: SharedArgs {
            workers: None,
            env: text("environment"),
            url: text("url"),
            profile: text("profile"),
            config: path("config"),
            rate_scale: text("rate-scale"),
            duration_scale: text("duration-scale"),
            cooldown: text("cooldown"),
            results_dir: path("results-dir").unwrap_or_else(|| "load_tests/results".into()),
            junit: path("junit"),
            seed: text("seed"),
            prometheus_url: text("prometheus-url"),
            pushgateway: text("pushgateway"),
            confirm_production: text("confirm-production"),
        },
        shard: text("shard"),
        start_at: text("start-at"),
        no_check: inputs.switch("no-check", false)?,
        allow_skip: inputs.switch("allow-skip", false)?,
        strict_plan: inputs.switch("strict-plan", false)?,
        baseline: BaselineArgs {
            baseline: path("baseline"),
            baseline_required: inputs.switch("baseline-required", false)?,
            baseline_max_age: inputs.age("baseline-max-age")?,
        },
        verbose: false,
    };
    let old_baseline = run.baseline.max_age();
    let token = inputs.get("github-token");
    let token = token.or_else(|| inputs.variable("GITHUB_TOKEN"));
    let fail_on_inconclusive = inputs.switch("fail-on-inconclusive", true)?;
    let publish = PublishOptions {
        comment: inputs.comment()?,
        pull_request: inputs.pull_request()?,
        comment_id: inputs.comment_id()?,
        issue_on_failure: inputs.switch("issue-on-failure", false)?,
        issue_on_inconclusive: fail_on_inconclusive,
        close_on_recovery: inputs.switch("close-on-recovery", false)?,
        assignees: inputs.assignees()?,
        old_baseline,
        patience: Patience::default(),
    };
    // Whoever merges the shards has the word: once, on all of them.
    let part = run.shard.is_some() || inputs.variable("LOAD_GATE_SHARD").is_some();
    let publish = if part { publish.silent() } else { publish };
    Ok(ActionInputs {
        merge: inputs.merge(&run)?,
        run,
        fail_on_inconclusive,
        delivery: Delivery { publish, token: token.map(Secret::new) },
    })
}

/// The inputs by their names in action.yml.
struct Inputs<'a> {
    vars: &'a BTreeMap<String, String>,
}

impl<'a> Inputs<'a> {
    /// `rate-scale` is in `INPUT_RATE_SCALE`; blank is absent.
    fn get(&self, input: &str) -> Option<&'a str> {
        self.variable(&format!("INPUT_{}", input.to_uppercase().replace('-', "_")))
    }

    fn variable(&self, name: &str) -> Option<&'a str> {
        self.vars.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Refuses line breaks and other control characters: what a path or a name is
    /// printed with must not become a line of its own, which the runner may obey.
    fn are_lines(&self) -> Result<(), InputError> {
        let lists = ["INPUT_SCENARIOS", "INPUT_ASSIGNEES", "INPUT_MERGE"];
        let inputs = self.vars.iter().filter(|(name, _)| !lists.contains(&name.as_str()));
        for (name, value) in inputs {
            let Some(name) = name.strip_prefix("INPUT_") else { continue };
            if value.trim().chars().any(char::is_control) {
                let input = name.to_lowercase().replace('_', "-");
                let problem = "it has a line break or another control character inside";
                return Err(wrong(&input, problem.to_owned()));
            }
        }
        Ok(())
    }

    fn age(&self, input: &str) -> Result<Option<Nanos>, InputError> {
        let Some(text) = self.get(input) else { return Ok(None) };
        let age = args::age(text)
            .map_err(|told| wrong(input, format!("{told}, found {}", quoted(text))))?;
        Ok(Some(age))
    }

    fn comment(&self) -> Result<CommentMode, InputError> {
        let input = "comment";
        let Some(text) = self.get(input) else { return Ok(CommentMode::default()) };
        CommentMode::parse(text).ok_or_else(|| {
            let expected = "expected `always`, `on-change` or `never`";
            wrong(input, format!("{expected}, found {}", quoted(text)))
        })
    }

    /// The pull request's number, perhaps with the `#` before it.
    fn pull_request(&self) -> Result<Option<u64>, InputError> {
        let input = "pull-request";
        let Some(text) = self.get(input) else { return Ok(None) };
        match text.strip_prefix('#').unwrap_or(text).parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(wrong(input, format!("expected a number, found {}", quoted(text)))),
        }
    }

    /// Names of accounts between commas or white space, perhaps with the `@` before them.
    fn assignees(&self) -> Result<Vec<String>, InputError> {
        let input = "assignees";
        let mut logins: Vec<String> = Vec::new();
        for login in words(self.get(input).unwrap_or_default()) {
            let name = login.strip_prefix('@').unwrap_or(login);
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if name.is_empty() || name.len() > LOGIN_MAX || !name.chars().all(plain) {
                return Err(wrong(input, format!("{} is no account", quoted(login))));
            }
            if !logins.iter().any(|known| known == name) {
                logins.push(name.to_owned());
            }
        }
        if logins.len() > MOST_ASSIGNEES {
            let problem =
                format!("GitHub takes at most {MOST_ASSIGNEES}, there are {}", logins.len());
            return Err(wrong(input, problem));
        }
        Ok(logins)
    }

    /// A boolean as YAML 1.2 writes it, like those of GitHub's own toolkit.
    fn switch(&self, input: &str, default: bool) -> Result<bool, InputError> {
        match self.get(input) {
            None => Ok(default),
            Some("true" | "True" | "TRUE") => Ok(true),
            Some("false" | "False" | "FALSE") => Ok(false),
            Some(other) => {
                let problem = format!("expected `true` or `false`, found {}", quoted(other));
                Err(wrong(input, problem))
            }
        }
    }

    /// Names between commas or white space, in their order, each once.
    fn scenarios(&self) -> Result<Vec<ScenarioId>, InputError> {
        let input = "scenarios";
        let text = self.get(input).unwrap_or_default();
        let mut scenarios = Vec::new();
        for name in words(text) {
            let id = ScenarioId::parse(name).ok_or_else(|| {
                let names = catalogue::names();
                let problem =
                    format!("no scenario {}; there are {}", quoted(name), names.join(", "));
                wrong(input, problem)
            })?;
            if !scenarios.contains(&id) {
                scenarios.push(id);
            }
        }
        Ok(scenarios)
    }

    /// The directories to merge, between commas or white space, and how.
    fn merge(&self, run: &RunArgs) -> Result<Option<MergeArgs>, InputError> {
        let Some(text) = self.get("merge") else { return Ok(None) };
        if run.shard.is_some() {
            let problem = "shards are merged by a step that is none: leave `shard` blank here";
            return Err(wrong("merge", problem.to_owned()));
        }
        let names = text.split([',', ' ', '\t', '\r', '\n']).filter(|name| !name.is_empty());
        let missing = self.get("allow-missing").unwrap_or("0");
        let allow_missing = missing.parse().map_err(|_| {
            wrong(
                "allow-missing",
                format!("expected a number of shards, found {}", quoted(missing)),
            )
        })?;
        Ok(Some(MergeArgs {
            dirs: names.map(PathBuf::from).collect(),
            allow_missing,
            baseline: run.baseline.clone(),
            results_dir: run.shared.results_dir.clone(),
            junit: run.shared.junit.clone(),
            verbose: false,
        }))
    }

    fn comment_id(&self) -> Result<String, InputError> {
        let input = "comment-id";
        let id = self.get(input).unwrap_or(DEFAULT_ID);
        let plain = |c: char| c.is_ascii_alphanumeric() || " ._-/".contains(c);
        if id.chars().all(plain) && id.len() <= COMMENT_ID_MAX {
            return Ok(id.to_owned());
        }
        let problem = format!(
            "{} is no name of a comment: write at most {COMMENT_ID_MAX} letters, digits, spaces \
             or . _ - /",
            quoted(id)
        );
        Err(wrong(input, problem))
    }
}

/// What stands between commas and white space.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ', '\t', '\r', '\n']).filter(|word| !word.is_empty())
}

/// What somebody wrote, short and without control characters: a message must not
/// become a workflow command.
fn quoted(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    format!("`{plain}`")
}
