//! The results directory of a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::world::UsageError;
use crate::engine::Stop;
use crate::publish::files::{self, FileError, Hold};
use crate::report::{self, EarlierRuns};
use crate::suite::SuiteReport;

/// Where a run's files go.
#[derive(Clone)]
pub(super) struct Results {
    dir: PathBuf,
    junit: Option<PathBuf>,
    /// Held until the end: two runs in one directory would overwrite each other.
    hold: Arc<Hold>,
}

impl Results {
    /// Makes the directory, takes it for this process, tries to write there, and
    /// removes what an earlier run left under the names that this one will write.
    pub(super) fn prepare(dir: &Path, junit: Option<&Path>) -> anyhow::Result<Self> {
        let usage = |e: FileError| UsageError::Plain(e.to_string());
        files::prepare::<&str>(dir, &[]).map_err(usage)?;
        let results = Self::take(dir)?;
        files::prepare(dir, &report::fixed_names()).map_err(usage)?;
        if let Some(junit) = junit {
            let dir = junit.parent().filter(|dir| !dir.as_os_str().is_empty());
            let dir = dir.unwrap_or_else(|| Path::new("."));
            files::prepare::<&str>(dir, &[])
                .map_err(|e| UsageError::Plain(format!("--junit: {e}")))?;
        }
        Ok(Self { junit: junit.map(Path::to_owned), ..results })
    }

    /// Takes a directory with what is in it, which no run writes to any more.
    pub(super) fn take(dir: &Path) -> Result<Self, UsageError> {
        let hold = files::hold(dir).map_err(|e| UsageError::Plain(e.to_string()))?;
        Ok(Self { dir: dir.to_owned(), junit: None, hold: Arc::new(hold) })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the JUnit file goes.
    pub(super) fn junit(&self) -> PathBuf {
        self.junit.clone().unwrap_or_else(|| self.dir.join("junit.xml"))
    }

    /// Saves what a run has measured so far.
    pub(super) fn checkpoint(&self, report: &SuiteReport) -> Result<(), FileError> {
        self.hold.is_ours()?;
        let path = self.dir.join("suite.json");
        files::write_by(&path, |file| report::write_suite_json(report, file))
    }

    /// Writes every file; what couldn't be written is told, the rest is written. Who has
    /// interrupted isn't kept waiting for the disk.
    pub(super) fn write<'a>(
        &self,
        report: &'a SuiteReport,
        past: impl Into<EarlierRuns<'a>>,
        stop: &Stop,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, content) in report::files(report, past) {
            if let Err(error) = self.put(&name, content.as_bytes(), stop) {
                let said = error.to_string();
                // Of a directory that is another's by now once, not for every file.
                if !problems.contains(&said) {
                    problems.push(said);
                }
            }
        }
        problems
    }

    fn put(&self, name: &str, content: &[u8], stop: &Stop) -> Result<(), FileError> {
        self.hold.is_ours()?;
        let path = self.path_of(name);
        if stop.is_interrupted() {
            files::write_quickly(&path, content)
        } else {
            files::write(&path, content)
        }
    }

    fn path_of(&self, name: &str) -> PathBuf {
        match &self.junit {
            Some(junit) if name == "junit.xml" => junit.clone(),
            _ => self.dir.join(name),
        }
    }

    /// Writes the files of a report that has changed since they were written. One that
    /// can't be replaced is removed: it says what no longer holds.
    pub(super) fn replace<'a>(
        &self,
        report: &'a SuiteReport,
        past: impl Into<EarlierRuns<'a>>,
        stop: &Stop,
    ) {
        for (name, content) in report::files(report, past) {
            if self.put(&name, content.as_bytes(), stop).is_err() && self.hold.is_ours().is_ok() {
                let _ = std::fs::remove_file(self.path_of(&name));
            }
        }
    }
}
