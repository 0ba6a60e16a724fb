//! Recordings of shards become the recording of the whole, exactly.

mod ledgers;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use self::ledgers::JoinedLedgers;
use super::{CheckCount, Ended, Excerpt, ProbeCount, Recording, StageRecord, resource};
use crate::units::{Nanos, Timestamp};

/// By how much a machine's clock may be off of which no answer told anything: NTP sets one
/// that is off by more (`STEPT`, RFC 5905, 0.128 s), and steers what is less.
const UNMEASURED: Nanos = Nanos::from_millis(128);

/// A recording's moment 0, and the whole's, are kept to the millisecond.
const ROUNDED: Nanos = Nanos::from_millis(2);

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

/// Puts the recordings of shards together, one after another: each drove the same stages
/// at the same time at a rate of its own. Counts, histograms and series come out as if
/// one recorder had seen all of it, and what is kept doesn't grow with their number. A
/// ledger is joined with one of the same name (but for a machine's own address).
/// Requests in flight at once are added up: an upper bound.
#[derive(Clone, Debug)]
pub struct Merger {
    /// Moment 0 of the whole's ledgers: no shard's first request came before.
    epoch: Timestamp,
    whole: Option<Recording>,
    ledgers: JoinedLedgers,
    /// How many were added.
    added: u32,
}

impl Merger {
    /// Nothing yet. `epoch`: the earliest first request of all.
    #[must_use]
    pub fn new(epoch: Timestamp) -> Self {
        Self { epoch, whole: None, ledgers: JoinedLedgers::default(), added: 0 }
    }

    /// Whether `shard` can be added.
    ///
    /// # Errors
    /// It is no shard of the run that the others are of.
    pub fn fits(&self, shard: &Recording) -> Result<(), NotShards> {
        self.whole.as_ref().map_or(Ok(()), |whole| whole.comparable(shard))
    }

    /// Adds a shard's recording. `behind`: how far its clock is behind the one that all
    /// are put on, in seconds (below 0: ahead).
    ///
    /// # Errors
    /// It is no shard of the run that the others are of; what was added is as it was.
    pub fn add(&mut self, mut shard: Recording, behind: f64) -> Result<(), NotShards> {
        self.fits(&shard)?;
        let began = shard.started_at.unix_millis.saturating_sub(self.epoch.unix_millis);
        let shift = Nanos::from_secs_f64(began as f64 / 1e3 + behind);
        let error = shard.error_of_clock();
        for ledger in std::mem::take(&mut shard.ledgers) {
            self.ledgers.add(ledger, shift, error);
        }
        shard.clocks_apart = error;
        shard.load_offset += shift;
        shard.timeline.shift(behind);
        self.added += 1;
        match &mut self.whole {
            Some(whole) => whole.take_in(shard),
            None => self.whole = Some(Recording { started_at: self.epoch, ..shard }),
        }
        Ok(())
    }

    /// The whole; `None`: nothing was added.
    #[must_use]
    pub fn finish(self) -> Option<Recording> {
        let mut whole = self.whole?;
        if self.added < 2 {
            whole.clocks_apart = Nanos::ZERO;
        }
        whole.ledgers = self.ledgers.finish();
        Some(whole)
    }
}

impl Recording {
    /// Adds the recording of another shard of the same run: a [`Merger`] of two.
    ///
    /// # Errors
    /// They are no shards of one run; this recording is as it was.
    pub fn merge(&mut self, other: &Self) -> Result<(), NotShards> {
        self.comparable(other)?;
        // Put on this one's clock.
        let behind = self.clock_skew.zip(other.clock_skew).map_or(0.0, |(own, its)| its - own);
        let began = |recording: &Self| Some(recording.started_at).filter(|at| at.unix_millis > 0);
        let later = |at: Timestamp| {
            let millis = (behind * 1e3).floor() as i64;
            Timestamp { unix_millis: at.unix_millis.saturating_add(millis) }
        };
        let epoch = began(self).into_iter().chain(began(other).map(later)).min();
        let mut merger = Merger::new(epoch.unwrap_or(self.started_at));
        merger.add(self.clone(), 0.0)?;
        merger.add(other.clone(), behind)?;
        if let Some(whole) = merger.finish() {
            *self = whole;
        }
        Ok(())
    }

    /// Adds everything but ledgers.
    fn take_in(&mut self, other: Self) {
        for (selector, slice) in &other.slices {
            let mine = self.slices.entry(selector.clone()).or_default();
            mine.prepare();
            mine.merge(slice);
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
        self.connections.prepare();
        self.connections.merge(&other.connections);
        self.merge_generator(&other);
        self.clock_skew = self.clock_skew.or(other.clock_skew);
        self.clock_error = self.clock_error.max(other.clock_error);
        self.clocks_apart = self.clocks_apart.max(other.clocks_apart);
        resource::merge(&mut self.resources, &other.resources);
        for slow in &other.slowest {
            slow.clone().join(&mut self.slowest);
        }
        self.load_offset = self.load_offset.max(other.load_offset);
        self.duration = self.duration.max(other.duration);
        if worse(&other.ended) > worse(&self.ended) {
            self.ended = other.ended;
        }
        self.canary = match (self.canary.take(), other.canary) {
            // The one that tells something.
            (Some(mine), Some(theirs)) if mine.note.is_empty() => Some(theirs),
            (mine, theirs) => mine.or(theirs),
        };
    }

    /// By how much its moments may be off on a clock that others' are put on as well.
    fn error_of_clock(&self) -> Nanos {
        let own = if self.clock_skew.is_some() { self.clock_error } else { UNMEASURED };
        self.clocks_apart.max(own + ROUNDED)
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

    fn merge_generator(&mut self, other: &Self) {
        let (mine, theirs) = (&mut self.generator, &other.generator);
        mine.planned += theirs.planned;
        mine.sent += theirs.sent;
        mine.dropped += theirs.dropped;
        mine.lag_hold.prepare();
        mine.lag_hold.merge(&theirs.lag_hold);
        mine.given_up += theirs.given_up;
        mine.late = mine.late.max(theirs.late);
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
