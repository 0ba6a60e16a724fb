//! The end of every command that judges a run: its files, and the last words.

use super::baseline::Earlier;
use super::delivery::{self, Delivery};
use super::results::Results;
use super::world::World;
use crate::engine::Stop;
use crate::publish::files;
use crate::report::{self, EarlierRuns};
use crate::suite::{History, SuiteReport};
use crate::units::counted;

/// Writes every file of `report`, whose pass it takes back where one can't be kept. The
/// nights up to this run.
pub(super) fn keep(
    report: &mut SuiteReport,
    earlier: Earlier,
    baseline: Option<&SuiteReport>,
    results: &Results,
    world: &World,
) -> History {
    let history = earlier.clone().and(report);
    let problems = results.write(report, EarlierRuns { baseline, history: Some(&history) });
    if problems.is_empty() {
        return history;
    }
    not_kept(report, &problems, results, world);
    let history = earlier.and(report);
    results.replace(report, EarlierRuns { baseline, history: Some(&history) });
    history
}

/// Says what couldn't be written, keeps suite.json in a second place, and takes back a
/// pass: nobody could look at what it stands on.
fn not_kept(report: &mut SuiteReport, problems: &[String], results: &Results, world: &World) {
    for problem in problems {
        world.output.error(problem);
    }
    let (dir, files) = (results.dir().display(), counted(problems.len() as u64, "file"));
    report.doubt(format!("what was measured could not be kept: {files} not written to {dir}"));
    let content = report::suite_json(report);
    let said = match files::write_aside("suite.json", content.as_bytes()) {
        Ok(path) => format!("suite.json is kept at {}", path.display()),
        Err(why) => format!("suite.json can't be kept elsewhere either: {why}"),
    };
    world.output.error(&said);
}

/// The last words: the summary, and where the rest is.
pub(super) fn summarise(report: &SuiteReport, results: &Results, verbose: bool, world: &World) {
    world.output.result(&report::summary_text(report, world.output.style().verbose(verbose)));
    world.output.result(&format!("\nresults: {}", results.dir().display()));
    if let Some(url) = &report.context.dashboard {
        world.output.result(&format!("dashboard: {url}"));
    }
}

/// Says what came of it, here and on GitHub; `false` where that was interrupted.
pub(super) fn tell(
    report: &SuiteReport,
    past: EarlierRuns<'_>,
    delivery: Option<&Delivery>,
    verbose: bool,
    results: &Results,
    stop: &Stop,
    world: &World,
) -> anyhow::Result<bool> {
    summarise(report, results, verbose, world);
    let Some(delivery) = delivery else { return Ok(true) };
    delivery::step(report, past, report.verdict.exit_code(), results, world);
    let token = delivery.token.as_ref();
    delivery::github(report, past, &delivery.publish, token, stop, world)
}
