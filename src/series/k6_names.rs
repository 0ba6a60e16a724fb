//! The same run under k6's names, for the dashboards that its users already have.
//!
//! Source: k6's remote-write output: `k6_` + metric, counters `_total`, rates `_rate` (0 to
//! 1), trends one gauge a statistic in seconds. Unlike k6's, the gauges are of the interval
//! since the points before, not of the whole run so far.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::types::{Common, Family, Kind, SampleValue, Series};
use crate::gate::{Drawn, Metric, Unit};
use crate::measure::Recording;
use crate::plan::Plan;
use crate::tags::Selector;
use crate::units::Nanos;

/// Statistics of a trend, with the quantile that each is.
const QUANTILES: [(&str, f64); 6] =
    [("_min", 0.0), ("_med", 0.5), ("_p90", 0.9), ("_p95", 0.95), ("_p99", 0.99), ("_max", 1.0)];

/// What stood at the points before, so that gauges can be of the interval between.
#[derive(Clone, Debug, Default)]
pub struct K6Interval {
    trends: BTreeMap<String, BTreeMap<u64, u64>>,
    rates: BTreeMap<String, (u64, u64)>,
}

/// The counters of a scenario at zero.
#[must_use]
pub fn k6_begun(plan: &Plan, common: &Common) -> Vec<Series> {
    let recording = plan.not_run(
        crate::units::Timestamp::from_unix(std::time::Duration::ZERO),
        crate::measure::Ended::Running,
    );
    let mut at_zero = K6Interval::default().series(plan, &recording, 0, common);
    let counters = Metric::all().filter(|metric| metric.belongs_to(plan.scenario));
    for metric in
        counters.filter(|metric| matches!(metric.kind(), crate::gate::MetricKind::Counter))
    {
        let name = format!("k6_{metric}_total");
        if !at_zero.iter().any(|series| series.family.name == name) {
            let scenario = plan.scenario.to_string();
            at_zero.push(named(common, &scenario, name, Kind::Counter, metric, 0.0));
        }
    }
    at_zero
}

impl K6Interval {
    /// The series of one scenario at a moment; the next call's interval begins here.
    pub fn series(
        &mut self,
        plan: &Plan,
        recording: &Recording,
        in_flight: u64,
        common: &Common,
    ) -> Vec<Series> {
        let scenario = plan.scenario.to_string();
        let mut series = Vec::new();
        for metric in Metric::all().filter(|metric| metric.belongs_to(plan.scenario)) {
            match metric.draw(&Selector::all(), recording) {
                // What the service's own monitoring knows is there already.
                None | Some(Drawn::Gauge(_)) => {}
                Some(Drawn::Counter(n)) => {
                    let name = format!("k6_{metric}_total");
                    series.push(named(common, &scenario, name, Kind::Counter, metric, n as f64));
                }
                Some(Drawn::Rate { hits, of, .. }) => {
                    let before = self.rates.insert(metric.to_string(), (hits, of));
                    let (hits_before, of_before) = before.unwrap_or((0, 0));
                    // Nothing new leaves the gauge out: no rate of nothing.
                    if of > of_before {
                        let share =
                            hits.saturating_sub(hits_before) as f64 / (of - of_before) as f64;
                        let name = format!("k6_{metric}_rate");
                        series.push(named(common, &scenario, name, Kind::Gauge, metric, share));
                    }
                }
                Some(Drawn::Trend(trend)) => {
                    let now: BTreeMap<u64, u64> = trend.spans().map(|(s, n)| (s.0, n)).collect();
                    let before = self.trends.insert(metric.to_string(), now.clone());
                    let fresh = since(&now, &before.unwrap_or_default());
                    for (suffix, value) in statistics(&fresh) {
                        let name = format!("k6_{metric}{suffix}");
                        series.push(named(common, &scenario, name, Kind::Gauge, metric, value));
                    }
                }
            }
        }
        let labels = [("scenario", scenario.as_str())];
        for (name, n) in [("k6_vus", in_flight), ("k6_vus_max", recording.generator.max_in_flight)]
        {
            let family = Family::new(name, Kind::Gauge, "", "Requests under way.");
            series.push(common.number(&family, &labels, n as f64));
        }
        series
    }
}

fn named(
    common: &Common,
    scenario: &str,
    name: String,
    kind: Kind,
    metric: Metric,
    value: f64,
) -> Series {
    let unit = match metric.unit() {
        Unit::Milliseconds => "seconds",
        Unit::Bytes => "bytes",
        Unit::Count | Unit::Share | Unit::Own => "",
    };
    let family = Family { name: Cow::Owned(name), help: metric.about(), kind, unit };
    common.series(
        &family,
        &[("scenario", scenario), ("name", scenario)],
        SampleValue::Number(value),
    )
}

/// The samples that came since `before`, by span.
fn since(now: &BTreeMap<u64, u64>, before: &BTreeMap<u64, u64>) -> Vec<(f64, u64)> {
    let fresh = now.iter().filter_map(|(span, n)| {
        let n = n.saturating_sub(before.get(span).copied().unwrap_or(0));
        (n > 0).then(|| (Nanos(*span).as_secs_f64(), n))
    });
    fresh.collect()
}

/// k6's statistics, in seconds; none of no samples.
fn statistics(spans: &[(f64, u64)]) -> Vec<(&'static str, f64)> {
    let count: u64 = spans.iter().map(|(_, n)| n).sum();
    if count == 0 {
        return Vec::new();
    }
    let sum: f64 = spans.iter().map(|(span, n)| span * *n as f64).sum();
    let mut found: Vec<(&'static str, f64)> = QUANTILES
        .iter()
        .map(|(name, q)| {
            let rank = ((q * count as f64).ceil() as u64).clamp(1, count);
            let mut seen = 0;
            let at = spans.iter().find(|(_, n)| {
                seen += n;
                seen >= rank
            });
            (*name, at.map_or(0.0, |(span, _)| *span))
        })
        .collect();
    found.extend([("_avg", sum / count as f64), ("_count", count as f64), ("_sum", sum)]);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_are_of_the_interval() {
        let before = BTreeMap::from([(1_000_000, 90)]);
        let now = BTreeMap::from([(1_000_000, 100), (2_000_000_000, 10)]);
        let found: BTreeMap<_, _> = statistics(&since(&now, &before)).into_iter().collect();
        assert_eq!(found["_count"], 20.0);
        assert_eq!((found["_med"], found["_p95"], found["_min"]), (0.001, 2.0, 0.001));
        assert!(statistics(&since(&now, &now)).is_empty());
    }
}
