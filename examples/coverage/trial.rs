//! Runs of a model, recorded as real ones are, and judged by the code that judges those.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use load_gate::gate::{Observed, Threshold, observe, parse_threshold};
use load_gate::ids::ScenarioId;
use load_gate::measure::{Ended, Recording, Second, Slice};
use load_gate::outcome::{Outcome, OutcomeCounts};
use load_gate::plan::Schedule;
use load_gate::tags::{Selector, TagKey};
use load_gate::units::{Nanos, Timestamp};
use rand::rngs::SmallRng;

use super::models::{Arrival, Model};

/// What a trial is made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Simulated runs behind a cell.
    pub(crate) runs: u64,
    /// Where chance starts.
    pub(crate) seed: u64,
    /// Threads that simulate.
    pub(crate) threads: usize,
}

/// The figures of a run that are looked at: their keys, methods and names.
pub(crate) const FIGURES: [(&str, &str, &str); 5] = [
    (ACCEPTED, "p(50)<1", "p50"),
    (ACCEPTED, "p(90)<1", "p90"),
    (ACCEPTED, "p(95)<1", "p95"),
    (ACCEPTED, "p(99)<1", "p99"),
    ("success_rate", "rate>0.5", "rate"),
];
pub(crate) const ACCEPTED: &str = "response_time{outcome:accepted}";

/// `run` for every run of a cell, in the order of their numbers.
pub(crate) fn over_runs<T: Send>(settings: Settings, run: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= settings.runs {
                return done;
            }
            done.push((number, run(number)));
        }
    };
    let mut all: Vec<(u64, T)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..settings.threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("simulates")).collect()
    });
    all.sort_by_key(|(number, _)| *number);
    all.into_iter().map(|(_, done)| done).collect()
}

/// A run in the making.
pub(crate) struct Recorded {
    pub(crate) recording: Recording,
}

impl Recorded {
    /// Nothing yet of a run with these stages.
    pub(crate) fn new(model: Model, seconds: u64, rate: f64) -> Self {
        let started = Timestamp { unix_millis: 0 };
        let scenario = ScenarioId::fixed("webhook");
        let mut recording = Recording::empty(scenario, started, Ended::Completed);
        recording.stages = Schedule::new(&model.stages(seconds, rate)).stages();
        recording.slices.insert(accepted(), Slice::default());
        recording.duration = Nanos::from_secs(seconds);
        Self { recording }
    }

    /// Adds arrivals, all of them accepted, by a generator that was on time throughout.
    pub(crate) fn add(&mut self, arrivals: &[Arrival]) {
        let slice = self.recording.slices.entry(accepted()).or_default();
        for (due, takes) in arrivals {
            let (due, response) = (Nanos::from_secs_f64(*due), Nanos::from_secs_f64(*takes));
            self.recording.timeline.ended(due, Outcome::Accepted, response);
            slice.response_time.record(response);
            slice.service_time.record(response);
            slice.held.record(Nanos::ZERO);
        }
        slice.outcomes.add_many(Outcome::Accepted, arrivals.len() as u64);
        let total = self.recording.slices.entry(Selector::all()).or_default();
        total.outcomes.add_many(Outcome::Accepted, arrivals.len() as u64);
    }

    /// The run lasts so long by now.
    pub(crate) fn lasts(&mut self, seconds: u64) {
        self.recording.duration = Nanos::from_secs(seconds);
        if let Some(last) = self.recording.stages.last_mut() {
            last.end = Nanos::from_secs(seconds);
        }
    }

    /// Adds arrivals of which those fail that take longer than `failing` seconds; only
    /// how they end is recorded.
    pub(crate) fn fail(&mut self, arrivals: &[Arrival], failing: f64) {
        let bins = &mut self.recording.timeline.bins;
        let mut outcomes = OutcomeCounts::default();
        for (due, takes) in arrivals {
            let bin = due.floor() as usize;
            if bins.len() <= bin {
                bins.resize(bin + 1, Second::default());
            }
            let end = if *takes > failing { Outcome::ServerError } else { Outcome::Accepted };
            bins[bin].outcomes.add(end);
            outcomes.add(end);
        }
        let total = self.recording.slices.entry(Selector::all()).or_default();
        total.outcomes.merge(&outcomes);
    }
}

fn accepted() -> Selector {
    Selector::all().with(TagKey::Outcome, Outcome::Accepted.name())
}

/// A whole run of `model`, every answer taking `slower` times as long.
pub(crate) fn run(
    model: Model,
    seconds: u64,
    rate: f64,
    slower: f64,
    rng: &mut SmallRng,
) -> Recording {
    let mut recorded = Recorded::new(model, seconds, rate);
    let mut arrivals = model.run(seconds, rate, rng);
    for (_, takes) in &mut arrivals {
        *takes *= slower;
    }
    recorded.add(&arrivals);
    recorded.recording
}

pub(crate) fn threshold(key: &str, expression: &str) -> Threshold {
    parse_threshold(key, expression).expect("a threshold")
}

/// What a report says of that figure of a run.
pub(crate) fn observed(
    threshold: &Threshold,
    recording: &Recording,
    confidence: f64,
) -> Option<Observed> {
    observe(threshold.metric, threshold.method, &threshold.selector, recording, confidence)
}
