//! `load-gate action`: what the GitHub Action's step runs, with its inputs as flags.
//!
//! GitHub sets no `INPUT_*` for a composite action: action.yml maps every input in
//! the step's `env:`, and an input that isn't given arrives blank.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::args::{RunArgs, SharedArgs};
use super::delivery::Delivery;
use super::world::{INCONCLUSIVE, UsageError, World};
use super::{delivery, run, secrets};
use crate::ids::ScenarioId;
use crate::publish::github::{DEFAULT_ID, Patience, PublishOptions};
use crate::scenario::catalogue;
use crate::secret::Secret;

/// The longest `comment-id`.
const COMMENT_ID_MAX: usize = 100;

/// The step's inputs.
#[derive(Debug)]
pub(super) struct ActionInputs {
    /// What `run` is asked to do.
    pub(super) run: RunArgs,
    /// Whether an inconclusive verdict (exit code 3) fails the step.
    pub(super) fail_on_inconclusive: bool,
    /// What becomes of the result on GitHub.
    pub(super) delivery: Delivery,
}

/// Runs what the inputs say; the exit code is the verdict's, except that
/// `fail-on-inconclusive: false` lets an inconclusive one pass the step.
pub(super) fn action(world: &World) -> anyhow::Result<u8> {
    // Before anything else is printed, mistakes included.
    delivery::mask(&secrets::of_environment(&world.vars), world);
    let inputs = parse(&world.vars)
        .map_err(|error| UsageError::Plain(format!("{error} (in `with:`)")).into());
    let done = inputs.map_err(|error| (error, blind(&world.vars))).and_then(|inputs| {
        match run::run_and_publish(&inputs.run, &inputs.delivery, world) {
            Ok(code) => Ok(step_exit_code(code, inputs.fail_on_inconclusive)),
            Err(error) => Err((error, inputs.delivery)),
        }
    });
    done.map_err(|(error, delivery)| {
        delivery::failed(&error, super::world::code_of(&error), &delivery, world);
        error
    })
}

/// Where it is said that the inputs can't be read: as far as they can.
fn blind(vars: &BTreeMap<String, String>) -> Delivery {
    let inputs = Inputs { vars };
    let token = inputs.get("github-token").or_else(|| inputs.variable("GITHUB_TOKEN"));
    Delivery {
        publish: PublishOptions {
            comment: inputs.switch("comment", true).unwrap_or(true),
            comment_id: inputs.comment_id().unwrap_or_else(|_| DEFAULT_ID.to_owned()),
            ..PublishOptions::default()
        },
        token: token.map(Secret::new),
    }
}

/// The step's exit code for load-gate's.
const fn step_exit_code(code: u8, fail_on_inconclusive: bool) -> u8 {
    if code == INCONCLUSIVE && !fail_on_inconclusive { 0 } else { code }
}

/// An input that means nothing.
#[derive(Debug, thiserror::Error)]
#[error("input `{input}`: {problem}")]
pub(super) struct InputError {
    input: &'static str,
    problem: String,
}

/// What the variables `INPUT_*` (and `GITHUB_TOKEN`) ask for. Numbers, durations
/// and names of environments and profiles are `config`'s to judge.
pub(super) fn parse(vars: &BTreeMap<String, String>) -> Result<ActionInputs, InputError> {
    let inputs = Inputs { vars };
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
        no_check: inputs.switch("no-check", false)?,
        allow_skip: inputs.switch("allow-skip", false)?,
        strict_plan: inputs.switch("strict-plan", false)?,
        baseline: path("baseline"),
        verbose: false,
    };
    let token = inputs.get("github-token");
    let token = token.or_else(|| inputs.variable("GITHUB_TOKEN"));
    let fail_on_inconclusive = inputs.switch("fail-on-inconclusive", true)?;
    Ok(ActionInputs {
        run,
        fail_on_inconclusive,
        delivery: Delivery {
            publish: PublishOptions {
                comment: inputs.switch("comment", true)?,
                comment_id: inputs.comment_id()?,
                issue_on_failure: inputs.switch("issue-on-failure", false)?,
                issue_on_inconclusive: fail_on_inconclusive,
                close_on_recovery: inputs.switch("close-on-recovery", false)?,
                patience: Patience::default(),
            },
            token: token.map(Secret::new),
        },
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

    /// A boolean as YAML 1.2 writes it, like those of GitHub's own toolkit.
    fn switch(&self, input: &'static str, default: bool) -> Result<bool, InputError> {
        match self.get(input) {
            None => Ok(default),
            Some("true" | "True" | "TRUE") => Ok(true),
            Some("false" | "False" | "FALSE") => Ok(false),
            Some(other) => Err(InputError {
                input,
                problem: format!("expected `true` or `false`, found {}", quoted(other)),
            }),
        }
    }

    /// Names between commas or white space, in their order, each once.
    fn scenarios(&self) -> Result<Vec<ScenarioId>, InputError> {
        let input = "scenarios";
        let text = self.get(input).unwrap_or_default();
        let mut scenarios = Vec::new();
        for name in text.split([',', ' ', '\t', '\r', '\n']).filter(|name| !name.is_empty()) {
            let id = ScenarioId::parse(name).ok_or_else(|| {
                let names = catalogue::names();
                let problem =
                    format!("no scenario {}; there are {}", quoted(name), names.join(", "));
                InputError { input, problem }
            })?;
            if !scenarios.contains(&id) {
                scenarios.push(id);
            }
        }
        Ok(scenarios)
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
        Err(InputError { input, problem })
    }
}

/// What somebody wrote, short and without control characters: a message must not
/// become a workflow command.
fn quoted(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    format!("`{plain}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn error(pairs: &[(&str, &str)]) -> String {
        parse(&vars(pairs)).expect_err("a mistake").to_string()
    }

    #[test]
    fn blank_inputs_are_absent() {
        let inputs = parse(&vars(&[
            ("INPUT_ENVIRONMENT", ""),
            ("INPUT_URL", "  "),
            ("INPUT_COMMENT", ""),
            ("INPUT_FAIL_ON_INCONCLUSIVE", "\n"),
            ("INPUT_RESULTS_DIR", ""),
        ]))
        .expect("nothing asked for");
        assert!(inputs.run.scenarios.is_empty());
        assert_eq!(inputs.run.shared.env, None);
        assert_eq!(inputs.run.shared.url, None);
        assert_eq!(inputs.run.shared.results_dir, PathBuf::from("load_tests/results"));
        assert!(!inputs.run.no_check && !inputs.run.allow_skip && !inputs.run.strict_plan);
        assert!(inputs.fail_on_inconclusive && inputs.delivery.publish.comment);
        assert!(
            !inputs.delivery.publish.issue_on_failure && !inputs.delivery.publish.close_on_recovery
        );
        assert_eq!(inputs.delivery.publish.comment_id, "load-gate");
        assert!(inputs.delivery.token.is_none());
    }

    #[test]
    fn every_input_arrives() {
        let inputs = parse(&vars(&[
            ("INPUT_SCENARIOS", "webhook, onboarding\nwebhook"),
            ("INPUT_ENVIRONMENT", "preview"),
            ("INPUT_URL", "https://preview.example.org"),
            ("INPUT_PROFILE", "pr"),
            ("INPUT_CONFIG", "a b.toml"),
            ("INPUT_RATE_SCALE", "0.5"),
            ("INPUT_DURATION_SCALE", "2"),
            ("INPUT_COOLDOWN", "1s"),
            ("INPUT_RESULTS_DIR", "out"),
            ("INPUT_JUNIT", "out/j.xml"),
            ("INPUT_SEED", "7"),
            ("INPUT_BASELINE", "base"),
            ("INPUT_ALLOW_SKIP", "true"),
            ("INPUT_STRICT_PLAN", "TRUE"),
            ("INPUT_NO_CHECK", "True"),
            ("INPUT_CONFIRM_PRODUCTION", "api.example.org"),
            ("INPUT_COMMENT", "false"),
            ("INPUT_COMMENT_ID", "staging / full"),
            ("INPUT_GITHUB_TOKEN", "ghs_input"),
            ("GITHUB_TOKEN", "ghs_job"),
            ("INPUT_FAIL_ON_INCONCLUSIVE", "false"),
            ("INPUT_ISSUE_ON_FAILURE", "true"),
            ("INPUT_CLOSE_ON_RECOVERY", "true"),
        ]))
        .expect("all well-formed");
        insta::assert_debug_snapshot!(inputs.run.scenarios, @r"
        [
            ScenarioId(
                webhook,
            ),
            ScenarioId(
                onboarding,
            ),
        ]
        ");
        let shared = &inputs.run.shared;
        assert_eq!(shared.env.as_deref(), Some("preview"));
        assert_eq!(shared.url.as_deref(), Some("https://preview.example.org"));
        assert_eq!(shared.profile.as_deref(), Some("pr"));
        assert_eq!(shared.config, Some(PathBuf::from("a b.toml")));
        assert_eq!(shared.rate_scale.as_deref(), Some("0.5"));
        assert_eq!(shared.duration_scale.as_deref(), Some("2"));
        assert_eq!(shared.cooldown.as_deref(), Some("1s"));
        assert_eq!(shared.results_dir, PathBuf::from("out"));
        assert_eq!(shared.junit, Some(PathBuf::from("out/j.xml")));
        assert_eq!(shared.seed.as_deref(), Some("7"));
        assert_eq!(shared.confirm_production.as_deref(), Some("api.example.org"));
        assert_eq!(inputs.run.baseline, Some(PathBuf::from("base")));
        assert!(inputs.run.no_check && inputs.run.allow_skip && inputs.run.strict_plan);
        assert!(!inputs.fail_on_inconclusive && !inputs.delivery.publish.comment);
        assert!(
            inputs.delivery.publish.issue_on_failure && inputs.delivery.publish.close_on_recovery
        );
        assert_eq!(inputs.delivery.publish.comment_id, "staging / full");
        assert_eq!(inputs.delivery.token.expect("a token").expose(), "ghs_input");
    }

    #[test]
    fn the_jobs_token_serves_when_the_input_is_blank() {
        let inputs = parse(&vars(&[("INPUT_GITHUB_TOKEN", ""), ("GITHUB_TOKEN", "ghs_job")]));
        let token = inputs.expect("well-formed").delivery.token;
        assert_eq!(token.expect("a token").expose(), "ghs_job");
    }

    #[test]
    fn mistakes_name_the_input() {
        insta::assert_snapshot!(
            error(&[("INPUT_SCENARIOS", "onboarding, sign/up")]),
            @"input `scenarios`: no scenario `sign/up`; there are onboarding, credential-vending, webhook"
        );
        insta::assert_snapshot!(
            error(&[("INPUT_ALLOW_SKIP", "yes")]),
            @"input `allow-skip`: expected `true` or `false`, found `yes`"
        );
        insta::assert_snapshot!(
            error(&[("INPUT_COMMENT_ID", "x --> <b>")]),
            @"input `comment-id`: `x --> <b>` is no name of a comment: write at most 100 letters, digits, spaces or . _ - /"
        );
    }

    #[test]
    fn a_mistake_cannot_become_a_workflow_command() {
        let message = error(&[("INPUT_NO_CHECK", "x\n::error::owned\r\n")]);
        assert_eq!(message.lines().count(), 1, "{message}");
    }

    #[test]
    fn only_inconclusive_may_be_let_through() {
        let codes = |fail: bool| [0, 1, 2, 3].map(|code| step_exit_code(code, fail));
        assert_eq!(codes(true), [0, 1, 2, 3]);
        assert_eq!(codes(false), [0, 1, 2, 0]);
    }
}
