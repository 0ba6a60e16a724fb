//! Shows how a run goes: a view that is redrawn in place on a terminal, a plain line every 10 s elsewhere.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::live::Live;
use super::output::Output;
use super::stderr;
use crate::engine::{Event, Observer, Tick};
use crate::units;

/// Seconds between plain lines.
const PLAIN_EVERY: u64 = 10;
/// Seconds between two looks at what was measured, for the view.
const MEASURED_EVERY: u64 = 2;

/// Shows how a run goes, on standard error.
pub(super) struct Progress {
    output: Output,
    redrawn: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    live: Live,
    /// Whether the view is shown.
    view: bool,
    ticks: u64,
}

impl Progress {
    /// Redrawn where standard error is a terminal that can.
    pub(super) fn new(output: Output) -> Self {
        Self { output, redrawn: output.can_redraw(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the view away, so that what is printed next stands alone.
    pub(super) fn clear(&self) {
        if std::mem::take(&mut self.state().view) {
            stderr::show(Vec::new());
        }
    }

    fn line(&self, text: &str) {
        self.output.note(text);
    }

    fn tick(&self, tick: &Tick) {
        let mut state = self.state();
        state.ticks += 1;
        state.live.tick(tick);
        if state.view {
            stderr::show(state.live.lines(self.output.stderr_width()));
        } else if state.ticks.is_multiple_of(PLAIN_EVERY)
            && let Some(line) = state.live.plain()
        {
            self.line(&line);
        }
    }
}

impl Observer for Progress {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::Started(plan) => {
                self.state().live.begin(plan);
                self.line(&format!("{}: connecting", plan.scenario));
            }
            Event::Canary(canary) => {
                let note = if canary.note.is_empty() { "accepted" } else { canary.note.as_str() };
                self.line(&format!("  canary: {note} in {}", canary.service_time));
            }
            // One that is late waits for nothing.
            Event::Waiting(left) if left.is_zero() => {}
            Event::Waiting(left) => {
                self.line(&format!("  the load begins in {left}: waiting"));
            }
            Event::Proof(lasting) => {
                let lasting = if lasting.is_zero() {
                    "while the load lasts".to_owned()
                } else {
                    format!("about {lasting}")
                };
                self.line(&format!(
                    "  verifying the rate limit with an identity set aside, {lasting}"
                ));
            }
            Event::Load { arrivals, duration } => {
                self.line(&format!("  load: {} arrivals in {duration}", units::count(*arrivals)));
                let mut state = self.state();
                state.live.load(*duration);
                state.ticks = 0;
                state.view = self.redrawn;
            }
            Event::Tick(tick) => self.tick(tick),
            Event::Draining(in_flight) => {
                self.clear();
                if *in_flight > 0 {
                    let answers = if *in_flight == 1 { "answer" } else { "answers" };
                    self.line(&format!("  awaiting {in_flight} {answers}"));
                }
            }
            Event::Checkpoint(recording) => self.state().live.measured(recording),
            Event::Measured(_, recording) => self.state().live.measured(recording),
        }
    }

    fn wants_measured(&self, tick: u64) -> bool {
        self.redrawn && tick.is_multiple_of(MEASURED_EVERY)
    }
}
