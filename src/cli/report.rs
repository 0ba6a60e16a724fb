//! `load-gate report`: a finished or killed run's reports again, from its suite.json.

use super::args::ReportArgs;
use super::results::Results;
use super::world::World;
use super::{closing, inputs};
use crate::engine::Stop;
use crate::report::{self, EarlierRuns};

/// Writes the files again and prints the summary; the exit code is the verdict's,
/// whose pass what can't be written takes back.
pub(super) fn report(args: &ReportArgs, world: &World) -> anyhow::Result<u8> {
    let baseline = args.baseline.as_deref().map(inputs::read_suite).transpose()?;
    let mut suite = inputs::read_suite_against(&args.dir, baseline.as_ref())?;
    let dir = if args.dir.is_dir() {
        args.dir.clone()
    } else {
        args.dir.parent().map_or_else(|| ".".into(), Into::into)
    };
    // A run that goes on writes there, and more than is there by now.
    let results = Results::take(&dir)?;
    let history = inputs::read_history(&dir)?;
    let past = EarlierRuns { baseline: baseline.as_ref(), history: history.as_ref() };
    let problems = results.write(&suite, past, &Stop::default());
    if !problems.is_empty() {
        closing::not_kept(&mut suite, &problems, &results, world);
        results.replace(&suite, past, &Stop::default());
    }
    world.output.result(&report::summary_text(&suite, world.output.style().verbose(args.verbose)));
    Ok(suite.verdict.exit_code())
}
