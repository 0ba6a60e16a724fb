//! `load-gate compare`: two runs, statistically.

use super::args::CompareArgs;
use super::inputs;
use super::world::{UsageError, World};
use crate::report;
use crate::suite;

/// Where the resampling starts: the same two files give the same answer.
const SEED: u64 = 1;

/// Compares and tells; exit code 0, or 2 where the runs aren't comparable.
pub(super) fn compare(args: &CompareArgs, world: &World) -> anyhow::Result<u8> {
    let base = inputs::read_suite(&args.base)?;
    let new = inputs::read_suite(&args.new)?;
    let comparison = suite::compare_suites(&base, &new, args.anyway, SEED).map_err(|error| {
        UsageError::Plain(format!("{error}; --anyway compares them all the same"))
    })?;
    if args.json {
        world.output.result(&serde_json::to_string_pretty(&comparison)?);
    } else {
        world.output.result(&report::compare_text(&comparison));
    }
    Ok(0)
}
