//! What `load-gate check` found: plain data.

use serde::Serialize;

/// How one thing that a run needs is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// A run is possible, and there is something to know.
    Warn,
    /// A run would not succeed.
    Bad,
    /// Not looked at, for the reason given.
    Skipped,
}

/// One line of the check. No text in it ever holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckLine {
    /// What was looked at: `reachability`, `API key 2`.
    pub name: String,
    /// How it is.
    pub state: CheckState,
    /// What was found.
    pub found: String,
    /// What it means for a run; empty where it is as it should be.
    pub means: String,
    /// What to do; empty where there is nothing to do.
    pub todo: String,
}

impl CheckLine {
    /// It is as it should be.
    #[must_use]
    pub fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self::of(CheckState::Ok, name, found, "", "")
    }

    /// It wasn't looked at, because of `found`.
    #[must_use]
    pub fn skipped(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self::of(CheckState::Skipped, name, found, "", "")
    }

    /// Something to know.
    #[must_use]
    pub fn warn(
        name: impl Into<String>,
        found: impl Into<String>,
        means: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self::of(CheckState::Warn, name, found, means, todo)
    }

    /// Something to mend.
    #[must_use]
    pub fn bad(
        name: impl Into<String>,
        found: impl Into<String>,
        means: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self::of(CheckState::Bad, name, found, means, todo)
    }

    fn of(
        state: CheckState,
        name: impl Into<String>,
        found: impl Into<String>,
        means: impl Into<String>,
        todo: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            state,
            found: found.into(),
            means: means.into(),
            todo: todo.into(),
        }
    }
}

/// Everything the check found. Serialised for `--json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// The version of this form.
    pub schema_version: u32,
    /// The environment's name.
    pub environment: String,
    /// The base URL.
    pub url: String,
    /// Whether no connection could be opened.
    pub unreachable: bool,
    /// The lines, in the order things were looked at.
    pub lines: Vec<CheckLine>,
}

impl CheckReport {
    /// 3 unreachable, 1 something is bad, else 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        if self.unreachable {
            3
        } else {
            u8::from(self.lines.iter().any(|line| line.state == CheckState::Bad))
        }
    }
}
