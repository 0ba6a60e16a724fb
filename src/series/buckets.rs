//! The bounds of classic histograms: a ladder, and every threshold's own bound.

use crate::gate::{Bound, Criteria, MetricKind, Threshold};

/// Seconds, about 2.15 apart: three to a decade.
const LADDER: [f64; 15] =
    [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0];

/// The thresholds on latencies and what each allows, in seconds; relative ones have no
/// bound before the end.
pub(super) fn latency_bounds(criteria: &Criteria) -> impl Iterator<Item = (&Threshold, f64)> {
    let latencies = criteria.thresholds.iter().filter(|t| t.metric.kind() == MetricKind::Trend);
    latencies.filter_map(|threshold| match threshold.bound {
        Bound::Fixed(millis) => Some((threshold, millis / 1e3)),
        Bound::TimesBaseline(_) => None,
    })
}

/// The bounds, in seconds, that fit a scenario's latency thresholds: how many samples
/// are on a threshold's good side can then be read off without interpolation.
#[must_use]
pub fn bounds_for(criteria: &Criteria) -> Vec<f64> {
    let own = latency_bounds(criteria).map(|(_, seconds)| seconds);
    let mut bounds: Vec<f64> = LADDER.into_iter().chain(own).collect();
    bounds.retain(|bound| bound.is_finite() && *bound > 0.0);
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds
}
