//! `load-gate report`: a finished or killed run's reports again, from its suite.json.

use super::args::ReportArgs;
use super::inputs;
use super::results::Results;
use super::world::World;
use crate::report::{self, EarlierRuns};

/// Writes the files again and prints the summary; the exit code is the verdict's.
pub(super) fn report(args: &ReportArgs, world: &World) -> anyhow::Result<u8> {
    let baseline = args.baseline.as_deref().map(inputs::read_suite).transpose()?;
    let suite = inputs::read_suite_against(&args.dir, baseline.as_ref())?;
    let dir = if args.dir.is_dir() {
        args.dir.clone()
    } else {
        args.dir.parent().map_or_else(|| ".".into(), Into::into)
    };
    let results = Results::new(&dir, None);
    let history = inputs::read_history(&dir)?;
    let past = EarlierRuns { baseline: baseline.as_ref(), history: history.as_ref() };
    for problem in results.write(&suite, past) {
        world.output.error(&problem);
    }
    world.output.result(&report::summary_text(&suite, world.output.style().verbose(args.verbose)));
    Ok(suite.verdict.exit_code())
}
