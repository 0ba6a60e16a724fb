//! Whether what is quoted of a stored run, or named of its slowest arrivals, and the moments
//! of its ledgers can be of that run.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{ScenarioReport, SuiteReport};
use super::place::{Found, LONGEST, Place};
use crate::ids::Traffic;
use crate::measure::{Excerpt, Recording, Slow};
use crate::outcome::{Outcome, OutcomeCounts};
use crate::plan::{Plan, Schedule};
use crate::scenario;
use crate::units::Nanos;

/// The longest quote, in bytes: what is quoted of an answer is far shorter.
const LONGEST_QUOTE: usize = 4000;
/// How much later than its load's last answer a request may end beyond its own timeout:
/// one that was given up.
const GIVEN_UP: Nanos = Nanos::from_secs(10);

/// What of the recording at `here` can't be of its run, if anything.
pub(super) fn look(here: &Place, suite: &SuiteReport, scenario: &ScenarioReport) -> Found {
    let (recording, plan) = (&scenario.recording, &scenario.plan);
    let place = here.at("load_offset");
    place.must(recording.load_offset <= LONGEST, || "nobody waits that long".to_owned())?;
    let schedule = Schedule::new(&plan.stages);
    // Several machines' moments are each by a clock of its own, off by whatever it is off.
    // Runs that were put together began when they began.
    let joined =
        (recording.shards.is_some() && suite.shard.is_none()) || suite.run_id.contains('+');
    let end = if joined { LONGEST } else { end(recording, plan) };
    excerpts(&here.at("excerpts"), recording, plan, (schedule.total(), end))?;
    slowest(&here.at("slowest"), recording, &schedule)?;
    // What was sent for another scenario's keys was sent at other moments.
    let minted = recording.requests.contains_key(&Traffic::Minting);
    let end = if minted { LONGEST } else { end };
    let ledgers = here.at("ledgers");
    for (index, ledger) in recording.ledgers.iter().enumerate() {
        let fits = ledger.entries.iter().all(|entry| entry.done <= end);
        let full = ledger.full_at.is_none_or(|at| at <= end);
        ledgers.item(index).must(fits && full, || "the run was over by then".to_owned())?;
    }
    Ok(())
}

/// By when all requests had ended, from the first one on.
fn end(recording: &Recording, plan: &Plan) -> Nanos {
    if !recording.requests.contains_key(&Traffic::Arrival) {
        return LONGEST;
    }
    recording.load_offset + recording.duration + plan.engine.timeout + GIVEN_UP
}

/// Whether an arrival that is answered with that status (0: not at all) can end so.
pub(super) fn ends_so(outcome: Outcome, status: u16, plan: &Plan) -> bool {
    match outcome {
        Outcome::Accepted => scenario::is_success(&plan.settings, status),
        Outcome::RateLimited => plan.criteria.refuses(status),
        Outcome::Rejected => (400..500).contains(&status) && status != 429,
        Outcome::ServerError => (500..600).contains(&status),
        Outcome::Unexpected => status != 0 && !(400..600).contains(&status),
        Outcome::Contract => status != 0,
        Outcome::Timeout | Outcome::Transport | Outcome::Dropped => status == 0,
    }
}

/// Each outcome and status is quoted once, for arrivals that ended so.
fn excerpts(
    here: &Place,
    recording: &Recording,
    plan: &Plan,
    (planned, end): (u64, Nanos),
) -> Found {
    let whole = recording.total();
    let (mut seen, mut quoted) = (BTreeSet::new(), OutcomeCounts::default());
    let mut answered: BTreeMap<u16, u64> = BTreeMap::new();
    for (index, excerpt) in recording.excerpts.iter().enumerate() {
        let here = here.item(index);
        let Excerpt { outcome, status, count, .. } = *excerpt;
        let own = count > 0 && seen.insert((outcome, status));
        here.must(own, || "it is there twice, or of nothing".to_owned())?;
        let fits = ends_so(outcome, status, plan);
        here.must(fits, || format!("status {status} does not end so"))?;
        let sum = quoted.get(outcome).saturating_add(count);
        here.within(outcome.name(), sum, "in all", whole.outcomes.get(outcome))?;
        quoted.add_many(outcome, count);
        if outcome != Outcome::Dropped {
            let sum = answered.entry(status).or_default();
            *sum = sum.saturating_add(count);
            let all = recording.statuses.get(&status).copied().unwrap_or(0);
            here.within("quoted", *sum, "of that status", all)?;
        }
        here.within("arrival", excerpt.arrival, "planned", planned)?;
        here.at("at").must(excerpt.at <= end, || "the run was over by then".to_owned())?;
        let short = excerpt.text.len() <= LONGEST_QUOTE;
        here.at("text").must(short, || "nobody quotes that much".to_owned())?;
    }
    Ok(())
}

/// The slowest arrivals against all accepted ones.
fn slowest(here: &Place, recording: &Recording, schedule: &Schedule) -> Found {
    let accepted = recording.total().outcomes.get(Outcome::Accepted);
    here.within("slowest", recording.slowest.len() as u64, "accepted", accepted)?;
    here.must(recording.slowest.len() <= Slow::MOST, || "too many".to_owned())?;
    let longest = recording.total().response_time.max().unwrap_or_default();
    let fits = recording.slowest.iter().all(|slow| slow.response_time <= longest);
    here.must(fits, || "none took that long".to_owned())?;
    for (index, slow) in recording.slowest.iter().enumerate() {
        let planned = (1..=schedule.total()).contains(&slow.arrival);
        let due = slow.at <= schedule.duration();
        here.item(index).must(planned && due, || "no such arrival was planned".to_owned())?;
    }
    Ok(())
}
