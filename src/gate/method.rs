//! What a threshold takes of a metric, and how it is compared.

use serde::{Deserialize, Serialize};

/// The type of a metric: which methods it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MetricKind {
    /// `avg min med max p(N)`, milliseconds.
    Trend,
    /// `rate`, a fraction.
    Rate,
    /// `count rate`.
    Counter,
    /// `avg min med max p(N)` of values in a unit of their own: a resource of the service.
    Gauge,
}

/// What a threshold takes of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// How many.
    Count,
    /// Per second (counters) or share (rates).
    Rate,
    /// The mean.
    Avg,
    /// The smallest.
    Min,
    /// The median.
    Med,
    /// The largest.
    Max,
    /// The N-th percentile, 0 < N ≤ 100.
    Percentile(f64),
}

/// How observed and bound are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Operator {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
}

impl MetricKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Counter, Self::Rate, Self::Trend, Self::Gauge];

    /// What it takes, for messages.
    #[must_use]
    pub const fn methods(self) -> &'static str {
        match self {
            Self::Trend | Self::Gauge => "avg, min, med, max or p(N)",
            Self::Rate => "rate",
            Self::Counter => "count or rate",
        }
    }

    /// Its name, as k6 has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trend => "trend",
            Self::Rate => "rate",
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }

    /// Whether it takes `method`.
    #[must_use]
    pub const fn takes(self, method: Method) -> bool {
        match self {
            Self::Trend | Self::Gauge => matches!(
                method,
                Method::Avg | Method::Min | Method::Med | Method::Max | Method::Percentile(_)
            ),
            Self::Rate => matches!(method, Method::Rate),
            Self::Counter => matches!(method, Method::Count | Method::Rate),
        }
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count => f.write_str("count"),
            Self::Rate => f.write_str("rate"),
            Self::Avg => f.write_str("avg"),
            Self::Min => f.write_str("min"),
            Self::Med => f.write_str("med"),
            Self::Max => f.write_str("max"),
            Self::Percentile(n) => write!(f, "p({n})"),
        }
    }
}

impl Method {
    /// The quantile it asks for (0 to 1), if it asks for one.
    #[must_use]
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::Med => Some(0.5),
            Self::Percentile(n) => Some(n / 100.0),
            _ => None,
        }
    }
}

impl Operator {
    /// Its sign.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    /// Whether `observed` stands so to `bound`.
    #[must_use]
    pub fn holds(self, observed: f64, bound: f64) -> bool {
        match self {
            Self::Less => observed < bound,
            Self::LessOrEqual => observed <= bound,
            Self::Greater => observed > bound,
            Self::GreaterOrEqual => observed >= bound,
            Self::Equal => observed == bound,
            Self::NotEqual => observed != bound,
        }
    }
}

impl std::fmt::Display for Operator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.sign())
    }
}
