//! What a shard says of its part at its end: what it sent, and that others judge it.

use super::escape;
use crate::gate::FindingVerdict;
use crate::measure::ShardRow;
use crate::suite::SuiteReport;
use crate::units::{Nanos, count, rate};

/// The closing of a run that was one of several machines'; `None`: it was the whole.
#[must_use]
pub fn shard_text(report: &SuiteReport) -> Option<String> {
    let part = report.shard.as_ref()?;
    let (index, of) = (part.shard.index(), part.shard.of());
    let mut text = format!(
        "shard {index} of {of}: a part isn't judged; `load-gate merge` judges all {of} together\n"
    );
    for scenario in &report.scenarios {
        let recording = &scenario.recording;
        let row = recording.row_of(index);
        add!(text, "  {}: {}\n", scenario.plan.scenario, told(&row));
        // How it ended is the first thing that is judged.
        let ended = scenario.verdict.findings.first();
        if let Some(ended) = ended.filter(|ended| ended.verdict != FindingVerdict::Pass) {
            add!(text, "    {}\n", ended.message);
        }
    }
    let skews = report.scenarios.iter().filter_map(|s| s.recording.clock_skew);
    if let Some(skew) = skews.max_by(|a, b| a.abs().total_cmp(&b.abs())) {
        add!(text, "  {}\n", clock_offset(skew));
    }
    Some(text)
}

/// The same for a step's summary.
#[must_use]
pub fn shard_markdown(report: &SuiteReport) -> Option<String> {
    let text = shard_text(report)?;
    let mut lines = text.lines();
    let mut page = format!("**{}**\n\n", escape::markdown(lines.next().unwrap_or_default()));
    for line in lines {
        add!(page, "- {}\n", escape::markdown(line.trim()));
    }
    Some(page)
}

/// What a machine did, in one line.
pub(super) fn told(row: &ShardRow) -> String {
    let mut text = format!("{} of {} arrivals sent", count(row.sent), count(row.planned));
    if let Some(at) = row.rate().filter(|_| row.sent > 0) {
        add!(text, " ({})", rate(at));
    }
    add!(text, ", {} dropped", count(row.dropped));
    if let Some(lag) = row.lag_p99 {
        add!(text, ", p99 of schedule lag {lag}");
    }
    if let Some(response) = row.response_p95 {
        add!(text, ", p95 of response time {response}");
    }
    if row.sent > 0 {
        let start = row.load_start.rfc3339();
        let how = if row.late.is_zero() { "in time" } else { "late" };
        add!(text, ", begun at {start}, {how}");
    }
    if !row.late.is_zero() {
        add!(text, " by {}", row.late);
    }
    text
}

/// What a machine's clock being off means.
fn clock_offset(skew: f64) -> String {
    if skew == 0.0 {
        return "clock: agrees with the target's, as far as whole seconds tell".to_owned();
    }
    format!("clock: {} the target's: its part of every ramp is, too", offset(skew))
}

/// By how much a machine's clock is off the target's, `skew` seconds behind it.
pub(super) fn offset(skew: f64) -> String {
    let way = match skew {
        0.0 => return "agrees".to_owned(),
        skew if skew > 0.0 => "behind",
        _ => "ahead of",
    };
    format!("{} {way}", Nanos::from_secs_f64(skew.abs()))
}
