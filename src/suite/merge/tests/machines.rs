//! Machines of a deterministic target: what each measures of its part, and what it reports.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::*;
use crate::admission::Admitted;
use crate::gate;
use crate::ids::{IdentityId, ScenarioId};
use crate::measure::fixtures::accepted;
use crate::measure::{Ended, Ledger, Recorder, RecorderConfig, Recording, Sample};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::plan::fixtures;
use crate::plan::{Deal, IdentityKind, Schedule, Shard, Stage};
use crate::scenario::{self, Scenario, Secrets, Settings};
use crate::suite::{Part, ScenarioReport, SuiteReport};
use crate::units::{Nanos, Timestamp};

/// The appointed moment.
pub(super) const START: Timestamp = Timestamp { unix_millis: 1_770_000_060_000 };
/// From a machine's first request to its load.
pub(super) const BEFORE_LOAD: Nanos = Nanos::from_millis(2_500);

/// A plan of a built-in scenario.
pub(super) fn plan_of(name: &str, stages: Vec<Stage>) -> Plan {
    let scenario = ScenarioId::parse(name).expect("is a name");
    fixtures::plan(scenario, Settings::new(scenario, [("duplicates", 0.1.into())]), stages)
}

pub(super) fn hash(seed: u64, n: u64) -> u64 {
    let mut z = (seed ^ n).wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What a target that knows nothing but the arrival's number answers.
pub(super) fn sample(plan: &Plan, seed: u64, (n, stage, due): (u64, usize, Nanos)) -> Sample {
    let dice = hash(seed, n);
    let outcome = match dice % 16 {
        0 | 1 => Outcome::RateLimited,
        2 => Outcome::ServerError,
        3 => Outcome::Timeout,
        _ => Outcome::Accepted,
    };
    let due = BEFORE_LOAD + due;
    let sent = due + Nanos::from_micros(dice >> 8 & 0xff);
    let done = sent + Nanos::from_micros(1_000 + (dice >> 16 & 0xf_ffff));
    Sample {
        stage: u16::try_from(stage).unwrap_or(u16::MAX),
        identity: IdentityId(((n - 1) % u64::from(plan.identities.count)) as u32),
        status: match outcome {
            Outcome::Accepted => success(plan),
            Outcome::RateLimited => 429,
            Outcome::ServerError => 500,
            _ => 0,
        },
        outcome,
        bytes_sent: 10,
        bytes_received: 20,
        admitted: match outcome {
            Outcome::Accepted => Admitted::Yes,
            Outcome::RateLimited => Admitted::No,
            _ => Admitted::Unknown,
        },
        ..accepted(n, due, sent, done)
    }
}

/// The status of an answer that the scenario takes.
pub(super) fn success(plan: &Plan) -> u16 {
    (200..300).find(|status| scenario::is_success(&plan.settings, *status)).expect("one is")
}

/// What a machine measures of its part.
pub(super) fn measured(
    plan: &Plan,
    shard: Shard,
    scenario: &Arc<dyn Scenario>,
    seed: u64,
) -> Recording {
    let schedule = Schedule::new(&plan.stages);
    let deal = Deal::new(plan, shard, scenario);
    let stages = deal.stages(&schedule);
    let planned = stages.iter().map(|stage| stage.planned).sum();
    let everybody = plan.identities.kind == IdentityKind::Global;
    let names = (0..plan.identities.count).map(|i| {
        let name = if everybody { Ledger::EVERYBODY.to_owned() } else { format!("key {}", i + 1) };
        (name, false)
    });
    let mut recorder = Recorder::new(RecorderConfig {
        scenario: plan.scenario,
        labels: Vec::new(),
        checks: vec!["one"],
        probes: Vec::new(),
        stages,
        selectors: BTreeSet::new(),
        limit_declared: plan.criteria.limit.is_some(),
        identities: names.collect(),
        joined: !shard.is_alone() && everybody,
        planned,
        started_at: Timestamp { unix_millis: START.unix_millis - 2_500 },
    });
    recorder.set_load_offset(BEFORE_LOAD);
    let mut samples: Vec<Sample> = schedule
        .moments(deal.numbers(schedule.total()))
        .map(|arrival| sample(plan, seed, arrival))
        .collect();
    samples.sort_by_key(|sample| (sample.done, sample.arrival));
    for sample in samples {
        recorder.sent(sample.sent, 1);
        recorder.record(&sample, (sample.outcome != Outcome::Accepted).then_some(("text", None)));
        if sample.admitted == Admitted::No {
            recorder.refused(true, true, true);
        }
    }
    recorder.finish(Ended::Completed, schedule.duration() + Nanos::from_secs(2))
}

pub(super) fn report(plan: &Plan, shard: Shard, recording: Recording) -> SuiteReport {
    let recording =
        if shard.is_alone() { recording } else { recording.of_shard(shard.index(), shard.of()) };
    let verdict = gate::evaluate(&plan.criteria, &recording, None);
    let (kind, headline) = gate::suite(std::slice::from_ref(&verdict), false);
    let scenario = ScenarioReport { plan: plan.clone(), recording, verdict };
    SuiteReport {
        tool_version: "1.1.0".to_owned(),
        shard: (!shard.is_alone()).then(|| Part {
            shard,
            plan: "0123456789abcdef".to_owned(),
            start_at: START,
            run: String::new(),
        }),
        verdict: kind,
        headline,
        ..crate::suite::fixtures::suite(scenario.recording.started_at, vec![scenario])
    }
}

/// What a report says of itself, as its file is read.
pub(super) fn header(report: &SuiteReport) -> Result<ShardHeader, String> {
    crate::suite::read_header(&json(report)).map_err(|error| error.to_string())
}

pub(super) fn json(report: &SuiteReport) -> String {
    serde_json::to_string(report).expect("serialises")
}

/// Merges reports as files of the names `a`, `b`, ….
pub(super) fn merged(reports: &[SuiteReport], allowed: u32) -> Result<SuiteReport, MergeError> {
    held_against(reports, allowed, None, false)
}

/// The same, held against a baseline, which may be `required`.
pub(super) fn held_against(
    reports: &[SuiteReport],
    allowed: u32,
    baseline: Option<&SuiteReport>,
    required: bool,
) -> Result<SuiteReport, MergeError> {
    let name = |i: usize| char::from(b'a' + i as u8).to_string();
    let files: Vec<_> =
        reports.iter().enumerate().map(|(i, report)| (name(i), header(report))).collect();
    let roster = Roster::call(&files)?.expect("there are shards");
    let members = roster.members.clone();
    let mut union = Union::new(roster, allowed);
    for place in members {
        union.add(&name(place), reports[place].clone());
    }
    Ok(union.finish(baseline, required).expect("there are members"))
}

pub(super) fn shard(index: u32, of: u32) -> Shard {
    Shard::new(index, of).expect("is one")
}

pub(super) fn built(plan: &Plan, seed: u64) -> Arc<dyn Scenario> {
    let scenario = scenario::build(&plan.settings, seed, "lg-test", Secrets::default());
    scenario.expect("is built in").into()
}

/// What can't be the same: requests at once are a bound, ledgers beyond what there is room
/// for, and that it was told by several clocks.
pub(super) fn comparable(mut recording: Recording) -> Recording {
    recording.generator.max_in_flight = 0;
    recording.timeline.bins.iter_mut().for_each(|bin| bin.in_flight = 0);
    recording.shards = None;
    recording.clocks_apart = Nanos::ZERO;
    recording.ledgers.iter_mut().for_each(|ledger| ledger.clocks_apart = Nanos::ZERO);
    recording
}
