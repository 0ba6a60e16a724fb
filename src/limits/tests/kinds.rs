//! Every kind of limiter that is known: told, and accused of nothing that it does rightly.

use super::super::simulation::{SPECIMENS, Specimen, Weather, sent_to};
use super::*;

/// What a run of every specimen comes to: the proof goes out for `windows` windows,
/// through latency, errors and probes, on a clock that is up to two seconds off.
fn trial(specimen: &Specimen, windows: u64, seed: u64) -> (Inference, Vec<RuleResult>) {
    let mut dice = Dice::new(seed);
    let window = Nanos::from_secs([10, 20, 30, 60][dice.whole(0, 3) as usize]);
    let declared = DeclaredLimit::of(dice.whole(5, 60), window, Scope::Ip);
    let load = Nanos(window.0 * windows);
    let proof = proof_schedule(&declared, 100.0, dice.next(), load);
    let moments = [proof.lead_in, proof.follow_ups].concat();
    let mut model = (specimen.make)(&declared, &mut dice);
    let (unix_start, skew) = (1.7e9 + dice.between(0.0, 7200.0), dice.between(-2.0, 2.0));
    let work = if specimen.is == Algorithm::ConcurrencyLimit { 300 } else { 20 };
    let weather = Weather {
        latency: Nanos::from_millis(dice.whole(0, 150)),
        skew: Nanos::from_secs_f64(unix_start + skew),
        work: Nanos::from_millis(work),
        early_errors: 0.01,
        late_errors: 0.03,
        probes: 0.02,
        counts_probes: dice.whole(0, 1) == 0,
    };
    let entries = sent_to(&mut model, &moments, &weather, &mut dice);
    let ledgers = [view(&entries)];
    let inferred = infer(&ledgers, Some(&declared), ServerTime { unix_start, skew: Some(skew) });
    let refused = entries.iter().filter(|e| e.admitted == Admitted::No).count() as u64;
    let refusals = RefusalCounts { refused, json: refused, ..RefusalCounts::default() };
    let rules = judge(
        &declared,
        &ledgers,
        &Facts { refusals, beside: &[], spoofed: None, disguise: None },
        &inferred,
    );
    (inferred, rules)
}

/// `examples/limiters` asks 100 runs of each; here a few, and none may accuse a
/// limiter that does what is declared.
#[test]
fn every_kind_is_told_and_no_correct_one_is_accused() {
    let known = |s: &&Specimen| {
        s.correct || s.is == Algorithm::TokenBucket || s.name == "replicas apart, round robin"
    };
    for specimen in SPECIMENS.iter().filter(known) {
        let mut right = 0;
        for seed in 0..3 {
            let (inferred, rules) = trial(specimen, 7, seed + 400);
            let failed = failures(&rules);
            assert!(!specimen.correct || failed.is_empty(), "{}: {failed:?}", specimen.name);
            right += usize::from(inferred.algorithm == specimen.is);
        }
        assert!(right >= 2, "{}: {right} of 3", specimen.name);
    }
}

/// Accusations of correct limiters in short and long runs alike: a few of the two thousand
/// that `examples/limiters` asks.
#[test]
fn whatever_the_run_shows_no_correct_kind_is_accused() {
    for (seed, specimen) in SPECIMENS.iter().filter(|s| s.correct).cycle().take(60).enumerate() {
        let windows = 1 + seed as u64 % 5;
        let (_, rules) = trial(specimen, windows, seed as u64 + 7_000);
        let failed = failures(&rules);
        assert!(failed.is_empty(), "{} {seed}: {failed:?}", specimen.name);
    }
}

/// Requests of an anchored window whose first, a probe that was refused with 401, took
/// a place and opened it: it was called aligned.
#[test]
fn a_probe_that_took_a_place_leaves_an_anchored_window_anchored() {
    let window = Nanos::from_secs(60);
    let proof = proof_schedule(&declared(10), 100.0, 3, Nanos::from_secs(300));
    let moments = [vec![Nanos::ZERO], proof.lead_in, proof.follow_ups].concat();
    let shifted: Vec<Nanos> = moments
        .iter()
        .enumerate()
        .map(|(i, at)| if i == 0 { *at } else { *at + Nanos::from_secs(1) })
        .collect();
    for late in [0, 3, 7] {
        let mut model = limiter("anchored", 10, window);
        let jitter = Nanos::from_millis(30);
        let mut entries =
            ledger(&shifted, jitter, Nanos::ZERO, &mut Dice::new(5), |at| model.admits(at));
        entries[0].admitted = Admitted::Perhaps;
        // A 5xx after the limiter, and one later on.
        entries[late].admitted = Admitted::Unknown;
        let clock = ServerTime { unix_start: 1.7e9 + 7.0, skew: Some(0.0) };
        let inferred = infer(&[view(&entries)], Some(&declared(10)), clock);
        assert_eq!(inferred.algorithm, Algorithm::AnchoredWindow, "{late}: {}", inferred.why);
    }
}

/// One window's end tells nothing of where it began: limit and window are given all
/// the same.
#[test]
fn where_anchored_and_aligned_both_explain_everything_they_agree() {
    let window = Nanos::from_secs(60);
    let mut moments: Vec<Nanos> = (0..3).map(|i| Nanos::from_millis(50 * i)).collect();
    moments.extend((0..25).map(|i| Nanos::from_secs(30) + Nanos::from_millis(50 * i)));
    moments.extend((0..25).map(|i| Nanos::from_millis(61_000 + 50 * i)));
    let mut model = limiter("anchored", 10, window);
    let entries =
        ledger(&moments, Nanos::ZERO, Nanos::ZERO, &mut Dice::new(5), |at| model.admits(at));
    // The clock says that the window began at a whole minute.
    let clock = ServerTime { unix_start: 1_700_000_040.0, skew: Some(0.0) };
    let inferred = infer(&[view(&entries)], Some(&declared(10)), clock);
    assert_eq!(inferred.algorithm, Algorithm::FixedWindow, "{inferred:?}");
    assert_eq!(inferred.left, [Algorithm::AnchoredWindow, Algorithm::AlignedWindow]);
    assert_eq!(inferred.limit.map(|limit| limit.value), Some(10.0));
    assert_eq!(inferred.window_s.map(|window| window.value), Some(60.0));
}

/// Refusals that count: under a load that never pauses nobody can tell such a limiter
/// from one that is stuck, unless the config says that refusals are free.
#[test]
fn whoever_keeps_asking_can_not_tell_a_stuck_limiter_from_one_that_counts_refusals() {
    let moments: Vec<_> = (0..2_000).map(|i| Nanos::from_millis(100 * i)).collect();
    let mut model = Limiter::Sliding(Sliding::counting_refusals(10, Nanos::from_secs(60)));
    let jitter = Nanos::from_millis(20);
    let entries = ledger(&moments, jitter, Nanos::ZERO, &mut Dice::new(5), |at| model.admits(at));
    let verdict = |counts_refusals| {
        let declared = DeclaredLimit { counts_refusals, ..declared(10) };
        let results = judged(&entries, &declared);
        let recovers = results.iter().find(|rule| rule.name == RuleName::Recovers);
        recovers.map(|rule| rule.verdict)
    };
    assert_eq!(verdict(None), Some(RuleVerdict::Inconclusive));
    assert_eq!(verdict(Some(false)), Some(RuleVerdict::Fail));
    assert_eq!(verdict(Some(true)), Some(RuleVerdict::Info));
}

/// @fastify/rate-limit with `continueExceeding`: each refusal says a whole window, from
/// then on.
#[test]
fn a_promise_that_every_request_moves_on_is_no_lie() {
    let moments: Vec<_> = (0..100).map(|i| Nanos::from_millis(1500 * i)).collect();
    let ban = Anchored::extended(10, Nanos::from_secs(60), Extension::Refusals);
    let mut model = Limiter::Anchored(ban);
    let mut dice = Dice::new(5);
    let mut entries = ledger(&moments, Nanos::ZERO, Nanos::ZERO, &mut dice, |at| model.admits(at));
    for entry in entries.iter_mut().filter(|entry| entry.admitted == Admitted::No) {
        entry.retry_after = Some(60);
    }
    let says_so = |counts_refusals| {
        let results = judged(&entries, &DeclaredLimit { counts_refusals, ..declared(10) });
        results.iter().find(|rule| rule.name == RuleName::SaysSo).map(|rule| rule.verdict)
    };
    assert_eq!(says_so(None), Some(RuleVerdict::Info));
    assert_eq!(says_so(Some(true)), Some(RuleVerdict::Info));
    assert_eq!(says_so(Some(false)), Some(RuleVerdict::Fail));
}

/// nginx's `rate=2r/s burst=4`, declared as 20 in 10 s.
#[test]
fn a_declared_burst_is_what_a_bucket_is_held_to() {
    let declared =
        |burst| DeclaredLimit { burst, ..DeclaredLimit::of(20, Nanos::from_secs(10), Scope::Ip) };
    let judged = |capacity: f64, burst| {
        let declared = declared(burst);
        let proof = proof_schedule(&declared, 100.0, 3, Nanos::from_secs(60));
        let moments = [proof.lead_in, proof.follow_ups].concat();
        let mut model = Limiter::Bucket(Bucket::with(capacity, 2.0));
        let weather = Weather { latency: Nanos::from_millis(30), ..Weather::default() };
        let entries = sent_to(&mut model, &moments, &weather, &mut Dice::new(5));
        judged(&entries, &declared)
    };
    assert_eq!(names(&judged(5.0, Some(5))), []);
    assert_eq!(names(&judged(5.0, None)), [RuleName::LetsThrough]);
    assert_eq!(names(&judged(3.0, Some(5))), [RuleName::LetsThrough]);
    assert_eq!(names(&judged(8.0, Some(5))), [RuleName::Holds]);
}
