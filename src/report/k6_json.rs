//! `<scenario>-results.json`: k6's end-of-test summary, and `load_gate` beside it.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{figures, load_gate};
use crate::gate::{FindingVerdict, Metric};
use crate::ids::ScenarioId;
use crate::measure::{Recording, Slice, Trend};
use crate::outcome::Outcome;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::tags::{Selector, TagKey};

/// The statistics of a trend, as k6's `summaryTrendStats` with p(99).
const TREND_STATS: [&str; 7] = ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)"];

/// Every metric of every scenario, with its name.
const COMMON: [(Metric, &str); 15] = [
    (Metric::HttpReqs, "http_reqs"),
    (Metric::Iterations, "iterations"),
    (Metric::DroppedIterations, "dropped_iterations"),
    (Metric::HttpReqDuration, "http_req_duration"),
    (Metric::HttpReqWaiting, "http_req_waiting"),
    (Metric::ResponseTime, "response_time"),
    (Metric::HttpReqFailed, "http_req_failed"),
    (Metric::Checks, "checks"),
    (Metric::Errors, "errors"),
    (Metric::SuccessRate, "success_rate"),
    (Metric::RateLimitHits, "rate_limit_hits"),
    (Metric::DataSent, "data_sent"),
    (Metric::DataReceived, "data_received"),
    (Metric::ScheduleLag, "schedule_lag"),
    (Metric::HttpReqDuration, "http_req_duration{expected_response:true}"),
];

/// The old scripts' custom metrics, by scenario.
const fn custom(scenario: ScenarioId) -> &'static [(Metric, &'static str)] {
    match scenario {
        ScenarioId::Onboarding => &[
            (Metric::SuccessfulOnboards, "successful_onboards"),
            (Metric::OnboardingDuration, "onboarding_duration"),
        ],
        ScenarioId::CredentialVending => &[
            (Metric::SuccessfulExchanges, "successful_exchanges"),
            (Metric::CredentialVendingDuration, "credential_vending_duration"),
            (Metric::CredentialsByProvider, "credentials_by_provider"),
        ],
        ScenarioId::Webhook => &[
            (Metric::SuccessfulWebhooks, "successful_webhooks"),
            (Metric::WebhookProcessingDuration, "webhook_processing_duration"),
            (Metric::WebhooksByEventType, "webhooks_by_event_type"),
            (Metric::DuplicateEventsDetected, "duplicate_events_detected"),
        ],
    }
}

/// The results file of one scenario. Every metric is there whatever happened:
/// counters and rates are 0 and trends all zeros where there is nothing, as in
/// k6. Times are milliseconds; `testRunDurationMs` and every rate are of the
/// load, from its start to the last answer.
#[must_use]
pub fn k6_json(report: &SuiteReport, scenario: &ScenarioReport) -> String {
    let document = json!({
        "options": {
            "noColor": true,
            "summaryTimeUnit": "ms",
            "summaryTrendStats": TREND_STATS,
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
    for (metric, name) in COMMON.iter().chain(custom(recording.scenario)) {
        let selector = if name.contains('{') {
            Selector::all().with(TagKey::ExpectedResponse, "true")
        } else {
            Selector::all()
        };
        metrics.insert((*name).to_owned(), metric_json(recording, *metric, &selector));
    }
    for selector in recording.slices.keys() {
        let mut tags = selector.iter().filter(|(key, _)| *key != TagKey::Outcome);
        let (first, more) = (tags.next(), tags.next());
        let (metric, name) = match (recording.scenario, first, more) {
            (ScenarioId::CredentialVending, Some((TagKey::Provider, _)), None) => {
                (Metric::CredentialsByProvider, "credentials_by_provider")
            }
            (ScenarioId::Webhook, Some((TagKey::EventType, _)), None) => {
                (Metric::WebhooksByEventType, "webhooks_by_event_type")
            }
            _ => continue,
        };
        let Some((key, value)) = first else { continue };
        metrics.insert(
            format!("{name}{{{}:{value}}}", key.name()),
            metric_json(recording, metric, selector),
        );
    }
    for threshold in &scenario.plan.criteria.thresholds {
        metrics
            .entry(threshold.key.clone())
            .or_insert_with(|| metric_json(recording, threshold.metric, &threshold.selector));
    }
    // A threshold that can't be decided is not `ok`: k6 knows no third answer.
    for finding in &scenario.verdict.findings {
        let Some(result) = &finding.threshold else { continue };
        let Some(Value::Object(entry)) = metrics.get_mut(&result.metric) else { continue };
        let thresholds = entry.entry("thresholds").or_insert_with(|| json!({}));
        if let Value::Object(thresholds) = thresholds {
            let ok = finding.verdict == FindingVerdict::Pass;
            thresholds.insert(result.expression.clone(), json!({ "ok": ok }));
        }
    }
    metrics
}

fn metric_json(recording: &Recording, metric: Metric, selector: &Selector) -> Value {
    let narrowed = |more: Selector| {
        let all = selector.iter().fold(more, |s, (key, value)| s.with(key, value));
        figures::slice(recording, &all).into_owned()
    };
    let accepted = || narrowed(figures::outcome(Outcome::Accepted));
    let slice = if selector.get(TagKey::ExpectedResponse) == Some("true")
        && recording.slice(selector).is_none()
    {
        accepted()
    } else {
        narrowed(Selector::all())
    };
    let sent = slice.outcomes.sent();
    let count = |n: u64| counter(recording, "default", n);
    match metric {
        Metric::HttpReqs => count(slice.requests),
        Metric::Iterations => count(sent),
        Metric::DroppedIterations => count(slice.outcomes.get(Outcome::Dropped)),
        Metric::RateLimitHits => count(slice.rate_limit_hits),
        Metric::DataSent => counter(recording, "data", slice.bytes_sent),
        Metric::DataReceived => counter(recording, "data", slice.bytes_received),
        Metric::HttpReqDuration => trend(&slice.service_time),
        Metric::HttpReqWaiting => trend(&slice.waiting),
        Metric::ResponseTime => trend(&slice.response_time),
        Metric::ScheduleLag => trend(&slice.lag),
        Metric::OnboardingDuration
        | Metric::CredentialVendingDuration
        | Metric::WebhookProcessingDuration => trend(&accepted().service_time),
        Metric::HttpReqFailed => rate(slice.failed, sent),
        Metric::Checks => {
            rate(slice.checks_passed, slice.checks_passed.saturating_add(slice.checks_failed))
        }
        Metric::SuccessRate => rate(slice.outcomes.get(Outcome::Accepted), judged(&slice)),
        Metric::Errors => {
            let judged = judged(&slice);
            rate(judged.saturating_sub(slice.outcomes.get(Outcome::Accepted)), judged)
        }
        Metric::SuccessfulOnboards
        | Metric::SuccessfulExchanges
        | Metric::SuccessfulWebhooks
        | Metric::WebhooksByEventType => count(slice.outcomes.get(Outcome::Accepted)),
        Metric::CredentialsByProvider => count(credentials(&slice, selector)),
        Metric::DuplicateEventsDetected => {
            let repeated =
                narrowed(figures::outcome(Outcome::Accepted).with(TagKey::Duplicate, "true"));
            count(repeated.outcomes.get(Outcome::Accepted))
        }
    }
}

/// Credentials delivered; of one provider: one an accepted arrival.
fn credentials(slice: &Slice, selector: &Selector) -> u64 {
    if selector.get(TagKey::Provider).is_some() {
        slice.outcomes.get(Outcome::Accepted)
    } else {
        slice.items
    }
}

fn judged(slice: &Slice) -> u64 {
    slice.outcomes.total().saturating_sub(slice.outcomes.get(Outcome::RateLimited))
}

fn counter(recording: &Recording, contains: &str, n: u64) -> Value {
    let rate = figures::per_second(recording, n);
    json!({ "type": "counter", "contains": contains, "values": { "count": n, "rate": rate } })
}

/// A rate: in k6 `passes` are the samples that were not zero, so for `errors`
/// the errors.
fn rate(hits: u64, of: u64) -> Value {
    let share = if of == 0 { 0.0 } else { hits as f64 / of as f64 };
    let fails = of.saturating_sub(hits);
    let values = json!({ "rate": share, "passes": hits, "fails": fails });
    json!({ "type": "rate", "contains": "default", "values": values })
}

fn trend(trend: &Trend) -> Value {
    let at = |q: f64| trend.quantile(q).unwrap_or_default().as_millis_f64();
    let values = json!({
        "avg": trend.mean().unwrap_or(0.0) / 1e6,
        "min": trend.min().unwrap_or_default().as_millis_f64(),
        "med": at(0.5),
        "max": trend.max().unwrap_or_default().as_millis_f64(),
        "p(90)": at(0.90),
        "p(95)": at(0.95),
        "p(99)": at(0.99),
    });
    json!({ "type": "trend", "contains": "time", "values": values })
}

fn root_group(recording: &Recording) -> Value {
    let checks: Vec<Value> = recording
        .checks
        .iter()
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

/// 32 hexadecimal digits that stand for `path`. k6 takes MD5; these are the
/// first half of its SHA-256: as stable, and equal in form only.
fn id(path: &str) -> String {
    let mut digits = hex::encode(Sha256::digest(path.as_bytes()));
    digits.truncate(32);
    digits
}
