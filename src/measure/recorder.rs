//! Samples become a recording as they come, in bounded memory.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::matcher::Matcher;
use super::{
    CanaryResult, CheckCount, Ended, Excerpt, Ledger, LedgerRoom, LineEvent, ProbeCount, Recording,
    Sample, Slice, Slow, StageKind, StageRecord, WentOn,
};
use crate::admission::{Admission, Admitted};
use crate::ids::{ProbeKind, ScenarioId, Traffic};
use crate::outcome::{Outcome, OutcomeCounts, ProbeEnd};
use crate::tags::{Label, Selector, TagKey};
use crate::units::{Nanos, Timestamp};

/// The most pairs of outcome and status that are quoted.
const MOST_EXCERPTS: usize = 32;

/// What a recorder has to know beforehand.
#[derive(Clone, Debug)]
pub struct RecorderConfig {
    /// Which scenario.
    pub scenario: ScenarioId,
    /// Its labels; bit i of a sample's set is label i.
    pub labels: Vec<Label>,
    /// Its checks; bit i of a sample's masks is check i.
    pub checks: Vec<&'static str>,
    /// The probes that are to be sent.
    pub probes: Vec<ProbeKind>,
    /// The stages, nothing done yet.
    pub stages: Vec<StageRecord>,
    /// What thresholds ask for; what reports show is kept besides.
    pub selectors: BTreeSet<Selector>,
    /// Whether a 429 is an expected answer.
    pub limit_declared: bool,
    /// Name of each identity, and whether it is set aside.
    pub identities: Vec<(String, bool)>,
    /// Whether other machines send under the same names: their ledgers are to be joined,
    /// so that every refusal is kept.
    pub joined: bool,
    /// Arrivals planned.
    pub planned: u64,
    /// When the first request is sent.
    pub started_at: Timestamp,
}

/// Takes samples, gives a recording.
#[derive(Clone, Debug)]
pub struct Recorder {
    recording: Recording,
    /// Which samples enter each of the recording's slices, in the order of those.
    matchers: Vec<Matcher>,
    excerpts: BTreeMap<(Outcome, u16), Excerpt>,
    ledgers: Vec<Ledger>,
    ledger_room: LedgerRoom,
    limit_declared: bool,
}

impl Recorder {
    /// A recorder that has seen nothing.
    #[must_use]
    pub fn new(config: RecorderConfig) -> Self {
        let mut recording = Recording::empty(config.scenario, config.started_at, Ended::Running);
        let selectors = kept(&config);
        let matcher = |selector: &Selector| {
            Matcher::new(selector, config.scenario, &config.labels, &config.stages)
        };
        let matchers = selectors.iter().map(matcher).collect();
        recording.slices = selectors.into_iter().map(|s| (s, Slice::default())).collect();
        recording.checks = config
            .checks
            .iter()
            .map(|name| CheckCount { name: (*name).to_owned(), passes: 0, fails: 0 })
            .collect();
        recording.probes = config
            .probes
            .iter()
            .map(|kind| ProbeCount {
                kind: *kind,
                sent: 0,
                held: 0,
                breached: 0,
                neither: 0,
                other: 0,
            })
            .collect();
        recording.stages = config.stages;
        recording.generator.planned = config.planned;
        let ledgers = (0..).zip(config.identities);
        Self {
            recording,
            matchers,
            excerpts: BTreeMap::new(),
            ledgers: ledgers
                .map(|(i, (name, aside))| {
                    let ledger = Ledger::new(crate::ids::IdentityId(i), name, aside);
                    if config.joined { ledger.of_every_refusal() } else { ledger }
                })
                .collect(),
            ledger_room: LedgerRoom::default(),
            limit_declared: config.limit_declared,
        }
    }

    /// The load goes on, `by` longer than planned in all: its stages are these now, with
    /// so many arrivals.
    pub fn goes_on(&mut self, by: Nanos, stages: Vec<StageRecord>, planned: u64) {
        for (mine, now) in self.recording.stages.iter_mut().zip(stages) {
            let (sent_within, dropped) = (mine.sent_within, mine.dropped);
            *mine = StageRecord { sent_within, dropped, ..now };
        }
        self.recording.generator.planned = planned;
        let times = self.recording.went_on.map_or(0, |went_on| went_on.times) + 1;
        self.recording.went_on = Some(WentOn { by, times });
    }

    /// Notes that an arrival was sent at `at` (from the first request) while
    /// `in_flight` requests were under way.
    pub fn sent(&mut self, at: Nanos, in_flight: u32) {
        let at = at - self.recording.load_offset;
        self.recording.timeline.sent(at, in_flight);
        let generator = &mut self.recording.generator;
        generator.sent += 1;
        generator.max_in_flight = generator.max_in_flight.max(u64::from(in_flight));
        let last = self.recording.stages.len().saturating_sub(1);
        let within = self.recording.stages.iter_mut().enumerate().find(|(i, stage)| {
            // A stage's last arrival is due at its very end.
            stage.end > stage.start && (at <= stage.end || *i == last)
        });
        if let Some((_, stage)) = within {
            stage.sent_within += 1;
        }
    }

    /// Takes in one sample. `quote`: what may be said of an answer that wasn't
    /// accepted (already masked and cut), and the check that failed first.
    pub fn record(&mut self, sample: &Sample, quote: Option<(&str, Option<&str>)>) {
        let placed = sample.into();
        for (matcher, slice) in self.matchers.iter().zip(self.recording.slices.values_mut()) {
            if matcher.matches(sample) {
                slice.record_placed(&placed, self.limit_declared);
            }
        }
        let sent = sample.outcome != Outcome::Dropped;
        if sent {
            *self.recording.requests.entry(sample.traffic).or_default() += 1;
            self.enter_ledger(sample);
        }
        if sample.traffic == Traffic::Arrival {
            self.record_arrival(sample);
            let fine = matches!(sample.outcome, Outcome::Accepted | Outcome::RateLimited);
            let ledger = self.ledgers.get_mut(sample.identity.0 as usize);
            if let Some(ledger) = ledger.filter(|_| sent && !fine) {
                ledger.failed += 1;
            }
        }
        if let Some((text, check)) = quote {
            self.quote(sample, text, check);
        }
        let until = sample.done - self.recording.load_offset;
        self.recording.duration = self.recording.duration.max(until);
    }

    fn record_arrival(&mut self, sample: &Sample) {
        let recording = &mut self.recording;
        let due = sample.due - recording.load_offset;
        recording.timeline.ended(due, sample.outcome, sample.response_time());
        if sample.outcome != Outcome::Dropped {
            recording.timeline.lagged(due, sample.lag());
        }
        let stage = recording.stages.get_mut(usize::from(sample.stage));
        if sample.outcome == Outcome::Dropped {
            recording.generator.dropped += 1;
            if let Some(stage) = stage {
                stage.dropped += 1;
            }
            return;
        }
        if sample.outcome == Outcome::Accepted {
            let (arrival, response_time) = (sample.arrival, sample.response_time());
            let slow = Slow { arrival, at: due, response_time, trace: None };
            slow.join(&mut recording.slowest);
        }
        *recording.statuses.entry(sample.status).or_default() += 1;
        if stage.is_some_and(|stage| stage.kind == StageKind::Hold) {
            recording.generator.lag_hold.record(sample.lag());
        }
        for (i, check) in recording.checks.iter_mut().enumerate() {
            check.passes += u64::from(sample.checks_passed >> i & 1);
            check.fails += u64::from(sample.checks_failed >> i & 1);
        }
    }

    fn enter_ledger(&mut self, sample: &Sample) {
        let Some(ledger) = self.ledgers.get_mut(sample.identity.0 as usize) else { return };
        let told = matches!(sample.admitted, Admitted::Yes | Admitted::Unknown);
        let entry = Admission {
            sent: sample.sent,
            done: sample.done,
            admitted: sample.admitted,
            retry_after: sample.retry_after,
            status: if told && sample.status >= 300 { sample.status } else { 0 },
        };
        ledger.push(entry, &mut self.ledger_room);
    }

    fn quote(&mut self, sample: &Sample, text: &str, check: Option<&str>) {
        let key = (sample.outcome, sample.status);
        if self.excerpts.len() >= MOST_EXCERPTS && !self.excerpts.contains_key(&key) {
            return;
        }
        let (count, at) = (
            u64::from(sample.traffic == Traffic::Arrival),
            sample.sent - self.recording.load_offset,
        );
        let earlier =
            self.excerpts.get_mut(&key).filter(|own| (own.at, own.arrival) <= (at, sample.arrival));
        if let Some(own) = earlier {
            own.count += count;
            return;
        }
        let quote = Excerpt {
            outcome: sample.outcome,
            status: sample.status,
            count,
            arrival: sample.arrival,
            at,
            check: check.map(str::to_owned),
            text: text.to_owned(),
            trace: None,
        };
        match self.excerpts.entry(key) {
            Entry::Vacant(free) => {
                free.insert(quote);
            }
            Entry::Occupied(mut own) => own.get_mut().join(&quote),
        }
    }

    /// Takes in a request that was sent, and given up because the run was ended: it
    /// counts as one, and ended in no way that could be held against anybody.
    pub fn gave_up(&mut self, sample: &Sample) {
        if let Some(all) = self.recording.slices.get_mut(&Selector::all()) {
            all.requests += 1;
        }
        *self.recording.requests.entry(sample.traffic).or_default() += 1;
        self.recording.generator.given_up += u64::from(sample.traffic == Traffic::Arrival);
        self.enter_ledger(sample);
    }

    /// Notes what a 429 said of itself.
    pub fn refused(&mut self, json: bool, retry_after: bool, limit_headers: bool) {
        let refusals = &mut self.recording.refusals;
        refusals.refused += 1;
        refusals.json += u64::from(json);
        refusals.retry_after += u64::from(retry_after);
        refusals.limit_headers += u64::from(limit_headers);
    }

    /// Notes what became of a probe.
    pub fn probe(&mut self, kind: ProbeKind, end: ProbeEnd) {
        let Some(count) = self.recording.probes.iter_mut().find(|count| count.kind == kind) else {
            return;
        };
        count.sent += 1;
        match end {
            ProbeEnd::Held => count.held += 1,
            ProbeEnd::Other => count.other += 1,
            ProbeEnd::Breached => count.breached += 1,
            ProbeEnd::Neither => count.neither += 1,
        }
    }

    /// Notes that a setup was asked for anew, whether it failed, and who is without by
    /// now and why.
    pub fn renewed(&mut self, failed: bool, without: Option<(String, String)>) {
        let setups = &mut self.recording.setups;
        setups.sent += 1;
        setups.failed += u64::from(failed);
        if let Some((who, why)) = without {
            setups.lose(&who, &why);
        }
    }

    /// Notes that an arrival wasn't sent, for want of what a setup gives.
    pub const fn lost(&mut self) {
        self.recording.setups.lost += 1;
    }

    /// Notes what the canary met.
    pub fn canary(&mut self, canary: CanaryResult) {
        self.recording.canary = Some(canary);
    }

    /// The load starts `offset` after the first request.
    pub const fn set_load_offset(&mut self, offset: Nanos) {
        self.recording.load_offset = offset;
    }

    /// The server's clock minus ours, and by how much that may be off, in seconds.
    pub fn set_clock_skew(&mut self, skew: Option<(f64, f64)>) {
        self.recording.clock_skew = skew.map(|(skew, _)| skew);
        self.recording.clock_error =
            skew.map_or(Nanos::ZERO, |(_, error)| Nanos::from_secs_f64(error));
    }

    /// Notes what a connection met.
    pub fn connection(&mut self, event: LineEvent) {
        self.recording.connections.note(event);
    }

    /// The longest that the generator was away at once.
    pub fn set_longest_away(&mut self, away: Nanos) {
        let longest = &mut self.recording.generator.longest_away;
        *longest = away.max(*longest);
    }

    /// How long after its appointed moment the load began.
    pub const fn set_late(&mut self, late: Nanos) {
        self.recording.generator.late = late;
    }

    /// What the generator used: CPU seconds during the run, highest memory in bytes.
    pub const fn set_generator_usage(&mut self, cpu: Option<f64>, memory: Option<u64>) {
        self.recording.generator.cpu_seconds = cpu;
        self.recording.generator.peak_memory = memory;
    }

    /// Whether an address that was refused was let in under another name.
    pub const fn set_spoofed(&mut self, spoofed: bool) {
        self.recording.spoofed = Some(spoofed);
    }

    /// Ends so far, and p95 of the response time of accepted arrivals.
    #[must_use]
    pub fn progress(&self) -> (OutcomeCounts, Option<Nanos>) {
        let accepted = Selector::all().with(TagKey::Outcome, Outcome::Accepted.name());
        let accepted = self.recording.slice(&accepted);
        let p95 = accepted.and_then(|slice| slice.response_time.quantile(0.95));
        (self.recording.total().outcomes, p95)
    }

    /// How it stands, without a copy: what was counted and timed so far. Neither quotes nor
    /// ledgers are in it, and arrivals under way are among those sent.
    #[must_use]
    pub const fn standing(&self) -> &Recording {
        &self.recording
    }

    /// What was recorded so far.
    #[must_use]
    pub fn snapshot(&self) -> Recording {
        let mut recording = self.recording.clone();
        // An arrival that is still under way is in no figure yet, or the figures
        // of a checkpoint would contradict each other.
        recording.generator.sent = recording.total().outcomes.sent();
        // A proof's refusals are expected: only what arrivals met is worth a quote.
        recording.excerpts = self.excerpts.values().filter(|e| e.count > 0).cloned().collect();
        recording.excerpts.sort_by_key(|e| (std::cmp::Reverse(e.count), e.outcome, e.status));
        let used = |ledger: &&Ledger| ledger.admitted + ledger.refused + ledger.unknown > 0;
        recording.ledgers = self.ledgers.iter().filter(used).cloned().collect();
        recording
    }

    /// The recording, ended.
    #[must_use]
    pub fn finish(&self, ended: Ended, duration: Nanos) -> Recording {
        let mut recording = self.snapshot();
        recording.ended = ended;
        recording.duration = duration;
        recording
    }
}

/// Every selector that is kept: what thresholds ask for, and what reports show.
fn kept(config: &RecorderConfig) -> BTreeSet<Selector> {
    let mut selectors = config.selectors.clone();
    let all = Selector::all;
    selectors.insert(all());
    for outcome in Outcome::ALL {
        selectors.insert(all().with(TagKey::Outcome, outcome.name()));
    }
    selectors.insert(all().with(TagKey::ExpectedResponse, "true"));
    for kind in ["hold", "ramp"] {
        let stage = all().with(TagKey::Stage, kind);
        for outcome in [Outcome::Accepted, Outcome::RateLimited] {
            selectors.insert(stage.clone().with(TagKey::Outcome, outcome.name()));
        }
        selectors.insert(stage);
    }
    for stage in &config.stages {
        selectors.insert(all().with(TagKey::Stage, stage.number.to_string()));
    }
    for label in &config.labels {
        let label = all().with(label.key, label.value.clone());
        selectors.insert(label.clone().with(TagKey::Outcome, Outcome::Accepted.name()));
        selectors.insert(label);
    }
    selectors
}
