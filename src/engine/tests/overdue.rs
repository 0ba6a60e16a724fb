//! Arrivals that are due faster than anybody could sleep for them.

use super::*;

/// At a rate that one core can't keep nobody sleeps any more: answers were never looked for,
/// and ever more connections opened.
#[tokio::test(start_paused = true)]
async fn who_never_sleeps_looks_for_answers_all_the_same() {
    // Time goes on by milliseconds here: of each, all arrivals but one are overdue.
    let mut plan = plan(stages(&[(1, 45_000.0)]));
    plan.engine.workers = Some(1);
    let run = run_with(plan, true, None, |_| (Duration::from_millis(2), success())).await;
    let most = run.transport.unlooked.1.load(Ordering::Relaxed);
    assert!((20..=33).contains(&most), "{most} requests were sent without a look");
}
