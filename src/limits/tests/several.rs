//! Two limits in a row: neither is accused of what the other refused, and each is named.

use super::*;

fn limit_of(limit: u64, secs: u64) -> DeclaredLimit {
    DeclaredLimit::of(limit, Nanos::from_secs(secs), Scope::Customer)
}

/// What an outer limit that counts every call and an inner one make of a proof of the
/// inner one, and what is judged of it.
fn proved_by(inner: DeclaredLimit, outer: DeclaredLimit, declare: bool, seed: u64) -> Judged {
    let proof = proof_schedule(&inner, 100.0, seed, Nanos::from_secs(6 * 20));
    let moments = [proof.lead_in, proof.follow_ups].concat();
    let mut first = limiter("anchored", inner.limit, inner.window);
    let mut second = limiter("anchored", outer.limit, outer.window);
    let mut dice = Dice::new(seed);
    let entries = ledger(&moments, Nanos::from_millis(40), Nanos::ZERO, &mut dice, |at| {
        second.admits(at) && first.admits(at)
    });
    let all = [Beside { declared: outer, together: false }];
    let beside = if declare { &all[..] } else { &[] };
    let ledgers = [view(&entries)];
    let clock = ServerTime::default();
    let inferred = if declare {
        infer_first(&ledgers, &inner, beside, clock)
    } else {
        infer(&ledgers, Some(&inner), clock)
    };
    let refused = entries.iter().filter(|e| e.admitted == Admitted::No).count() as u64;
    let refusals = RefusalCounts { refused, json: refused, ..RefusalCounts::default() };
    let rules = judge(&inner, &ledgers, &Facts { beside, refusals, ..Facts::default() }, &inferred);
    Judged { inferred, rules }
}

struct Judged {
    inferred: Inference,
    rules: Vec<RuleResult>,
}

#[test]
fn two_limits_that_are_declared_are_judged_together() {
    for seed in 0..10 {
        // The outer one is met too: 25 requests in five seconds.
        let found = proved_by(limit_of(12, 20), limit_of(25, 5), true, seed);
        assert_eq!(names(&found.rules), [], "seed {seed}: {:#?}", found.rules);
        let why = &found.inferred.why;
        assert!(why.contains("the limit of 25 every 5.00 s"), "seed {seed}: {why}");
        assert!(!found.inferred.why.contains("was not reached"), "seed {seed}: {why}");
    }
}

#[test]
fn a_second_limit_that_is_out_of_reach_changes_nothing() {
    for seed in 0..10 {
        let found = proved_by(limit_of(12, 20), limit_of(5000, 20), true, seed);
        assert_eq!(names(&found.rules), [], "seed {seed}: {:#?}", found.rules);
        assert_eq!(found.inferred.algorithm, Algorithm::AnchoredWindow, "seed {seed}");
        assert!(found.inferred.why.contains("5,000 every 20.0 s was not reached"));
    }
}

#[test]
fn a_second_limit_that_is_not_declared_is_suspected() {
    let mut suspected = 0;
    for seed in 0..10 {
        // Of 40 in 20 seconds at most 8 in two: below the declared limit.
        let found = proved_by(limit_of(40, 20), limit_of(8, 2), false, seed);
        assert_eq!(names(&found.rules).first(), Some(&RuleName::LetsThrough), "seed {seed}");
        let said = evidence(&found.rules, RuleName::LetsThrough);
        suspected += u32::from(said.contains("a second limit, of about"));
    }
    assert!(suspected >= 8, "{suspected} of 10");
}

#[test]
fn what_the_second_limit_forbids_breaks_holds() {
    let found = proved_by(limit_of(40, 20), limit_of(5000, 20), false, 3);
    assert_eq!(names(&found.rules), []);
    // Declared are ten a second beside it, and nobody keeps that.
    let proof = proof_schedule(&limit_of(40, 20), 100.0, 3, Nanos::from_secs(120));
    let moments = [proof.lead_in, proof.follow_ups].concat();
    let mut first = limiter("anchored", 40, Nanos::from_secs(20));
    let mut dice = Dice::new(3);
    let entries =
        ledger(&moments, Nanos::from_millis(40), Nanos::ZERO, &mut dice, |at| first.admits(at));
    let beside = [Beside { declared: limit_of(10, 1), together: false }];
    let ledgers = [view(&entries)];
    let inferred = infer_first(&ledgers, &limit_of(40, 20), &beside, ServerTime::default());
    let facts = Facts { beside: &beside, ..Facts::default() };
    let rules = judge(&limit_of(40, 20), &ledgers, &facts, &inferred);
    assert!(names(&rules).contains(&RuleName::Holds), "{rules:#?}");
    assert!(evidence(&rules, RuleName::Holds).contains("10 a second"));
}

#[test]
fn where_another_may_have_refused_everything_it_is_not_said_that_nothing_was_refused() {
    // Ten a second without a pause: one of five a second that counts refusals too would
    // refuse from the sixth on, whatever the first of thirty in ten seconds does.
    let moments: Vec<Nanos> = (0..200).map(|n| Nanos::from_millis(100 * n)).collect();
    let (mut first, mut second) =
        (limiter("log", 30, Nanos::from_secs(10)), limiter("log", 5, Nanos::from_secs(1)));
    let mut dice = Dice::new(5);
    let entries = ledger(&moments, Nanos::from_millis(20), Nanos::ZERO, &mut dice, |at| {
        second.admits(at) && first.admits(at)
    });
    assert!(entries.iter().any(|entry| entry.admitted == Admitted::No));
    let beside = [Beside { declared: limit_of(5, 1), together: false }];
    let found = infer_first(&[view(&entries)], &limit_of(30, 10), &beside, ServerTime::default());
    assert_eq!(found.algorithm, Algorithm::Unknown);
    assert!(found.why.starts_with("another of the limits may have made"), "{}", found.why);
    assert!(!found.why.contains("sliding counter"), "{}", found.why);
}

#[test]
fn of_nothing_that_was_sent_nothing_is_told() {
    let found = infer(&[], None, ServerTime::default());
    assert_eq!((found.algorithm, found.why.as_str()), (Algorithm::Unknown, "nothing was sent"));
}
