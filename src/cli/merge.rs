//! `load-gate merge`: shards of one run become one suite.json, judged as a whole.

use super::args::MergeArgs;
use super::inputs;
use super::results::Results;
use super::world::{UsageError, World};
use crate::report;
use crate::suite;

/// Reads every shard, merges, writes all files; the exit code is the whole's verdict.
pub(super) fn merge(args: &MergeArgs, world: &World) -> anyhow::Result<u8> {
    let shards = args.dirs.iter().map(|dir| inputs::read_suite(dir));
    let shards = shards.collect::<anyhow::Result<Vec<_>>>()?;
    // The shards are read before anything of an earlier run is removed, but a
    // shard's own files are no earlier run's.
    let into = std::fs::canonicalize(&args.results_dir).ok();
    let own = |dir: &std::path::PathBuf| into.is_some() && std::fs::canonicalize(dir).ok() == into;
    if let Some(dir) = args.dirs.iter().find(|dir| own(dir)) {
        return Err(UsageError::Plain(format!(
            "{} is a shard's directory and can't take the merged results: name another with --results-dir",
            dir.display()
        ))
        .into());
    }
    let whole = suite::merge_suites(shards).map_err(|e| UsageError::Plain(e.to_string()))?;
    let results = Results::new(&args.results_dir, None);
    let _hold = results.prepare()?;
    for problem in results.write(&whole, None) {
        world.output.error(&problem);
    }
    world.output.result(&report::summary_text(&whole, world.output.style()));
    world.output.result(&format!("\nresults: {}", results.dir().display()));
    Ok(whole.verdict.exit_code())
}
