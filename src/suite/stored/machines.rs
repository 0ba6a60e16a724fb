//! Whether what a stored run says of its machines can be true of it.

use std::collections::BTreeSet;

use super::super::SuiteReport;
use super::place::{Found, Place};
use crate::measure::{Recording, ShardRow};
use crate::outcome::Outcome;
use crate::plan::MOST_SHARDS;

/// What is said of machines that can't be true, if anything is.
pub(super) fn look(report: &SuiteReport) -> Found {
    let root = Place::root().at("scenarios");
    report.scenarios.iter().enumerate().try_for_each(|(index, scenario)| {
        let here = root.item(index).at("recording").at("shards");
        machines(&here, report, &scenario.recording)
    })
}

/// The machines of a run: each at most once, and together the whole.
fn machines(here: &Place, report: &SuiteReport, recording: &Recording) -> Found {
    let Some(shards) = &recording.shards else {
        let alone = report.shard.is_none();
        return here.must(alone, || "not kept of a shard".to_owned());
    };
    here.must((1..=MOST_SHARDS).contains(&shards.of), || "no run has that many".to_owned())?;
    let rows = &shards.rows;
    let numbers: BTreeSet<u32> = rows.iter().map(|row| row.shard).collect();
    let each = numbers.len() == rows.len() && numbers.iter().all(|n| (1..=shards.of).contains(n));
    here.at("rows").must(each, || "they aren't each a shard's of the run".to_owned())?;
    if let Some(part) = &report.shard {
        let own =
            part.shard.of() == shards.of && rows.iter().all(|r| r.shard == part.shard.index());
        here.must(own, || format!("they aren't of shard {}", part.shard))?;
    }
    if rows.is_empty() {
        return Ok(());
    }
    let (generator, whole) = (&recording.generator, recording.total());
    let rows = here.at("rows");
    let sum = |of: fn(&ShardRow) -> u64| {
        shards.rows.iter().fold(0_u64, |sum, row| sum.saturating_add(of(row)))
    };
    rows.equal("planned", sum(|row| row.planned), "in all", generator.planned)?;
    rows.equal("sent", sum(|row| row.sent), "in all", generator.sent)?;
    rows.equal("dropped", sum(|row| row.dropped), "in all", generator.dropped)?;
    let accepted = whole.outcomes.get(Outcome::Accepted);
    rows.equal("accepted", sum(|row| row.accepted), "in all", accepted)
}
