//! Draws a run's series from what was measured so far.

use std::collections::BTreeMap;

use super::buckets::{bounds_for, latency_bounds};
use super::types::{Buckets, Common, Family, Kind, SampleValue, Series};
use crate::measure::{ProbeCount, ProcessFigures, Recording, Slice};
use crate::outcome::Outcome;
use crate::plan::{Plan, Schedule};
use crate::tags::{Selector, TagKey};
use crate::units::Nanos;

pub(super) const REQUESTS: Family = Family::new(
    "loadgate_requests_total",
    Kind::Counter,
    "",
    "Arrivals by how they ended; dropped ones were never sent.",
);
pub(super) const HTTP_REQUESTS: Family = Family::new(
    "loadgate_http_requests_total",
    Kind::Counter,
    "",
    "Arrivals by the status of their answer; 0: none.",
);
pub(super) const RATE_LIMITED: Family = Family::new(
    "loadgate_rate_limited_total",
    Kind::Counter,
    "",
    "Refusals by a limiter (429, or the status declared), canary, probes and proof included.",
);
pub(super) const SENT: Family = Family::new(
    "loadgate_sent_total",
    Kind::Counter,
    "",
    "Requests of any kind that were sent: what a server would count.",
);
const RESPONSE_TIME: Family = Family::new(
    "loadgate_response_time_seconds",
    Kind::Histogram,
    "seconds",
    "From the moment an arrival was due to the last byte of its answer, by outcome.",
);
const SERVICE_TIME: Family = Family::new(
    "loadgate_service_time_seconds",
    Kind::Histogram,
    "seconds",
    "From sending an arrival to the last byte of its answer, by outcome.",
);
const LAG: Family = Family::new(
    "loadgate_schedule_lag_seconds",
    Kind::Histogram,
    "seconds",
    "How late the generator itself sent arrivals.",
);
const TARGET_RATE: Family = Family::new(
    "loadgate_target_rate",
    Kind::Gauge,
    "",
    "Arrivals a second that the plan asks for now; 0 before the load and after it.",
);
const STAGE: Family = Family::new(
    "loadgate_stage",
    Kind::Gauge,
    "",
    "The number of the stage under way, from 1; 0 before the load and after it.",
);
const BOUND: Family = Family::new(
    "loadgate_threshold_bound_seconds",
    Kind::Gauge,
    "seconds",
    "What a latency threshold allows.",
);
const IN_FLIGHT: Family = Family::new("loadgate_in_flight", Kind::Gauge, "", "Requests under way.");
const DROPPED: Family = Family::new(
    "loadgate_dropped_total",
    Kind::Counter,
    "",
    "Arrivals never sent: the generator fell short.",
);
const PROBES: Family = Family::new(
    "loadgate_probes_total",
    Kind::Counter,
    "",
    "Requests that must be refused, by kind and by what became of them.",
);
const PREDICTED: Family = Family::new(
    "loadgate_rate_limit_predicted",
    Kind::Gauge,
    "",
    "Refusals that a correct limiter of the declared kind gives in this run, at least and at most.",
);
const CPU: Family = Family::new(
    "loadgate_process_cpu_seconds_total",
    Kind::Counter,
    "seconds",
    "CPU time of the generator itself.",
);
const MEMORY: Family = Family::new(
    "loadgate_process_resident_memory_bytes",
    Kind::Gauge,
    "bytes",
    "Resident memory of the generator itself.",
);
const DESCRIPTORS: Family = Family::new(
    "loadgate_process_open_fds",
    Kind::Gauge,
    "",
    "Open file descriptors of the generator itself.",
);
const RUN_QUEUE: Family = Family::new(
    "loadgate_process_run_queue_seconds_total",
    Kind::Counter,
    "seconds",
    "Time that the generator was ready to run and had no core: a run that starved shows it.",
);

/// The generator's own series.
#[must_use]
pub fn of_process(figures: &ProcessFigures, common: &Common) -> Vec<Series> {
    let all = [
        (&CPU, figures.cpu_seconds),
        (&MEMORY, figures.resident_bytes.map(|n| n as f64)),
        (&DESCRIPTORS, figures.descriptors.map(|n| n as f64)),
        (&RUN_QUEUE, figures.run_queue_seconds),
    ];
    let known = all.into_iter().filter_map(|(family, value)| Some((family, value?)));
    known.map(|(family, value)| common.number(family, &[], value)).collect()
}

/// The series of a scenario before its first request: every one that it will have of
/// which a rate can be taken, at zero, so that a short run has a rate from its first second.
#[must_use]
pub fn begun(plan: &Plan, recording: &Recording, common: &Common) -> Vec<Series> {
    let mut zero = recording.clone();
    for status in FORESEEN {
        zero.statuses.entry(status).or_insert(0);
    }
    of_recording(plan, &zero, None, 0, common)
}

/// The series of one scenario at a moment; `elapsed` since the start of the load (`None`: before
/// it or after it), `in_flight` requests under way.
#[must_use]
pub fn of_recording(
    plan: &Plan,
    recording: &Recording,
    elapsed: Option<Nanos>,
    in_flight: u64,
    common: &Common,
) -> Vec<Series> {
    let name = plan.scenario.to_string();
    let scenario = ("scenario", name.as_str());
    let total = recording.total();
    let mut series = Vec::new();
    let mut number = |family: &Family, labels: &[(&'static str, &str)], value: f64| {
        let labels: Vec<_> = std::iter::once(scenario).chain(labels.iter().copied()).collect();
        series.push(common.number(family, &labels, value));
    };
    for (outcome, n) in total.outcomes.iter() {
        number(&REQUESTS, &[("outcome", outcome.name())], n as f64);
    }
    for (status, n) in by_status(recording) {
        number(&HTTP_REQUESTS, &[("status", &status)], n as f64);
    }
    number(&SENT, &[], total.requests as f64);
    number(&RATE_LIMITED, &[], total.rate_limit_hits as f64);
    number(&DROPPED, &[], recording.generator.dropped as f64);
    let schedule = Schedule::new(&plan.stages);
    number(&TARGET_RATE, &[], elapsed.map_or(0.0, |elapsed| schedule.rate_at(elapsed)));
    let number_at = |elapsed| {
        let stage = recording.stages.iter().find(|stage| elapsed < stage.end);
        let stage = stage.or(recording.stages.last());
        stage.map_or(0.0, |stage| f64::from(stage.number))
    };
    number(&STAGE, &[], elapsed.map_or(0.0, number_at));
    for (threshold, seconds) in latency_bounds(&plan.criteria) {
        let text = format!("{} {}", threshold.key, threshold.expression);
        number(&BOUND, &[("threshold", &text)], seconds);
    }
    number(&IN_FLIGHT, &[], in_flight as f64);
    for probe in &recording.probes {
        for (end, n) in probe_ends(probe) {
            number(&PROBES, &[("kind", probe.kind.name()), ("end", end)], n as f64);
        }
    }
    if let Some(hits) = &plan.criteria.prediction {
        number(&PREDICTED, &[("bound", "low")], hits.hits_low as f64);
        number(&PREDICTED, &[("bound", "high")], hits.hits_high as f64);
    }
    series.extend(latencies(plan, recording, scenario, common));
    series
}

/// Statuses whose counters begin at zero.
pub(super) const FORESEEN: [u16; 3] = [200, 201, 429];
/// Statuses with a series of their own. Any other one counts with its class: how many
/// series a run has is not for a server to say.
const TOLD: [u16; 34] = [
    0, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 402, 403, 404, 405, 406,
    408, 409, 410, 413, 415, 422, 425, 428, 429, 431, 500, 501, 502, 503, 504,
];

fn by_status(recording: &Recording) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (status, n) in &recording.statuses {
        *counts.entry(status_name(*status)).or_default() += n;
    }
    counts
}

/// What a status is called among labels.
pub(super) fn status_name(status: u16) -> String {
    match status {
        known if TOLD.contains(&known) => known.to_string(),
        100..=599 => format!("{}xx", status / 100),
        _ => "other".to_owned(),
    }
}

/// What became of the probes of a kind.
fn probe_ends(probe: &ProbeCount) -> [(&'static str, u64); 3] {
    [("held", probe.held), ("breached", probe.breached), ("neither", probe.neither)]
}

/// The outcomes whose latency is told apart: what was wanted, and how quick refusals are.
const TOLD_APART: [Outcome; 2] = [Outcome::Accepted, Outcome::RateLimited];

fn latencies(
    plan: &Plan,
    recording: &Recording,
    scenario: (&'static str, &str),
    common: &Common,
) -> Vec<Series> {
    let bounds = bounds_for(&plan.criteria);
    let mut series = Vec::new();
    let empty = Slice::default();
    for outcome in TOLD_APART {
        let selector = Selector::all().with(TagKey::Outcome, outcome.name());
        let slice = recording.slice(&selector).unwrap_or(&empty);
        let labels = [scenario, ("outcome", outcome.name())];
        for (family, trend) in
            [(&RESPONSE_TIME, &slice.response_time), (&SERVICE_TIME, &slice.service_time)]
        {
            let value = SampleValue::Histogram(Buckets::of(trend, &bounds));
            series.push(common.series(family, &labels, value));
        }
    }
    let lag = SampleValue::Histogram(Buckets::of(&recording.total().lag, &bounds));
    series.push(common.series(&LAG, &[scenario], lag));
    series
}
