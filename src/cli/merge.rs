//! `load-gate merge`: several machines' results become those of one run, judged once.

use std::path::{Path, PathBuf};

use super::args::{BaselineArgs, MergeArgs};
use super::baseline::Earlier;
use super::delivery::{self, Delivery};
use super::results::Results;
use super::run;
use super::surroundings;
use super::world::{UsageError, World};
use super::{closing, inputs};
use crate::engine::Stop;
use crate::input;
use crate::report::EarlierRuns;
use crate::suite::{self, MOST_SUITE, Roster, ShardHeader, SuiteReport, Union};

/// What a shard's results are made from again.
const SUITE_JSON: &str = "suite.json";

/// Reads every shard, merges, writes all files; the exit code is the whole's verdict.
pub(super) fn merge(args: &MergeArgs, world: &World) -> anyhow::Result<u8> {
    merge_and_deliver(args, None, world)
}

/// The same, as a GitHub Action's step: with outputs, summary, comment and issue.
pub(super) fn merge_and_publish(
    args: &MergeArgs,
    delivery: &Delivery,
    world: &World,
) -> anyhow::Result<u8> {
    merge_and_deliver(args, Some(delivery), world)
}

fn merge_and_deliver(
    args: &MergeArgs,
    delivery: Option<&Delivery>,
    world: &World,
) -> anyhow::Result<u8> {
    let files = shards_in(&args.dirs, &args.results_dir);
    // The shards are read before anything of an earlier run is removed, but a
    // shard's own files are no earlier run's.
    let into = real(&args.results_dir);
    if into.is_some()
        && let Some(file) = files.iter().find(|file| file.parent().and_then(real) == into)
    {
        return Err(UsageError::Plain(format!(
            "{} is a shard's directory and can't take the merged results: name another with --results-dir",
            file.parent().unwrap_or(file).display()
        ))
        .into());
    }
    let merged = merged(&files, args.allow_missing)?;
    // Before the results directory is cleared: the baseline may lie in it.
    let token = run::github_token(delivery, world);
    let given = BaselineArgs { baseline: args.baseline.clone(), ..BaselineArgs::default() };
    let now = surroundings::now();
    let mut earlier = Earlier::of(&given, merged.series(), token.as_ref(), now, world)?;
    let baseline = earlier.suite.take();
    let mut whole = merged.judged(baseline.as_ref())?;
    whole.notices.extend(earlier.notices.iter().cloned());
    if delivery.is_some() {
        delivery::notices(&earlier.notices, world);
    }
    let results = Results::new(&args.results_dir, args.junit.as_deref());
    let _hold = results.prepare()?;
    let history = closing::keep(&mut whole, earlier, baseline.as_ref(), &results, world);
    let past = EarlierRuns { baseline: baseline.as_ref(), history: Some(&history) };
    closing::tell(&whole, past, delivery, args.verbose, &results, &Stop::default(), world)?;
    Ok(whole.verdict.exit_code())
}

fn real(path: impl AsRef<Path>) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

/// The suite.json of every directory named; of one that has none, those of the
/// directories in it (but for `into`), in the order of their names.
fn shards_in(dirs: &[PathBuf], into: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for dir in dirs {
        let own = if dir.is_file() { dir.clone() } else { dir.join(SUITE_JSON) };
        let mut below: Vec<PathBuf> = Vec::new();
        if !own.is_file() {
            let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
            let inside = entries.map(|entry| entry.path()).filter(|path| real(path) != real(into));
            below.extend(inside.map(|path| path.join(SUITE_JSON)).filter(|file| file.is_file()));
            below.sort();
        }
        // What isn't there is told when it is to be read.
        if below.is_empty() { files.push(own) } else { files.append(&mut below) }
    }
    files
}

/// What was merged.
enum Merged {
    /// Shards that one plan was dealt to.
    Dealt(Box<Union>),
    /// Runs at rates of their own.
    Added(Box<SuiteReport>),
}

impl Merged {
    fn series(&self) -> String {
        match self {
            Self::Dealt(union) => union.series(),
            Self::Added(suite) => {
                let (rate, duration) = (suite.rate_scale, suite.duration_scale);
                suite::series(&suite.environment.name, &suite.profile, rate, duration)
            }
        }
    }

    fn judged(self, baseline: Option<&SuiteReport>) -> Result<SuiteReport, UsageError> {
        match self {
            Self::Dealt(union) => union
                .finish(baseline)
                .ok_or_else(|| UsageError::Plain("no shard can be read".to_owned())),
            Self::Added(mut suite) => {
                if baseline.is_some() {
                    suite.judge(baseline);
                }
                Ok(*suite)
            }
        }
    }
}

/// What these files are the shards of. They are read one after another, twice: for what
/// they say of themselves, and for all of it.
fn merged(files: &[PathBuf], allow_missing: u32) -> anyhow::Result<Merged> {
    let named = |file: &PathBuf| (file.display().to_string(), header(file));
    let headers: Vec<_> = files.iter().map(named).collect();
    let usage = |error: suite::MergeError| UsageError::Plain(error.to_string());
    let Some(roster) = Roster::call(&headers).map_err(usage)? else {
        let suites = files.iter().map(|file| inputs::read_suite(file));
        let suites = suites.collect::<anyhow::Result<Vec<_>>>()?;
        return Ok(Merged::Added(Box::new(suite::merge_suites(suites).map_err(usage)?)));
    };
    let members = roster.members.clone();
    let mut union = Union::new(roster, allow_missing);
    for place in members {
        let name = &headers[place].0;
        match inputs::read_stored(&files[place]) {
            Ok(shard) => union.add(name, shard),
            Err(why) => union.leave_out(format!("{why:#}")),
        }
    }
    Ok(Merged::Dealt(Box::new(union)))
}

/// What a file says of itself, or why it can't be read.
fn header(file: &Path) -> Result<ShardHeader, String> {
    let text = input::read_text(file, MOST_SUITE).map_err(|error| error.to_string())?;
    suite::read_header(&text).map_err(|error| error.to_string())
}
