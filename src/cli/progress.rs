//! Live progress: one line that redraws itself on a terminal, a plain line every 10 s elsewhere.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::output::Output;
use crate::engine::{Event, Observer, Tick};
use crate::ids::ScenarioId;
use crate::outcome::Outcome;
use crate::units;

/// Seconds between plain lines.
const PLAIN_EVERY: u64 = 10;

/// Shows how a run goes, on standard error.
pub(super) struct Progress {
    output: Output,
    live: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    scenario: Option<ScenarioId>,
    bar: Option<ProgressBar>,
    duration: crate::units::Nanos,
    ticks: u64,
}

impl Progress {
    /// Live when standard error is a terminal.
    pub(super) fn new(output: Output) -> Self {
        let live = output.stderr_is_terminal();
        Self { output, live, state: Mutex::default() }
    }

    /// Takes the live line away, so that what is printed next stands alone.
    pub(super) fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn line(&self, text: &str) {
        self.output.note(text);
    }

    fn start_bar(&self, arrivals: u64) -> Option<ProgressBar> {
        if !self.live {
            return None;
        }
        let bar = ProgressBar::with_draw_target(Some(arrivals), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("  {bar:24.cyan/dim} {percent:>3}%  {msg}");
        if let Ok(style) = style {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Some(bar)
    }

    fn tick(&self, tick: &Tick) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.ticks += 1;
        if let Some(bar) = &state.bar {
            bar.set_position(tick.outcomes.total());
            bar.set_message(describe(tick));
        } else if state.ticks.is_multiple_of(PLAIN_EVERY) {
            let name = state.scenario.map_or("", ScenarioId::name);
            let (elapsed, all) =
                (units::clock(whole(tick.elapsed)), units::clock(whole(state.duration)));
            self.line(&format!("  {name}  {elapsed} of {all}  {}", describe(tick)));
        }
    }
}

impl Observer for Progress {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::Started(plan) => {
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.scenario = Some(plan.scenario);
                drop(state);
                self.line(&format!("{}: connecting", plan.scenario));
            }
            Event::Canary(canary) => {
                let note = if canary.note.is_empty() { "accepted" } else { canary.note.as_str() };
                self.line(&format!("  canary: {note} in {}", canary.service_time));
            }
            Event::Proof(lasting) => {
                self.line(&format!(
                    "  verifying the rate limit with an identity set aside, about {lasting}"
                ));
            }
            Event::Load { arrivals, duration } => {
                self.line(&format!("  load: {} arrivals in {duration}", units::count(*arrivals)));
                let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                state.duration = *duration;
                state.ticks = 0;
                state.bar = self.start_bar(*arrivals);
            }
            Event::Tick(tick) => self.tick(tick),
            Event::Draining(in_flight) => {
                self.clear();
                if *in_flight > 0 {
                    let answers = if *in_flight == 1 { "answer" } else { "answers" };
                    self.line(&format!("  awaiting {in_flight} {answers}"));
                }
            }
            Event::Checkpoint(_) => {}
        }
    }
}

/// `stage 2/5 · asked 50/s, sent 49.9/s · 3 in flight · 412 accepted · p95 12.3 ms`.
fn describe(tick: &Tick) -> String {
    let mut parts = vec![
        format!("stage {}/{}", tick.stage.0, tick.stage.1),
        format!("asked {}, sent {}", whole_rate(tick.asked), whole_rate(tick.achieved)),
        format!("{} in flight", tick.in_flight),
    ];
    let ends = tick.outcomes.iter().filter(|(outcome, n)| *n > 0 || *outcome == Outcome::Accepted);
    let ends: Vec<_> = ends.map(|(outcome, n)| format!("{} {outcome}", units::count(n))).collect();
    parts.push(ends.join(", "));
    if let Some(p95) = tick.p95 {
        parts.push(format!("p95 {p95}"));
    }
    parts.join(" · ")
}

/// To the nearest second: ticks come a little after theirs.
fn whole(span: units::Nanos) -> units::Nanos {
    units::Nanos::from_secs_f64(span.as_secs_f64().round())
}

fn whole_rate(rate: f64) -> String {
    if rate >= 10.0 { format!("{rate:.0}/s") } else { format!("{rate:.1}/s") }
}
