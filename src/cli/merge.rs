//! `load-gate merge`: several machines' results become those of one run, judged once.

use std::path::{Path, PathBuf};

use super::args::MergeArgs;
use super::baseline::Earlier;
use super::closing::Closing;
use super::delivery::{self, Delivery};
use super::inputs;
use super::interrupts::Interrupts;
use super::results::Results;
use super::run;
use super::surroundings;
use super::world::{UsageError, World};
use crate::engine;
use crate::input;
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
    let interrupts = Interrupts::listen()?;
    let files = shards_in(&args.dirs, &args.results_dir);
    // The shards are read before anything of an earlier run is removed, but a
    // shard's own files are no earlier run's.
    let into = real(&args.results_dir);
    // Among the others it was passed over, since the whole of an earlier merge may lie there.
    let own = args.results_dir.join(SUITE_JSON);
    let among = args.dirs.iter().any(|dir| {
        let parent = into.as_deref().and_then(Path::parent);
        parent.is_some() && real(dir).as_deref() == parent
    });
    let is_shard = among && header(&own).is_ok_and(|header| header.shard.is_some());
    let named = files.iter().find(|file| into.is_some() && file.parent().and_then(real) == into);
    if let Some(file) = named.or(is_shard.then_some(&own)) {
        return Err(UsageError::Plain(format!(
            "{} is a shard's directory and can't take the merged results: name another with --results-dir",
            file.parent().unwrap_or(file).display()
        ))
        .into());
    }
    let merged = merged(&files, args.allow_missing)?;
    // Before the results directory is cleared: the baseline may lie in it.
    let token = run::github_token(delivery, world);
    let now = surroundings::now();
    let (series, stop) = (merged.series(), &interrupts.stop);
    let mut earlier = Earlier::of(&args.baseline, series, token.as_ref(), now, stop, world)?;
    let baseline = earlier.suite.take();
    let required = args.baseline.baseline_required;
    let mut whole = merged.judged(baseline.as_ref(), required)?;
    whole.notices.extend(earlier.notices.iter().cloned());
    if delivery.is_some() {
        delivery::notices(&earlier.notices, world);
    }
    let results = Results::prepare(&args.results_dir, args.junit.as_deref())?;
    let closing = Closing {
        earlier,
        baseline: baseline.as_ref(),
        delivery,
        verbose: args.verbose,
        results: &results,
        interrupts: &interrupts,
        world,
    };
    Ok(closing.close(&mut whole, "interrupted while it was merged"))
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

    /// As one run, held against `baseline`, without which thresholds that rest on one are
    /// inconclusive where it is `required`.
    fn judged(
        self,
        baseline: Option<&SuiteReport>,
        required: bool,
    ) -> Result<SuiteReport, UsageError> {
        match self {
            Self::Dealt(union) => union
                .finish(baseline, required)
                .ok_or_else(|| UsageError::Plain("no shard can be read".to_owned())),
            Self::Added(mut suite) => {
                for scenario in &mut suite.scenarios {
                    scenario.plan.criteria.baseline_required |= required;
                }
                if baseline.is_some() || required {
                    suite.judge(baseline);
                }
                Ok(*suite)
            }
        }
    }
}

/// How many files are read at once at most: each takes a few times its size.
const READERS: usize = 4;

/// Reads files side by side, as far as there are cores, and hands over what came of each
/// in their order; no reader is more than one file ahead.
fn side_by_side<T: Send>(
    files: &[&Path],
    read: impl Fn(&Path) -> T + Sync,
    mut take: impl FnMut(usize, T),
) {
    let readers = (engine::cores() as usize).min(READERS).min(files.len());
    std::thread::scope(|scope| {
        let reader = |first: usize| {
            let (done, queue) = std::sync::mpsc::sync_channel(1);
            let read = &read;
            let reading = std::thread::Builder::new().spawn_scoped(scope, move || {
                let own = files.iter().skip(first).step_by(readers);
                // Nobody waits for the rest any more: then this one ends too.
                own.map(|file| done.send(read(file))).take_while(Result::is_ok).for_each(drop);
            });
            reading.is_ok().then_some(queue)
        };
        let queues: Vec<_> = (0..readers).map(reader).collect();
        for (place, file) in files.iter().enumerate() {
            match &queues[place % readers] {
                // One that is gone has panicked, which is passed on here.
                Some(queue) => match queue.recv() {
                    Ok(done) => take(place, done),
                    Err(_) => return,
                },
                // There was no thread for it.
                None => take(place, read(file)),
            }
        }
    });
}

/// What these files are the shards of. They are read twice: for what they say of
/// themselves, and for all of it.
fn merged(files: &[PathBuf], allow_missing: u32) -> anyhow::Result<Merged> {
    let paths: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let mut headers = Vec::with_capacity(files.len());
    side_by_side(&paths, header, |place, header| {
        headers.push((paths[place].display().to_string(), header));
    });
    let usage = |error: suite::MergeError| UsageError::Plain(error.to_string());
    let Some(roster) = Roster::call(&headers).map_err(usage)? else {
        let suites = files.iter().map(|file| inputs::read_suite(file));
        let suites = suites.collect::<anyhow::Result<Vec<_>>>()?;
        return Ok(Merged::Added(Box::new(suite::merge_suites(suites).map_err(usage)?)));
    };
    let members: Vec<(&str, &Path)> =
        roster.members.iter().map(|place| (headers[*place].0.as_str(), paths[*place])).collect();
    let paths: Vec<&Path> = members.iter().map(|(_, path)| *path).collect();
    let mut union = Union::new(roster, allow_missing);
    side_by_side(&paths, inputs::read_stored, |place, shard| match shard {
        Ok(shard) => union.add(members[place].0, shard),
        Err(why) => union.leave_out(format!("{why:#}")),
    });
    Ok(Merged::Dealt(Box::new(union)))
}

/// What a file says of itself, or why it can't be read.
fn header(file: &Path) -> Result<ShardHeader, String> {
    if !file.exists() && file.parent().is_some_and(Path::is_dir) {
        return Err("there is none, nor one in a directory beside it".to_owned());
    }
    let text = input::read_text(file, MOST_SUITE).map_err(|error| error.to_string())?;
    suite::read_header(&text).map_err(|error| error.to_string())
}
