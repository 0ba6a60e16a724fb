//! All that was measured of one scenario: plain data, the waist of the hourglass.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Connections, Ledger, LedgerRoom, Resource, Setups, Shards, Slice, Slow, Timeline, Trend,
};
use crate::admission::{Admission, RefusalCounts};
use crate::ids::{ProbeKind, ScenarioId, Traffic};
use crate::outcome::Outcome;
use crate::tags::Selector;
use crate::units::{Nanos, Timestamp};

/// How the sending came to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum Ended {
    /// Every arrival was sent or dropped, and every answer awaited.
    Completed,
    /// Still running: a checkpoint, found after a crash.
    Running,
    /// The canary was refused with 401, 403 or 422: no load was sent.
    Misconfigured {
        /// What to mend.
        advice: String,
    },
    /// No connection could be opened.
    Unreachable {
        /// Why, in words.
        reason: String,
    },
    /// SIGINT or SIGTERM.
    Interrupted {
        /// How long the load had lasted.
        after: Nanos,
    },
    /// A breaker or a threshold with `abortOnFail` ended it as failed.
    Aborted {
        /// How long the load had lasted.
        after: Nanos,
        /// Which, and what it saw.
        reason: String,
    },
    /// Load-gate itself couldn't go on: the system denied it something, or it met a
    /// mistake of its own.
    Broken {
        /// What, in words.
        reason: String,
    },
    /// It was to run and couldn't.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// Whether a stage's rate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// The target differs from the one before.
    Ramp,
    /// The target equals the one before.
    Hold,
}

/// A load that went on, since a threshold was open where it was planned to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WentOn {
    /// By how much its last hold is longer.
    pub by: Nanos,
    /// In how many steps.
    pub times: u32,
}

/// A stage, planned and done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// Its number, from 1.
    pub number: u16,
    /// Ramp or hold.
    pub kind: StageKind,
    /// Its start, counted from the start of the load.
    pub start: Nanos,
    /// Its end.
    pub end: Nanos,
    /// Target arrival rate at its end, per second.
    pub target: f64,
    /// Arrivals planned in it.
    pub planned: u64,
    /// Arrivals that were sent at a moment within it.
    pub sent_within: u64,
    /// Arrivals due in it that were dropped.
    pub dropped: u64,
}

/// What the canary met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CanaryResult {
    /// How it ended.
    pub outcome: Outcome,
    /// Its status; 0 when it wasn't answered.
    pub status: u16,
    /// From sending to the last byte.
    pub service_time: Nanos,
    /// What to know of it, in words; empty when it was accepted.
    pub note: String,
}

/// A check's counts over arrivals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCount {
    /// Its name.
    pub name: String,
    /// How often it held.
    pub passes: u64,
    /// How often it did not.
    pub fails: u64,
}

impl CheckCount {
    /// Whether any answer got as far as this check.
    #[must_use]
    pub const fn ran(&self) -> bool {
        self.passes > 0 || self.fails > 0
    }
}

/// One kind of probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeCount {
    /// Which kind.
    pub kind: ProbeKind,
    /// How many were sent.
    pub sent: u64,
    /// Refused as docs/api.md says.
    pub held: u64,
    /// Answered 2xx.
    pub breached: u64,
    /// Of those sent, how many got no say: rate limited, 5xx or unanswered.
    pub neither: u64,
    /// Of those, refused with a status other than the documented one.
    pub other: u64,
}

/// One quoted answer or error for an outcome and status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The outcome.
    pub outcome: Outcome,
    /// The status; 0: none.
    pub status: u16,
    /// How many arrivals ended so.
    pub count: u64,
    /// The number of the one sent first (0: canary, probe or proof).
    pub arrival: u64,
    /// When it was sent, counted from the start of the load.
    pub at: Nanos,
    /// The check that failed first, for outcome `contract`.
    pub check: Option<String>,
    /// At most 200 characters, control characters removed, secrets masked;
    /// empty where nothing may be quoted (2xx answers).
    pub text: String,
    /// Its trace id, where requests carried one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl Excerpt {
    /// Whether both are of the same outcome and status.
    #[must_use]
    pub fn is_of(&self, other: &Self) -> bool {
        (self.outcome, self.status) == (other.outcome, other.status)
    }

    /// Counts what the other counted; of the two, the request sent first is quoted.
    pub fn join(&mut self, other: &Self) {
        let count = self.count + other.count;
        if (other.at, other.arrival) < (self.at, self.arrival) {
            self.clone_from(other);
        }
        self.count = count;
    }
}

/// The generator's own health.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// Arrivals planned.
    pub planned: u64,
    /// Arrivals sent.
    pub sent: u64,
    /// Arrivals dropped.
    pub dropped: u64,
    /// Arrivals sent and then given up, because the run was ended: in no outcome.
    #[serde(default)]
    pub given_up: u64,
    /// How long after its appointed moment the load began.
    #[serde(default, skip_serializing_if = "Nanos::is_zero")]
    pub late: Nanos,
    /// Schedule lag in hold stages.
    pub lag_hold: Trend,
    /// The most requests in flight at once.
    pub max_in_flight: u64,
    /// The longest that it was away at once: stopped, or waiting for a core.
    #[serde(default)]
    pub longest_away: Nanos,
    /// CPU time of this process during the load, in seconds; `None`: not measured here.
    pub cpu_seconds: Option<f64>,
    /// Highest resident memory of this process, in bytes; `None`: not measured here.
    pub peak_memory: Option<u64>,
}

/// All that was measured of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// Which scenario.
    pub scenario: ScenarioId,
    /// When its first request (the canary) was sent: moment 0 of the ledgers.
    pub started_at: Timestamp,
    /// From then to the start of the load. Moments of arrivals count from the
    /// start of the load; a ledger's moment is the arrival's plus this.
    pub load_offset: Nanos,
    /// From the start of the load to the last answer.
    pub duration: Nanos,
    /// How it ended.
    pub ended: Ended,
    /// The canary; `None` when not even that was sent.
    pub canary: Option<CanaryResult>,
    /// The stages.
    pub stages: Vec<StageRecord>,
    /// How much longer than planned its last hold was; `None`: it was as planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub went_on: Option<WentOn>,
    /// What was counted, by selector: everything, and every selector that a
    /// threshold or a report asks for.
    pub slices: BTreeMap<Selector, Slice>,
    /// Requests sent, by what for.
    pub requests: BTreeMap<Traffic, u64>,
    /// Answers by status, arrivals only; 0: none.
    pub statuses: BTreeMap<u16, u64>,
    /// The scenario's checks, in its order.
    pub checks: Vec<CheckCount>,
    /// The probes, one row a kind that belongs to the scenario and was to be sent.
    pub probes: Vec<ProbeCount>,
    /// Quoted answers and errors, the most frequent first.
    pub excerpts: Vec<Excerpt>,
    /// What identities were set up with.
    #[serde(default, skip_serializing_if = "Setups::is_none")]
    pub setups: Setups,
    /// What refusals said of themselves.
    pub refusals: RefusalCounts,
    /// Whether an address that was refused was let in under another name:
    /// `None`: not tried.
    pub spoofed: Option<bool>,
    /// The ledgers, one an identity that sent anything.
    pub ledgers: Vec<Ledger>,
    /// The run second by second.
    pub timeline: Timeline,
    /// The connections.
    pub connections: Connections,
    /// The generator's own health.
    pub generator: Generator,
    /// The server's clock minus ours, in seconds, from Date headers (as exact as
    /// `clock_error` says); `None`: no answer carried one.
    pub clock_skew: Option<f64>,
    /// By how much `clock_skew` may be off: a Date header shows whole seconds.
    #[serde(default, skip_serializing_if = "Nanos::is_zero")]
    pub clock_error: Nanos,
    /// By how much moments of different machines may each be off, put on one clock; zero:
    /// one machine told all of them.
    #[serde(default, skip_serializing_if = "Nanos::is_zero")]
    pub clocks_apart: Nanos,
    /// What the service's own monitoring knew of it, where that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
    /// The shards that it is put together from, or the one that it is of; `None`: one
    /// machine sent everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<Shards>,
    /// The accepted arrivals that took longest, the slowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slowest: Vec<Slow>,
}

impl Recording {
    /// A recording in which nothing happened.
    #[must_use]
    pub fn empty(scenario: ScenarioId, started_at: Timestamp, ended: Ended) -> Self {
        Self {
            scenario,
            started_at,
            load_offset: Nanos::ZERO,
            duration: Nanos::ZERO,
            ended,
            canary: None,
            stages: Vec::new(),
            went_on: None,
            slices: BTreeMap::from([(Selector::all(), Slice::default())]),
            requests: BTreeMap::new(),
            statuses: BTreeMap::new(),
            checks: Vec::new(),
            probes: Vec::new(),
            excerpts: Vec::new(),
            setups: Setups::default(),
            refusals: RefusalCounts::default(),
            spoofed: None,
            ledgers: Vec::new(),
            timeline: Timeline::default(),
            connections: Connections::default(),
            generator: Generator::default(),
            clock_skew: None,
            clock_error: Nanos::ZERO,
            clocks_apart: Nanos::ZERO,
            resources: Vec::new(),
            shards: None,
            slowest: Vec::new(),
        }
    }

    /// Adds requests that created customers for their keys: they count as this
    /// scenario's requests and use its limiter, but are no arrivals.
    pub fn add_minting(&mut self, minting: &Self) {
        for (selector, slice) in &minting.slices {
            if let Some(mine) = self.slices.get_mut(selector) {
                mine.merge(slice);
            }
        }
        for (traffic, n) in &minting.requests {
            *self.requests.entry(*traffic).or_default() += n;
        }
        self.refusals.refused += minting.refusals.refused;
        self.refusals.json += minting.refusals.json;
        self.refusals.retry_after += minting.refusals.retry_after;
        self.refusals.limit_headers += minting.refusals.limit_headers;
        let later = minting.started_at.unix_millis - self.started_at.unix_millis;
        let shift = Nanos::from_millis(u64::try_from(later).unwrap_or(0));
        let mut room = LedgerRoom::default();
        for ledger in &minting.ledgers {
            let mine = self.ledgers.iter_mut().find(|mine| mine.label == ledger.label);
            if let Some(mine) = mine {
                for entry in &ledger.entries {
                    let (sent, done) = (entry.sent + shift, entry.done + shift);
                    mine.push(Admission { sent, done, ..*entry }, &mut room);
                }
            }
        }
    }

    /// The service's resource of that name; `None`: nobody asked for it.
    #[must_use]
    pub fn resource(&self, name: &str) -> Option<&Resource> {
        self.resources.iter().find(|resource| resource.name == name)
    }

    /// The slice of `selector`; `None` when it wasn't kept.
    #[must_use]
    pub fn slice(&self, selector: &Selector) -> Option<&Slice> {
        self.slices.get(selector)
    }

    /// The slice of everything.
    #[must_use]
    pub fn total(&self) -> &Slice {
        static EMPTY: std::sync::LazyLock<Slice> = std::sync::LazyLock::new(Slice::default);
        self.slices.get(&Selector::all()).unwrap_or(&EMPTY)
    }
}
