//! Plans: plain data.

use serde::{Deserialize, Serialize};

use super::extension::Extension;
use super::extras::{Extras, ProbePlan};
use super::schedule::{Schedule, Stage};
use super::shard::{Dealing, Shard};
use crate::gate::Criteria;
use crate::ids::{IdentityKind, ScenarioId};
use crate::measure::{Ended, Recording};
use crate::scenario::Settings;
use crate::units::{Nanos, Timestamp};

/// How many addresses 198.18.0.0/15 has, the network that is set aside for benchmarks
/// (RFC 2544, appendix C.2.2): each client address of a run is one of them.
pub const CLIENT_ADDRESSES: u32 = 1 << 17;

/// The longest name of an environment or a profile, in bytes: every series carries both.
pub const LONGEST_NAME: usize = 255;

/// Where a run goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// Its name: `embedded`, `staging`, `production`, or one from the config.
    pub name: String,
    /// The base URL, without credentials. Of `embedded`: filled in once it listens.
    pub url: String,
    /// Whether it needs `--confirm-production`.
    pub protected: bool,
    /// Whether it is the target inside this process.
    pub embedded: bool,
    /// Highest planned arrival rate allowed at any moment, per second.
    pub max_rate: Option<f64>,
    /// Whether an identity may be set aside and an address forged here.
    pub verify_limits: bool,
}

/// Who sends the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityPlan {
    /// What an identity is.
    pub kind: IdentityKind,
    /// Identities that share the arrivals, round robin (at least 1).
    pub count: u32,
    /// Identities set aside to be driven past the limit (0 or 1).
    pub set_aside: u32,
    /// Customers to create for their keys.
    pub mint: u32,
    /// Machines that send together, each from an address of its own.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub machines: u32,
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over like that")]
const fn is_one(n: &u32) -> bool {
    *n == 1
}

impl IdentityPlan {
    /// Whether addresses are claimed in `X-Forwarded-For`, rather than sent from.
    #[must_use]
    pub const fn claims_addresses(&self) -> bool {
        matches!(self.kind, IdentityKind::Address) && self.count + self.set_aside > 1
    }

    /// Whether no identity of the plan is anybody's in particular: all count as one, or
    /// each machine has the address that it has.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        match self.kind {
            IdentityKind::Global => true,
            IdentityKind::Address => !self.claims_addresses(),
            IdentityKind::Key => false,
        }
    }

    /// Whether the identity of that number (from 0) is `shard`'s among several machines:
    /// those that share the arrivals go round, and the first machine proves the limit.
    #[must_use]
    pub const fn is_of(&self, identity: u64, shard: Shard) -> bool {
        let (count, set_aside) = (self.count as u64, self.set_aside as u64);
        let proves = count <= identity && identity < count + set_aside;
        if proves { shard.leads() } else { shard.share().has(identity + 1) }
    }

    /// How many share the arrivals: identities, or machines with an address each.
    #[must_use]
    pub const fn senders(&self) -> u32 {
        match self.kind {
            IdentityKind::Address if !self.claims_addresses() => self.machines,
            _ => self.count,
        }
    }
}

/// The most threads that send.
pub const MOST_WORKERS: u32 = 64;
/// Arrivals per second that one thread sends with ease (docs/benchmarks.md).
const RATE_OF_A_WORKER: f64 = 15_000.0;

/// How requests are sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineSettings {
    /// The longest a request may take.
    pub timeout: Nanos,
    /// The longest a connection may take to open.
    pub connect_timeout: Nanos,
    /// Highest p99 of schedule lag in holds.
    pub max_lag: Nanos,
    /// Requests under way beyond which an arrival is dropped.
    pub max_in_flight: u32,
    /// Bytes of an answer's body beyond which it isn't read.
    pub max_body: u64,
    /// Threads that send (at least 1); `None`: as many as the plan's peak needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<u32>,
    /// Certificate authorities to trust besides the system's: a file in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
    /// Whether requests carry a `traceparent`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub traceparent: bool,
}

impl EngineSettings {
    /// The longest that a request, the opening of a connection or a lag may be allowed.
    pub const LONGEST: Nanos = Nanos::from_secs(3600);

    /// How many threads send a load of that peak (arrivals per second) where there
    /// are so many cores.
    #[must_use]
    pub fn workers_for(&self, peak: f64, cores: u32) -> u32 {
        let needed = (peak / RATE_OF_A_WORKER).ceil().clamp(1.0, f64::from(cores.max(1)));
        self.workers.unwrap_or(needed as u32).clamp(1, MOST_WORKERS)
    }
}

/// One scenario of a run, resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Which.
    pub scenario: ScenarioId,
    /// The profile.
    pub profile: String,
    /// The stages, scaled.
    pub stages: Vec<Stage>,
    /// What the scenario needs to know.
    pub settings: Settings,
    /// Who sends.
    pub identities: IdentityPlan,
    /// What must be refused.
    pub probes: ProbePlan,
    /// What is sent beside canary, arrivals and probes.
    #[serde(default)]
    pub extras: Extras,
    /// How requests are sent.
    pub engine: EngineSettings,
    /// What must be true.
    pub criteria: Criteria,
    /// Why it can't run; `None`: it can.
    pub skip: Option<String>,
    /// How long the last hold may go on while a threshold is close; `None`: not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
}

impl Plan {
    /// The recording of a scenario that didn't run: all planned, nothing done.
    #[must_use]
    pub fn not_run(&self, at: Timestamp, ended: Ended) -> Recording {
        let schedule = Schedule::new(&self.stages);
        let mut recording = Recording::empty(self.scenario, at, ended);
        recording.stages = schedule.stages();
        recording.generator.planned = schedule.total();
        recording
    }
}

/// A whole run, resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuitePlan {
    /// Where it goes.
    pub environment: Environment,
    /// The profile.
    pub profile: String,
    /// Randomness for arrival n comes from (seed, scenario, n) alone.
    pub seed: u64,
    /// Factor on every target (already in the stages).
    pub rate_scale: f64,
    /// Factor on every duration (already in the stages).
    pub duration_scale: f64,
    /// Pause between scenarios.
    pub cooldown: Nanos,
    /// Whether skipped scenarios leave the suite green.
    pub allow_skip: bool,
    /// The scenarios, in the order they run.
    pub scenarios: Vec<Plan>,
    /// How customers are created for their keys; `None`: no scenario asks for any.
    pub minting: Option<MintingPlan>,
    /// What every report says right after its first line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
    /// How it is dealt to several machines, and when it starts.
    #[serde(skip)]
    pub dealing: Dealing,
}

/// How customers are created, one after another, for the keys of another scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MintingPlan {
    /// Whose requests create them; of its own it has no arrivals and no extras.
    pub through: Plan,
    /// How many one address may create before the next is claimed; `None`: all
    /// come from this machine's own.
    pub per_address: Option<u64>,
}

impl MintingPlan {
    /// Minting through `plan`'s requests. `forging`: whether addresses may be
    /// claimed where it goes.
    #[must_use]
    pub fn through(plan: Plan, forging: bool) -> Self {
        let limit = plan.criteria.limit.filter(|_| forging);
        let probes = ProbePlan { share: 0.0, kinds: Vec::new(), by_identity: Vec::new() };
        let (stages, extras) = (Vec::new(), Extras::default());
        Self {
            through: Plan { stages, probes, extras, ..plan },
            per_address: limit.map(|limit| limit.limit),
        }
    }
}
