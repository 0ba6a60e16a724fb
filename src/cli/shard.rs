//! The end of a run that was one of several machines': nobody judges a part.

use super::delivery;
use super::results::Results;
use super::world::{INCONCLUSIVE, World};
use crate::measure::Ended;
use crate::report;
use crate::suite::SuiteReport;

/// Says what the part came to, to a step's channels too where it is one. The exit code: 0
/// where the part was sent, 1 where it was ended as failing, 3 where it couldn't be sent.
pub(super) fn close(report: &SuiteReport, results: &Results, in_step: bool, world: &World) -> u8 {
    let code = exit_code(report);
    let text = report::shard_text(report).unwrap_or_default();
    world.output.result(&text);
    world.output.result(&format!("results: {}", results.dir().display()));
    if in_step {
        delivery::part(report, code, results, world);
    }
    code
}

fn exit_code(report: &SuiteReport) -> u8 {
    let ends = report.scenarios.iter().map(|scenario| {
        let to_be_skipped = scenario.plan.skip.is_some();
        match scenario.recording.ended {
            Ended::Completed => 0,
            Ended::Skipped { .. } if to_be_skipped => 0,
            Ended::Aborted { .. } => 1,
            _ => INCONCLUSIVE,
        }
    });
    let ends: Vec<u8> = ends.collect();
    if ends.contains(&1) { 1 } else { ends.into_iter().max().unwrap_or(INCONCLUSIVE) }
}
