//! Recordings of shards become the recording of the whole, exactly.

use std::cmp::Reverse;

use super::{
    CheckCount, Ended, Excerpt, Ledger, LedgerRoom, ProbeCount, Recording, StageRecord, resource,
};
use crate::ids::IdentityId;
use crate::units::{Nanos, Timestamp};

/// Why two recordings are no shards of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShards {
    /// Other scenarios.
    #[error("they are of {0} and {1}")]
    Scenario(&'static str, &'static str),
    /// Other stages.
    #[error("their stages differ")]
    Stages,
    /// Other checks.
    #[error("their checks differ")]
    Checks,
    /// Other selectors were kept.
    #[error("they kept different selectors: `{0}` is only in one of them")]
    Selectors(String),
}

impl Recording {
    /// Adds the recording of another shard of the same run, which drove the same
    /// stages at the same time at a rate of its own. Counts, histograms and series
    /// come out as if one recorder had seen both. A ledger is joined with one of
    /// the same name (but for the machine's own address, which every shard has).
    /// Requests in flight at once are added up: an upper bound.
    ///
    /// # Errors
    /// They are no shards of one run; this recording is as it was.
    pub fn merge(&mut self, other: &Self) -> Result<(), NotShards> {
        self.comparable(other)?;
        self.join_ledgers(other);
        for (selector, slice) in &other.slices {
            self.slices.entry(selector.clone()).or_default().merge(slice);
        }
        for (traffic, n) in &other.requests {
            *self.requests.entry(*traffic).or_default() += n;
        }
        for (status, n) in &other.statuses {
            *self.statuses.entry(*status).or_default() += n;
        }
        self.stages.iter_mut().zip(&other.stages).for_each(|(mine, theirs)| stage(mine, theirs));
        merge_checks(&mut self.checks, &other.checks);
        merge_probes(&mut self.probes, &other.probes);
        merge_excerpts(&mut self.excerpts, &other.excerpts);
        self.setups.merge(&other.setups);
        self.refusals.refused += other.refusals.refused;
        self.refusals.json += other.refusals.json;
        self.refusals.retry_after += other.refusals.retry_after;
        self.refusals.limit_headers += other.refusals.limit_headers;
        self.spoofed = either(self.spoofed, other.spoofed, |a, b| a || b);
        self.timeline.merge(&other.timeline);
        self.merge_connections(other);
        self.merge_generator(other);
        self.clock_skew =
            either(self.clock_skew, other.clock_skew, |a, b| if b.abs() > a.abs() { b } else { a });
        resource::merge(&mut self.resources, &other.resources);
        self.duration = self.duration.max(other.duration);
        if worse(&other.ended) > worse(&self.ended) {
            self.ended = other.ended.clone();
        }
        self.canary = match (self.canary.take(), &other.canary) {
            // The one that tells something.
            (Some(mine), Some(theirs)) if mine.note.is_empty() => Some(theirs.clone()),
            (mine, theirs) => mine.or_else(|| theirs.clone()),
        };
        Ok(())
    }

    fn comparable(&self, other: &Self) -> Result<(), NotShards> {
        if self.scenario != other.scenario {
            return Err(NotShards::Scenario(self.scenario.name(), other.scenario.name()));
        }
        let shape = |r: &Self| -> Vec<_> {
            r.stages.iter().map(|s| (s.number, s.kind, s.start, s.end)).collect()
        };
        if shape(self) != shape(other) {
            return Err(NotShards::Stages);
        }
        // A shard that couldn't run has recorded nothing: neither checks nor slices.
        if !did_something(self) || !did_something(other) {
            return Ok(());
        }
        if !self.checks.iter().map(|c| &c.name).eq(other.checks.iter().map(|c| &c.name)) {
            return Err(NotShards::Checks);
        }
        let only = |a: &Self, b: &Self| {
            a.slices.keys().find(|selector| !b.slices.contains_key(selector)).cloned()
        };
        match only(self, other).or_else(|| only(other, self)) {
            Some(selector) => Err(NotShards::Selectors(selector.to_string())),
            None => Ok(()),
        }
    }

    /// Ledgers count from the earlier shard's first request.
    fn join_ledgers(&mut self, other: &Self) {
        let (mine, theirs) = (self.started_at.unix_millis, other.started_at.unix_millis);
        let start = if mine == 0 || theirs == 0 { mine.max(theirs) } else { mine.min(theirs) };
        let shift =
            |own: i64| Nanos::from_millis(u64::try_from(own.saturating_sub(start)).unwrap_or(0));
        let (my_shift, their_shift) = (shift(mine), shift(theirs));
        self.ledgers.iter_mut().for_each(|ledger| ledger.shift(my_shift));
        self.load_offset = (self.load_offset + my_shift).max(other.load_offset + their_shift);
        for ledger in &other.ledgers {
            let mut ledger = ledger.clone();
            ledger.shift(their_shift);
            let same = self.ledgers.iter_mut().find(|own| own.is_of(&ledger));
            if let Some(own) = same {
                own.join(&ledger);
            } else {
                ledger.identity = IdentityId(u32::try_from(self.ledgers.len()).unwrap_or(u32::MAX));
                self.ledgers.push(ledger);
            }
        }
        self.started_at = Timestamp { unix_millis: start };
    }

    fn merge_connections(&mut self, other: &Self) {
        self.connections.merge(&other.connections);
    }

    fn merge_generator(&mut self, other: &Self) {
        let (mine, theirs) = (&mut self.generator, &other.generator);
        mine.planned += theirs.planned;
        mine.sent += theirs.sent;
        mine.dropped += theirs.dropped;
        mine.lag_hold.merge(&theirs.lag_hold);
        mine.given_up += theirs.given_up;
        mine.longest_away = mine.longest_away.max(theirs.longest_away);
        mine.max_in_flight += theirs.max_in_flight;
        mine.cpu_seconds = either(mine.cpu_seconds, theirs.cpu_seconds, |a, b| a + b);
        mine.peak_memory = either(mine.peak_memory, theirs.peak_memory, u64::max);
    }
}

fn did_something(recording: &Recording) -> bool {
    !recording.requests.is_empty() || !recording.checks.is_empty()
}

fn either<T: Copy>(a: Option<T>, b: Option<T>, both: impl Fn(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(both(a, b)),
        (a, b) => a.or(b),
    }
}

fn stage(mine: &mut StageRecord, theirs: &StageRecord) {
    mine.target += theirs.target;
    mine.planned += theirs.planned;
    mine.sent_within += theirs.sent_within;
    mine.dropped += theirs.dropped;
}

/// How much worse an end is: the whole ended as its worst shard did. One that was
/// skipped or never reached anything leaves the whole without its part of the load.
const fn worse(ended: &Ended) -> u8 {
    match ended {
        Ended::Completed => 0,
        Ended::Skipped { .. } => 1,
        Ended::Running => 2,
        Ended::Interrupted { .. } => 3,
        Ended::Broken { .. } => 4,
        Ended::Unreachable { .. } => 5,
        Ended::Misconfigured { .. } => 6,
        Ended::Aborted { .. } => 7,
    }
}

fn merge_checks(mine: &mut Vec<CheckCount>, theirs: &[CheckCount]) {
    for check in theirs {
        match mine.iter_mut().find(|own| own.name == check.name) {
            Some(own) => {
                own.passes += check.passes;
                own.fails += check.fails;
            }
            None => mine.push(check.clone()),
        }
    }
}

fn merge_probes(mine: &mut Vec<ProbeCount>, theirs: &[ProbeCount]) {
    for probe in theirs {
        match mine.iter_mut().find(|own| own.kind == probe.kind) {
            Some(own) => {
                own.sent += probe.sent;
                own.held += probe.held;
                own.breached += probe.breached;
                own.neither += probe.neither;
                own.other += probe.other;
            }
            None => mine.push(probe.clone()),
        }
    }
}

fn merge_excerpts(mine: &mut Vec<Excerpt>, theirs: &[Excerpt]) {
    for excerpt in theirs {
        match mine.iter_mut().find(|own| own.is_of(excerpt)) {
            Some(own) => own.join(excerpt),
            None => mine.push(excerpt.clone()),
        }
    }
    mine.sort_by_key(|e| (Reverse(e.count), e.outcome, e.status));
}

impl Ledger {
    /// What every machine calls its own address.
    const OWN_ADDRESS: &'static str = "this machine's address";

    fn is_of(&self, other: &Self) -> bool {
        self.label == other.label
            && self.set_aside == other.set_aside
            && self.label != Self::OWN_ADDRESS
    }

    fn shift(&mut self, by: Nanos) {
        for entry in &mut self.entries {
            entry.sent += by;
            entry.done += by;
        }
        self.full_at = self.full_at.map(|at| at + by);
        self.every_until += by;
    }

    /// The same identity's requests from another shard: entries in the order they ended.
    fn join(&mut self, other: &Self) {
        let mut entries = [self.entries.as_slice(), &other.entries].concat();
        entries.sort_by_key(|entry| entry.done);
        let mut room = LedgerRoom::default();
        let mut joined = Self::new(self.identity, self.label.clone(), self.set_aside);
        for entry in entries {
            joined.push(entry, &mut room);
        }
        joined.admitted = self.admitted + other.admitted;
        joined.refused = self.refused + other.refused;
        joined.unknown = self.unknown + other.unknown;
        joined.failed = self.failed + other.failed;
        let full = [self.full_at, other.full_at, joined.full_at];
        joined.full_at = full.into_iter().flatten().min();
        joined.every_until = joined.every_until.min(self.every_until).min(other.every_until);
        *self = joined;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Recorder, RecorderConfig, Sample, Spans, StageKind};
    use super::*;
    use crate::admission::Admitted;
    use crate::ids::{ScenarioId, Traffic};
    use crate::outcome::Outcome;
    use crate::tags::LabelSet;

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
            traffic: Traffic::Arrival,
            arrival: at,
            stage: u16::from(at >= 1_000_000),
            identity: IdentityId(identity),
            due,
            sent,
            spans: Spans::default(),
            first_byte: sent + Nanos::from_micros(took / 2),
            done: sent + Nanos::from_micros(took),
            held: Nanos::from_micros(took % 89),
            excused: took % 2 == 0 && !outcome.is_answered() && !dropped,
            status: if outcome.is_answered() { 200 + outcome as u16 } else { 0 },
            outcome,
            labels: LabelSet::EMPTY,
            bytes_sent: 1,
            bytes_received: 2,
            checks_passed: 1,
            checks_failed: 2,
            items: 1,
            admitted: if outcome == Outcome::RateLimited { Admitted::No } else { Admitted::Yes },
            retry_after: None,
        };
        if !dropped {
            recorder.sent(sent, 1);
        }
        recorder.record(&sample, (!dropped).then_some(("text", None)));
    }

    proptest! {
        // A case makes five recorders with all their histograms.
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What one recorder sees, two see in halves.
        #[test]
        fn merging_two_halves_is_recording_together(
            samples in proptest::collection::vec(
                (0..SECONDS * 1_000_000, 1_u64..3_000_000, 0..Outcome::ALL.len()), 0..120),
        ) {
            let mut samples = samples;
            samples.sort_unstable();
            samples.dedup_by_key(|(at, ..)| *at);
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
                recording.ledgers.iter_mut().for_each(|ledger| ledger.identity = IdentityId(0));
                recording.ledgers.sort_by(|a, b| a.label.cmp(&b.label));
            }
            prop_assert_eq!(merged, whole);
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
}
