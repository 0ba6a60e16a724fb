//! `load-gate import`: a request that others have written down, as a scenario's table.

use std::io::Read as _;
use std::path::Path;

use super::args::{ImportArgs, ImportFrom, scenario_name};
use super::world::{UsageError, World};
use crate::import::{self, ImportError};
use crate::input;

/// The largest file that is read: 8 MiB, more than the largest descriptions of APIs.
const MOST: u64 = 8 << 20;

/// Prints the table, or says what could not be read.
pub(super) fn import(args: &ImportArgs, world: &World) -> anyhow::Result<u8> {
    let (from, table) = match &args.from {
        ImportFrom::Hurl { file, name } => {
            (file.display().to_string(), import::hurl(&text(file)?, name))
        }
        ImportFrom::Openapi { file, operation, name } => {
            let text = text(file)?;
            (file.display().to_string(), import::openapi(&text, operation.as_deref(), name))
        }
        ImportFrom::Curl { command, name } => {
            let (command, name) = quoted_and_named(command, name)?;
            let command = match command {
                [one] if one == "-" => text(Path::new("-"))?,
                [one] => one.clone(),
                // Given without quotes around all of it: the shell has read it already.
                words => words.iter().map(|word| shell_quoted(word)).collect::<Vec<_>>().join(" "),
            };
            // `import curl -H … URL`: the name of the format is that of the command.
            let options = ["'-", "-", "'http", "http"];
            let begins = options.iter().any(|start| command.trim_start().starts_with(start));
            let command = if begins { format!("curl {command}") } else { command };
            ("curl".to_owned(), import::curl(&command, name))
        }
    };
    let table =
        table.map_err(|error: ImportError| UsageError::Plain(format!("{from}: {error}")))?;
    world.output.result(table.trim_end());
    Ok(0)
}

/// The words of the command without a `--name` that stands after the one in quotes, and
/// what that names; else `name`.
fn quoted_and_named<'a>(
    words: &'a [String],
    name: &'a str,
) -> Result<(&'a [String], &'a str), UsageError> {
    let [command, option, rest @ ..] = words else { return Ok((words, name)) };
    let whole = command == "-" || command.contains(char::is_whitespace);
    let given = match (option.as_str(), rest) {
        ("--name", [given]) => given,
        (option, []) => option.strip_prefix("--name=").unwrap_or_default(),
        _ => "",
    };
    if !whole || given.is_empty() {
        return Ok((words, name));
    }
    scenario_name(given).map_err(UsageError::Plain)?;
    Ok((&words[..1], given))
}

/// The file's text; of `-` that of standard input.
fn text(file: &Path) -> Result<String, UsageError> {
    let wrong =
        |error: String| UsageError::Plain(format!("failed to read {}: {error}", file.display()));
    if file != Path::new("-") {
        return input::read_text(file, MOST).map_err(|error| wrong(error.to_string()));
    }
    let mut text = String::new();
    let read = std::io::stdin().lock().take(MOST + 1).read_to_string(&mut text);
    read.map_err(|error| wrong(error.to_string()))?;
    if text.len() as u64 > MOST { Err(wrong("it is too large".to_owned())) } else { Ok(text) }
}

/// `word` in single quotes, as a shell would be given it.
fn shell_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
