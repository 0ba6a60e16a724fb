//! Which of the files given are the shards of one run, and which clock they are put on.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::MergeError;
use crate::ids::ScenarioId;
use crate::measure::Absent;
use crate::suite::Part;
use crate::units::{Nanos, Timestamp};

/// What of a suite.json tells whose it is: read quickly, and kept for all of them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ShardHeader {
    /// load-gate's version.
    pub tool_version: String,
    /// The commit that it was built from, where that is known.
    #[serde(default)]
    pub tool_commit: Option<String>,
    /// Whether it is a checkpoint of a run that never ended.
    pub partial: bool,
    /// Which part of a run it is of; `None`: of a run of one machine.
    #[serde(default)]
    pub shard: Option<Part>,
    /// Its scenarios.
    pub scenarios: Vec<ScenarioHeader>,
}

/// One scenario of a [`ShardHeader`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct ScenarioHeader {
    /// What was measured.
    pub recording: RecordingHeader,
}

/// When a recording was made, and by which clock.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct RecordingHeader {
    /// Which scenario.
    pub scenario: ScenarioId,
    /// When its first request was sent.
    pub started_at: Timestamp,
    /// From then to the start of the load.
    pub load_offset: Nanos,
    /// The target's clock minus the machine's, in seconds.
    pub clock_skew: Option<f64>,
}

/// The clock that the recordings of one scenario are put on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CommonClock {
    /// The earliest first request.
    pub(super) epoch: Timestamp,
    /// From then to the start of the load.
    pub(super) load_offset: Nanos,
    /// The target's clock minus this one, in seconds; `None`: nobody was told the time.
    pub(super) skew: Option<f64>,
}

impl CommonClock {
    /// The clock of recordings: that of most machines, by what the target told them.
    fn of(all: &[&RecordingHeader]) -> Self {
        let mut skews: Vec<f64> = all.iter().filter_map(|header| header.clock_skew).collect();
        skews.sort_by(f64::total_cmp);
        let skew = skews.get(skews.len() / 2).copied();
        let clock = Self { epoch: Timestamp { unix_millis: 0 }, load_offset: Nanos::ZERO, skew };
        let begun = |header: &&RecordingHeader| {
            let behind = clock.behind(header.clock_skew) * 1e3;
            header.started_at.unix_millis.saturating_add(behind.floor() as i64)
        };
        let epoch = all.iter().map(begun).min().unwrap_or_default();
        let mut loads: Vec<i64> = all
            .iter()
            .map(|header| header.started_at.after(header.load_offset).unix_millis)
            .collect();
        loads.sort_unstable();
        let load = loads.get(loads.len() / 2).copied().unwrap_or(epoch);
        let offset = u64::try_from(load.saturating_sub(epoch)).unwrap_or(0);
        Self {
            epoch: Timestamp { unix_millis: epoch },
            load_offset: Nanos::from_millis(offset),
            skew,
        }
    }

    /// How far a machine's clock is behind this one, in seconds (below 0: ahead).
    pub(super) fn behind(&self, skew: Option<f64>) -> f64 {
        skew.zip(self.skew).map_or(0.0, |(own, common)| own - common)
    }
}

/// The shards of one run among the files given.
#[derive(Clone, Debug)]
pub struct Roster {
    /// What all of them are parts of (the shard is the first one's).
    pub part: Part,
    /// Places of those that are merged, in the order of their numbers.
    pub members: Vec<usize>,
    /// Shards of which there is only what can't be counted.
    pub(super) cut: Vec<Absent>,
    /// What is no shard of this run, and why.
    pub(super) strangers: Vec<String>,
    pub(super) clocks: BTreeMap<ScenarioId, CommonClock>,
}

impl Roster {
    /// Calls the roll: `files` by their names, each with what it says of itself or why it
    /// can't be read. The run is the one that most of them are of. `Ok(None)`: none is of
    /// several machines.
    ///
    /// # Errors
    /// There is nothing to merge.
    pub fn call(
        files: &[(String, Result<ShardHeader, String>)],
    ) -> Result<Option<Self>, MergeError> {
        let read = || {
            let all = files.iter().enumerate();
            all.filter_map(|(place, (name, header))| Some((place, name, header.as_ref().ok()?)))
        };
        if read().next().is_none() {
            return Err(files.first().map_or(MergeError::None, |(name, header)| {
                let why = header.as_ref().err().map_or("", String::as_str);
                MergeError::Unreadable(format!("{name}: {why}"))
            }));
        }
        let Some((reference, typical)) = most_frequent(read().map(|(.., header)| header)) else {
            return Ok(None);
        };
        let mut roster = Self {
            part: reference.clone(),
            members: Vec::new(),
            cut: Vec::new(),
            strangers: Vec::new(),
            clocks: BTreeMap::new(),
        };
        let unreadable = files
            .iter()
            .filter_map(|(name, header)| header.as_ref().err().map(|why| format!("{name}: {why}")));
        roster.strangers.extend(unreadable);
        let mut shards: BTreeMap<u32, (usize, &str)> = BTreeMap::new();
        // What is complete first: a checkpoint beside it is one more of the same.
        for partial in [false, true] {
            for (place, name, header) in read().filter(|(.., header)| header.partial == partial) {
                let index = match part_of(header, reference, typical) {
                    Ok(part) => part.shard.index(),
                    Err(why) => {
                        roster.strangers.push(format!("{name} {why}"));
                        continue;
                    }
                };
                if let Some((_, other)) = shards.get(&index) {
                    let twice = format!("{name} is shard {index} once more ({other} is it, too)");
                    roster.strangers.push(twice);
                    continue;
                }
                shards.insert(index, (place, name));
                if partial {
                    let why = Some("partial: its run never ended".to_owned());
                    roster.cut.push(Absent { shard: index, why });
                }
            }
        }
        let whole = |place: &usize| files[*place].1.as_ref().is_ok_and(|header| !header.partial);
        let places: Vec<usize> = shards.into_values().map(|(place, _)| place).collect();
        roster.members = places.iter().copied().filter(|place| whole(place)).collect();
        if roster.members.is_empty() {
            // None came to its end: what they measured is shown, and says so of each.
            roster.members = places;
            roster.cut.clear();
        }
        let members = roster.members.iter().filter_map(|place| files[*place].1.as_ref().ok());
        roster.clocks = clocks(members);
        Ok(Some(roster))
    }
}

/// The part whose run and build most headers are of, and a header of it; of several the first.
fn most_frequent<'a>(
    headers: impl Iterator<Item = &'a ShardHeader>,
) -> Option<(&'a Part, &'a ShardHeader)> {
    let mut groups: Vec<(&Part, &ShardHeader, usize)> = Vec::new();
    for header in headers {
        let Some(part) = &header.shard else { continue };
        let same = groups.iter_mut().find(|(other, typical, _)| {
            difference(part, other).is_none() && other_build(header, typical).is_none()
        });
        match same {
            Some((.., n)) => *n += 1,
            None => groups.push((part, header, 1)),
        }
    }
    let most = groups.iter().map(|(.., n)| *n).max()?;
    groups.iter().find(|(.., n)| *n == most).map(|(part, typical, _)| (*part, *typical))
}

/// Which part a header is of; or why it isn't of the run of `reference`, of which `typical` is.
fn part_of<'a>(
    header: &'a ShardHeader,
    reference: &Part,
    typical: &ShardHeader,
) -> Result<&'a Part, String> {
    let Some(part) = &header.shard else {
        return Err("is no shard: it was run without --shard".to_owned());
    };
    if let Some(why) = difference(part, reference) {
        return Err(format!("is a shard of another run: {why}"));
    }
    other_build(header, typical).map_or(Ok(part), Err)
}

/// What tells that another load-gate wrote it, if anything does.
fn other_build(header: &ShardHeader, typical: &ShardHeader) -> Option<String> {
    let written = |own: &str, other: &str| {
        format!("was written by load-gate {own}, the other shards by {other}")
    };
    let (version, other) = (&header.tool_version, &typical.tool_version);
    if version != other {
        return Some(written(version, other));
    }
    let commit = |header: &ShardHeader| match &header.tool_commit {
        Some(commit) => format!("commit {commit}"),
        None => "no known commit".to_owned(),
    };
    let (own, other) = (commit(header), commit(typical));
    (own != other).then(|| written(&format!("{version} of {own}"), &format!("that of {other}")))
}

/// What tells that two parts are of different runs, if anything does.
fn difference(part: &Part, reference: &Part) -> Option<String> {
    let differ = |what: &str, own: &str, other: &str| {
        (own != other).then(|| format!("{what} {own}, not {other}"))
    };
    let of = |part: &Part| part.shard.of().to_string();
    // Within one second the milliseconds tell them apart.
    let close = part.start_at.human() == reference.start_at.human();
    let start = |part: &Part| if close { part.start_at.rfc3339() } else { part.start_at.human() };
    differ("of shards", &of(part), &of(reference))
        .or_else(|| differ("started at", &start(part), &start(reference)))
        .or_else(|| differ("run", &part.run, &reference.run))
        .or_else(|| differ("plan", &part.plan, &reference.plan))
}

fn clocks<'a>(members: impl Iterator<Item = &'a ShardHeader>) -> BTreeMap<ScenarioId, CommonClock> {
    let mut recordings: BTreeMap<ScenarioId, Vec<&RecordingHeader>> = BTreeMap::new();
    for scenario in members.flat_map(|header| &header.scenarios) {
        let recording = &scenario.recording;
        recordings.entry(recording.scenario).or_default().push(recording);
    }
    recordings.iter().map(|(id, all)| (*id, CommonClock::of(all))).collect()
}
