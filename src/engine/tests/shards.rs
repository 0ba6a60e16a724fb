//! One of several machines: what it sends, what it leaves to others, and when it begins.

use super::*;

fn shard(index: u32, of: u32) -> Shard {
    Shard::new(index, of).expect("is one")
}

/// So many milliseconds after the test began.
fn moment(millis: i64) -> Timestamp {
    let begun = Timestamp::from_unix(BEGUN);
    Timestamp { unix_millis: begun.unix_millis + millis }
}

/// A plan with probes, addresses that are claimed and a proof.
fn full() -> Plan {
    let mut plan = plan(stages(&[(2, 40.0), (4, 40.0), (2, 0.0)]));
    plan.probes = ProbePlan {
        share: 0.1,
        kinds: ["bad_signature", "missing_signature"].map(ProbeKind::fixed).to_vec(),
        by_identity: Vec::new(),
    };
    plan.identities =
        IdentityPlan { kind: IdentityKind::Address, count: 10, set_aside: 1, mint: 0, machines: 1 };
    if let Some(limit) = &mut plan.criteria.limit {
        (limit.limit, limit.scope) = (20, Scope::Ip);
    }
    plan.completed(7, true)
}

/// A plan of five keys, some of whose probes show them.
fn keyed() -> Plan {
    let scenario = ScenarioId::parse("mine").expect("is a name");
    let spec = serde_json::json!({
        "request": { "method": "POST", "path": "/", "body": { "text": "{identity} sends {n}" } },
        "expect": [],
        "identity": "key",
        "keys": "KEY_*",
        "probes": [
            { "kind": "bad_body", "body": { "text": "{identity} is wrong in {n}" }, "status": [400] },
            { "kind": "no_key", "body": { "text": "nobody sends {n}" }, "status": [401] },
        ],
    });
    let mut settings = Settings::new(scenario, []);
    settings.written = Some(Box::new(serde_json::from_value(spec).expect("a scenario")));
    let stages = stages(&[(2, 40.0), (4, 40.0)]);
    let mut plan = crate::plan::fixtures::plan(scenario, settings, stages);
    plan.identities =
        IdentityPlan { kind: IdentityKind::Key, count: 4, set_aside: 1, ..plan.identities };
    let kinds = ["bad_body", "no_key"].map(ProbeKind::fixed);
    plan.probes = ProbePlan { share: 0.2, kinds: kinds.to_vec(), by_identity: kinds[..1].to_vec() };
    plan.criteria.limit = Some(DeclaredLimit::of(20, Nanos::from_secs(60), Scope::Customer));
    plan.completed(7, true)
}

async fn sent_by(plan: &Plan, shard: Shard) -> Outcomes {
    let at = (shard, Some(moment(60_000)));
    run_as(plan.clone(), at, true, None, |_| (Duration::from_millis(20), success())).await
}

#[tokio::test(start_paused = true)]
async fn machines_together_send_what_one_sends_and_nothing_twice() {
    for plan in [full(), keyed(), plan(stages(&[(1, 30.0), (3, 90.0), (2, 90.0)]))] {
        let one = sent_by(&plan, Shard::ALONE).await;
        for machines in [2, 3, 7] {
            let mut merger = crate::measure::Merger::new(one.recording.started_at);
            let mut bodies = Vec::new();
            let mut senders = std::collections::BTreeSet::new();
            for index in 1..=machines {
                let part = sent_by(&plan, shard(index, machines)).await;
                for ledger in part.recording.ledgers.iter().filter(|_| !plan.identities.is_shared())
                {
                    assert!(senders.insert(ledger.label.clone()), "{} is two's", ledger.label);
                }
                bodies.append(&mut part.transport.bodies.lock().expect("not poisoned"));
                merger.add(part.recording, 0.0).expect("shards of one run");
            }
            let whole = merger.finish().expect("there are shards");
            // To the byte: arrivals, redeliveries, canary, probes, proof.
            let mut expected = one.transport.bodies.lock().expect("not poisoned").clone();
            expected.sort();
            bodies.sort();
            assert!(bodies == expected, "{} and {} requests", bodies.len(), expected.len());
            assert_eq!(whole.requests, one.recording.requests);
            assert_eq!(whole.total().outcomes, one.recording.total().outcomes);
            assert!(whole.total().response_time == one.recording.total().response_time);
            let seconds = |r: &Recording| {
                r.timeline.bins.iter().map(|bin| (bin.due, bin.sent)).collect::<Vec<_>>()
            };
            assert_eq!(seconds(&whole), seconds(&one.recording));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_once_the_first_machine_sends() {
    let plan = full();
    let first = sent_by(&plan, shard(1, 3)).await.recording;
    let second = sent_by(&plan, shard(2, 3)).await.recording;
    let sent = |recording: &Recording, traffic| recording.requests.get(&traffic).copied();
    assert!(first.canary.is_some() && second.canary.is_none());
    assert_eq!((sent(&first, Traffic::Canary), sent(&second, Traffic::Canary)), (Some(1), None));
    assert!(sent(&first, Traffic::Proof) >= Some(plan.extras.proof_requests()));
    assert_eq!(sent(&second, Traffic::Proof), None);
    let address = |recording: &Recording| {
        recording.ledgers.iter().map(|ledger| ledger.label.clone()).collect::<Vec<_>>()
    };
    assert!(address(&first).iter().all(|label| !address(&second).contains(label)));
}

#[tokio::test(start_paused = true)]
async fn the_load_begins_at_its_moment() {
    for shard in [Shard::ALONE, shard(1, 2), shard(2, 2)] {
        let recording = sent_by(&full(), shard).await.recording;
        let began = recording.started_at.after(recording.load_offset);
        assert_eq!((began, recording.generator.late), (moment(60_000), Nanos::ZERO));
        assert_eq!(recording.generator.dropped, 0);
        // The proof was in time for it, and so was the canary.
        assert!(recording.load_offset < Nanos::from_secs(20));
        assert!(recording.generator.lag_hold.max() < Some(Nanos::from_millis(2)));
    }
}

#[tokio::test(start_paused = true)]
async fn the_proof_goes_on_into_the_load_as_it_does_without_an_appointment() {
    let plan = full();
    assert!(!plan.extras.proof.follow_ups.is_empty());
    let at_once = run_with(plan.clone(), true, None, |_| (Duration::from_millis(20), success()));
    let at_once = at_once.await.recording;
    // Counted from the load's start, in milliseconds.
    let proof = |recording: &Recording| -> Vec<i64> {
        let own = recording.ledgers.iter().find(|ledger| ledger.set_aside).expect("one");
        let since = |sent: Nanos| (sent.0 as i64 - recording.load_offset.0 as i64) / 1_000_000;
        own.entries.iter().map(|entry| since(entry.sent)).collect()
    };
    let wanted = proof(&at_once);
    for shard in [Shard::ALONE, shard(1, 2)] {
        let sent = proof(&sent_by(&plan, shard).await.recording);
        assert_eq!(sent.len(), wanted.len());
        let off = sent.iter().zip(&wanted).map(|(sent, wanted)| (sent - wanted).abs()).max();
        assert!(off < Some(50), "{off:?} ms: {sent:?} instead of {wanted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_late_drops_what_was_missed_and_sends_the_rest_in_time() {
    let mut hold = plan(stages(&[(0, 50.0), (10, 50.0)]));
    hold.settings.values.insert("duplicates".to_owned(), 0.0.into());
    let late = (shard(2, 2), Some(moment(-3_010)));
    let run = run_as(hold, late, true, None, |_| (Duration::from_millis(20), success())).await;
    let recording = run.recording;
    assert_eq!(recording.started_at.after(recording.load_offset), moment(-3_010));
    assert_eq!(recording.generator.late, Nanos::from_millis(3_010));
    // 25 a second: of 250 those of three seconds.
    assert_eq!((recording.generator.sent, recording.generator.dropped), (175, 75));
    assert!(recording.generator.lag_hold.max() < Some(Nanos::from_millis(2)), "nothing is bunched");
    let sent: Vec<u32> = recording.timeline.bins.iter().map(|bin| bin.sent).collect();
    assert_eq!(sent, [0, 0, 0, 24, 25, 25, 25, 25, 25, 25, 1]);
    let excerpt = recording.excerpts.iter().find(|e| e.outcome == Outcome::Dropped).expect("told");
    assert!(excerpt.text.contains("3.01 s after its appointed moment"), "{}", excerpt.text);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_interrupted_while_it_waits() {
    let at = (shard(2, 2), Some(moment(60_000)));
    let run = run_as(full(), at, true, Some(Duration::from_secs(9)), |_| {
        (Duration::from_millis(20), success())
    });
    let recording = run.await.recording;
    assert!(matches!(recording.ended, Ended::Interrupted { .. }), "{:?}", recording.ended);
    assert_eq!(recording.generator.sent, 0);
}
