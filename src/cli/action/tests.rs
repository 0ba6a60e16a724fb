//! What the inputs of the action come to, and which mistakes in them say what.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::inputs::parse;
use super::step_exit_code;
use crate::publish::github::CommentMode;
use crate::units::Nanos;

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
    assert!(inputs.fail_on_inconclusive);
    assert_eq!(inputs.delivery.publish.comment, CommentMode::Always);
    assert_eq!(inputs.delivery.publish.pull_request, None);
    assert!(inputs.delivery.publish.assignees.is_empty());
    assert!(
        !inputs.delivery.publish.issue_on_failure && !inputs.delivery.publish.close_on_recovery
    );
    assert_eq!(inputs.delivery.publish.comment_id, "load-gate");
    assert!(inputs.delivery.token.is_none());
}

/// Each input, given.
const GIVEN: &[(&str, &str)] = &[
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
    ("INPUT_BASELINE_REQUIRED", "true"),
    ("INPUT_BASELINE_MAX_AGE", "14days"),
    ("INPUT_ALLOW_SKIP", "true"),
    ("INPUT_STRICT_PLAN", "TRUE"),
    ("INPUT_NO_CHECK", "True"),
    ("INPUT_CONFIRM_PRODUCTION", "api.example.org"),
    ("INPUT_COMMENT", "on-change"),
    ("INPUT_PULL_REQUEST", "#12"),
    ("INPUT_ASSIGNEES", "@ann, on-call\nann"),
    ("INPUT_COMMENT_ID", "staging / full"),
    ("INPUT_GITHUB_TOKEN", "ghs_input"),
    ("GITHUB_TOKEN", "ghs_job"),
    ("INPUT_FAIL_ON_INCONCLUSIVE", "false"),
    ("INPUT_ISSUE_ON_FAILURE", "true"),
    ("INPUT_CLOSE_ON_RECOVERY", "true"),
];

#[test]
fn every_input_arrives() {
    let inputs = parse(&vars(GIVEN)).expect("all well-formed");
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
    assert_eq!(inputs.run.baseline.baseline, Some(PathBuf::from("base")));
    assert!(inputs.run.baseline.baseline_required);
    assert_eq!(inputs.delivery.publish.old_baseline, Nanos::from_secs(14 * 86_400));
    assert!(inputs.run.no_check && inputs.run.allow_skip && inputs.run.strict_plan);
    assert!(!inputs.fail_on_inconclusive);
    assert_eq!(inputs.delivery.publish.comment, CommentMode::OnChange);
    assert_eq!(inputs.delivery.publish.pull_request, Some(12));
    assert_eq!(inputs.delivery.publish.assignees, ["ann", "on-call"]);
    assert!(inputs.delivery.publish.issue_on_failure && inputs.delivery.publish.close_on_recovery);
    assert_eq!(inputs.delivery.publish.comment_id, "staging / full");
    assert_eq!(inputs.delivery.token.expect("a token").expose(), "ghs_input");
}

#[test]
fn a_shard_says_nothing_on_github_and_whoever_merges_does() {
    let shard = parse(&vars(&[
        ("INPUT_SHARD", "2/4"),
        ("INPUT_START_AT", "+60s"),
        ("INPUT_COMMENT", "always"),
        ("INPUT_ISSUE_ON_FAILURE", "true"),
        ("INPUT_CLOSE_ON_RECOVERY", "true"),
    ]));
    let shard = shard.expect("well-formed");
    assert_eq!(
        (shard.run.shard.as_deref(), shard.run.start_at.as_deref()),
        (Some("2/4"), Some("+60s"))
    );
    assert_eq!(shard.delivery.publish.comment, CommentMode::Never);
    assert!(!shard.delivery.publish.issue_on_failure && !shard.delivery.publish.close_on_recovery);
    assert!(shard.merge.is_none());

    let merging = parse(&vars(&[
        ("INPUT_MERGE", "shards/1, shards/2\nmore"),
        ("INPUT_ALLOW_MISSING", "1"),
        ("INPUT_RESULTS_DIR", "out"),
        ("INPUT_BASELINE", "base"),
        ("INPUT_BASELINE_REQUIRED", "true"),
        ("INPUT_BASELINE_MAX_AGE", "12h"),
        ("INPUT_ISSUE_ON_FAILURE", "true"),
    ]));
    let merging = merging.expect("well-formed");
    assert!(merging.delivery.publish.issue_on_failure);
    let merge = merging.merge.expect("is asked for");
    assert_eq!(merge.dirs, ["shards/1", "shards/2", "more"].map(PathBuf::from));
    assert_eq!((merge.allow_missing, merge.results_dir), (1, PathBuf::from("out")));
    assert_eq!(merge.baseline.baseline, Some(PathBuf::from("base")));
    assert!(merge.baseline.baseline_required);
    assert_eq!(merge.baseline.max_age(), Nanos::from_secs(12 * 3600));

    insta::assert_snapshot!(
        error(&[("INPUT_MERGE", "shards"), ("INPUT_SHARD", "1/2")]),
        @"input `merge`: shards are merged by a step that is none: leave `shard` blank here"
    );
    insta::assert_snapshot!(
        error(&[("INPUT_MERGE", "shards"), ("INPUT_ALLOW_MISSING", "-1")]),
        @"input `allow-missing`: expected a number of shards, found `-1`"
    );
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
        error(&[("INPUT_COMMENT", "sometimes")]),
        @"input `comment`: expected `always`, `on-change` or `never`, found `sometimes`"
    );
    insta::assert_snapshot!(
        error(&[("INPUT_PULL_REQUEST", "0")]),
        @"input `pull-request`: expected a number, found `0`"
    );
    insta::assert_snapshot!(
        error(&[("INPUT_ASSIGNEES", "ann me@example.org")]),
        @"input `assignees`: `me@example.org` is no account"
    );
    insta::assert_snapshot!(
        error(&[("INPUT_COMMENT_ID", "x --> <b>")]),
        @"input `comment-id`: `x --> <b>` is no name of a comment: write at most 100 letters, digits, spaces or . _ - /"
    );
}

#[test]
fn no_input_becomes_a_workflow_command() {
    for input in ["NO_CHECK", "RESULTS_DIR", "JUNIT", "CONFIG", "URL", "BASELINE", "COMMENT_ID"] {
        let message = error(&[(&format!("INPUT_{input}"), "x\n::error::owned\r\n")]);
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(
            message.starts_with(&format!("input `{}`", input.to_lowercase().replace('_', "-")))
        );
    }
    let message = error(&[("INPUT_ASSIGNEES", "ann\n::error::owned")]);
    assert_eq!(message.lines().count(), 1, "{message}");
}

#[test]
fn comment_takes_booleans_too() {
    for (text, mode) in [
        ("true", CommentMode::Always),
        ("always", CommentMode::Always),
        ("False", CommentMode::Never),
        ("never", CommentMode::Never),
        ("on-change", CommentMode::OnChange),
    ] {
        let inputs = parse(&vars(&[("INPUT_COMMENT", text)])).expect("well-formed");
        assert_eq!(inputs.delivery.publish.comment, mode, "{text}");
    }
}

#[test]
fn only_inconclusive_may_be_let_through() {
    let codes = |fail: bool| [0, 1, 2, 3].map(|code| step_exit_code(code, fail));
    assert_eq!(codes(true), [0, 1, 2, 3]);
    assert_eq!(codes(false), [0, 1, 2, 0]);
}
