//! `load-gate history`: many nights as a series, and where a figure moved for good.

use std::path::Path;

use super::args::HistoryArgs;
use super::inputs;
use super::world::World;
use crate::report;
use crate::suite::{History, Night, drifts};

/// Prints the series of what the folders hold. A move changes no exit code: people
/// judge it.
pub(super) fn history(args: &HistoryArgs, world: &World) -> anyhow::Result<u8> {
    let mut history = History::default();
    for dir in &args.dirs {
        add(&mut history, dir)?;
    }
    if args.json {
        let series = history.newest_series();
        let told = serde_json::json!({
            "schema_version": history.schema_version,
            "nights": series,
            "drifts": drifts(&series),
        });
        world.output.result(&serde_json::to_string_pretty(&told)?);
    } else {
        world.output.result(&report::history_text(&history));
    }
    Ok(0)
}

/// Adds what a folder knows: the nights of its history.json, and its own run.
fn add(history: &mut History, dir: &Path) -> anyhow::Result<()> {
    let carried = inputs::read_history(dir)?;
    let has_run = if dir.is_dir() { dir.join("suite.json").is_file() } else { carried.is_none() };
    // A folder with neither is told as one without a run.
    if has_run || carried.is_none() {
        history.add(Night::of(&inputs::read_suite(dir)?));
    }
    for night in carried.into_iter().flat_map(|carried| carried.nights) {
        history.add(night);
    }
    Ok(())
}
