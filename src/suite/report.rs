//! What a run came to: planned, measured and judged, as plain data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::{Verdict, VerdictKind};
use crate::ids::ScenarioId;
use crate::measure::Recording;
use crate::plan::{Environment, Plan, Shard};
use crate::units::Timestamp;

/// The version of suite.json; a reader refuses a higher one.
pub const SCHEMA_VERSION: u32 = 1;

/// Where and for what a run was made, as far as its surroundings say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunContext {
    /// The commit under test.
    pub commit: Option<String>,
    /// The page of the CI run.
    pub run_url: Option<String>,
    /// `owner/repository`.
    pub repository: Option<String>,
    /// Anything else worth keeping, such as the event's name.
    pub facts: BTreeMap<String, String>,
    /// The dashboard, at the run's own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dashboard: Option<String>,
}

/// Which part of a run of several machines a report is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Which machine of how many.
    #[serde(flatten)]
    pub shard: Shard,
    /// Stands for the plan that all of them send ([`crate::plan::SuitePlan::digest`]).
    pub plan: String,
    /// When the first load was to begin, by every machine's own clock.
    pub start_at: Timestamp,
    /// What names the run for all of its machines; may be empty.
    #[serde(default)]
    pub run: String,
}

/// One scenario: planned, measured, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioReport {
    /// What was to be done.
    pub plan: Plan,
    /// What was measured (empty for a scenario that didn't run).
    pub recording: Recording,
    /// What it comes to.
    pub verdict: Verdict,
}

/// A whole run: planned, measured, judged. Written as suite.json; every report,
/// merge, comparison and comment is made from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuiteReport {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// load-gate's version.
    pub tool_version: String,
    /// The commit load-gate was built from; `None`: unknown.
    pub tool_commit: Option<String>,
    /// Names the run (`X-Load-Test`).
    pub run_id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended; of a checkpoint: when that was made.
    pub finished_at: Timestamp,
    /// Where it went.
    pub environment: Environment,
    /// The profile.
    pub profile: String,
    /// The seed.
    pub seed: u64,
    /// Factor on every target.
    pub rate_scale: f64,
    /// Factor on every duration.
    pub duration_scale: f64,
    /// Whether skipped scenarios leave the suite green.
    pub allow_skip: bool,
    /// Where and for what it was made.
    pub context: RunContext,
    /// Whether this is a checkpoint of a run that never ended.
    pub partial: bool,
    /// Which part of a run it is of; `None`: of the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Part>,
    /// The suite's verdict (never `skipped`).
    pub verdict: VerdictKind,
    /// The first line of every report: the verdict and the worst reason.
    pub headline: String,
    /// What every report says right after its first line: what weakens all of it, or
    /// whoever made it should know first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
    /// What the run itself knows against its result: where there is any, a pass is
    /// inconclusive, by the first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// What else to know: warnings, findings of the check, what was left out.
    pub notices: Vec<String>,
    /// The scenarios that were to run; empty: nobody kept that, and a pass is inconclusive.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<ScenarioId>,
    /// The scenarios, in the order they ran.
    #[serde(default)]
    pub scenarios: Vec<ScenarioReport>,
}

impl SuiteReport {
    /// What it has of a scenario; `None`: nothing.
    #[must_use]
    pub fn scenario(&self, id: ScenarioId) -> Option<&ScenarioReport> {
        self.scenarios.iter().find(|scenario| scenario.plan.scenario == id)
    }
}
