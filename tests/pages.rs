//! What is written about load-gate against what it is: config keys, variables, length.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use load_gate::config::{Flags, Purpose, Sources, UserFile, resolve};

/// Where the table of environment variables begins and ends; `UPDATE_DOCS=1` writes it.
const VARIABLES: [&str; 2] = ["<!-- variables: begin -->\n", "<!-- variables: end -->"];
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: impl AsRef<Path>) -> String {
    let path = root().join(name);
    let text = std::fs::read_to_string(&path);
    text.unwrap_or_else(|e| panic!("{}: {e}", path.display())).replace("\r\n", "\n")
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("readable").flatten() {
        let path = entry.path();
        if path.file_name().is_some_and(|name| name == "node_modules") {
            continue;
        }
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn the_readme_is_one_page() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 200, "{lines} lines: what isn't needed in the first ten minutes is in docs/");
}

/// What the config takes in the table `[path]`, by its own words on a key that it doesn't know.
fn keys(path: &str, besides: &str) -> BTreeSet<String> {
    let text = format!("[{path}]\n{besides}\nnobody-knows-this = 1\n");
    let file = UserFile { name: "load-gate.toml".to_owned(), text };
    let (flags, vars) = (Flags::default(), BTreeMap::new());
    let sources = Sources { flags: &flags, vars: &vars, file: Some(&file) };
    let said = resolve(&sources, Purpose::Plan, 1).expect_err("an unknown key").to_string();
    let mut known =
        said.split("nobody-knows-this").skip(1).find_map(|rest| rest.split("known: ").nth(1));
    let known = known.take().unwrap_or_else(|| panic!("{path}: {said}"));
    let known = known.lines().next().expect("a line");
    let names = known.split([',', ' ']).map(|name| name.trim_matches(['`', '"', '.']));
    names
        .filter(|name| !name.is_empty() && *name != "or" && *name != "and")
        .map(str::to_owned)
        .collect()
}

/// The keys in the tables of docs/config.md that stand between `from` and the next `until`.
fn told(page: &str, from: &str, until: &str) -> BTreeSet<String> {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("no `{from}`"));
    let part = rest.split(until).next().expect("a part");
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split('`').next()).map(str::to_owned).collect()
}

#[test]
fn every_key_of_the_config_is_told() {
    let page = read("docs/config.md");
    let told = |from, until| told(&page, from, until);
    assert_eq!(
        keys("environments.x", "url = \"http://x\""),
        told("## `[environments.NAME]`", "\n## ")
    );
    assert_eq!(keys("probes", ""), told("## `[probes]`", "\n## "));
    assert_eq!(keys("engine", ""), told("## `[engine]`", "\n## "));
    let limit = told("### `rate_limit`", "\n### ");
    assert_eq!(keys("scenarios.onboarding.rate_limit", ""), limit);
    let common = told("## `[scenarios.NAME]`", "`[scenarios.credential-vending]`");
    let vending = told("`[scenarios.credential-vending]` also", "`[scenarios.webhook]`");
    let webhook = told("and `[scenarios.webhook]`", "\n### ");
    assert_eq!(keys("scenarios.onboarding", ""), common);
    assert_eq!(keys("scenarios.credential-vending", ""), &common | &vending);
    assert_eq!(keys("scenarios.webhook", ""), &common | &webhook);
}

#[test]
fn every_variable_is_told() {
    let help = Command::new(env!("CARGO_BIN_EXE_load-gate")).arg("help").output().expect("runs");
    let help = String::from_utf8(help.stdout).expect("UTF-8").replace("\r\n", "\n");
    let (_, variables) = help.split_once("Environment variables").expect("a part on variables");
    let rows = variables.lines().skip(1).take_while(|line| !line.is_empty());
    let rows = rows.map(|line| line.trim().split_once("  ").expect("a name and what it is"));
    let table = rows.fold("| variable | what it is |\n| --- | --- |\n".to_owned(), |text, row| {
        text + &format!(
            "| `{}` | {} |\n",
            row.0.replace(", ", "`, `").replace("`…", "…"),
            row.1.trim()
        )
    });
    let table = table.replace("…` |", "… |");
    let page = read("docs/config.md");
    let (before, rest) = page.split_once(VARIABLES[0]).expect("the first marker");
    let (written, after) = rest.split_once(VARIABLES[1]).expect("the second marker");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let page = [before, VARIABLES[0], &table, VARIABLES[1], after].concat();
        std::fs::write(root().join("docs/config.md"), page).expect("written");
        return;
    }
    assert_eq!(written, table, "UPDATE_DOCS=1 cargo test --test pages");
    let mut files = Vec::new();
    walk(&root().join("src"), &mut files);
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "rs")) {
        let text = std::fs::read_to_string(file).expect("readable");
        for name in text.split("\"LOAD_GATE_").skip(1).filter_map(|rest| rest.split('"').next()) {
            // The commit is the build's, not the user's.
            let known = name == "COMMIT" || variables.contains(&format!("LOAD_GATE_{name}"));
            assert!(known, "{}: the help is silent on LOAD_GATE_{name}", file.display());
        }
    }
}

/// What a page's heading is linked by, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let plain = heading.trim().to_lowercase();
    let kept = plain.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The lines of a page outside of fenced blocks.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    page.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

fn anchors(page: &str) -> BTreeSet<String> {
    let headings = prose(page).filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

/// Whether `target`, as `from` links it, is there: a file, and its heading.
fn leads_somewhere(from: &Path, target: &str) -> bool {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => from.to_owned(),
        file => from.parent().expect("a folder").join(file),
    };
    path.exists()
        && (heading.is_empty()
            || std::fs::read_to_string(path).is_ok_and(|page| anchors(&page).contains(heading)))
}

fn pages() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(root())
        .expect("readable")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    for folder in ["docs", "load_tests", "examples", "benches", "tests"] {
        walk(&root().join(folder), &mut files);
    }
    files.retain(|path| {
        path.extension().is_some_and(|ext| ext == "md")
            && !path.components().any(|part| part.as_os_str() == "node_modules")
    });
    files
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let mut dead = Vec::new();
    for path in pages() {
        let page = std::fs::read_to_string(&path).expect("readable");
        for line in prose(&page) {
            for target in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let elsewhere = target.contains("://") || target.starts_with("mailto:");
                if !elsewhere && !leads_somewhere(&path, target) {
                    dead.push(format!("{}: {target}", path.display()));
                }
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
    assert_eq!(anchor(" `[gate]`: what's *decided*, and how "), "gate-whats-decided-and-how");
    assert!(!leads_somewhere(&root().join("README.md"), "docs/verdict.md#no-such-heading"));
    assert!(!leads_somewhere(&root().join("README.md"), "docs/no-such-page.md"));
}

/// Names of pages and scripts that a text cites: words with one of our folders before a slash.
fn cited(text: &str) -> impl Iterator<Item = &str> {
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
    let words = text.split(move |c: char| !in_name(c)).map(|word| word.trim_end_matches('.'));
    words.filter(|word| {
        let ours = ["docs/", "benches/", "examples/", "tests/", "src/", "load_tests/"];
        ours.iter().any(|folder| word.starts_with(folder))
            && [".md", ".rs", ".py"].iter().any(|end| word.ends_with(end))
    })
}

#[test]
fn what_sources_and_pages_cite_is_there() {
    let mut files = pages();
    for folder in ["src", "tests", "benches", "examples", "action"] {
        walk(&root().join(folder), &mut files);
    }
    let mut missing = Vec::new();
    for path in files {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let named = |name: &&str| !name.contains("NAME") && !name.ends_with("no-such-page.md");
        for name in cited(&text).filter(named).filter(|name| !root().join(name).exists()) {
            missing.push(format!("{}: {name}", path.display()));
        }
    }
    assert!(missing.is_empty(), "cited, and not there:\n{}", missing.join("\n"));
}
