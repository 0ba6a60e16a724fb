//! Shows a run while it goes on to whom the config names: remote write, OTLP; in the end Pushgateway.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::session::Session;
use super::waiting::wait_for;
use crate::config::{MetricsSettings, SeriesNames};
use crate::engine::{Ending, Event, Observer, Stop, no_thread, process_figures};
use crate::measure::{Ended, Recording};
use crate::plan::Plan;
use crate::publish::PublishWarning;
use crate::publish::metrics::{Allowance, Batch, Exporter, Receiver, push};
use crate::series::{self, Common, K6Interval, Series};
use crate::suite::SuiteReport;
use crate::units::{Nanos, Timestamp};

/// How long the end of a run waits for its series to arrive.
const PATIENT: Duration = Duration::from_secs(10);
/// The same for each of them when it was interrupted, if there is as much left.
const HURRIED: Duration = Duration::from_secs(1);

/// Draws series from what the engine tells, and hands them to the exporters.
pub(super) struct Telemetry {
    settings: MetricsSettings,
    common: Common,
    exporters: Vec<(Exporter, SeriesNames)>,
    state: Mutex<State>,
    now: fn() -> Timestamp,
}

#[derive(Default)]
struct State {
    plan: Option<Plan>,
    /// Since the start of the load; `None` before it.
    elapsed: Option<Nanos>,
    in_flight: u64,
    k6: K6Interval,
    /// The moment of the last points, in milliseconds since 1970.
    last: i64,
}

impl State {
    /// The moment of points that are drawn now: no receiver takes two of one millisecond.
    fn moment(&mut self, now: Timestamp) -> i64 {
        self.last = now.unix_millis.max(self.last.saturating_add(1));
        self.last
    }
}

impl Telemetry {
    /// Starts what the settings ask for. `now`: the wall clock.
    pub(super) fn start(
        settings: MetricsSettings,
        session: &Session,
        now: fn() -> Timestamp,
    ) -> std::io::Result<Arc<Self>> {
        let start = |to: Receiver, began| {
            let started = Exporter::start(to, began, Allowance::default());
            started.map_err(|error| no_thread(&error))
        };
        let plan = &session.plan;
        let mut common = Common::of(&plan.environment.name, &plan.profile, &session.run_id);
        let shard = plan.dealing.shard;
        common.shard = (!shard.is_alone()).then(|| shard.to_string());
        let began = session.started_at.unix_millis;
        let mut exporters = Vec::new();
        if let Some(to) = &settings.prometheus {
            exporters.push((start(to.into(), began)?, to.names));
        }
        if let Some(to) = &settings.otlp {
            exporters.push((start(to.into(), began)?, SeriesNames::LoadGate));
        }
        let k6 = K6Interval::of(&plan.environment.url);
        let state = Mutex::new(State { k6, ..State::default() });
        Ok(Arc::new(Self { settings, common, exporters, state, now }))
    }

    /// Sends how the run ended, and ends its series. What didn't arrive is a warning.
    pub(super) fn finish(&self, report: &SuiteReport, stop: &Stop) -> Vec<PublishWarning> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut own = series::of_suite(report, &self.common);
        own.extend(series::of_process(&process_figures(), &self.common));
        let k6: Vec<Series> = report
            .scenarios
            .iter()
            .flat_map(|one| state.k6.series(&one.plan, &one.recording, 0, &self.common))
            .collect();
        let at = state.moment((self.now)());
        drop(state);
        // Who interrupts a run waits for its reports.
        let hurried = || stop.left(Ending::Receivers).map(|left| left.min(HURRIED));
        let mut warnings: Vec<PublishWarning> = self
            .exporters
            .iter()
            .filter_map(|(exporter, names)| {
                let series = match names {
                    SeriesNames::LoadGate => own.clone(),
                    SeriesNames::K6 => k6.clone(),
                };
                let (before, last) = (hurried(), Batch { at, series });
                exporter.finish(last, before.unwrap_or(PATIENT), || {
                    before.is_none() && stop.is_interrupted()
                })
            })
            .collect();
        warnings.extend(self.push(report, hurried(), stop));
        warnings
    }

    /// Sends how the run ended to the Pushgateway, if there is one. What didn't arrive is a
    /// warning; `hurried`: an interrupted run has so long for it.
    fn push(
        &self,
        report: &SuiteReport,
        hurried: Option<Duration>,
        stop: &Stop,
    ) -> Vec<PublishWarning> {
        let Some((url, access)) = &self.settings.pushgateway else { return Vec::new() };
        let todo = "the verdict doesn't depend on it";
        let what = "the metrics for the Pushgateway";
        let ended = series::of_suite(report, &self.common);
        let given_up = PublishWarning::new(what, "given up when the run was interrupted", todo);
        wait_for(async {
            tokio::select! {
                biased;
                warnings = push(url, access, &self.common, &ended) => warnings,
                () = stop.interrupted(), if hurried.is_none() => vec![given_up],
                () = tokio::time::sleep(hurried.unwrap_or_default()), if hurried.is_some() => {
                    vec![given_up]
                }
            }
        })
        .unwrap_or_else(|error| vec![PublishWarning::new(what, error.to_string(), todo)])
    }

    /// Shows how a scenario's load ended, as soon as it did: until the run's end its series would
    /// stand where the last second's points left them.
    pub(super) fn ended(&self, recording: &Recording) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.plan.as_ref().is_none_or(|plan| plan.scenario != recording.scenario) {
            return;
        }
        (state.elapsed, state.in_flight) = (None, 0);
        drop(state);
        self.draw(recording, false);
    }

    /// The dashboard, at this run's time; `None`: no `grafana_url`.
    pub(super) fn dashboard(&self, report: &SuiteReport) -> Option<String> {
        let base = self.settings.grafana_url.as_deref()?;
        let (from, to) = (report.started_at.unix_millis, report.finished_at.unix_millis);
        let mark = if base.contains('?') { '&' } else { '?' };
        let testid = &self.common.testid;
        Some(format!("{base}{mark}var-testid={testid}&from={}&to={}", from - 5_000, to + 5_000))
    }

    fn draw(&self, recording: &Recording, begun: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(plan) = state.plan.clone() else { return };
        let (elapsed, in_flight) = (state.elapsed, state.in_flight);
        let at = state.moment((self.now)());
        let mut k6 = |names: SeriesNames| match names {
            SeriesNames::K6 if begun => state.k6.begun(&plan, &self.common),
            SeriesNames::K6 => state.k6.series(&plan, recording, in_flight, &self.common),
            SeriesNames::LoadGate => Vec::new(),
        };
        for (exporter, names) in &self.exporters {
            let mut points = match names {
                SeriesNames::K6 => k6(*names),
                SeriesNames::LoadGate if begun => series::begun(&plan, recording, &self.common),
                SeriesNames::LoadGate => {
                    series::of_recording(&plan, recording, elapsed, in_flight, &self.common)
                }
            };
            points.extend(series::of_process(&process_figures(), &self.common));
            exporter.offer(Batch { at, series: points });
        }
    }
}

impl Observer for Telemetry {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::Started(plan) => {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                let at = (self.now)();
                let empty = plan.not_run(at, Ended::Running);
                state.plan = Some((*plan).clone());
                (state.elapsed, state.in_flight) = (None, 0);
                drop(state);
                self.draw(&empty, true);
            }
            Event::Tick(tick) => {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                (state.elapsed, state.in_flight) = (Some(tick.elapsed), tick.in_flight);
            }
            Event::Measured(tick, recording) if self.wants_measured(*tick) => {
                self.draw(recording, false);
            }
            _ => {}
        }
    }

    fn wants_measured(&self, tick: u64) -> bool {
        let seconds = Duration::from(self.settings.interval).as_secs().max(1);
        !self.exporters.is_empty() && tick.is_multiple_of(seconds)
    }
}
