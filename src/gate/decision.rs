//! What decides a threshold: the figure itself or its whole interval, and with what confidence.

use serde::{Deserialize, Serialize};

use crate::measure::intervals::CONFIDENCE;

/// What decides a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decide {
    /// The figure itself; an interval that straddles the bound is a close call.
    #[default]
    Point,
    /// The whole interval: one that straddles the bound decides nothing.
    Interval,
}

impl Decide {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Point, Self::Interval];

    /// Its name in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Point => "point",
            Self::Interval => "interval",
        }
    }
}

/// How thresholds are decided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// By what.
    pub decide: Decide,
    /// Confidence over all looks (0 to 1, exclusive).
    pub confidence: f64,
    /// How often the thresholds may be looked at before the run must end (at
    /// least 1): each look's interval takes its share of the error.
    pub looks: u32,
}

impl Default for Decision {
    fn default() -> Self {
        Self { decide: Decide::Point, confidence: CONFIDENCE, looks: 1 }
    }
}

impl Decision {
    /// The confidence of one look's interval (Bonferroni: the error is shared out).
    #[must_use]
    pub fn level(self) -> f64 {
        1.0 - (1.0 - self.confidence) / f64::from(self.looks.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_looks_share_the_error() {
        assert!((Decision::default().level() - 0.95).abs() < 1e-12);
        let looks = Decision { looks: 3, ..Decision::default() };
        assert!((looks.level() - (1.0 - 0.05 / 3.0)).abs() < 1e-12);
    }
}
