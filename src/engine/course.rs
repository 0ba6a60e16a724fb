//! The course of the load: the planned one, or one that goes on. Workers and keeper share it.
//!
//! All courses have the same arrivals up to the end of the hold that goes on. Whether
//! it does is settled once and for all by whoever comes first: the keeper, which looks
//! a moment before that end, or a worker that has nothing left to send before it.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::plan::{Plan, Schedule, end_of_last_hold};
use crate::units::Nanos;

/// The lowest bit: whether the course is settled; above it: how often it went on.
const SETTLED: u32 = 1;

/// What the load sends, and how long.
pub(super) struct Course {
    schedules: Vec<Schedule>,
    /// When the hold of each but the last ends: there it may go on.
    forks: Vec<Nanos>,
    state: AtomicU32,
}

/// What a worker does about an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is due: index of the stage, moment from the start of the load.
    Due(usize, Nanos),
    /// That depends on whether the load goes on at that moment.
    Fork(Nanos),
    /// There is none.
    Over,
}

impl Course {
    /// The courses of `plan`.
    pub(super) fn new(plan: &Plan) -> Self {
        let courses = plan.courses();
        let forks = courses.iter().take(courses.len() - 1).filter_map(|s| end_of_last_hold(s));
        let forks: Vec<Nanos> = forks.collect();
        let schedules: Vec<Schedule> =
            courses.iter().take(forks.len() + 1).map(|stages| Schedule::new(stages)).collect();
        Self { schedules, forks, state: AtomicU32::new(0) }
    }

    fn state(&self) -> (usize, bool) {
        let state = self.state.load(Ordering::Acquire);
        let times = (state >> 1) as usize;
        (times, state & SETTLED != 0 || times >= self.forks.len())
    }

    /// How often the load went on.
    #[cfg(test)]
    pub(super) fn times(&self) -> u32 {
        self.state().0 as u32
    }

    /// The schedule as it stands.
    pub(super) fn schedule(&self) -> &Schedule {
        let last = self.schedules.len() - 1;
        &self.schedules[self.state().0.min(last)]
    }

    /// The planned schedule.
    pub(super) fn planned(&self) -> &Schedule {
        &self.schedules[0]
    }

    /// When it is to be settled whether the load goes on; `None`: it is.
    pub(super) fn fork(&self) -> Option<Nanos> {
        let (times, settled) = self.state();
        if settled { None } else { self.forks.get(times).copied() }
    }

    /// The load goes on, unless that was settled before: whether it does.
    pub(super) fn go_on(&self) -> bool {
        let (times, settled) = self.state();
        let times = times as u32;
        !settled && self.change(times << 1, (times + 1) << 1)
    }

    /// The load ends as it stands, unless it has just gone on.
    pub(super) fn settle(&self) {
        let (times, settled) = self.state();
        if !settled {
            let times = times as u32;
            self.change(times << 1, times << 1 | SETTLED);
        }
    }

    /// A worker has come to `fork`: what isn't settled by now is.
    pub(super) fn pass(&self, fork: Nanos) {
        if let Some(times) = self.forks.iter().position(|other| *other == fork) {
            let times = times as u32;
            self.change(times << 1, times << 1 | SETTLED);
        }
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// What is to be done about arrival `n` (from 1).
    pub(super) fn next(&self, n: u64) -> Next {
        let fork = self.fork();
        let schedule = self.schedule();
        match (schedule.due(n), fork) {
            (Some(due), Some(fork)) if due > fork => Next::Fork(fork),
            (None, Some(fork)) => Next::Fork(fork),
            (Some(due), _) => Next::Due(schedule.stage_of(n), due),
            (None, None) => Next::Over,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ScenarioId;
    use crate::plan::{Extension, Stage};
    use crate::scenario::Settings;

    fn course(most: u64) -> Course {
        let stage = |secs, target| Stage { duration: Nanos::from_secs(secs), target };
        let stages = vec![stage(0, 10.0), stage(4, 10.0), stage(2, 0.0)];
        let scenario = ScenarioId::fixed("webhook");
        let settings = Settings::new(scenario, []);
        let mut plan = crate::plan::fixtures::plan(scenario, settings, stages);
        plan.extension = Some(Extension { most: Nanos::from_secs(most), done: Nanos::ZERO });
        Course::new(&plan)
    }

    #[test]
    fn past_a_fork_nothing_is_due_until_it_is_settled() {
        let course = course(4);
        assert_eq!(course.next(40), Next::Due(1, Nanos::from_secs(4)));
        let fork = Next::Fork(Nanos::from_secs(4));
        assert_eq!((course.next(41), course.next(1000)), (fork, fork));
        assert!(course.go_on());
        // The hold goes on for half of what it may.
        assert_eq!(course.next(41), Next::Due(1, Nanos::from_millis(4100)));
        assert_eq!(course.next(61), Next::Fork(Nanos::from_secs(6)));
        course.pass(Nanos::from_secs(4));
        assert_eq!(course.times(), 1, "that one is passed");
        assert!(course.go_on() && !course.go_on(), "twice at most");
        assert_eq!(course.next(80), Next::Due(1, Nanos::from_secs(8)));
        assert_eq!(course.next(91), Next::Over);
    }

    #[test]
    fn who_comes_first_settles_it() {
        let course = course(4);
        course.pass(Nanos::from_secs(4));
        assert!(!course.go_on());
        assert_eq!((course.times(), course.fork()), (0, None));
        assert!(matches!(course.next(41), Next::Due(2, _)));
        assert_eq!(course.next(51), Next::Over);
    }
}
