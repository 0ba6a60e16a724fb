//! Runs that end before their time: interrupted before the load, or by a mistake of load-gate's own.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_interrupt_before_the_load_gives_up_the_canary_and_keeps_it_on_record() {
    let hold = plan(stages(&[(0, 100.0), (60, 100.0)]));
    let started = tokio::time::Instant::now();
    let never = |_| (Duration::from_secs(600), success());
    let run = run_with(hold, true, Some(Duration::from_secs(1)), never).await;
    assert!(started.elapsed() < Duration::from_millis(1100));
    assert_eq!(run.recording.ended, Ended::Interrupted { after: Nanos::ZERO });
    assert_eq!(run.transport.sent.load(Ordering::Relaxed), 1);
    assert_eq!(run.recording.total().requests, 1);
    assert_eq!(run.recording.canary, None);
    assert_eq!(run.recording.total().outcomes.total(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_while_the_target_is_sought_ends_the_search() {
    let started = tokio::time::Instant::now();
    let hold = plan(stages(&[(1, 10.0)]));
    let nothing = |_| (Duration::ZERO, success());
    let run = run_with(hold, false, Some(Duration::from_millis(500)), nothing).await;
    assert!(started.elapsed() < Duration::from_millis(600));
    assert!(matches!(run.recording.ended, Ended::Interrupted { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_in_minting_gives_up_the_answer_that_is_awaited() {
    let (stop, theirs) = (Stop::default(), Stop::default());
    let hold = plan(Vec::new());
    let (given, _) =
        job(hold.clone(), true, stop.clone(), |_| (Duration::from_secs(600), success()));
    stop.now(StopReason::Interrupted);
    let minted = mint(given, vec![0, 1, 2], None).await.expect("there are threads");
    assert_eq!(minted.short.as_deref(), Some("the run was interrupted"));
    let (given, transport) = job(hold, true, theirs.clone(), move |_| {
        // While its answer is awaited.
        theirs.now(StopReason::Interrupted);
        (Duration::from_secs(600), success())
    });
    let minted = mint(given, vec![0, 1, 2], None).await.expect("there are threads");
    assert_eq!(minted.short.as_deref(), Some("the run was interrupted"));
    assert_eq!(transport.sent.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_mistake_in_one_request_is_the_end_of_the_verdict_not_of_the_report() {
    let hold = plan(stages(&[(0, 10.0), (10, 10.0)]));
    let run = run_with(hold, true, None, |k| {
        assert!(k != 50, "a mistake, made for this test");
        (Duration::ZERO, success())
    })
    .await;
    assert!(matches!(run.recording.ended, Ended::Broken { .. }));
    assert_eq!(run.recording.total().outcomes.get(Outcome::Accepted), 99);
    let verdict = crate::gate::evaluate(&plan(Vec::new()).criteria, &run.recording, None);
    assert_eq!(verdict.kind, crate::gate::VerdictKind::Inconclusive);
}

#[tokio::test]
async fn a_mistake_of_the_leading_worker_leaves_what_was_measured() {
    let hold = plan(stages(&[(0, 10.0), (1, 10.0)]));
    let (job, _) = job(hold, true, Stop::default(), |_| panic!("a mistake, made for this test"));
    let recording = run(job).await.expect("the keeper is there");
    let Ended::Broken { reason } = recording.ended else { panic!("{:?}", recording.ended) };
    assert!(reason.contains("panicked"), "{reason}");
}
