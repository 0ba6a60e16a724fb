//! `load-gate init`: a config and a workflow for this repository, asking nothing.

mod repository;

use std::fmt::Write as _;
use std::path::Path;

use super::args::InitArgs;
use super::world::{UsageError, World};
use crate::config;
use crate::publish::files;
use repository::Repository;

/// The config, with `{{…}}` where the repository has a say.
const CONFIG: &str = include_str!("init/load-gate.toml");
/// The workflow, likewise.
const WORKFLOW: &str = include_str!("init/load-gate.yml");
/// Where the config goes in a repository.
const CONFIG_PATH: &str = ".github/load-gate.toml";
/// Where the workflow goes.
const WORKFLOW_PATH: &str = ".github/workflows/load-gate.yml";
/// Staging, where nothing in the repository names another.
const STAGING: &str = "https://api.rsolv-staging.com";

/// Writes both files, or none where one is there already.
pub(super) fn init(args: &InitArgs, world: &World) -> anyhow::Result<u8> {
    let repository = Repository::look(&args.dir).map_err(|problem| {
        UsageError::Plain(format!("{}: {problem}; name a folder with --dir", args.dir.display()))
    })?;
    let planned = [(CONFIG_PATH, config(&repository)), (WORKFLOW_PATH, workflow(&repository))];
    refuse_to_replace(&repository.root, args.force)?;
    for (name, content) in &planned {
        let path = repository.root.join(name);
        let folder = path.parent().unwrap_or(&repository.root);
        let written = std::fs::create_dir_all(folder).map_err(|e| e.to_string());
        let written = written
            .and_then(|()| files::write(&path, content.as_bytes()).map_err(|e| e.to_string()));
        written
            .map_err(|e| UsageError::Plain(format!("failed to write {}: {e}", path.display())))?;
    }
    world.output.result(&next_steps(&repository));
    Ok(0)
}

fn refuse_to_replace(root: &Path, force: bool) -> Result<(), UsageError> {
    let there: Vec<&str> =
        [CONFIG_PATH, WORKFLOW_PATH].into_iter().filter(|name| root.join(name).exists()).collect();
    if there.is_empty() || force {
        return Ok(());
    }
    Err(UsageError::Plain(format!(
        "{} already there, nothing was written; --force replaces",
        match there.as_slice() {
            [one] => format!("{one} is"),
            _ => format!("{} are", there.join(" and ")),
        }
    )))
}

fn config(repository: &Repository) -> String {
    let url = repository.staging.as_ref().map_or(STAGING, |found| found.url.as_str());
    let from = match (&repository.staging, &repository.unsure) {
        (Some(found), _) => format!("found in {}", found.file),
        (None, Some(_)) => "the built-in one until the line below is one".to_owned(),
        (None, None) => "the built-in one; put your own here".to_owned(),
    };
    let line = match (&repository.staging, &repository.unsure) {
        // Nobody's production is loaded because a script names it.
        (None, Some(found)) => format!(
            "# url = \"{}\"   # found in {}: its name doesn't say that it is for trying things on",
            found.url, found.file
        ),
        _ => format!("url = \"{url}\""),
    };
    CONFIG
        .replace("url = \"{{url}}\"", &line)
        .replace("{{url-from}}", &from)
        .replace("{{built-in}}\n", &commented(&built_in()))
}

/// The built-in profiles and thresholds, scenario by scenario: what stands from
/// the profiles' table on in each of their files.
fn built_in() -> String {
    let tables = config::built_in().filter_map(|(_, text)| {
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.iter().position(|line| line.ends_with(".profiles]"))?;
        Some(lines[from..].join("\n"))
    });
    tables.collect::<Vec<_>>().join("\n\n")
}

/// TOML that says nothing until the `# ` before its lines is taken away.
fn commented(toml: &str) -> String {
    toml.lines().fold(String::new(), |text, line| text + format!("# {line}").trim_end() + "\n")
}

fn workflow(repository: &Repository) -> String {
    let (hour, minute) = repository.nightly_at();
    WORKFLOW
        .replace("{{branch}}", &repository.branch)
        .replace("{{cron}}", &format!("{minute} {hour} * * *"))
}

fn next_steps(repository: &Repository) -> String {
    let mut text = format!("wrote {CONFIG_PATH} and {WORKFLOW_PATH}\n");
    if let Some(found) = &repository.staging {
        let _ = writeln!(text, "staging is {} (found in {})", found.url, found.file);
    }
    let gh_repo =
        repository.slug.as_ref().map_or_else(String::new, |slug| format!(" --repo {slug}"));
    let _ = write!(
        text,
        "
next:
  1. read .github/load-gate.toml: the URL, and the rate limits that your API declares
  2. set the secrets (each is asked for, none is echoed):
       gh secret set TEST_API_KEY_1{gh_repo}
       gh secret set STRIPE_WEBHOOK_SECRET{gh_repo}
  3. see what would be sent, without sending it:
       load-gate plan --profile smoke
       load-gate check
  4. commit both files and open a pull request against {branch}",
        branch = repository.branch,
    );
    text
}

#[cfg(test)]
mod tests;
