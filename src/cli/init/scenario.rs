//! `load-gate init --scenario`: a commented table to start from, at the end of the config.

use std::path::{Path, PathBuf};

use super::super::world::{UsageError, World};
use super::repository::Repository;
use crate::ids::ScenarioId;
use crate::publish::files;
use crate::scenario::catalogue;

/// The table, with `{{…}}` where the name has a say.
const TABLE: &str = include_str!("scenario.toml");

/// Adds the table of a scenario of that name to the repository's config, which is made
/// where there is none.
///
/// `(usual, address)`: where a config is made, and the address that it names where the repository
/// has none.
pub(super) fn add(
    repository: &Repository,
    name: &str,
    (usual, address): (&str, &str),
    world: &World,
) -> anyhow::Result<u8> {
    fits(name)?;
    let path = config_of(&repository.root, usual);
    let shown = path.strip_prefix(&repository.root).unwrap_or(&path).display().to_string();
    let wrong = |e: String| UsageError::Plain(format!("failed to write {shown}: {e}"));
    let before = if path.exists() {
        std::fs::read_to_string(&path).map_err(|e| wrong(e.to_string()))?
    } else {
        let url = repository.staging.as_ref().map_or(address, |found| found.url.as_str());
        format!("[environments.staging]\nurl = \"{url}\"\nscenarios = [\"{name}\"]\n")
    };
    if is_there(&before, name) {
        return Err(wrong(format!("there is a [scenarios.{name}] already")).into());
    }
    let after = format!("{}\n\n{}", before.trim_end(), table(name));
    std::fs::create_dir_all(path.parent().unwrap_or(&repository.root))
        .map_err(|e| wrong(e.to_string()))?;
    files::write(&path, after.as_bytes()).map_err(|e| wrong(e.to_string()))?;
    world.output.result(&format!(
        "wrote [scenarios.{name}] at the end of {shown}

next:
  1. say there what is sent, and what a right answer is
  2. load-gate plan {name} --profile smoke
  3. load-gate check {name} --try
"
    ));
    Ok(0)
}

/// The table of a scenario of that name.
pub(super) fn table(name: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let variable: String = name.chars().map(upper).collect();
    // A variable's name begins with a letter.
    let digit = variable.starts_with(|c: char| c.is_ascii_digit());
    let variable = if digit { format!("KEY_{variable}") } else { variable };
    TABLE.replace("{{name}}", name).replace("{{NAME}}", &variable)
}

fn fits(name: &str) -> Result<(), UsageError> {
    let wrong =
        |why: &str| UsageError::Plain(format!("`{name}` can't be a scenario's name: {why}"));
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    if name.len() > 40 || !name.bytes().all(plain) || ScenarioId::parse(name).is_none() {
        return Err(wrong("expected 1 to 40 lower-case letters, digits, `-` and `_`"));
    }
    match catalogue::named(name) {
        Some(_) => Err(wrong("it is that of a built-in one")),
        None => Ok(()),
    }
}

/// The config that a run in `root` reads, or the one that `init` would write.
fn config_of(root: &Path, usual: &str) -> PathBuf {
    let usual = [usual, "load-gate.toml"].map(|name| root.join(name));
    let there = usual.iter().find(|path| path.is_file());
    there.unwrap_or(&usual[0]).clone()
}

/// Whether `config` has a table of that scenario, as far as it can be read.
fn is_there(config: &str, name: &str) -> bool {
    let read: Result<toml::Table, _> = toml::from_str(config);
    let scenarios = read.ok().and_then(|table| table.get("scenarios")?.as_table().cloned());
    scenarios.is_some_and(|scenarios| scenarios.contains_key(name))
}
