//! Which figures of two runs are compared.

use serde::Serialize;

/// A figure that is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Median of the response time of accepted arrivals, in milliseconds.
    P50,
    /// Its 90th percentile.
    P90,
    /// Its 95th percentile.
    P95,
    /// Its 99th percentile.
    P99,
    /// accepted / (arrivals sent − rate limited).
    SuccessRate,
    /// 429s among the arrivals that were sent (`rate_limit_hits` of arrivals).
    RateLimited,
}

impl Figure {
    /// Every figure, in the order reports show them.
    pub const ALL: [Self; 6] =
        [Self::P50, Self::P90, Self::P95, Self::P99, Self::SuccessRate, Self::RateLimited];

    /// The quantile (0 to 1) of the response time of accepted arrivals; `None` for a rate.
    #[must_use]
    pub const fn quantile(self) -> Option<f64> {
        match self {
            Self::P50 => Some(0.50),
            Self::P90 => Some(0.90),
            Self::P95 => Some(0.95),
            Self::P99 => Some(0.99),
            Self::SuccessRate | Self::RateLimited => None,
        }
    }
}
