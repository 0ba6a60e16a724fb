//! What is said of limiters: kinds, estimates, rules, predictions; plain data.

use serde::{Deserialize, Serialize};

use super::Algorithm;

/// What the admission pattern betrays of the limiter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inference {
    /// Which kind.
    pub algorithm: Algorithm,
    /// Where several kinds explain everything: which, also beside one that is likelier and
    /// named. Limit and window are given where they agree on them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<Algorithm>,
    /// Requests admitted per window (capacity of a bucket; at once of a concurrency
    /// limit; of all replicas together), with its lowest and highest value that the
    /// pattern allows; `None` where nothing can be told.
    pub limit: Option<Estimate>,
    /// The window in seconds (capacity / refill rate of a bucket), likewise; `None` for
    /// a concurrency limit as well.
    pub window_s: Option<Estimate>,
    /// Why, in words.
    pub why: String,
}

/// A figure and the range that the evidence allows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The best guess.
    pub value: f64,
    /// The lowest value that fits.
    pub low: f64,
    /// The highest value that fits.
    pub high: f64,
}

/// A rule a limiter is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleName {
    /// Refuses once the limit is reached.
    Engages,
    /// Never admits more than the declared limit.
    Holds,
    /// Does not refuse below the limit.
    LetsThrough,
    /// Admits again after the window.
    Recovers,
    /// Says what it does: status, JSON, headers.
    SaysSo,
    /// Can't be walked round by naming another address.
    NotSpoofable,
}

impl RuleName {
    /// How people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Engages => "engages",
            Self::Holds => "holds",
            Self::LetsThrough => "lets through",
            Self::Recovers => "recovers",
            Self::SaysSo => "says so",
            Self::NotSpoofable => "can't be walked round",
        }
    }

    /// What it asserts of the limiter.
    #[must_use]
    pub const fn asserted(self) -> &'static str {
        match self {
            Self::Engages => "refuses once the limit is reached",
            Self::Holds => "never admits more than the limit",
            Self::LetsThrough => "refuses nothing below the limit",
            Self::Recovers => "admits again after the window",
            Self::SaysSo => "says so: the declared status, JSON, promised headers",
            Self::NotSpoofable => "can't be walked round by naming another address",
        }
    }
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleVerdict {
    /// Kept.
    Pass,
    /// Broken.
    Fail,
    /// The load didn't reach it.
    NotExercised,
    /// Something to know, nothing promised.
    Info,
    /// It may be broken, and nobody can tell.
    Inconclusive,
}

impl RuleVerdict {
    /// How people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotExercised => "not exercised",
            Self::Info => "info",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// A rule with its verdict and evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleResult {
    /// Which rule.
    pub name: RuleName,
    /// What became of it.
    pub verdict: RuleVerdict,
    /// What was seen, in words.
    pub evidence: String,
}

/// How many requests a limiter may admit and refuse, over every phase and algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prediction {
    /// The fewest it may admit.
    pub admitted_low: u64,
    /// The most it may admit.
    pub admitted_high: u64,
    /// The fewest 429 that may come.
    pub hits_low: u64,
    /// The most 429 that may come.
    pub hits_high: u64,
    /// How many 429 are probable; `None`: too many are sent to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hits_probable: Option<u64>,
}
