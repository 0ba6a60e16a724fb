//! `load-gate init`: a config and a workflow for this repository, asking nothing.

mod repository;
mod scenario;

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
/// The workflow that deploys, gates and promotes, likewise.
const DEPLOY: &str = include_str!("init/load-gate-deploy.yml");
/// Where that one goes.
const DEPLOY_PATH: &str = ".github/workflows/load-gate-deploy.yml";
/// Where the workflow goes.
const WORKFLOW_PATH: &str = ".github/workflows/load-gate.yml";
/// Staging, where nothing in the repository names another.
const STAGING: &str = "https://api.rsolv-staging.com";

/// Writes what isn't there yet; of what is, it shows how it differs.
pub(super) fn init(args: &InitArgs, world: &World) -> anyhow::Result<u8> {
    let repository = Repository::look(&args.dir).map_err(|problem| {
        UsageError::Plain(format!("{}: {problem}; name a folder with --dir", args.dir.display()))
    })?;
    if let Some(name) = &args.scenario {
        return scenario::add(&repository, name, (CONFIG_PATH, STAGING), world);
    }
    let mut told = String::new();
    for (name, content) in planned(&repository, args.after_deploy) {
        match place(&repository.root, name, &content, args.force)? {
            Placed::Written => _ = writeln!(told, "wrote {name}"),
            Placed::Same => _ = writeln!(told, "{name} is there already, as it would be written"),
            Placed::Kept(difference) => {
                let _ = write!(
                    told,
                    "{name} is there already and stays; --force replaces it. What would change:\n\n\
                     {difference}\n"
                );
            }
        }
    }
    told.push_str(&next_steps(&repository, args.after_deploy));
    world.output.result(&told);
    Ok(0)
}

/// The files and their names, from the root.
fn planned(repository: &Repository, after_deploy: bool) -> [(&'static str, String); 2] {
    let workflow = if after_deploy {
        (DEPLOY_PATH, deploy(repository))
    } else {
        (WORKFLOW_PATH, workflow(repository))
    };
    [(CONFIG_PATH, config(repository)), workflow]
}

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
enum Placed {
    Written,
    Same,
    /// Somebody's own, with the lines that would be others.
    Kept(String),
}

fn place(root: &Path, name: &str, content: &str, force: bool) -> Result<Placed, UsageError> {
    let path = root.join(name);
    let wrong = |e: String| UsageError::Plain(format!("failed to write {}: {e}", path.display()));
    if path.exists() && !force {
        let there = std::fs::read_to_string(&path).map_err(|e| wrong(e.to_string()))?;
        let there = there.replace("\r\n", "\n");
        return Ok(if there == content {
            Placed::Same
        } else {
            Placed::Kept(difference(&there, content))
        });
    }
    let folder = path.parent().unwrap_or(root);
    std::fs::create_dir_all(folder).map_err(|e| wrong(e.to_string()))?;
    files::write(&path, content.as_bytes()).map_err(|e| wrong(e.to_string()))?;
    Ok(Placed::Written)
}

/// The lines that differ, as `diff -u` shows them.
fn difference(there: &str, would_be: &str) -> String {
    let compared = similar::TextDiff::from_lines(there, would_be);
    compared.unified_diff().context_radius(2).header("as it is", "as init writes it").to_string()
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
        .replace("{{services}}", &services(repository))
        .replace("url = \"{{url}}\"", &line)
        .replace("{{url-from}}", &from)
        .replace("{{built-in}}\n", &commented(&built_in()))
}

/// An environment for each service of a monorepo; nothing where there are none.
fn services(repository: &Repository) -> String {
    repository.services.iter().fold(String::new(), |text, service| {
        let (name, found) = service;
        text + &format!(
            "\n# The service {name} (found in {}).\n[environments.{name}]\nurl = \"{}\"\n",
            found.file, found.url
        )
    })
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
    let workflow = if repository.services.is_empty() {
        WORKFLOW.to_owned()
    } else {
        for_each_service(WORKFLOW, repository)
    };
    workflow
        .replace("{{branch}}", &repository.branch)
        .replace("{{cron}}", &format!("{minute} {hour} * * *"))
}

/// The workflow with a leg for each service: a comment, results and a report of its own.
fn for_each_service(workflow: &str, repository: &Repository) -> String {
    let names: Vec<&str> = repository.services.iter().map(|(name, _)| name.as_str()).collect();
    let matrix = format!(
        "    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      max-parallel: 1 # services may share a limiter
      matrix:
        service: [{}]
",
        names.join(", ")
    );
    let leg = "${{ matrix.service }}";
    let named = "        run: cp load_tests/results/report.html \"$SERVICE.html\"
        env:
          SERVICE: ${{ matrix.service }}
      - name: Keep the report
        if: always()
";
    workflow
        .replace("    runs-on: ubuntu-latest\n", &matrix)
        .replace(
            "          environment: staging\n",
            &format!("          environment: {leg}\n          comment-id: {leg}\n"),
        )
        .replace(
            "          name: load-gate-pull-request\n",
            &format!("          name: load-gate-pull-request-{leg}\n"),
        )
        .replace(
            "          name: load-gate-nightly\n",
            &format!("          name: load-gate-nightly-{leg}\n"),
        )
        .replace(
            "      - name: Keep the report\n        if: always()\n",
            &format!("      - name: Name the report\n        if: always()\n{named}"),
        )
        .replace(
            "          path: load_tests/results/report.html\n",
            &format!("          path: {leg}.html\n"),
        )
}

fn deploy(repository: &Repository) -> String {
    let url = repository.staging.as_ref().map_or(STAGING, |found| found.url.as_str());
    DEPLOY.replace("{{branch}}", &repository.branch).replace("{{url}}", url)
}

fn next_steps(repository: &Repository, after_deploy: bool) -> String {
    let mut text = String::new();
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
  4. {last}",
        last = if after_deploy {
            format!(
                "put your own commands for `deploy.sh` into {DEPLOY_PATH}, commit both files and \
                 push to {}",
                repository.branch
            )
        } else {
            format!("commit both files and open a pull request against {}", repository.branch)
        },
    );
    text
}

#[cfg(test)]
mod tests;
