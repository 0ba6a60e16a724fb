//! Results of earlier runs, fetched from their artifacts: the baseline, and the nights.
//!
//! What comes out of an artifact is validated as text of anybody's: bounded, read by the
//! same reader as a stranger's suite.json, and comparable or left alone.

use std::io::Read;

use serde_json::Value;

use super::client::Api;
use super::pull_request::{number, text};
use super::trouble::Trouble;
use crate::gate::VerdictKind;
use crate::report::escape;
use crate::suite::{History, MOST_SUITE, Night, SuiteReport, read_suite};

/// Runs that are looked into, the newest first.
const MOST_RUNS: usize = 10;
/// Archives that are fetched of one run: a matrix has several.
const MOST_ARCHIVES: usize = 6;
/// The largest archive, in bytes.
const MOST_ARCHIVE: u64 = 64 << 20;
/// The largest history.json in it, in bytes.
const MOST_HISTORY: u64 = 8 << 20;
/// Events whose runs a stranger has a say in: their results are nobody's baseline.
const OF_STRANGERS: [&str; 4] =
    ["pull_request", "pull_request_target", "workflow_run", "issue_comment"];

/// Which earlier run is the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The last whose verdict was a pass.
    LastSuccess,
    /// The last, whatever its verdict.
    LastRun,
    /// That one.
    Run(u64),
}

/// Where earlier runs are looked for, and what makes one comparable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Which is the baseline.
    pub which: Which,
    /// The file name of the workflow, as in its address: `nightly.yml`.
    pub workflow: String,
    /// The branches whose runs count, tried in this order.
    pub branches: Vec<String>,
    /// The run that is looking.
    pub own_run: Option<u64>,
    /// Environment, profile and scales, as [`crate::suite::series`] words them.
    pub series: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The baseline.
    pub suite: Option<SuiteReport>,
    /// The nights up to the newest comparable run, itself included.
    pub history: History,
    /// What to know about the search, in words.
    pub notes: Vec<String>,
}

/// What an archive holds.
struct Results {
    suite: SuiteReport,
    history: Option<History>,
}

pub(super) async fn fetch(api: &Api, search: &Search) -> Result<Found, Trouble> {
    let mut found = Found::default();
    if let Which::Run(id) = search.which {
        let run = api.get(&api.repo(&format!("actions/runs/{id}"))).await?;
        let results = of_run(api, &run, search, &mut found.notes).await?;
        if let Some(results) = results {
            found.take(results, true);
        } else if found.notes.is_empty() {
            found.notes.push(format!("run {id} keeps no results of {}", search.series));
        }
        return Ok(found);
    }
    for branch in &search.branches {
        let runs = runs(api, search, branch).await?;
        for run in runs.iter().take(MOST_RUNS) {
            let Some(results) = of_run(api, run, search, &mut found.notes).await? else { continue };
            let is_it =
                search.which == Which::LastRun || results.suite.verdict == VerdictKind::Pass;
            found.take(results, is_it);
            if found.suite.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(found)
}

impl Found {
    /// Takes what one run kept; `baseline`: it is the one to compare with.
    fn take(&mut self, results: Results, baseline: bool) {
        self.history.add(Night::of(&results.suite));
        for night in results.history.into_iter().flat_map(|history| history.nights) {
            self.history.add(night);
        }
        if baseline {
            self.suite = Some(results.suite);
        }
    }
}

/// The workflow's finished runs on `branch`, the newest first, those of strangers left out.
async fn runs(api: &Api, search: &Search, branch: &str) -> Result<Vec<Value>, Trouble> {
    let encoded: String = url::form_urlencoded::byte_serialize(branch.as_bytes()).collect();
    let path = api.repo(&format!(
        "actions/workflows/{}/runs?branch={encoded}&status=completed&per_page=50",
        search.workflow
    ));
    let listed = api.get(&path).await?;
    let ours = |run: &&Value| {
        let at_home = text(run, "/head_repository/full_name") == text(run, "/repository/full_name");
        let finished = matches!(text(run, "/conclusion"), Some("success" | "failure"));
        at_home
            && finished
            && !text(run, "/event").is_some_and(|event| OF_STRANGERS.contains(&event))
            && number(run, "/id") != search.own_run
    };
    let all = listed.get("workflow_runs").and_then(Value::as_array);
    Ok(all.into_iter().flatten().filter(ours).cloned().collect())
}

/// The comparable results among the artifacts of `run`.
async fn of_run(
    api: &Api,
    run: &Value,
    search: &Search,
    notes: &mut Vec<String>,
) -> Result<Option<Results>, Trouble> {
    let id = number(run, "/id").unwrap_or_default();
    let path = api.repo(&format!("actions/runs/{id}/artifacts?per_page=100"));
    let listed = api.get(&path).await?;
    let all = listed.get("artifacts").and_then(Value::as_array);
    let mut artifacts: Vec<&Value> = all.into_iter().flatten().filter(|a| may_hold(a)).collect();
    // Ours by its name first.
    artifacts.sort_by_key(|a| !text(a, "/name").is_some_and(|name| name.contains("load-gate")));
    for artifact in artifacts.into_iter().take(MOST_ARCHIVES) {
        let artifact_id = number(artifact, "/id").unwrap_or_default();
        let path = api.repo(&format!("actions/artifacts/{artifact_id}/zip"));
        let bytes = match api.download(&path, MOST_ARCHIVE).await {
            // It expired in the meantime.
            Err(Trouble::Status { status: 404 | 410, .. }) => continue,
            bytes => bytes?,
        };
        match open(&bytes) {
            Ok(Some(results)) if comparable(&results.suite, search) => return Ok(Some(results)),
            Ok(_) => {}
            Err(problem) => {
                let name = escape::one_line(text(artifact, "/name").unwrap_or_default());
                notes.push(format!("run {id}, artifact {name}: {problem}"));
            }
        }
    }
    Ok(None)
}

fn may_hold(artifact: &Value) -> bool {
    let expired = artifact.get("expired").and_then(Value::as_bool) == Some(true);
    let size = number(artifact, "/size_in_bytes").unwrap_or(0);
    let page = text(artifact, "/name").is_some_and(|name| name.rsplit('.').next() == Some("html"));
    !expired && !page && size <= MOST_ARCHIVE
}

fn comparable(suite: &SuiteReport, search: &Search) -> bool {
    !suite.partial && Night::of(suite).series == search.series
}

/// The results in an archive; `None`: there are none.
fn open(bytes: &[u8]) -> Result<Option<Results>, String> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes))
        .map_err(|error| format!("it is no archive: {error}"))?;
    // Where several folders were kept together, the one nearest to the root.
    let named: Vec<String> = archive.file_names().map(str::to_owned).collect();
    let suites = named.iter().filter(|name| name.rsplit('/').next() == Some("suite.json"));
    let Some(suite) = suites.min_by_key(|name| (name.matches('/').count(), name.len())) else {
        return Ok(None);
    };
    let folder = suite.strip_suffix("suite.json").unwrap_or_default();
    let told = |error: &dyn std::fmt::Display| escape::one_line(&error.to_string());
    let text = read(&mut archive, suite, MOST_SUITE)?;
    let suite = read_suite(&text).map_err(|error| format!("suite.json: {}", told(&error)))?;
    let suite = suite.judged_anew(None);
    let beside = format!("{folder}history.json");
    let history = if named.contains(&beside) {
        let text = read(&mut archive, &beside, MOST_HISTORY)?;
        Some(History::read(&text).map_err(|error| format!("history.json: {}", told(&error)))?)
    } else {
        None
    };
    Ok(Some(Results { suite, history }))
}

/// A file of an archive as text, of at most `most` bytes whatever the archive says.
fn read(
    archive: &mut zip::ZipArchive<std::io::Cursor<&[u8]>>,
    name: &str,
    most: u64,
) -> Result<String, String> {
    let file = archive.by_name(name).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > most {
        return Err(format!("it unpacks to more than {most} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it isn't text".to_owned())
}
