//! Probes that go along with the load, and how many requests that makes.

use super::*;

/// All of the webhook's, with every two-hundredth arrival.
fn probes() -> ProbePlan {
    ProbePlan {
        share: 0.005,
        kinds: ["bad_signature", "expired_signature", "missing_signature"]
            .map(ProbeKind::fixed)
            .to_vec(),
        by_identity: Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn probes_accompany_the_load_at_their_share() {
    let mut plan = plan(stages(&[(0, 100.0), (100, 100.0)]));
    plan.probes = probes();
    let run =
        run_with(plan, true, None, |_| (Duration::ZERO, answer(200, r#"{"status":"success"}"#)))
            .await;
    let sent: u64 = run.recording.probes.iter().map(|probe| probe.sent).sum();
    assert_eq!(sent, 50);
    assert!(run.recording.probes.iter().all(|probe| probe.breached == probe.sent));
    assert_eq!(run.recording.total().outcomes.total(), 10_000);
    assert_eq!(run.recording.total().requests, 10_051);
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_is_what_was_planned() {
    let mut plan = plan(stages(&[(0, 50.0), (100, 50.0)]));
    plan.probes = probes();
    plan.identities =
        IdentityPlan { kind: IdentityKind::Address, count: 20, set_aside: 1, mint: 0, machines: 1 };
    if let Some(limit) = &mut plan.criteria.limit {
        (limit.limit, limit.scope) = (100, Scope::Ip);
    }
    let plan = plan.completed(7, true);
    let prediction = plan.criteria.prediction.expect("a limit is declared");
    let announced = prediction.admitted_low + prediction.hits_high;
    let run = run_with(plan.clone(), true, None, |_| (Duration::ZERO, answer(429, "{}"))).await;
    assert_eq!(run.recording.total().requests, announced);
    assert_eq!(run.recording.spoofed, Some(false), "one request named an address of its own");
    let silent = Plan { extras: Extras { naming: false, ..plan.extras.clone() }, ..plan };
    let run = run_with(silent, true, None, |_| (Duration::ZERO, answer(429, "{}"))).await;
    assert_eq!(run.recording.total().requests, announced - 1);
    assert_eq!(run.recording.spoofed, None);
}

#[tokio::test(start_paused = true)]
async fn a_refused_probe_says_json_as_any_other_refusal() {
    let mut plan = plan(stages(&[(0, 10.0), (1, 10.0)]));
    plan.probes = probes();
    let run = run_with(plan, true, None, |_| (Duration::ZERO, answer(429, "{}"))).await;
    assert_eq!(run.recording.refusals.refused, 14);
    assert_eq!(run.recording.refusals.json, 14);
    assert!(run.recording.probes.iter().all(|probe| probe.neither == probe.sent));
}
