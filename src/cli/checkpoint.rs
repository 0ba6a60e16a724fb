//! Saves what was measured so far, so that a killed run still has a report.

use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::results::Results;
use super::session::Session;
use crate::engine::{Event, Observer, no_thread};
use crate::measure::{Ended, Recording};
use crate::plan::Plan;
use crate::suite::{ScenarioReport, SuiteReport};
use crate::units::Nanos;

/// What a checkpoint is made of.
type Measured = (Vec<ScenarioReport>, Option<(Plan, Arc<Recording>)>);

/// Writes suite.json, marked partial, before the first request and every 10 s.
/// A thread of its own judges and writes: the load doesn't wait for a disk.
pub(super) struct Checkpointer {
    session: Arc<Session>,
    results: Results,
    state: Mutex<State>,
    writer: Mutex<Option<(SyncSender<Measured>, JoinHandle<()>)>>,
}

#[derive(Default)]
struct State {
    done: Vec<ScenarioReport>,
    current: Option<Plan>,
    begun: bool,
}

impl Checkpointer {
    pub(super) fn start(session: Arc<Session>, results: Results) -> std::io::Result<Arc<Self>> {
        // One waiting checkpoint is enough: a slow disk skips some.
        let (sender, receiver) = sync_channel::<Measured>(1);
        let (theirs, there) = (Arc::clone(&session), results.clone());
        let thread = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(move || {
            for measured in receiver {
                write(&partial(&theirs, measured), &there);
            }
        });
        let thread = thread.map_err(|error| no_thread(&error))?;
        Ok(Arc::new(Self {
            session,
            results,
            state: Mutex::default(),
            writer: Mutex::new(Some((sender, thread))),
        }))
    }

    /// The scenario of `plan` comes next, after `done`.
    pub(super) fn begin(&self, done: &[ScenarioReport], plan: &Plan) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done = done.to_vec();
        state.current = Some(plan.clone());
    }

    /// Saves what is done while the next scenario is waited for.
    pub(super) fn settled(&self, done: &[ScenarioReport]) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, _)) = writer.as_ref() {
            // Nothing is under way, so a slow disk may be waited for.
            let _ = sender.send((done.to_vec(), None));
        }
    }

    /// Ends the writing; afterwards nothing overwrites what others write.
    pub(super) fn finish(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((sender, thread)) = writer {
            drop(sender);
            let _ = thread.join();
        }
    }

    fn save(&self, recording: &Arc<Recording>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(current) = state.current.clone() else { return };
        let measured = (state.done.clone(), Some((current, Arc::clone(recording))));
        if !std::mem::replace(&mut state.begun, true) {
            // Nothing was sent yet: this one is waited for.
            write(&partial(&self.session, measured), &self.results);
            return;
        }
        drop(state);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((sender, _)) = writer.as_ref() {
            // Where the one before is still being written, the next one says more.
            let _ = sender.try_send(measured);
        }
    }
}

/// Saves that a run has begun, before anything is sent.
pub(super) fn nothing_yet(session: &Session, results: &Results) {
    write(&partial(session, (Vec::new(), None)), results);
}

/// The report on a run that came to nothing, for this reason.
pub(super) fn nothing_came_of(session: &Session, wrong: &anyhow::Error) -> SuiteReport {
    let at = session.started_at;
    let broken = |plan: &Plan| {
        let reason = format!("{wrong:#}");
        let ended = plan.skip.clone().map(|reason| Ended::Skipped { reason });
        session.judged(plan, plan.not_run(at, ended.unwrap_or(Ended::Broken { reason })))
    };
    session.report(session.plan.scenarios.iter().map(broken).collect(), at, false)
}

fn partial(session: &Session, (done, current): Measured) -> SuiteReport {
    let mut scenarios = done;
    // Whoever made it is done with it by now, as a rule, and then it is no copy.
    let current = current.map(|(plan, it)| session.judged(&plan, Arc::unwrap_or_clone(it)));
    scenarios.extend(current);
    let ends = scenarios
        .iter()
        .map(|s| s.recording.started_at.after(s.recording.load_offset + s.recording.duration));
    let at = ends.max().unwrap_or(session.started_at).max(session.started_at);
    for plan in session.plan.scenarios.iter().skip(scenarios.len()) {
        // Not skipped: a run that may skip must not be green for having been killed.
        let ended = plan.skip.clone().map(|reason| Ended::Skipped { reason });
        let ended = ended.unwrap_or(Ended::Interrupted { after: Nanos::ZERO });
        scenarios.push(session.judged(plan, plan.not_run(at, ended)));
    }
    session.report(scenarios, at, true)
}

impl Observer for Checkpointer {
    fn on(&self, event: &Event<'_>) {
        if let Event::Checkpoint(recording) = event {
            self.save(recording);
        }
    }
}

fn write(report: &SuiteReport, results: &Results) {
    // A checkpoint that can't be written is no reason to end a run; the final
    // reports say what is wrong with the disk.
    let _ = results.checkpoint(report);
}
