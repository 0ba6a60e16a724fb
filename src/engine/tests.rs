//! The engine on a clock and a network of its own: nine minutes in milliseconds.

mod cut_short;
mod keeper;
mod overdue;
mod probes;
mod redelivery;
mod shards;

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderMap;

use super::run::run_here;
use super::*;
use crate::admission::{DeclaredLimit, Scope};
use crate::gate::Criteria;
use crate::ids::{ProbeKind, ScenarioId, Traffic};
use crate::measure::{Ended, Ledger, LineEvent, Recording};
use crate::outcome::Outcome;
use crate::plan::{Extras, IdentityKind, IdentityPlan, Plan, ProbePlan, Shard, Stage};
use crate::scenario::{self, Request, Settings};
use crate::secret::Secret;
use crate::units::{Nanos, Timestamp};

/// tokio's paused time: it jumps to the next timer when nobody has work.
struct TestClock {
    origin: tokio::time::Instant,
}

/// The wall clock when a test begins.
const BEGUN: Duration = Duration::from_secs(1_761_846_252);
/// The steady clock then.
const SHOWN: Nanos = Nanos::from_secs(1000);

impl Clock for TestClock {
    fn now(&self) -> Nanos {
        SHOWN + Nanos::from(tokio::time::Instant::now() - self.origin)
    }

    fn unix(&self) -> Duration {
        BEGUN + Duration::from(self.now() - SHOWN)
    }

    fn pacer(&self) -> std::io::Result<Box<dyn Pacer>> {
        Ok(Box::new(TestPacer { origin: self.origin, sleep: None }))
    }
}

struct TestPacer {
    origin: tokio::time::Instant,
    sleep: Option<(Nanos, Pin<Box<tokio::time::Sleep>>)>,
}

impl Pacer for TestPacer {
    fn poll_until(&mut self, context: &mut Context<'_>, at: Nanos) -> Poll<()> {
        let (_, sleep) = match &mut self.sleep {
            Some(sleep) if sleep.0 == at => sleep,
            sleep => {
                let until = self.origin + Duration::from(at - SHOWN);
                sleep.insert((at, Box::pin(tokio::time::sleep_until(until))))
            }
        };
        sleep.as_mut().poll(context)
    }
}

type Answer = dyn Fn(u64) -> (Duration, Result<Response, Failure>) + Send + Sync;

/// Answers request k (from 0) as it is told to.
#[derive(Clone)]
struct TestTransport {
    clock: Arc<dyn Clock>,
    answer: Arc<Answer>,
    sent: Arc<AtomicU64>,
    /// Requests since answers were looked for, and the most of them.
    unlooked: Arc<(AtomicU64, AtomicU64)>,
    bodies: Arc<Mutex<Vec<Vec<u8>>>>,
    reachable: bool,
}

impl Network for TestTransport {
    fn transport(&self) -> io::Result<Rc<dyn Transport>> {
        Ok(Rc::new(self.clone()))
    }
}

impl Transport for TestTransport {
    fn send(&self, request: &mut Request) -> LocalFuture<'static, Exchange> {
        let body = std::mem::take(&mut request.body);
        let network = self.clone();
        Box::pin(async move {
            let sent = network.clock.now();
            let unlooked = network.unlooked.0.fetch_add(1, Ordering::Relaxed) + 1;
            network.unlooked.1.fetch_max(unlooked, Ordering::Relaxed);
            let (took, result) = (network.answer)(network.sent.fetch_add(1, Ordering::Relaxed));
            network.bodies.lock().expect("not poisoned").push(body);
            tokio::time::sleep(took).await;
            let done = network.clock.now();
            Exchange {
                sent,
                opening: Opening::default(),
                sending: Nanos::ZERO,
                first_byte: done,
                done,
                bytes_sent: 100,
                bytes_received: 50,
                result,
            }
        })
    }

    fn reach(&self, within: Duration) -> LocalFuture<'_, Result<(), String>> {
        Box::pin(async move {
            if self.reachable {
                return Ok(());
            }
            tokio::time::sleep(within).await;
            Err("connection refused".to_owned())
        })
    }

    fn open_ahead(&self, _: usize) -> LocalFuture<'_, ()> {
        Box::pin(async {})
    }

    fn meets_tls(&self) -> LocalFuture<'_, bool> {
        Box::pin(async { false })
    }

    fn look(&self) {
        self.unlooked.0.store(0, Ordering::Relaxed);
    }

    fn events(&self) -> Vec<LineEvent> {
        Vec::new()
    }

    fn close(&self) {}
}

fn stages(list: &[(u64, f64)]) -> Vec<Stage> {
    let stage =
        |&(seconds, target): &(u64, f64)| Stage { duration: Nanos::from_secs(seconds), target };
    list.iter().map(stage).collect()
}

fn plan(stages: Vec<Stage>) -> Plan {
    let scenario = ScenarioId::fixed("webhook");
    let settings = Settings::new(
        scenario,
        [
            ("duplicates", 0.1.into()),
            ("stripe_customer", "cus_test".into()),
            ("stripe_price", "price_test".into()),
        ],
    );
    let plan = crate::plan::fixtures::plan(scenario, settings, stages);
    Plan {
        identities: IdentityPlan { kind: IdentityKind::Global, ..plan.identities },
        probes: ProbePlan {
            share: 0.0,
            kinds: vec![ProbeKind::fixed("bad_signature")],
            by_identity: Vec::new(),
        },
        criteria: Criteria {
            limit: Some(DeclaredLimit::of(1000, Nanos::from_secs(60), Scope::Global)),
            ..plan.criteria
        },
        ..plan
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a transport gives")]
fn answer(status: u16, body: &str) -> Result<Response, Failure> {
    Ok(Response { status, headers: HeaderMap::new(), body: Some(body.as_bytes().to_vec()) })
}

fn success() -> Result<Response, Failure> {
    answer(200, r#"{"status":"success"}"#)
}

struct Outcomes {
    recording: Recording,
    transport: Arc<TestTransport>,
}

/// A key for each identity that is one.
fn keys(plan: &Plan) -> Vec<Option<Secret>> {
    let all = plan.identities.count + plan.identities.set_aside;
    (1..=all).map(|n| Some(Secret::new(format!("key-{n}")))).collect()
}

/// A job of `plan` on a network that answers as told.
fn job(
    plan: Plan,
    reachable: bool,
    stop: Stop,
    answer: impl Fn(u64) -> (Duration, Result<Response, Failure>) + Send + Sync + 'static,
) -> (Job, Arc<TestTransport>) {
    let clock: Arc<dyn Clock> = Arc::new(TestClock { origin: tokio::time::Instant::now() });
    let transport = Arc::new(TestTransport {
        clock: Arc::clone(&clock),
        answer: Arc::new(answer),
        sent: Arc::default(),
        unlooked: Arc::default(),
        bodies: Arc::default(),
        reachable,
    });
    let secrets = scenario::Secrets { signing: Some(Secret::new("whsec_test")), known: Vec::new() };
    let job = Job {
        scenario: scenario::build(&plan.settings, 7, "lg-test", secrets)
            .expect("is built in")
            .into(),
        identities: Identities::new(plan.identities, &keys(&plan), 0),
        plan,
        network: Arc::clone(&transport) as Arc<dyn Network>,
        clock,
        observer: Arc::new(Unobserved),
        stop,
        traces: None,
        protected: false,
        shard: Shard::ALONE,
        start_at: None,
    };
    (job, transport)
}

/// Runs `plan` against a network that answers as told, stopped after a while if
/// `stop_after` says so.
async fn run_with(
    plan: Plan,
    reachable: bool,
    stop_after: Option<Duration>,
    answer: impl Fn(u64) -> (Duration, Result<Response, Failure>) + Send + Sync + 'static,
) -> Outcomes {
    run_as(plan, (Shard::ALONE, None), reachable, stop_after, answer).await
}

/// The same as one of several machines, whose load begins at a given moment.
async fn run_as(
    plan: Plan,
    (shard, start_at): (Shard, Option<Timestamp>),
    reachable: bool,
    stop_after: Option<Duration>,
    answer: impl Fn(u64) -> (Duration, Result<Response, Failure>) + Send + Sync + 'static,
) -> Outcomes {
    let stop = Stop::default();
    if let Some(after) = stop_after {
        let stop = stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            stop.now(StopReason::Interrupted);
        });
    }
    let (mut job, transport) = job(plan, reachable, stop, answer);
    job.identities = job.identities.on(shard);
    (job.shard, job.start_at) = (shard, start_at);
    let recording = run_here(job).await.expect("there are threads");
    Outcomes { recording, transport }
}

#[tokio::test(start_paused = true)]
async fn a_nine_minute_plan_sends_exactly_its_arrivals() {
    let full = stages(&[(60, 10.0), (60, 25.0), (60, 50.0), (300, 50.0), (60, 0.0)]);
    let run = run_with(plan(full), true, None, |_| (Duration::from_millis(20), success())).await;
    let total = run.recording.total();
    assert_eq!(run.recording.ended, Ended::Completed);
    assert_eq!(total.outcomes.get(Outcome::Accepted), 20_100);
    assert_eq!(total.outcomes.total(), 20_100);
    // The canary is a request, but no arrival.
    assert_eq!(total.requests, 20_101);
    assert_eq!(run.transport.sent.load(Ordering::Relaxed), 20_101);
    for stage in &run.recording.stages {
        assert_eq!(stage.sent_within.abs_diff(stage.planned), 0, "stage {}", stage.number);
    }
    // Exactly 50 arrivals in every second of the hold.
    assert!(run.recording.timeline.bins[181..480].iter().all(|bin| bin.due == 50));
}

#[tokio::test(start_paused = true)]
async fn a_stall_is_in_the_response_times_of_all_who_waited() {
    // 200/s for 100 s; whatever is sent in the first second of every ten is
    // answered when that second is over.
    let clock = Arc::new(AtomicU64::new(0));
    let hold = stages(&[(0, 200.0), (100, 200.0)]);
    let origin = tokio::time::Instant::now();
    let run = run_with(plan(hold), true, None, move |_| {
        clock.fetch_add(1, Ordering::Relaxed);
        let second = origin.elapsed().as_secs_f64() % 10.0;
        let wait = if second < 1.0 { 1.0 - second } else { 0.0 };
        (Duration::from_secs_f64(wait), success())
    })
    .await;
    let times = &run.recording.total().response_time;
    let millis = |q: f64| times.quantile(q).expect("has samples").as_millis_f64();
    assert!((millis(0.95) - 500.0).abs() < 15.0, "p95 {}", millis(0.95));
    assert!((millis(0.99) - 900.0).abs() < 15.0, "p99 {}", millis(0.99));
}

#[tokio::test(start_paused = true)]
async fn beyond_the_cap_arrivals_are_dropped_and_counted() {
    let mut plan = plan(stages(&[(0, 100.0), (10, 100.0)]));
    plan.engine.max_in_flight = 10;
    let run = run_with(plan, true, None, |k| {
        (if k == 0 { Duration::ZERO } else { Duration::from_secs(1) }, success())
    })
    .await;
    let outcomes = run.recording.total().outcomes;
    assert_eq!(outcomes.total(), 1000);
    assert!(outcomes.get(Outcome::Dropped) > 800, "{outcomes:?}");
    assert_eq!(run.recording.generator.sent, outcomes.sent());
    assert_eq!(run.recording.generator.dropped, outcomes.get(Outcome::Dropped));
    assert_eq!(run.transport.sent.load(Ordering::Relaxed), outcomes.sent() + 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_canary_is_the_last_request() {
    let hold = plan(stages(&[(0, 100.0), (10, 100.0)]));
    let run = run_with(hold, true, None, |_| {
        (Duration::ZERO, answer(401, r#"{"error":"Invalid signature"}"#))
    })
    .await;
    assert_eq!(run.transport.sent.load(Ordering::Relaxed), 1);
    assert!(matches!(run.recording.ended, Ended::Misconfigured { .. }));
    assert_eq!(run.recording.total().outcomes.total(), 0);
}

/// A key that the target refused counted as admitted: a limiter that was never reached was
/// said not to be there.
#[tokio::test(start_paused = true)]
async fn whether_a_limiter_counts_those_without_credentials_is_not_known() {
    for status in [401, 403] {
        let run = run_with(plan(stages(&[(0, 10.0), (2, 10.0)])), true, None, move |k| {
            (Duration::ZERO, if k % 2 == 1 { answer(status, "{}") } else { success() })
        })
        .await;
        let ledgers = &run.recording.ledgers;
        let counts = |of: fn(&Ledger) -> u64| ledgers.iter().map(of).sum::<u64>();
        assert_eq!(counts(|l| l.unknown), 10, "{status}");
        assert_eq!(counts(|l| l.admitted) + counts(|l| l.unknown), 21, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_that_meets_anything_else_lets_the_load_start() {
    for status in [429, 500, 302, 200] {
        let hold = plan(stages(&[(0, 10.0), (1, 10.0)]));
        let run = run_with(hold, true, None, move |_| (Duration::ZERO, answer(status, "{}"))).await;
        assert_eq!(run.transport.sent.load(Ordering::Relaxed), 11, "{status}");
        assert!(run.recording.canary.is_some_and(|canary| !canary.note.is_empty()));
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_to_an_unreachable_target() {
    let run =
        run_with(plan(stages(&[(1, 10.0)])), false, None, |_| (Duration::ZERO, success())).await;
    assert!(matches!(run.recording.ended, Ended::Unreachable { .. }));
    assert_eq!(run.transport.sent.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_stops_at_once_and_waits_three_seconds_at_most() {
    let hold = plan(stages(&[(0, 100.0), (60, 100.0)]));
    let started = tokio::time::Instant::now();
    let run = run_with(hold, true, Some(Duration::from_secs(10)), |k| {
        (Duration::from_secs(if k == 0 { 0 } else { 20 }), success())
    })
    .await;
    assert!(started.elapsed() < Duration::from_millis(13_100));
    assert!(matches!(run.recording.ended, Ended::Interrupted { .. }));
    // What was given up is held against nobody, and counted all the same.
    let outcomes = run.recording.total().outcomes;
    assert_eq!(outcomes.total(), 0);
    let sent = run.transport.sent.load(Ordering::Relaxed);
    assert_eq!(run.recording.generator.given_up + 1, sent);
    assert_eq!(run.recording.total().requests, sent);
}

#[tokio::test(start_paused = true)]
async fn duplicates_repeat_acknowledged_bytes() {
    let hold = plan(stages(&[(0, 50.0), (40, 50.0)]));
    let run = run_with(hold, true, None, |_| (Duration::from_millis(5), success())).await;
    let bodies = run.transport.bodies.lock().expect("not poisoned");
    let distinct: std::collections::BTreeSet<_> = bodies.iter().collect();
    let repeated = bodies.len() - distinct.len();
    assert!((120..280).contains(&repeated), "{repeated} of {} repeated", bodies.len());
}
