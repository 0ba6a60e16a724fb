//! The figures of a judged threshold, and how they are stored.

use serde::{Deserialize, Serialize};

use super::{Method, Metric, grammar};

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
    /// Its 95 % confidence interval; `None`: there is none for this method.
    pub interval: Option<(f64, f64)>,
    /// The bound it was compared with; `None`: no baseline to take it from.
    pub bound: Option<f64>,
    /// How many samples it rests on.
    pub samples: u64,
    /// Whether the interval straddles the bound.
    pub close: bool,
}

impl ThresholdResult {
    /// A value of its metric for people: `12.3 ms`, `99.53 %`, `40,200`.
    #[must_use]
    pub fn say(&self, value: f64) -> String {
        self.metric.say(self.method, value)
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
}

impl TryFrom<Stored> for ThresholdResult {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { metric: key, expression, observed, interval, bound, samples, close } = stored;
        let (metric, method) = grammar::named(&key, &expression)
            .ok_or_else(|| format!("`{key}: {expression}` is no threshold"))?;
        Ok(Self { metric, method, key, expression, observed, interval, bound, samples, close })
    }
}

impl From<ThresholdResult> for Stored {
    fn from(result: ThresholdResult) -> Self {
        let ThresholdResult { key, expression, observed, interval, bound, samples, close, .. } =
            result;
        Self { metric: key, expression, observed, interval, bound, samples, close }
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
        let unknown = json.replace("response_time", "responses");
        assert!(serde_json::from_str::<ThresholdResult>(&unknown).is_err());
    }
}
