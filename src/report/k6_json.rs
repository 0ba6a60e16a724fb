//! `<scenario>-results.json`: k6's end-of-test summary, and `load_gate` beside it.

use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

use super::load_gate;
use crate::gate::{Drawn, FindingVerdict, Method, Metric, MetricKind, RESOURCE_NAME, Unit};
use crate::measure::Recording;
use crate::outcome::Outcome;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::tags::{Selector, TagKey};

/// The statistics of a trend: k6's `summaryTrendStats` with p(99).
const TREND_STATS: [Method; 7] = [
    Method::Avg,
    Method::Min,
    Method::Med,
    Method::Max,
    Method::Percentile(90.0),
    Method::Percentile(95.0),
    Method::Percentile(99.0),
];

/// The results file of one scenario. A metric of which nothing was observed is left
/// out, as in k6; where a threshold names it, it is there with nulls for its values,
/// and never `ok`. Times are milliseconds; `testRunDurationMs` and every rate are of
/// the load, from its start to the last answer.
#[must_use]
pub fn k6_json(report: &SuiteReport, scenario: &ScenarioReport) -> String {
    let document = json!({
        "options": {
            "noColor": true,
            "summaryTimeUnit": "ms",
            "summaryTrendStats": TREND_STATS.map(|method| method.to_string()),
        },
        "state": {
            "isStdErrTTY": false,
            "isStdOutTTY": false,
            "testRunDurationMs": scenario.recording.duration.as_millis_f64(),
        },
        "metrics": metrics(scenario),
        "root_group": root_group(&scenario.recording),
        "load_gate": load_gate::block(report, scenario),
    });
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn metrics(scenario: &ScenarioReport) -> Map<String, Value> {
    let recording = &scenario.recording;
    let mut metrics = Map::new();
    for metric in Metric::of(recording.scenario) {
        for (name, selector) in parts(metric, recording) {
            if let Some(drawn) = metric.draw(&selector, recording) {
                metrics.insert(name, entry(metric, Some(drawn), recording));
            }
        }
    }
    for threshold in &scenario.plan.criteria.thresholds {
        let drawn = threshold.metric.draw(&threshold.selector, recording);
        metrics
            .entry(threshold.key.clone())
            .or_insert_with(|| entry(threshold.metric, drawn, recording));
    }
    // A threshold that can't be decided is not `ok`: k6 knows no third answer.
    for finding in &scenario.verdict.findings {
        let Some(result) = &finding.threshold else { continue };
        let Some(Value::Object(entry)) = metrics.get_mut(&result.key) else { continue };
        let thresholds = entry.entry("thresholds").or_insert_with(|| json!({}));
        if let Value::Object(thresholds) = thresholds {
            let ok = finding.verdict == FindingVerdict::Pass && result.observed.is_some();
            thresholds.insert(result.expression.clone(), json!({ "ok": ok }));
        }
    }
    metrics
}

/// A metric and its parts: what a recording kept of each value of the tag that
/// splits it, and the one of `http_req_duration` that k6 always shows.
fn parts(metric: Metric, recording: &Recording) -> Vec<(String, Selector)> {
    let mut parts = vec![(metric.name().to_owned(), Selector::all())];
    if metric.name() == "http_req_duration" {
        let expected = Selector::all().with(TagKey::ExpectedResponse, "true");
        parts.push((format!("{metric}{{{expected}}}"), expected));
    }
    if metric.kind() == MetricKind::Gauge {
        let names = recording.resources.iter().map(|resource| resource.name.as_str());
        let selectors = names.map(|name| Selector::all().with(RESOURCE_NAME, name));
        return selectors.map(|one| (format!("{metric}{{{one}}}"), one)).collect();
    }
    let Some(split) = metric.split() else { return parts };
    let accepted = Selector::all().with(TagKey::Outcome, Outcome::Accepted.name());
    for selector in recording.slices.keys() {
        let Some(value) = selector.get(split) else { continue };
        if *selector == accepted.clone().with(split, value) {
            parts.push((format!("{metric}{{{}:{value}}}", split.name()), selector.clone()));
        }
    }
    parts
}

/// A metric with its values; nulls where nothing was observed.
fn entry(metric: Metric, drawn: Option<Drawn<'_>>, recording: &Recording) -> Value {
    let contains = match metric.unit() {
        Unit::Milliseconds => "time",
        Unit::Bytes => "data",
        Unit::Count | Unit::Share | Unit::Own => "default",
    };
    let value = |method| drawn.and_then(|drawn| drawn.value(method, recording));
    let values = match metric.kind() {
        MetricKind::Counter => {
            let count = match drawn {
                Some(Drawn::Counter(count)) => Some(count),
                _ => None,
            };
            json!({ "count": count, "rate": value(Method::Rate) })
        }
        MetricKind::Rate => {
            // In k6 `passes` are the samples that were not zero: of `errors` the errors.
            let (passes, fails) = match drawn {
                Some(Drawn::Rate { hits, of, .. }) => (Some(hits), Some(of.saturating_sub(hits))),
                _ => (None, None),
            };
            json!({ "rate": value(Method::Rate), "passes": passes, "fails": fails })
        }
        // k6's gauges have no statistics; what a threshold may take stands beside its three.
        MetricKind::Gauge => {
            let last = match drawn {
                Some(Drawn::Gauge(resource)) => resource.known().next_back(),
                _ => None,
            };
            let mut values = Map::from_iter([("value".to_owned(), json!(last))]);
            let stats = TREND_STATS.map(|method| (method.to_string(), json!(value(method))));
            values.extend(stats);
            Value::Object(values)
        }
        MetricKind::Trend => {
            let stats = TREND_STATS.map(|method| (method.to_string(), json!(value(method))));
            Value::Object(Map::from_iter(stats))
        }
    };
    json!({ "type": metric.kind().name(), "contains": contains, "values": values })
}

fn root_group(recording: &Recording) -> Value {
    let checks: Vec<Value> = recording
        .checks
        .iter()
        .filter(|check| check.ran())
        .map(|check| {
            let path = format!("::{}", check.name);
            json!({
                "name": check.name,
                "id": id(&path),
                "path": path,
                "passes": check.passes,
                "fails": check.fails,
            })
        })
        .collect();
    json!({ "name": "", "path": "", "id": id(""), "groups": [], "checks": checks })
}

/// k6's id of what stands at `path`: its MD5, which secures nothing.
fn id(path: &str) -> String {
    hex::encode(Md5::digest(path.as_bytes()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_are_those_that_k6_gives() {
        // From a summary that k6 1.1.0 wrote.
        assert_eq!(super::id(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(super::id("::status is 201"), "ec8c9afd59577ad0eb26fbf150ecf791");
    }
}
