//! Criteria, findings and verdicts: plain data.

use serde::{Deserialize, Serialize};

use super::result::ThresholdResult;
use super::threshold::{Bound, Threshold};
use super::{Decision, MetricKind, Operator};
use crate::admission::{DeclaredLimit, refusal_words, refuses};
use crate::ids::{ProbeKind, ScenarioId};
use crate::limits::{Beside, Inference, Prediction, RuleName, RuleResult};
use crate::units::Nanos;

/// What must be true of one scenario's recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Criteria {
    /// The thresholds.
    pub thresholds: Vec<Threshold>,
    /// The declared limit; `None`: the endpoint is declared to have none.
    pub limit: Option<DeclaredLimit>,
    /// How many 429 such a limiter may give under the planned traffic.
    pub prediction: Option<Prediction>,
    /// The limits that are declared beside that one, which is the tightest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Beside>,
    /// Whether the limiter counts all identities together.
    #[serde(default)]
    pub together: bool,
    /// What the generator is held to.
    pub generator: GeneratorBounds,
    /// What decides a threshold.
    #[serde(default)]
    pub decision: Decision,
    /// Whether a threshold relative to a baseline is inconclusive where there is none,
    /// rather than not exercised.
    #[serde(default)]
    pub baseline_required: bool,
}

/// What the generator is held to, so that its own weakness is never taken for
/// the target's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct GeneratorBounds {
    /// Highest p99 of schedule lag in hold stages.
    pub max_lag: Nanos,
    /// Highest share of dropped arrivals (0 to 1).
    pub max_dropped: f64,
    /// How far the arrivals sent in a hold may be off the plan (share, 0 to 1).
    pub max_off_plan: f64,
}

impl GeneratorBounds {
    /// Highest share of dropped arrivals (docs/verdict.md).
    pub const MAX_DROPPED: f64 = 0.001;
    /// How far a hold may be off the plan (docs/verdict.md).
    pub const MAX_OFF_PLAN: f64 = 0.01;

    /// The most schedule lag that is allowed where the engine's setting is `max_lag`: that, or
    /// 5 % of the tightest latency bound if that is more (docs/verdict.md).
    #[must_use]
    pub fn widest_lag(max_lag: Nanos, thresholds: &[Threshold]) -> Nanos {
        let wider = tightest_latency(thresholds).map_or(Nanos::ZERO, |bound| Nanos(bound.0 / 20));
        max_lag.max(wider)
    }
}

/// The tightest upper bound on a latency among `thresholds`.
fn tightest_latency(thresholds: &[Threshold]) -> Option<Nanos> {
    let bounds = thresholds.iter().filter_map(|threshold| {
        let metric = threshold.metric;
        let latency = metric.kind() == MetricKind::Trend && !metric.is_of_generator();
        match (threshold.operator, threshold.bound) {
            (Operator::Less | Operator::LessOrEqual, Bound::Fixed(ms)) if latency => Some(ms),
            _ => None,
        }
    });
    bounds.min_by(f64::total_cmp).map(|ms| Nanos::from_secs_f64(ms / 1e3))
}

/// What a finding is about: where it stands in reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The run as a whole: canary, nothing accepted, interrupted, skipped.
    Run,
    /// A threshold.
    Threshold,
    /// A check of the contract.
    Check,
    /// A rule of the limiter.
    Limiter(RuleName),
    /// A probe.
    Probe(ProbeKind),
    /// The generator.
    Generator,
}

/// What became of one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingVerdict {
    /// It holds.
    Pass,
    /// Something to know; changes nothing.
    Info,
    /// Not run or not exercised; changes nothing.
    Skipped,
    /// Nothing can be said.
    Inconclusive,
    /// It does not hold.
    Fail,
}

/// One rule, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What it is about.
    pub about: About,
    /// What is asserted, in words; unique within its scenario.
    pub name: String,
    /// What became of it.
    pub verdict: FindingVerdict,
    /// Observed and wanted, in one line; worded so that it can stand as a reason.
    pub message: String,
    /// The evidence: sample count, interval, first offending answer.
    pub evidence: Vec<String>,
    /// For a threshold: the figures.
    pub threshold: Option<ThresholdResult>,
}

impl Finding {
    /// One that rests on nothing beside its message.
    pub(super) fn new(
        about: About,
        name: impl Into<String>,
        verdict: FindingVerdict,
        message: String,
    ) -> Self {
        Self { about, name: name.into(), verdict, message, evidence: Vec::new(), threshold: None }
    }
}

/// pass, fail, inconclusive, or skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictKind {
    /// Everything that had to be true is.
    Pass,
    /// It was to run and couldn't (one scenario only; a suite is never skipped).
    Skipped,
    /// Nothing certain can be said: never green.
    Inconclusive,
    /// Something that had to be true is not.
    Fail,
}

impl Criteria {
    /// Whether one of its limiters refuses by that status.
    #[must_use]
    pub fn refuses(&self, status: u16) -> bool {
        let beside = self.beside.iter().map(|beside| &beside.declared);
        refuses(self.limit.iter().chain(beside), status)
    }

    /// The statuses by which its limiters refuse, in words: `429`, `429 or 503`.
    #[must_use]
    pub fn refused_by(&self) -> String {
        let beside = self.beside.iter().map(|beside| &beside.declared);
        refusal_words(self.limit.iter().chain(beside))
    }
}

impl VerdictKind {
    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Skipped => "skipped",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }

    /// The exit code that says it: 0 pass, 1 fail, 3 inconclusive or skipped.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail => 1,
            Self::Inconclusive | Self::Skipped => 3,
        }
    }
}

impl std::fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The limiter of one scenario: declared, predicted, observed, inferred.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LimiterReport {
    /// As declared; `None`: none.
    pub declared: Option<DeclaredLimit>,
    /// What is declared beside that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<DeclaredLimit>,
    /// How many 429 were to be expected; `None` where none is declared.
    pub predicted_hits: Option<(u64, u64)>,
    /// How many of them probably; `None`: nobody says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probable_hits: Option<u64>,
    /// How many came.
    pub observed_hits: u64,
    /// Which kind it seems to be.
    pub inferred: Inference,
    /// The rules.
    pub rules: Vec<RuleResult>,
}

/// The verdict on one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Whose.
    pub scenario: ScenarioId,
    /// The verdict.
    pub kind: VerdictKind,
    /// Why, worst first; empty for a pass without remarks.
    pub reasons: Vec<String>,
    /// Every rule, judged.
    pub findings: Vec<Finding>,
    /// The limiter.
    pub limiter: LimiterReport,
    /// Where failures gather, in words: `37 of 41 failures have provider:openai`.
    pub clusters: Vec<String>,
}

impl LimiterReport {
    /// The statuses of a refusal, in words: `429`, `429 or 503`.
    #[must_use]
    pub fn refused_by(&self) -> String {
        refusal_words(self.declared.iter().chain(&self.beside))
    }
}
