//! Several workers come to what one would have: rows, histograms, ledgers, in the order in which they ended.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use tokio::sync::oneshot;

use super::super::course::Course;
use super::{plan, stages};
use crate::admission::Admitted;
use crate::engine::events::{Event, Observer, Unobserved};
use crate::engine::keeper::{Finish, Handover, Keeper, Order, RefusalShape, Row};
use crate::engine::skew::Skew;
use crate::engine::stop::Stop;
use crate::engine::watchdog::Watchdog;
use crate::measure::fixtures::accepted;
use crate::measure::{Ended, Recorder, RecorderConfig, Recording, Sample, WentOn};
use crate::outcome::Outcome;
use crate::plan::{Extension, Plan, Schedule, Share};
use crate::units::{Nanos, Timestamp};

/// Arrival `n` as the seed has it end: the same whoever sends it.
fn row(n: u64, stage: usize, due: Nanos, seed: u64) -> Row {
    let mixed = (n ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let sent = due + Nanos::from_micros(mixed % 97);
    let done = sent + Nanos::from_micros(1 + mixed % 900_000);
    let refused = mixed.is_multiple_of(3);
    let sample = Sample {
        stage: stage as u16,
        status: if refused { 429 } else { 200 },
        outcome: if refused { Outcome::RateLimited } else { Outcome::Accepted },
        bytes_sent: 100,
        bytes_received: 50,
        admitted: if refused { Admitted::No } else { Admitted::Yes },
        ..accepted(n, due, sent, done)
    };
    let refusal =
        refused.then_some(RefusalShape { json: true, retry_after: false, limit_headers: false });
    let quote = refused.then(|| (format!("refused {n}"), None));
    Row { sample, given_up: false, in_flight: 1, refusal, probe: None, quote }
}

fn recorder_of(plan: &Plan, schedule: &Schedule) -> Recorder {
    Recorder::new(RecorderConfig {
        scenario: plan.scenario,
        labels: Vec::new(),
        checks: vec!["one"],
        probes: Vec::new(),
        stages: schedule.stages(),
        selectors: crate::gate::required_selectors(&plan.criteria),
        limit_declared: true,
        identities: vec![("everybody".to_owned(), false)],
        joined: false,
        planned: schedule.total(),
        started_at: Timestamp { unix_millis: 0 },
    })
}

/// What a keeper makes of the plan's arrivals, sent by so many workers that hand
/// over so often.
fn kept(plan: &Plan, seed: u64, workers: u32, every: Nanos) -> Recording {
    let schedule = Schedule::new(&plan.stages);
    let recorder = recorder_of(plan, &schedule);
    let watchdog = Watchdog::new(plan, false);
    let (course, stop) = (Arc::new(Course::new(plan)), Stop::default());
    let observer = Arc::new(Unobserved);
    let keeper = Keeper::new(recorder, watchdog, observer, stop, course, schedule.total());
    let orders = keeper.start(plan).expect("a thread");
    let tell = |order| orders.send(order).expect("the keeper listens");
    tell(Order::Load { start: Nanos::ZERO, late: Nanos::ZERO, workers: workers as usize });
    let mut rows: Vec<Vec<Row>> = (0..workers)
        .map(|worker| {
            let share = Share::new(worker, workers);
            let dealt = schedule.moments(share.numbers(schedule.total()));
            let mut rows: Vec<Row> =
                dealt.map(|(n, stage, due)| row(n, stage, due, seed)).collect();
            rows.sort_by_key(|row| row.sample.done);
            rows
        })
        .collect();
    let mut until = Nanos::ZERO;
    while rows.iter().any(|rows| !rows.is_empty()) {
        until += every;
        for (worker, rows) in rows.iter_mut().enumerate() {
            let ended = rows.partition_point(|row| row.sample.done <= until);
            let rows = rows.drain(..ended).collect();
            let (events, skew) = (Vec::new(), Skew::default());
            tell(Order::Handover(Handover {
                worker,
                until,
                rows,
                events,
                skew,
                sent: 0,
                longest_away: Nanos::ZERO,
            }));
        }
    }
    let (reply, recording) = oneshot::channel();
    tell(Order::Finish(Box::new(Finish {
        ended: Ended::Completed,
        duration: until,
        cpu_seconds: None,
        peak_memory: None,
        reply,
    })));
    let mut recording = recording.blocking_recv().expect("the keeper answers");
    recording.duration = Nanos::ZERO;
    recording
}

proptest! {
    // A case makes two recorders with all their histograms.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_number_of_workers_comes_to_the_recording_of_one(
        rate in 1_u32..60,
        seed: u64,
        workers in 1_u32..=16,
        millis in 50_u64..3_000,
    ) {
        let plan = plan(stages(&[(1, f64::from(rate)), (3, f64::from(rate))]));
        let one = kept(&plan, seed, 1, Nanos::from_millis(1000));
        let many = kept(&plan, seed, workers, Nanos::from_millis(millis));
        prop_assert_eq!(many, one);
    }
}

/// What a keeper that is told of so many arrivals a moment before the hold ends makes of
/// a load that may go on.
fn looked_at(rows_handed_over: usize) -> (Recording, Arc<Course>) {
    let mut plan = plan(stages(&[(0, 50.0), (4, 50.0), (1, 0.0)]));
    plan.extension = Some(Extension { most: Nanos::from_secs(4), done: Nanos::ZERO });
    let p99 = crate::gate::parse_threshold("response_time", "p(99)<60000").expect("one");
    plan.criteria.thresholds = vec![p99];
    let schedule = Schedule::new(&plan.stages);
    let recorder = recorder_of(&plan, &schedule);
    let course = Arc::new(Course::new(&plan));
    let watchdog = Watchdog::new(&plan, false);
    let (observer, stop) = (Arc::new(Unobserved), Stop::default());
    let keeper =
        Keeper::new(recorder, watchdog, observer, stop, Arc::clone(&course), schedule.total());
    let orders = keeper.start(&plan).expect("a thread");
    let tell = |order| orders.send(order).expect("the keeper listens");
    tell(Order::Load { start: Nanos::ZERO, late: Nanos::ZERO, workers: 1 });
    let due: Vec<_> = schedule.moments(1..=schedule.total()).collect();
    let rows = due.into_iter().cycle().take(rows_handed_over);
    let rows = rows.map(|(n, stage, due)| row(n, stage, due, 7)).collect();
    let until = Nanos::from_secs(3);
    tell(Order::Handover(Handover {
        worker: 0,
        until,
        rows,
        events: Vec::new(),
        skew: Skew::default(),
        sent: rows_handed_over as u64,
        longest_away: Nanos::ZERO,
    }));
    tell(Order::Tick { now: until, in_flight: 0 });
    let (reply, recording) = oneshot::channel();
    tell(Order::Finish(Box::new(Finish {
        ended: Ended::Completed,
        duration: Nanos::from_secs(5),
        cpu_seconds: None,
        peak_memory: None,
        reply,
    })));
    (recording.blocking_recv().expect("the keeper answers"), course)
}

#[test]
fn the_hold_goes_on_while_a_threshold_rests_on_too_little() {
    let (recording, course) = looked_at(150);
    let two = Nanos::from_secs(2);
    assert_eq!(recording.went_on, Some(WentOn { by: two, times: 1 }));
    assert_eq!(recording.stages[1].end, Nanos::from_secs(6));
    assert_eq!(recording.generator.planned, course.schedule().total());
    assert_eq!(course.fork(), Some(Nanos::from_secs(6)), "there may be a third look");
}

#[test]
fn a_load_whose_thresholds_are_decided_ends_as_planned() {
    let (recording, course) = looked_at(800);
    assert_eq!((recording.went_on, course.fork()), (None, None));
}

/// Notes what is shown second by second: the tick, the answers so far, whether the load goes on.
#[derive(Default)]
struct Shown(Mutex<(bool, Vec<Second>)>);

type Second = (u64, u64, bool);

impl Observer for Shown {
    fn on(&self, event: &Event<'_>) {
        let mut seen = self.0.lock().expect("whole");
        match event {
            Event::Load { .. } => seen.0 = true,
            Event::Measured(tick, recording) => {
                let loads = seen.0;
                seen.1.push((*tick, recording.total().requests, loads));
            }
            _ => {}
        }
    }

    fn wants_measured(&self, _: u64) -> bool {
        true
    }
}

#[test]
fn what_goes_before_the_load_is_shown_second_by_second_too() {
    let plan = plan(stages(&[(2, 2.0)]));
    let schedule = Schedule::new(&plan.stages);
    let recorder = recorder_of(&plan, &schedule);
    let shown = Arc::new(Shown::default());
    let observer = Arc::clone(&shown) as Arc<dyn Observer>;
    let (watchdog, course) = (Watchdog::new(&plan, false), Arc::new(Course::new(&plan)));
    let keeper = Keeper::new(recorder, watchdog, observer, Stop::default(), course, 4);
    let orders = keeper.start(&plan).expect("a thread");
    let tell = |order| orders.send(order).expect("the keeper listens");
    let proof = |n| {
        let mut row = row(n, 0, Nanos::from_millis(n), 7);
        row.sample.traffic = crate::ids::Traffic::Proof;
        row
    };
    let handed = |until, rows| {
        Order::Handover(Handover {
            worker: 0,
            until,
            rows,
            events: Vec::new(),
            skew: Skew::default(),
            sent: 0,
            longest_away: Nanos::ZERO,
        })
    };
    tell(Order::Before);
    tell(handed(Nanos::from_secs(1), vec![proof(1), proof(2)]));
    tell(Order::Before);
    let start = Nanos::from_secs(3);
    tell(Order::Load { start, late: Nanos::ZERO, workers: 1 });
    tell(Order::Tick { now: Nanos::from_secs(4), in_flight: 0 });
    let (reply, recording) = oneshot::channel();
    tell(Order::Finish(Box::new(Finish {
        ended: Ended::Completed,
        duration: Nanos::from_secs(2),
        cpu_seconds: None,
        peak_memory: None,
        reply,
    })));
    recording.blocking_recv().expect("the keeper answers");
    let seen = &shown.0.lock().expect("whole").1;
    assert_eq!(*seen, [(1, 0, false), (2, 2, false), (1, 2, true)]);
}
