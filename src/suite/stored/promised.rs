//! Whether what was measured can have come of the plan that stands beside it.

use super::super::{ScenarioReport, SuiteReport};
use super::place::{Found, LONGEST, MOST, Place};
use crate::ids::Traffic;
use crate::measure::{Ended, Recording};
use crate::plan::{LOOKS, Plan, Schedule};
use crate::units::Nanos;

/// What of the recording at `here` can't have come of its plan, if anything.
pub(super) fn look(here: &Place, suite: &SuiteReport, scenario: &ScenarioReport) -> Found {
    let (recording, plan) = (&scenario.recording, &scenario.plan);
    planned(here, recording, plan)?;
    if recording.shards.is_none() {
        whole(&here.at("stages"), recording, plan, runs(suite))?;
    }
    went_on(here, recording, plan)?;
    let joined = recording.shards.is_some() && suite.shard.is_none();
    lasted(here, recording, joined)?;
    probes(&here.at("probes"), recording, plan)
}

/// Of how many runs, each at a rate of its own, it was put together.
fn runs(suite: &SuiteReport) -> u64 {
    suite.run_id.split('+').count() as u64
}

/// A load goes on where that is planned, and no longer.
fn went_on(here: &Place, recording: &Recording, plan: &Plan) -> Found {
    let (most, done) = plan.extension.map_or((Nanos::ZERO, Nanos::ZERO), |e| (e.most, e.done));
    let went_on = recording.went_on.unwrap_or_default();
    let place = here.at("went_on");
    place.must(most <= LONGEST && done <= most, || "no load goes on that long".to_owned())?;
    place.must(went_on.by == done, || "it is not what the plan says".to_owned())?;
    place.must(went_on.times < LOOKS, || "nobody looks that often".to_owned())
}

/// No more is sent than was planned, and when it was planned.
fn planned(here: &Place, recording: &Recording, plan: &Plan) -> Found {
    let generator = &recording.generator;
    let schedule = Schedule::new(&plan.stages);
    let place = here.at("generator");
    place.within("planned", generator.planned, "in the plan's stages", schedule.total())?;
    let done = generator.sent + generator.dropped + generator.given_up;
    place.within("arrivals", done, "planned", generator.planned)?;
    let stages = here.at("stages");
    if recording.stages.is_empty() {
        return stages.equal("planned", generator.planned, "in no stage", 0);
    }
    let lasts = |list: &[crate::measure::StageRecord]| -> Vec<_> {
        list.iter().map(|stage| (stage.number, stage.kind, stage.start, stage.end)).collect()
    };
    let same = lasts(&recording.stages) == lasts(&schedule.stages());
    stages.must(same, || "they are not the plan's".to_owned())?;
    let (mut planned, mut within, mut dropped) = (0_u64, 0_u64, 0_u64);
    for (index, stage) in recording.stages.iter().enumerate() {
        let fits = [stage.planned, stage.sent_within, stage.dropped].iter().all(|n| *n <= MOST);
        stages.item(index).must(fits, || "nobody counts that many".to_owned())?;
        planned += stage.planned;
        within += stage.sent_within;
        dropped += stage.dropped;
    }
    stages.equal("planned", planned, "in all", generator.planned)?;
    stages.within("sent", within, "in all", generator.sent)?;
    stages.within("dropped", dropped, "in all", generator.dropped)
}

/// All that was planned was one machine's to send, or that of `runs`, each of which
/// rounds for itself.
fn whole(here: &Place, recording: &Recording, plan: &Plan, runs: u64) -> Found {
    let most = if runs > 1 { runs } else { 0 };
    let schedule = Schedule::new(&plan.stages).stages();
    for (index, (stage, wanted)) in recording.stages.iter().zip(&schedule).enumerate() {
        let same = stage.planned.abs_diff(wanted.planned) <= most
            && (stage.target - wanted.target).abs() <= wanted.target * 1e-9;
        here.item(index).must(same, || "it is not the plan's".to_owned())?;
    }
    Ok(())
}

/// It lasted at least until what it tells of. The seconds of several machines are moved
/// by what their clocks are apart, its length isn't.
fn lasted(here: &Place, recording: &Recording, joined: bool) -> Found {
    let bins = &recording.timeline.bins;
    let last = bins.iter().rposition(|bin| bin.due > 0).unwrap_or(0) as u64;
    let from = Nanos::from_secs(last.saturating_mul(recording.timeline.width.into()));
    let ended = recording.ended == Ended::Completed;
    let fits = joined || !ended || recording.duration >= from;
    let place = here.at("duration");
    place.must(recording.duration <= LONGEST, || "no load lasts that long".to_owned())?;
    place.must(fits, || "its seconds don't fit into it".to_owned())
}

/// Each kind of probe that is planned is there once, and those sent are told.
fn probes(here: &Place, recording: &Recording, plan: &Plan) -> Found {
    if recording.requests.is_empty() {
        return Ok(());
    }
    let kinds = |list: &mut Vec<_>| list.sort_unstable();
    let (mut wanted, mut found) =
        (plan.probes.kinds.clone(), recording.probes.iter().map(|probe| probe.kind).collect());
    kinds(&mut wanted);
    kinds(&mut found);
    here.must(wanted == found, || "they are not the plan's".to_owned())?;
    let told = recording.probes.iter().fold(0_u64, |sum, probe| sum.saturating_add(probe.sent));
    let sent = recording.requests.get(&Traffic::Probe).copied().unwrap_or(0);
    // Of those given up nothing is told.
    let all = recording.ended != Ended::Completed || told >= sent;
    here.must(all, || format!("{sent} were sent, {told} are told of"))
}
