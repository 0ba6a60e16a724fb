//! The end of a run that was one of several machines': nobody judges a part.

use super::results::Results;
use super::world::{INCONCLUSIVE, World};
use crate::measure::Ended;
use crate::report;
use crate::suite::SuiteReport;

/// Says what the part came to.
pub(super) fn summarise(report: &SuiteReport, results: &Results, world: &World) {
    world.output.result(&report::shard_text(report).unwrap_or_default());
    for doubt in &report.doubts {
        world.output.result(&format!("  inconclusive: {doubt}"));
    }
    world.output.result(&format!("results: {}", results.dir().display()));
}

/// 0 where the part was sent, 1 where it was ended as failing, 3 where it couldn't be sent
/// or kept, or whether it was is in doubt.
pub(super) fn exit_code(report: &SuiteReport) -> u8 {
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
    if ends.contains(&1) {
        return 1;
    }
    let worst = ends.into_iter().max().unwrap_or(INCONCLUSIVE);
    if report.doubts.is_empty() { worst } else { INCONCLUSIVE }
}
