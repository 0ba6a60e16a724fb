//! The `load_gate` block of a results file: what k6's summary has no place for.

use serde_json::{Map, Value, json};

use super::figures;
use crate::limits::Estimate;
use crate::measure::{Shards, Trend};
use crate::suite::{SCHEMA_VERSION, ScenarioReport, SuiteReport};
use crate::units::Nanos;

/// The block, with every field whatever happened.
pub(super) fn block(report: &SuiteReport, scenario: &ScenarioReport) -> Value {
    let recording = &scenario.recording;
    let outcomes: Map<String, Value> = recording
        .total()
        .outcomes
        .iter()
        .map(|(outcome, n)| (outcome.name().to_owned(), json!(n)))
        .collect();
    let checks: Vec<Value> = recording
        .checks
        .iter()
        .filter(|check| check.ran())
        .map(|c| json!({ "name": c.name, "passes": c.passes, "fails": c.fails }))
        .collect();
    let probes: Vec<Value> = recording
        .probes
        .iter()
        .map(|p| json!({ "kind": p.kind, "sent": p.sent, "held": p.held, "breached": p.breached }))
        .collect();
    let mut block = json!({
        "schema_version": SCHEMA_VERSION,
        "tool_version": report.tool_version,
        "environment": report.environment.name,
        "profile": report.profile,
        "seed": report.seed,
        "started_at": recording.started_at,
        "verdict": scenario.verdict.kind,
        "reasons": scenario.verdict.reasons,
        "caveats": report.caveats,
        "outcomes": outcomes,
        "thresholds": thresholds(scenario),
        "checks": checks,
        "probes": probes,
        "rate_limit": rate_limit(scenario),
        "generator": generator(scenario),
    });
    if let Some(shards) = &recording.shards {
        block["shards"] = machines(shards);
    }
    block
}

/// The machines that it was sent from.
fn machines(shards: &Shards) -> Value {
    let millis = |span: Option<Nanos>| span.map(Nanos::as_millis_f64);
    let rows: Vec<Value> = shards
        .rows
        .iter()
        .map(|row| {
            json!({
                "shard": row.shard,
                "planned": row.planned,
                "sent": row.sent,
                "dropped": row.dropped,
                "rate": row.rate(),
                "schedule_lag_p99_ms": millis(row.lag_p99),
                "response_p50_ms": millis(row.response_p50),
                "response_p95_ms": millis(row.response_p95),
                "service_p95_ms": millis(row.service_p95),
                "late_ms": row.late.as_millis_f64(),
                "clock_offset_s": row.clock_offset,
                "clock_error_s": row.clock_offset.map(|_| row.clock_error.as_secs_f64()),
            })
        })
        .collect();
    json!({
        "of": shards.of,
        "allowed_missing": shards.allowed,
        "absent": shards.absent(),
        "strangers": shards.strangers,
        "rows": rows,
    })
}

fn thresholds(scenario: &ScenarioReport) -> Vec<Value> {
    let findings = scenario.verdict.findings.iter();
    findings
        .filter_map(|finding| finding.threshold.as_ref().map(|t| (finding, t)))
        .map(|(finding, t)| {
            json!({
                "metric": t.key,
                "expression": t.expression,
                "observed": t.observed,
                "interval": t.interval.map(|(low, high)| [low, high]),
                "confidence": t.confidence,
                "samples": t.samples,
                "worth": t.worth,
                "verdict": finding.verdict,
                "close": t.close,
            })
        })
        .collect()
}

fn rate_limit(scenario: &ScenarioReport) -> Value {
    let limiter = &scenario.verdict.limiter;
    let declared = limiter
        .declared
        .map(|d| json!({ "limit": d.limit, "window_s": d.window.as_secs_f64(), "scope": d.scope }));
    // An endpoint without a declared limit is predicted to refuse nothing.
    let (low, high) = limiter.predicted_hits.unwrap_or((0, 0));
    let inferred = &limiter.inferred;
    let figure = |estimate: Option<Estimate>| estimate.map(|e| e.value);
    let rules: Vec<Value> = limiter
        .rules
        .iter()
        .map(|r| json!({ "name": r.name, "verdict": r.verdict, "evidence": r.evidence }))
        .collect();
    json!({
        "declared": declared,
        "predicted_hits": [low, high],
        "probable_hits": limiter.probable_hits,
        "observed_hits": limiter.observed_hits,
        "inferred": {
            "algorithm": inferred.algorithm,
            "left": inferred.left,
            "limit": figure(inferred.limit),
            "window_s": figure(inferred.window_s),
        },
        "rules": rules,
    })
}

fn generator(scenario: &ScenarioReport) -> Value {
    let generator = &scenario.recording.generator;
    let at = |trend: &Trend, q: f64| trend.quantile(q).unwrap_or_default().as_millis_f64();
    let lag = &scenario.recording.total().lag;
    json!({
        "planned": generator.planned,
        "sent": generator.sent,
        "dropped": generator.dropped,
        "schedule_lag_ms": { "p50": at(lag, 0.5), "p99": at(lag, 0.99), "max": at(lag, 1.0) },
        "achieved_rate": figures::achieved_rate(&scenario.recording),
    })
}
