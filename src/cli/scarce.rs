//! What a machine may have too little of for a run: descriptors, threads.

use std::io;
use std::sync::Mutex;

use super::world::UsageError;
use crate::engine;
use crate::plan::{self, Schedule, SuitePlan};

/// The fewest with which it can start, and send a few requests at once.
pub(super) const FEWEST_DESCRIPTORS: u64 = 40;
/// Beside those that send: who keeps what was measured, who saves it, who looks up names.
const THREADS_BESIDE: u32 = 3;

/// Sees to it that the system gives as many sockets as the in-flight cap may need. What
/// to know where it doesn't; an error where there are too few to start with.
pub(super) fn descriptors(plan: &SuitePlan) -> Result<Option<String>, UsageError> {
    let cap = plan.scenarios.iter().map(|plan| plan.engine.max_in_flight).max();
    let wanted = u64::from(cap.unwrap_or(0)) + plan::DESCRIPTORS_BESIDE;
    let Some(limit) = engine::raise_descriptor_limit(wanted).filter(|limit| *limit < wanted) else {
        return Ok(None);
    };
    if let Some(too_few) = too_few(limit) {
        return Err(too_few);
    }
    Ok(Some(format!(
        "at most {limit} open files are allowed (RLIMIT_NOFILE), {wanted} are needed for \
         max_in_flight: raise `ulimit -n` or lower `[engine] max_in_flight`"
    )))
}

/// That so many open files are too few to send anything; `None`: they aren't.
fn too_few(limit: u64) -> Option<UsageError> {
    let open = engine::process_figures().descriptors;
    // With none left they can't be counted either.
    let has = open.map_or_else(String::new, |open| format!(" and has {open}"));
    (limit < open.unwrap_or(0) + FEWEST_DESCRIPTORS).then(|| {
        UsageError::Plain(format!(
            "this process may have no more than {limit} open files (RLIMIT_NOFILE){has}; at least \
             {FEWEST_DESCRIPTORS} more are needed to send anything at all, and more \
             than max_in_flight to send all of it: raise `ulimit -n`"
        ))
    })
}

/// Why a command can't even hear signals.
pub(super) fn no_beginning(error: &io::Error) -> UsageError {
    let limit = engine::raise_descriptor_limit(FEWEST_DESCRIPTORS);
    limit.and_then(too_few).unwrap_or_else(|| no_thread(error))
}

/// Sees to it that a run can have its threads, all at the same time: one that is missing
/// halfway would cost what was measured.
pub(super) fn threads(plan: &SuitePlan) -> Result<(), UsageError> {
    let cores = engine::cores();
    let workers = plan
        .scenarios
        .iter()
        .map(|plan| plan.engine.workers_for(Schedule::new(&plan.stages).peak(), cores));
    let wanted = workers.max().unwrap_or(1) + THREADS_BESIDE;
    let all_at_once = Mutex::new(());
    std::thread::scope(|scope| {
        let held = all_at_once.lock();
        let started = (0..wanted).try_for_each(|_| {
            let waits = || drop(all_at_once.lock());
            std::thread::Builder::new().spawn_scoped(scope, waits).map(drop)
        });
        drop(held);
        started
    })
    .map_err(|error| no_thread(&error))
}

/// The same as a mistake in how load-gate was started.
pub(super) fn no_thread(error: &io::Error) -> UsageError {
    UsageError::Plain(engine::no_thread(error).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_cannot_be_had_says_what_to_raise() {
        let told = no_thread(&io::Error::from_raw_os_error(11)).to_string();
        assert!(told.contains("no further thread") && told.contains("pids.max"), "{told}");
    }
}
