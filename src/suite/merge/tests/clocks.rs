//! Machines whose clocks are off, and limiters that all of them share: a right one is never
//! accused, a wrong one is.

use super::*;
use crate::admission::Admission;
use crate::limits::RuleVerdict;
use crate::measure::Recording;
use crate::tags::Selector;

/// How many machines.
const MACHINES: u32 = 8;

/// What is declared: so many in a window of ten seconds, for everybody together.
const LIMIT: usize = 30;

const WINDOW: Nanos = Nanos::from_secs(10);

/// How far the machines' clocks are from the target's, and what they know of it.
#[derive(Clone, Copy, Debug)]
struct Clocks {
    /// Behind by so much at most, each by its own share of it.
    spread: Nanos,
    /// By how much what the target's `Date` told may be off, and is at most; `None`: it
    /// told nothing.
    error: Option<Nanos>,
}

/// A plan of which such a limiter admits a quarter.
fn limited() -> Plan {
    let stage = |secs| Stage { duration: Nanos::from_secs(secs), target: 12.0 };
    let mut plan = plan_of("webhook", vec![stage(0), stage(45)]);
    plan.identities.kind = IdentityKind::Global;
    let limit = DeclaredLimit::of(LIMIT as u64, WINDOW, Scope::Global);
    plan.criteria.limit = Some(DeclaredLimit { json: false, ..limit });
    plan
}

/// From 0 to `most`, as the dice of a machine fall.
fn share_of(most: Nanos, seed: u64, machine: u64) -> Nanos {
    Nanos(machines::hash(seed, machine) % (most.0 + 1))
}

/// What machines measure of a target that answers in 2 ms and admits `each` in a window that
/// the first request opens.
fn told(plan: &Plan, clocks: Clocks, each: usize, seed: u64) -> Vec<Recording> {
    let scenario = built(plan, seed);
    let part = |index| measured(plan, shard(index, MACHINES), &scenario, seed);
    let mut recordings: Vec<Recording> = (1..=MACHINES).map(part).collect();
    let behind = |machine| share_of(clocks.spread, seed, machine as u64);
    let mut all: Vec<(Nanos, usize, usize)> = Vec::new();
    for (machine, recording) in recordings.iter_mut().enumerate() {
        recording.clock_skew = clocks.error.map(|error| {
            let off = share_of(Nanos(2 * error.0), seed ^ 0xff, machine as u64).as_secs_f64();
            behind(machine).as_secs_f64() + off - error.as_secs_f64()
        });
        recording.clock_error = clocks.error.unwrap_or_default();
        for (place, entry) in recording.ledgers[0].entries.iter_mut().enumerate() {
            entry.done = entry.sent + Nanos::from_millis(2);
            all.push((entry.sent + behind(machine), machine, place));
        }
    }
    all.sort_unstable();
    let (mut opened, mut used) = (Nanos::ZERO, 0);
    for (at, machine, place) in all {
        if used == 0 || at >= opened + WINDOW {
            (opened, used) = (at, 0);
        }
        let admitted = if used < each { Admitted::Yes } else { Admitted::No };
        used += usize::from(used < each);
        recordings[machine].ledgers[0].entries[place].admitted = admitted;
    }
    for recording in &mut recordings {
        let ledger = &mut recording.ledgers[0];
        let admitted = |entry: &&Admission| entry.admitted == Admitted::Yes;
        ledger.admitted = ledger.entries.iter().filter(admitted).count() as u64;
        ledger.refused = ledger.entries.len() as u64 - ledger.admitted;
        ledger.unknown = 0;
        let all = recording.slices.get_mut(&Selector::all()).expect("is kept");
        all.rate_limit_hits = all.rate_limit_hits.max(ledger.refused);
        recording.refusals.refused = all.rate_limit_hits;
    }
    recordings
}

/// Of how many seeds a limiter that admits `each` is said to break a rule.
fn accused(clocks: Clocks, each: usize, seeds: std::ops::Range<u64>) -> usize {
    let plan = limited();
    let broken = |seed: &u64| {
        let recordings = told(&plan, clocks, each, *seed).into_iter();
        let reports: Vec<SuiteReport> = (1..)
            .zip(recordings)
            .map(|(index, recording)| report(&plan, shard(index, MACHINES), recording))
            .collect();
        let whole = merged(&reports, 0).expect("shards of one run");
        let rules = &whole.scenarios[0].verdict.limiter.rules;
        rules.iter().any(|rule| rule.verdict == RuleVerdict::Fail)
    };
    seeds.filter(broken).count()
}

/// Seeds of which half accused a right limiter before moments were granted what clocks don't
/// tell; what they are granted was chosen on others.
const SEEDS: std::ops::Range<u64> = 106..109;

/// Nobody was told the time, and clocks are as far apart as NTP lets them be.
const UNTOLD: Clocks = Clocks { spread: Nanos::from_millis(250), error: None };

const fn told_within(millis: u64) -> Clocks {
    Clocks { spread: Nanos::from_secs(4), error: Some(Nanos::from_millis(millis)) }
}

#[test]
fn a_right_limiter_is_not_accused_by_machines_whose_clocks_are_apart() {
    for clocks in [UNTOLD, told_within(5), told_within(100), told_within(500)] {
        assert_eq!(accused(clocks, LIMIT, SEEDS), 0, "{clocks:?}");
    }
}

#[test]
fn a_wrong_limiter_is_accused_however_far_apart_the_clocks_are() {
    // A tenth too much, or too little, where the clocks are known as well as they usually are.
    let wrong = [
        (told_within(5), LIMIT * 11 / 10),
        (told_within(5), LIMIT * 9 / 10),
        (told_within(100), LIMIT * 11 / 10),
        (told_within(100), LIMIT * 9 / 10),
        (UNTOLD, LIMIT * 3 / 2),
        (UNTOLD, LIMIT * 9 / 10),
        (told_within(500), LIMIT * 3 / 2),
        (told_within(500), LIMIT / 2),
    ];
    // Each by a seed of its own: what is found out about one takes half a second.
    for ((clocks, each), seed) in wrong.into_iter().zip(SEEDS.start..) {
        assert_eq!(accused(clocks, each, seed..seed + 1), 1, "{clocks:?}: {each}, seed {seed}");
    }
}

#[test]
fn what_the_clocks_leave_open_is_said() {
    let plan = limited();
    let recordings = told(&plan, told_within(30), LIMIT * 3 / 2, 3).into_iter();
    let reports: Vec<SuiteReport> = (1..)
        .zip(recordings)
        .map(|(index, recording)| report(&plan, shard(index, MACHINES), recording))
        .collect();
    let whole = merged(&reports, 0).expect("shards of one run");
    let (_, message) = finding(&whole, "rate limit: never admits more than the limit");
    let said = "clocks are off by up to 250 ms, and each machine's by 32.0 ms more";
    assert!(message.contains(said), "{message}");
    let recording = &whole.scenarios[0].recording;
    assert_eq!(recording.clocks_apart, Nanos::from_millis(32));
    assert_eq!(recording.ledgers[0].clocks_apart, recording.clocks_apart);
    let read = read_suite(&json(&whole)).expect("is read").judged_anew(None);
    assert_eq!(finding(&read, "rate limit: never admits more than the limit").1, message);
    // What one machine tells of one identity is told by one clock.
    let of_one = &reports[0].scenarios[0].recording;
    assert!(of_one.clocks_apart.is_zero() && of_one.ledgers[0].clocks_apart.is_zero());
}
