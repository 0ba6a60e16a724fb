//! The figures of a judged threshold, and how they are stored.

use serde::{Deserialize, Serialize};

use super::{Method, Metric, grammar};
use crate::measure::intervals::CONFIDENCE;
use crate::units;

/// The figures of a judged threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct ThresholdResult {
    /// The metric.
    pub metric: Metric,
    /// What of it.
    pub method: Method,
    /// The key as the user wrote it.
    pub key: String,
    /// The expression as the user wrote it.
    pub expression: String,
    /// The observed value (milliseconds, fraction or count); `None`: nothing to observe.
    pub observed: Option<f64>,
    /// Its confidence interval; `None`: there is none for this method.
    pub interval: Option<(f64, f64)>,
    /// The interval's confidence (0 to 1).
    pub confidence: f64,
    /// The bound it was compared with; `None`: no baseline to take it from.
    pub bound: Option<f64>,
    /// How many samples it rests on.
    pub samples: u64,
    /// How many independent samples they are worth; `None`: it doesn't matter, or
    /// the version that judged didn't ask.
    pub worth: Option<u64>,
    /// Whether the run was long enough to tell.
    pub told: bool,
    /// Of a rate: whether what it counts is too rare to know how it bunches.
    pub rare: bool,
    /// Whether the interval straddles the bound.
    pub close: bool,
}

impl ThresholdResult {
    /// A value of its metric for people: `12.3 ms`, `99.53 %`, `40,200`.
    #[must_use]
    pub fn say(&self, value: f64) -> String {
        self.metric.say(self.method, value)
    }

    /// What its interval rests on: `n = 6,000, worth about 210`.
    #[must_use]
    pub fn rests_on(&self) -> String {
        rests_on(self.samples, self.worth)
    }
}

/// What an interval rests on, for people: `n = 6,000, worth about 210`.
#[must_use]
pub fn rests_on(samples: u64, worth: Option<u64>) -> String {
    let n = format!("n = {}", units::count(samples));
    match worth.map(units::about) {
        Some(worth) if worth < samples => format!("{n}, worth about {}", units::count(worth)),
        _ => n,
    }
}

/// As `suite.json` has had it since its first version: the texts, which say metric
/// and method.
#[derive(Serialize, Deserialize)]
struct Stored {
    metric: String,
    expression: String,
    observed: Option<f64>,
    interval: Option<(f64, f64)>,
    bound: Option<f64>,
    samples: u64,
    close: bool,
    // Since 1.1.0.
    #[serde(default)]
    worth: Option<u64>,
    #[serde(default = "yes")]
    told: bool,
    #[serde(default = "usual")]
    confidence: f64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    rare: bool,
}

const fn yes() -> bool {
    true
}

const fn usual() -> f64 {
    CONFIDENCE
}

impl TryFrom<Stored> for ThresholdResult {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let (metric, method) = grammar::named(&stored.metric, &stored.expression)
            .ok_or_else(|| format!("`{}: {}` is no threshold", stored.metric, stored.expression))?;
        Ok(Self {
            metric,
            method,
            key: stored.metric,
            expression: stored.expression,
            observed: stored.observed,
            interval: stored.interval,
            confidence: stored.confidence,
            bound: stored.bound,
            samples: stored.samples,
            worth: stored.worth,
            told: stored.told,
            rare: stored.rare,
            close: stored.close,
        })
    }
}

impl From<ThresholdResult> for Stored {
    fn from(result: ThresholdResult) -> Self {
        Self {
            metric: result.key,
            expression: result.expression,
            observed: result.observed,
            interval: result.interval,
            bound: result.bound,
            samples: result.samples,
            close: result.close,
            worth: result.worth,
            told: result.told,
            rare: result.rare,
            confidence: result.confidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_version_stored_is_read() {
        let json = r#"{"metric":"response_time { stage : hold }","expression":" p( 95 ) !== 2",
            "observed":1.5,"interval":[1.0,2.0],"bound":2.0,"samples":7,"close":false}"#;
        let read: ThresholdResult = serde_json::from_str(json).expect("reads");
        assert_eq!((read.metric.name(), read.method), ("response_time", Method::Percentile(95.0)));
        let again = serde_json::to_string(&read).expect("serialises");
        assert!(again.starts_with(r#"{"metric":"response_time { stage : hold }","#), "{again}");
        assert_eq!((read.worth, read.told, read.confidence), (None, true, 0.95));
        let unknown = json.replace("response_time", "responses");
        assert!(serde_json::from_str::<ThresholdResult>(&unknown).is_err());
    }

    #[test]
    fn what_it_rests_on_is_said_plainly() {
        assert_eq!(rests_on(6000, Some(212)), "n = 6,000, worth about 210");
        assert_eq!(rests_on(6000, Some(6000)), "n = 6,000");
        assert_eq!(rests_on(6000, None), "n = 6,000");
        assert_eq!(rests_on(6000, Some(7)), "n = 6,000, worth about 7");
    }
}
