//! The machines of a run that several send: whether all are there, and whether each sent its part.

use super::{About, Finding, FindingVerdict, GeneratorBounds};
use crate::measure::{Absent, Recording, ShardRow, Shards};
use crate::units::{Nanos, count, percent};

/// The most shards that a sentence names.
const MOST_NAMED: usize = 8;

/// What is asserted of a run's machines.
pub const ALL_SHARDS: &str = "every shard is there";

/// Whether every shard is there, and nothing else was given.
pub(super) fn judge(recording: &Recording) -> Vec<Finding> {
    let Some(shards) = &recording.shards else { return Vec::new() };
    let mut findings = vec![all_there(shards)];
    findings.extend(strangers(shards));
    findings
}

fn all_there(shards: &Shards) -> Finding {
    let absent = shards.absent();
    let (here, of) = (count(shards.rows.len() as u64), count(u64::from(shards.of)));
    let (verdict, message) = if absent.is_empty() {
        (FindingVerdict::Pass, format!("{here} of {of} shards are there"))
    } else if shards.too_few() {
        let allowed = match shards.allowed {
            0 => String::new(),
            n => format!("; --allow-missing {n} isn't enough"),
        };
        let message = format!("{here} of {of} shards are there: {}{allowed}", named(&absent));
        (FindingVerdict::Inconclusive, message)
    } else {
        let message = format!(
            "{here} of {of} shards are there: {}; allowed by --allow-missing {}",
            named(&absent),
            shards.allowed
        );
        (FindingVerdict::Info, message)
    };
    Finding::new(About::Run, ALL_SHARDS, verdict, message)
}

/// `shard 3 is missing, shard 5 is partial: its run never ended`.
fn named(absent: &[Absent]) -> String {
    let one = |absent: &Absent| match &absent.why {
        Some(why) => format!("shard {} is {why}", absent.shard),
        None => format!("shard {} is missing", absent.shard),
    };
    let mut names: Vec<String> = absent.iter().take(MOST_NAMED).map(one).collect();
    if absent.len() > MOST_NAMED {
        names.push(format!("{} more aren't there", count((absent.len() - MOST_NAMED) as u64)));
    }
    names.join(", ")
}

fn strangers(shards: &Shards) -> Option<Finding> {
    let (first, more) = shards.strangers.split_first()?;
    let more = match more.len() {
        0 => String::new(),
        n => format!(" (and {} more)", count(n as u64)),
    };
    let name = "everything merged is of this run";
    let message = format!("not merged: {first}{more}");
    let mut found = Finding::new(About::Run, name, FindingVerdict::Inconclusive, message);
    found.evidence = shards.strangers.iter().take(MOST_NAMED).cloned().collect();
    Some(found)
}

/// Machines that fell short each by itself: what they sent late or not at all says nothing
/// against the target, though it is little of the whole.
pub(super) fn starved(bounds: &GeneratorBounds, recording: &Recording) -> Option<Finding> {
    let shards = recording.shards.as_ref().filter(|shards| shards.of > 1)?;
    let short: Vec<String> = shards.rows.iter().filter_map(|row| fell_short(bounds, row)).collect();
    let name = "every shard keeps to its part of the plan";
    let Some(first) = short.first() else {
        let rows = count(shards.rows.len() as u64);
        let message = format!("each of {rows} shards sent its part in time");
        return Some(Finding::new(About::Generator, name, FindingVerdict::Pass, message));
    };
    let more = match short.len() {
        1 => String::new(),
        2 => " (and another)".to_owned(),
        n => format!(" (and {} more shards)", count(n as u64 - 1)),
    };
    let message = format!("the generator fell short: {first}{more}");
    let mut found = Finding::new(About::Generator, name, FindingVerdict::Inconclusive, message);
    found.evidence = short.into_iter().take(MOST_NAMED).collect();
    Some(found)
}

/// How a shard fell short, if it did.
fn fell_short(bounds: &GeneratorBounds, row: &ShardRow) -> Option<String> {
    let all = row.sent + row.dropped;
    let dropped = row.dropped as f64 / all.max(1) as f64;
    let missing = row.planned.saturating_sub(all);
    let lag = row.lag_p99.filter(|lag| *lag > bounds.max_lag);
    let mut how = Vec::new();
    if row.late > bounds.max_lag {
        how.push(format!("it began {} late", row.late));
    }
    if dropped > bounds.max_dropped {
        how.push(format!(
            "{} of {} arrivals were dropped ({})",
            count(row.dropped),
            count(all),
            percent(dropped)
        ));
    }
    if missing > 1 && missing as f64 > bounds.max_off_plan * row.planned as f64 {
        how.push(format!("{} of {} were not sent", count(missing), count(row.planned)));
    }
    how.extend(lag.map(|lag: Nanos| format!("p99 of its schedule lag is {lag}")));
    (!how.is_empty()).then(|| format!("shard {}: {}", row.shard, how.join(", ")))
}

/// Of how many shards the figures are, where some may be absent and are:
/// `3 of 4 shards: shard 2 is missing`.
pub(super) fn without(findings: &[Finding]) -> Option<&str> {
    let told = |f: &&Finding| f.name == ALL_SHARDS && f.verdict == FindingVerdict::Info;
    findings.iter().find(told).map(|f| f.message.as_str())
}
