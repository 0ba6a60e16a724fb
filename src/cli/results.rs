//! The results directory of a run.

use std::path::{Path, PathBuf};

use super::world::UsageError;
use crate::publish::files::{self, Hold};
use crate::report::{self, EarlierRuns};
use crate::suite::SuiteReport;

/// Where a run's files go.
pub(super) struct Results {
    dir: PathBuf,
    junit: Option<PathBuf>,
}

impl Results {
    pub(super) fn new(dir: &Path, junit: Option<&Path>) -> Self {
        Self { dir: dir.to_owned(), junit: junit.map(Path::to_owned) }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the JUnit file goes.
    pub(super) fn junit(&self) -> PathBuf {
        self.junit.clone().unwrap_or_else(|| self.dir.join("junit.xml"))
    }

    pub(super) fn suite_json(&self) -> PathBuf {
        self.dir.join("suite.json")
    }

    /// Makes the directory, takes it for this process, tries to write there, and
    /// removes what an earlier run left under the names that this one will write.
    pub(super) fn prepare(&self) -> anyhow::Result<Hold> {
        let usage = |e: files::FileError| UsageError::Plain(e.to_string());
        files::prepare::<&str>(&self.dir, &[]).map_err(usage)?;
        let hold = files::hold(&self.dir).map_err(usage)?;
        files::prepare(&self.dir, &report::fixed_names()).map_err(usage)?;
        if let Some(junit) = &self.junit {
            let dir = junit.parent().filter(|dir| !dir.as_os_str().is_empty());
            let dir = dir.unwrap_or_else(|| Path::new("."));
            files::prepare::<&str>(dir, &[])
                .map_err(|e| UsageError::Plain(format!("--junit: {e}")))?;
        }
        Ok(hold)
    }

    /// Writes every file; what couldn't be written is told, the rest is written.
    pub(super) fn write<'a>(
        &self,
        report: &'a SuiteReport,
        past: impl Into<EarlierRuns<'a>>,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, content) in report::files(report, past) {
            if let Err(error) = files::write(&self.path_of(&name), content.as_bytes()) {
                problems.push(error.to_string());
            }
        }
        problems
    }

    fn path_of(&self, name: &str) -> PathBuf {
        match &self.junit {
            Some(junit) if name == "junit.xml" => junit.clone(),
            _ => self.dir.join(name),
        }
    }

    /// Writes the files of a report that has changed since they were written. One that
    /// can't be replaced is removed: it says what no longer holds.
    pub(super) fn replace<'a>(&self, report: &'a SuiteReport, past: impl Into<EarlierRuns<'a>>) {
        for (name, content) in report::files(report, past) {
            let path = self.path_of(&name);
            if files::write(&path, content.as_bytes()).is_err() {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}
