//! What several recorders see, put together, is what one sees.

use crate::measure::fixtures::accepted;
use proptest::prelude::*;

use super::super::{Ledger, LedgerRoom};
use super::super::{Recorder, RecorderConfig, Sample, StageKind};
use super::*;
use crate::admission::{Admission, Admitted};
use crate::ids::{IdentityId, ScenarioId};
use crate::outcome::Outcome;

const SECONDS: u64 = 4;

fn recorder() -> Recorder {
    let stage = |number, kind, start, end| StageRecord {
        number,
        kind,
        start: Nanos::from_secs(start),
        end: Nanos::from_secs(end),
        target: 0.0,
        planned: 0,
        sent_within: 0,
        dropped: 0,
    };
    Recorder::new(RecorderConfig {
        scenario: ScenarioId::fixed("webhook"),
        labels: Vec::new(),
        checks: vec!["one", "two"],
        probes: Vec::new(),
        stages: vec![stage(1, StageKind::Ramp, 0, 1), stage(2, StageKind::Hold, 1, SECONDS)],
        selectors: std::collections::BTreeSet::new(),
        limit_declared: true,
        identities: vec![("198.18.0.1".to_owned(), false), ("198.18.0.2".to_owned(), false)],
        joined: false,
        planned: 0,
        started_at: Timestamp { unix_millis: 1_000 },
    })
}

fn add(recorder: &mut Recorder, (at, took, outcome): (u64, u64, usize), identity: u32) {
    let outcome = Outcome::ALL[outcome];
    let due = Nanos::from_micros(at);
    let sent = due + Nanos::from_micros(took % 97);
    let dropped = outcome == Outcome::Dropped;
    let sample = Sample {
        stage: u16::from(at >= 1_000_000),
        identity: IdentityId(identity),
        first_byte: sent + Nanos::from_micros(took / 2),
        held: Nanos::from_micros(took % 89),
        excused: took % 2 == 0 && !outcome.is_answered() && !dropped,
        status: if outcome.is_answered() { 200 + outcome as u16 } else { 0 },
        outcome,
        bytes_sent: 1,
        bytes_received: 2,
        checks_failed: 2,
        admitted: if outcome == Outcome::RateLimited { Admitted::No } else { Admitted::Yes },
        ..accepted(at, due, sent, sent + Nanos::from_micros(took))
    };
    if !dropped {
        recorder.sent(sent, 1);
    }
    recorder.record(&sample, (!dropped).then_some(("text", None)));
}

proptest! {
    // A case makes five recorders with all their histograms.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// What one recorder sees, two see in halves.
    #[test]
    fn merging_two_halves_is_recording_together(
        samples in proptest::collection::vec(
            (0..SECONDS * 1_000_000, 1_u64..3_000_000, 0..Outcome::ALL.len()), 0..120),
    ) {
        let mut samples = samples;
        samples.sort_unstable();
        samples.dedup_by_key(|(at, ..)| *at);
        // In the order in which they end.
        samples.sort_by_key(|(at, took, _)| at + took % 97 + took);
        let (mut whole, mut halves) = (recorder(), [recorder(), recorder()]);
        for (n, sample) in samples.iter().enumerate() {
            let half = n % 2;
            add(&mut whole, *sample, half as u32);
            add(&mut halves[half], *sample, half as u32);
        }
        let end = |r: &Recorder| r.finish(Ended::Completed, Nanos::from_secs(9));
        let (mut merged, right, mut whole) = (end(&halves[0]), end(&halves[1]), end(&whole));
        merged.merge(&right).expect("shards of one run");
        // The most at once is a bound, and shards don't know each other's identities.
        for recording in [&mut merged, &mut whole] {
            recording.generator.max_in_flight = 0;
            recording.timeline.bins.iter_mut().for_each(|bin| bin.in_flight = 0);
            // Nobody said how well the two clocks agree.
            recording.clocks_apart = Nanos::ZERO;
            recording.ledgers.iter_mut().for_each(|ledger| {
                (ledger.identity, ledger.clocks_apart) = (IdentityId(0), Nanos::ZERO);
            });
            recording.ledgers.sort_by(|a, b| a.label.cmp(&b.label));
        }
        prop_assert!(merged == whole, "{:?}\n{:?}", merged.ledgers, whole.ledgers);
    }
}

#[test]
fn what_was_sent_first_is_quoted_though_it_ended_last() {
    let (slow, fast) = ((100, 97_000, 0), (150, 1, 0));
    let (mut whole, mut late, mut early) = (recorder(), recorder(), recorder());
    add(&mut whole, fast, 0);
    add(&mut whole, slow, 0);
    add(&mut late, fast, 0);
    add(&mut early, slow, 0);
    let end = |r: &Recorder| r.finish(Ended::Completed, Nanos::ZERO);
    let mut merged = end(&late);
    merged.merge(&end(&early)).expect("shards of one run");
    for recording in [end(&whole), merged] {
        assert_eq!((recording.excerpts[0].arrival, recording.excerpts[0].count), (100, 2));
    }
}

#[test]
fn ledgers_of_one_identity_are_joined_in_time() {
    let make = |at: i64, first: u64| {
        let mut recorder = recorder();
        add(&mut recorder, (first, 50, 0), 0);
        let mut recording = recorder.finish(Ended::Completed, Nanos::from_secs(1));
        recording.started_at = Timestamp { unix_millis: at };
        recording
    };
    let (mut late, early) = (make(3_000, 100), make(1_000, 200));
    late.merge(&early).expect("shards of one run");
    assert_eq!(late.started_at.unix_millis, 1_000);
    let sent: Vec<u64> = late.ledgers[0].entries.iter().map(|e| e.sent.as_micros()).collect();
    assert_eq!(sent, [250, 2_000_150]);
    assert_eq!((late.ledgers.len(), late.ledgers[0].admitted), (1, 2));
}

#[test]
fn what_is_no_shard_of_the_same_run_is_refused_and_changes_nothing() {
    let mut mine = recorder().finish(Ended::Completed, Nanos::ZERO);
    let before = mine.clone();
    let mut other = mine.clone();
    other.stages[1].end = Nanos::from_secs(5);
    assert_eq!(mine.merge(&other), Err(NotShards::Stages));
    let other = Recording { scenario: ScenarioId::fixed("onboarding"), ..before.clone() };
    assert!(matches!(mine.merge(&other), Err(NotShards::Scenario(..))));
    assert_eq!(mine, before);
}

#[test]
fn the_whole_ended_as_its_worst_shard() {
    let of = |ended| recorder().finish(ended, Nanos::ZERO);
    let aborted = Ended::Aborted { after: Nanos::ZERO, reason: String::new() };
    let interrupted = Ended::Interrupted { after: Nanos::ZERO };
    for (a, b, worst) in [
        (Ended::Completed, interrupted.clone(), interrupted.clone()),
        (aborted.clone(), interrupted.clone(), aborted),
        (Ended::Completed, Ended::Completed, Ended::Completed),
    ] {
        let mut merged = of(a);
        merged.merge(&of(b)).expect("shards of one run");
        assert_eq!(merged.ended, worst);
    }
}

/// An entry of a ledger, as short as can be.
fn entry(millis: u64, admitted: Admitted) -> Admission {
    let sent = Nanos::from_millis(millis);
    let done = sent + Nanos::from_millis(1);
    Admission { sent, done, admitted, retry_after: None, status: 0 }
}

fn ledger(label: &str, entries: impl IntoIterator<Item = Admission>) -> Ledger {
    let mut room = LedgerRoom::default();
    let mut ledger = Ledger::new(IdentityId(0), label, false).of_every_refusal();
    entries.into_iter().for_each(|entry| ledger.push(entry, &mut room));
    ledger
}

#[test]
fn ledgers_of_machines_that_share_a_limiter_are_what_one_machine_keeps() {
    // Refusals that one machine finds in a row aren't, once the other's admission is known.
    let all = [(0, Admitted::Yes), (5, Admitted::No), (6, Admitted::No), (7, Admitted::No)];
    let other = [(3, Admitted::Yes), (8, Admitted::Yes), (9, Admitted::No)];
    let of = |list: &[(u64, Admitted)]| {
        ledger(Ledger::EVERYBODY, list.iter().map(|(at, admitted)| entry(*at, *admitted)))
    };
    let mut joined = JoinedLedgers::default();
    joined.add(of(&all), Nanos::ZERO, Nanos::ZERO);
    joined.add(of(&other), Nanos::ZERO, Nanos::ZERO);
    let joined = joined.finish();
    let mut one = Ledger::new(IdentityId(0), Ledger::EVERYBODY, false);
    let mut together: Vec<_> = all.iter().chain(&other).collect();
    together.sort_by_key(|(at, _)| *at);
    let mut room = LedgerRoom::default();
    for (at, admitted) in together {
        one.push(entry(*at, *admitted), &mut room);
    }
    assert_eq!(joined, [one]);
}

#[test]
fn however_many_ledgers_there_are_what_came_first_is_kept_of_all() {
    // A thousand machines with an address each, and five times the room.
    let (machines, each) = (1000, 5 * LedgerRoom::MOST as u64 / 1000);
    let mut joined = JoinedLedgers::default();
    for machine in 0..machines {
        let entries = (0..each).map(|k| entry(k * 10, Admitted::Yes));
        joined.add(
            ledger(&Ledger::address_of_shard(machine + 1), entries),
            Nanos::ZERO,
            Nanos::ZERO,
        );
        assert!(joined.held <= 2 * LedgerRoom::MOST);
    }
    let whole = joined.finish();
    assert_eq!(whole.len(), machines as usize);
    let kept: usize = whole.iter().map(|ledger| ledger.entries.len()).sum();
    assert_eq!(kept, LedgerRoom::MOST);
    for ledger in &whole {
        assert_eq!(ledger.admitted, each);
        assert_eq!(ledger.entries.len(), LedgerRoom::MOST / machines as usize);
        let full_at = ledger.full_at.expect("there was no room for all");
        assert_eq!(full_at, Nanos::from_millis(ledger.entries.len() as u64 * 10));
    }
    let numbers: std::collections::BTreeSet<_> = whole.iter().map(|l| l.identity).collect();
    assert_eq!(numbers.len(), machines as usize);
}

#[test]
fn a_machine_whose_clock_is_off_is_put_on_the_common_one() {
    let make = |at: i64| {
        let mut recorder = recorder();
        add(&mut recorder, (500_000, 50, 0), 0);
        let mut recording = recorder.finish(Ended::Completed, Nanos::from_secs(1));
        recording.started_at = Timestamp { unix_millis: at };
        recording
    };
    let mut merger = Merger::new(Timestamp { unix_millis: 1_000 });
    merger.add(make(1_000), 0.0).expect("a shard");
    // It says 5 s, and is 3 s ahead.
    merger.add(make(5_000), -3.0).expect("a shard");
    let whole = merger.finish().expect("two shards");
    let sent: Vec<u64> = whole.ledgers[0].entries.iter().map(|e| e.sent.as_micros()).collect();
    assert_eq!(sent, [500_050, 1_500_050]);
    assert_eq!(whole.started_at.unix_millis, 1_000);
}
