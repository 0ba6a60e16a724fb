//! Many nights of one suite: what is kept of each, and where a figure has moved for good.

mod drift;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SuiteReport;
use crate::gate::VerdictKind;
use crate::measure::Ended;
use crate::outcome::Outcome;
use crate::tags::{Selector, TagKey};
use crate::units::Timestamp;

pub use drift::{Shift, shifts};

/// The version of history.json; a reader refuses a higher one.
pub const HISTORY_VERSION: u32 = 1;
/// The nights that are kept: a bit more than a year's.
const MOST_NIGHTS: usize = 400;
/// The most characters of a text that comes from elsewhere.
const MOST_TEXT: usize = 300;

/// The figures of one scenario in one night; `None`: not measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NightFigures {
    /// 95th percentile of the response time of accepted arrivals, in milliseconds.
    pub p95_ms: Option<f64>,
    /// accepted / (arrivals sent − rate limited), 0 to 1.
    pub success_rate: Option<f64>,
    /// Answers with 429, whatever they answered.
    pub rate_limit_hits: Option<u64>,
}

/// One night.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Night {
    /// The run's id: a night is kept once.
    pub run_id: String,
    /// When it started.
    pub started_at: Timestamp,
    /// The commit under test, if known.
    #[serde(default)]
    pub commit: Option<String>,
    /// The page of the CI run, if known.
    #[serde(default)]
    pub run_url: Option<String>,
    /// Environment, profile and scales: what has to be the same for two nights to be comparable.
    pub series: String,
    /// Its verdict.
    pub verdict: VerdictKind,
    /// The scenarios by name.
    pub scenarios: BTreeMap<String, NightFigures>,
}

impl Night {
    /// What is kept of a run.
    #[must_use]
    pub fn of(report: &SuiteReport) -> Self {
        let short = |text: &String| text.chars().take(MOST_TEXT).collect();
        let scenarios = report.scenarios.iter().map(|scenario| {
            let recording = &scenario.recording;
            let accepted = Selector::all().with(TagKey::Outcome, Outcome::Accepted.name());
            let p95 = recording.slice(&accepted).and_then(|s| s.response_time.quantile(0.95));
            let whole = recording.ended == Ended::Completed;
            let figures = NightFigures {
                p95_ms: p95.filter(|_| whole).map(crate::units::Nanos::as_millis_f64),
                success_rate: recording.total().success_rate().filter(|_| whole).map(|rate| rate.0),
                rate_limit_hits: whole.then(|| recording.total().rate_limit_hits),
            };
            (scenario.plan.scenario.name().to_owned(), figures)
        });
        Self {
            run_id: short(&report.run_id),
            started_at: report.started_at,
            commit: report.context.commit.as_ref().map(short),
            run_url: report.context.run_url.as_ref().map(short),
            series: series(
                &report.environment.name,
                &report.profile,
                report.rate_scale,
                report.duration_scale,
            ),
            verdict: report.verdict,
            scenarios: scenarios.collect(),
        }
    }
}

/// What has to be the same for two runs to belong to one series, in words.
#[must_use]
pub fn series(environment: &str, profile: &str, rate_scale: f64, duration_scale: f64) -> String {
    let scale = |name: &str, x: f64| {
        if (x - 1.0).abs() < f64::EPSILON { String::new() } else { format!(" {name} {x}") }
    };
    let whole = format!(
        "{environment} {profile}{}{}",
        scale("rate", rate_scale),
        scale("duration", duration_scale)
    );
    whole.chars().take(MOST_TEXT).collect()
}

/// Nights in the order of their start, each once. Written as history.json.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// See [`HISTORY_VERSION`].
    pub schema_version: u32,
    /// The nights, the oldest first.
    pub nights: Vec<Night>,
}

impl Default for History {
    fn default() -> Self {
        Self { schema_version: HISTORY_VERSION, nights: Vec::new() }
    }
}

/// Why a text is no history.json.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// A newer load-gate wrote it.
    #[error("it has schema version {0}, this load-gate reads up to {HISTORY_VERSION}")]
    Newer(u32),
    /// It isn't JSON, or not of that shape.
    #[error("it is not a history.json: {0}")]
    Malformed(#[from] serde_json::Error),
}

impl History {
    /// Reads history.json, which may come from anybody.
    ///
    /// # Errors
    /// A higher version, another shape.
    pub fn read(text: &str) -> Result<Self, HistoryError> {
        let mut history: Self = serde_json::from_str(text)?;
        if history.schema_version > HISTORY_VERSION {
            return Err(HistoryError::Newer(history.schema_version));
        }
        let nights = std::mem::take(&mut history.nights);
        for night in nights {
            history.add(night);
        }
        Ok(history)
    }

    /// As history.json: one line a night. The same history always gives the same bytes.
    #[must_use]
    pub fn json(&self) -> String {
        let rows = self.nights.iter().map(|night| serde_json::to_string(night).unwrap_or_default());
        let rows: Vec<String> = rows.collect();
        format!(
            "{{\"schema_version\":{},\"nights\":[\n{}\n]}}\n",
            self.schema_version,
            rows.join(",\n")
        )
    }

    /// Adds a night in its place; the newest `MOST_NIGHTS` are kept.
    pub fn add(&mut self, night: Night) {
        if self.nights.iter().any(|known| known.run_id == night.run_id) {
            return;
        }
        let at = self.nights.partition_point(|known| known.started_at <= night.started_at);
        self.nights.insert(at, night);
        let spare = self.nights.len().saturating_sub(MOST_NIGHTS);
        self.nights.drain(..spare);
    }

    /// The nights of the newest one's series, the oldest first.
    #[must_use]
    pub fn newest_series(&self) -> Vec<&Night> {
        let Some(newest) = self.nights.last() else { return Vec::new() };
        self.nights.iter().filter(|night| night.series == newest.series).collect()
    }
}

/// Where p95 of a scenario moved for good.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Drift {
    /// Which scenario.
    pub scenario: String,
    /// The first night at the new level.
    pub since: Timestamp,
    /// new / old level.
    pub ratio: f64,
    /// The levels, in milliseconds.
    pub levels: (f64, f64),
    /// The commit of the last night at the old level, and of the first at the new one.
    pub commits: (Option<String>, Option<String>),
    /// How likely chance alone makes such a difference.
    pub p_value: f64,
}

/// Every lasting move of p95 in `nights` (one series, the oldest first), the oldest first.
#[must_use]
pub fn drifts(nights: &[&Night]) -> Vec<Drift> {
    let names: std::collections::BTreeSet<&String> =
        nights.iter().flat_map(|night| night.scenarios.keys()).collect();
    let mut found: Vec<Drift> =
        names.into_iter().flat_map(|name| of_scenario(nights, name)).collect();
    found.sort_by_key(|drift| drift.since);
    found
}

fn of_scenario(nights: &[&Night], name: &str) -> Vec<Drift> {
    let measured: Vec<(&Night, f64)> = nights
        .iter()
        .filter_map(|night| {
            let p95 = night.scenarios.get(name)?.p95_ms?;
            (p95.is_finite() && p95 > 0.0).then_some((*night, p95))
        })
        .collect();
    let values: Vec<(i64, f64)> =
        measured.iter().map(|(night, p95)| (day_of(night.started_at), *p95)).collect();
    let found = shifts(&values).into_iter().filter_map(|shift| {
        let (before, _) = measured.get(shift.at.checked_sub(1)?)?;
        let (after, _) = measured.get(shift.at)?;
        Some(Drift {
            scenario: name.to_owned(),
            since: after.started_at,
            ratio: shift.after / shift.before,
            levels: (shift.before, shift.after),
            commits: (before.commit.clone(), after.commit.clone()),
            p_value: shift.p_value,
        })
    });
    found.collect()
}

/// Days since 1970, in UTC.
fn day_of(at: Timestamp) -> i64 {
    at.unix_millis.div_euclid(86_400_000)
}
