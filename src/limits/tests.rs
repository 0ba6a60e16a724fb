//! What is to be shown of limiters: right inference, next to no wrong accusations, faults named by the right rule.

use super::simulation::{Dice, KINDS, ledger, limiter, uneven};
use super::*;
use crate::admission::{Admission, Admitted, DeclaredLimit, RefusalCounts, Scope};
use crate::units::Nanos;

mod disguise;
mod forgetful;
mod kinds;
mod several;

fn declared(limit: u64) -> DeclaredLimit {
    DeclaredLimit {
        spoofable: Some(false),
        ..DeclaredLimit::of(limit, Nanos::from_secs(60), Scope::Ip)
    }
}

/// As a ledger keeps them at last: of consecutive refusals the first and the last.
fn compressed(entries: &[Admission]) -> Vec<Admission> {
    let mut kept: Vec<Admission> = Vec::new();
    for entry in entries {
        let refused = |e: &Admission| e.admitted == Admitted::No;
        let n = kept.len();
        if refused(entry) && n >= 2 && refused(&kept[n - 1]) && refused(&kept[n - 2]) {
            kept[n - 1] = *entry;
        } else {
            kept.push(*entry);
        }
    }
    kept
}

fn view(entries: &[Admission]) -> LedgerView<'_> {
    LedgerView {
        label: "198.18.0.7",
        set_aside: true,
        entries,
        every_until: Nanos::MAX,
        clocks_apart: Nanos::ZERO,
        apart_from_others: Nanos::ZERO,
    }
}

fn algorithm_of(kind: &str) -> Algorithm {
    match kind {
        "anchored" | "whole-seconds" => Algorithm::AnchoredWindow,
        "aligned" => Algorithm::AlignedWindow,
        "sliding" => Algorithm::SlidingWindow,
        _ => Algorithm::TokenBucket,
    }
}

/// How many of so many seeded runs are told rightly; the others are printed.
fn told_rightly(kind: &str, runs: u64, moments: impl Fn(u64, &mut Dice) -> Vec<Nanos>) -> u64 {
    let mut others = Vec::new();
    for seed in 0..runs {
        let mut dice = Dice::new(seed);
        let limit = dice.whole(5, 60);
        let moments = moments(limit, &mut dice);
        let jitter = Nanos::from_millis(dice.whole(0, 50));
        let skew = Nanos::from_millis(dice.whole(0, 600_000));
        let mut model = limiter(kind, limit, Nanos::from_secs(60));
        let entries = ledger(&moments, jitter, skew, &mut dice, |at| model.admits(at));
        let entries = compressed(&entries);
        let inferred = infer(&[view(&entries)], Some(&declared(limit)), ServerTime::default());
        if inferred.algorithm != algorithm_of(kind) {
            others.push((seed, limit, inferred.algorithm, inferred.why));
        }
    }
    println!("{kind}: {others:?}");
    runs - others.len() as u64
}

/// `examples/limiters` asks a hundred runs of each; here a few.
#[test]
fn the_kind_is_told_in_uneven_runs() {
    for kind in KINDS {
        let right = told_rightly(kind, 20, |limit, dice| {
            let factor = 2.0 * 25_f64.powf(dice.unit());
            uneven(limit, Nanos::from_secs(60), 5.0, factor, dice)
        });
        assert!(right >= 19, "{kind}: {right} of 20");
    }
}

fn judged(entries: &[Admission], declared: &DeclaredLimit) -> Vec<RuleResult> {
    let ledgers = [view(entries)];
    let inference = infer(&ledgers, Some(declared), ServerTime::default());
    let refused = entries.iter().filter(|e| e.admitted == Admitted::No).count() as u64;
    let refusals = RefusalCounts { refused, json: refused, retry_after: 0, limit_headers: 0 };
    judge(
        declared,
        &ledgers,
        &Facts { refusals, beside: &[], spoofed: Some(false), disguise: None },
        &inference,
    )
}

fn failures(results: &[RuleResult]) -> Vec<&RuleResult> {
    results.iter().filter(|rule| rule.verdict == RuleVerdict::Fail).collect()
}

/// `examples/limiters` asks two thousand; here a few.
#[test]
fn correct_limiters_are_not_accused() {
    let mut accused = Vec::new();
    for seed in 0..200 {
        let mut dice = Dice::new(seed + 10_000);
        let kind = KINDS[seed as usize % KINDS.len()];
        let limit = dice.whole(1, 60);
        let window = Nanos::from_secs(60);
        let windows = dice.between(0.2, 5.0);
        let factor = dice.between(0.3, 30.0);
        let moments = if dice.whole(0, 3) == 0 {
            let gap = window.as_secs_f64() / (limit as f64 * factor);
            let n = (windows * 60.0 / gap) as u64;
            (0..n).map(|i| Nanos::from_secs_f64(i as f64 * gap)).collect()
        } else {
            uneven(limit, window, windows, factor, &mut dice)
        };
        let jitter = Nanos::from_millis(dice.whole(0, 50));
        let skew = Nanos::from_millis(dice.whole(0, 600_000));
        let mut model = limiter(kind, limit, window);
        let entries = ledger(&moments, jitter, skew, &mut dice, |at| model.admits(at));
        let results = judged(&compressed(&entries), &declared(limit));
        if let Some(failure) = failures(&results).first() {
            accused.push((seed, kind, (*failure).clone()));
        }
    }
    println!("{} accused: {accused:#?}", accused.len());
    assert!(accused.len() < 2, "{} of 200 accused: {accused:#?}", accused.len());
}

/// A run against a limiter: three minutes of proof, then the judgement.
fn proved(seed: u64, limit: u64, admits: impl FnMut(Nanos) -> bool) -> Vec<RuleResult> {
    let mut dice = Dice::new(seed);
    let proof = proof_schedule(&declared(limit), 100.0, seed, Nanos::from_secs(180));
    let moments = [proof.lead_in, proof.follow_ups].concat();
    let entries = ledger(&moments, Nanos::from_millis(50), Nanos::ZERO, &mut dice, admits);
    judged(&compressed(&entries), &declared(limit))
}

fn names(results: &[RuleResult]) -> Vec<RuleName> {
    failures(results).iter().map(|rule| rule.name).collect()
}

fn evidence(results: &[RuleResult], name: RuleName) -> String {
    results.iter().find(|rule| rule.name == name).map_or_else(String::new, |r| r.evidence.clone())
}

#[test]
fn a_limiter_that_is_off_does_not_engage() {
    let results = proved(1, 10, |_| true);
    assert_eq!(names(&results), [RuleName::Engages]);
    insta::assert_snapshot!(evidence(&results, RuleName::Engages));
}

#[test]
fn half_the_declared_limit_does_not_let_through() {
    for kind in KINDS {
        let mut model = limiter(kind, 5, Nanos::from_secs(60));
        let results = proved(2, 10, |at| model.admits(at));
        assert_eq!(names(&results), [RuleName::LetsThrough], "{kind}");
        if kind == "whole-seconds" {
            insta::assert_snapshot!(evidence(&results, RuleName::LetsThrough));
        }
    }
}

#[test]
fn a_window_that_never_resets_does_not_recover() {
    let mut model = limiter("anchored", 10, Nanos::MAX);
    let results = proved(3, 10, |at| model.admits(at));
    assert_eq!(names(&results), [RuleName::Recovers]);
    insta::assert_snapshot!(evidence(&results, RuleName::Recovers));
}

#[test]
fn replicas_that_count_apart_are_named() {
    let mut models: Vec<_> =
        (0..3).map(|_| limiter("whole-seconds", 10, Nanos::from_secs(60))).collect();
    let mut turn = 0;
    let results = proved(4, 10, |at| {
        turn += 1;
        models[turn % 3].admits(at)
    });
    assert_eq!(names(&results), [RuleName::Holds]);
    insta::assert_snapshot!(evidence(&results, RuleName::Holds));
}

/// A limiter that lets 2 % of what it should refuse slip through, met by 500
/// such requests. `examples/limiters` asks more runs of each kind.
#[test]
fn a_leak_of_two_per_cent_is_caught_by_500_requests() {
    for kind in KINDS {
        // One of many requests is enough of a large limit.
        let large = (kind == "sliding").then_some((0, 250, 8.3));
        for (seed, limit, rate) in [(0, 10, 4.0), (2, 60, 8.0)].into_iter().chain(large) {
            let mut dice = Dice::new(seed);
            let mut leak = Dice::new(seed + 500);
            let mut model = limiter(kind, limit, Nanos::from_secs(60));
            let skew = Nanos::from_millis(dice.whole(0, 60_000));
            let moments: Vec<_> =
                (0..500 + 3 * limit).map(|i| Nanos::from_secs_f64(i as f64 / rate)).collect();
            let admits = |at| model.admits(at) || leak.unit() < 0.02;
            let jitter = Nanos::from_millis(50);
            let entries = ledger(&moments, jitter, skew, &mut dice, admits);
            let results = judged(&compressed(&entries), &declared(limit));
            assert_eq!(names(&results), [RuleName::Holds], "{kind} {limit} {rate} {seed}");
        }
    }
}

#[test]
fn a_caller_that_may_name_another_address_walks_round_it() {
    let facts = Facts {
        refusals: RefusalCounts::default(),
        beside: &[],
        spoofed: Some(true),
        disguise: None,
    };
    let inference = infer(&[], Some(&declared(10)), ServerTime::default());
    let verdict = |promised| {
        let declared = DeclaredLimit { spoofable: promised, ..declared(10) };
        let results = judge(&declared, &[], &facts, &inference);
        results.into_iter().find(|rule| rule.name == RuleName::NotSpoofable).map(|r| r.verdict)
    };
    assert_eq!(verdict(Some(false)), Some(RuleVerdict::Fail));
    assert_eq!(verdict(None), Some(RuleVerdict::Info));
}

#[test]
fn a_constant_rate_admits_alike_and_nobody_pretends_to_know() {
    for kind in ["anchored", "sliding"] {
        let moments: Vec<_> = (0..1500).map(|i| Nanos::from_millis(197 * i)).collect();
        let mut model = limiter(kind, 10, Nanos::from_secs(60));
        let jitter = Nanos::from_millis(50);
        let entries =
            ledger(&moments, jitter, Nanos::ZERO, &mut Dice::new(5), |at| model.admits(at));
        let entries = compressed(&entries);
        let inferred = infer(&[view(&entries)], Some(&declared(10)), ServerTime::default());
        assert_eq!(inferred.algorithm, Algorithm::Unknown, "{kind}: {}", inferred.why);
        assert!(inferred.why.contains("a sliding window"), "{}", inferred.why);
    }
}

#[test]
fn limit_and_window_are_estimated_whatever_is_declared() {
    for (limit, window) in [(5, 60), (34, 60), (10, 30), (10, 45), (25, 120)] {
        for kind in ["anchored", "sliding", "aligned"] {
            let mut dice = Dice::new(limit * 7 + window);
            let span = Nanos::from_secs(window);
            let moments = uneven(limit, span, 6.0, 6.0, &mut dice);
            let mut model = limiter(kind, limit, span);
            let jitter = Nanos::from_millis(20);
            let entries = ledger(&moments, jitter, Nanos::ZERO, &mut dice, |at| model.admits(at));
            let inferred =
                infer(&[view(&compressed(&entries))], Some(&declared(10)), ServerTime::default());
            let name = format!("{kind} {limit} per {window} s: {inferred:?}");
            assert_eq!(inferred.algorithm, algorithm_of(kind), "{name}");
            let (found, lasts) = (inferred.limit.unwrap(), inferred.window_s.unwrap());
            assert!((found.low..=found.high).contains(&(limit as f64)), "{name}");
            assert!((lasts.value - window as f64).abs() < 0.1 * window as f64, "{name}");
        }
    }
}

/// Refusals of an anchored window that promise to be over after `promised` seconds.
fn promising(promised: u32) -> Vec<RuleResult> {
    let mut model = limiter("anchored", 10, Nanos::from_secs(60));
    let moments: Vec<_> = (0..100).map(|i| Nanos::from_millis(1500 * i)).collect();
    let mut entries =
        ledger(&moments, Nanos::ZERO, Nanos::ZERO, &mut Dice::new(1), |at| model.admits(at));
    for entry in entries.iter_mut().filter(|entry| entry.admitted == Admitted::No) {
        entry.retry_after = Some(promised);
    }
    judged(&compressed(&entries), &declared(10))
}

#[test]
fn retry_after_is_held_to_its_word() {
    assert_eq!(names(&promising(60)), []);
    let lied = promising(20);
    assert_eq!(names(&lied), [RuleName::SaysSo]);
    insta::assert_snapshot!(evidence(&lied, RuleName::SaysSo));
}

#[test]
fn what_is_promised_of_refusals_is_counted() {
    let inference = infer(&[], None, ServerTime::default());
    let refusals = RefusalCounts { refused: 40, json: 39, retry_after: 40, limit_headers: 0 };
    let promised = DeclaredLimit { json: true, retry_after: true, headers: true, ..declared(10) };
    let results = judge(
        &promised,
        &[],
        &Facts { refusals, beside: &[], spoofed: None, disguise: None },
        &inference,
    );
    assert_eq!(
        evidence(&results, RuleName::SaysSo),
        "1 of 40 refusals had no JSON body; 40 of 40 refusals had no rate limit headers"
    );
}

/// Answers nobody knows of count as admitted when a refusal is judged, and as
/// not admitted when admissions are.
#[test]
fn unknown_answers_accuse_nobody() {
    let mut dice = Dice::new(3);
    for kind in KINDS {
        let mut model = limiter(kind, 10, Nanos::from_secs(60));
        let moments = uneven(10, Nanos::from_secs(60), 4.0, 8.0, &mut dice);
        let jitter = Nanos::from_millis(50);
        let mut entries =
            ledger(&moments, jitter, Nanos::ZERO, &mut Dice::new(9), |at| model.admits(at));
        for entry in entries.iter_mut().filter(|e| e.admitted == Admitted::Yes) {
            if dice.unit() < 0.3 {
                entry.admitted = Admitted::Unknown;
            }
        }
        assert_eq!(names(&judged(&compressed(&entries), &declared(10))), [], "{kind}");
    }
}

/// 503 instead of 429 past the limit: the proof met a limiter that doesn't say so.
#[test]
fn errors_instead_of_refusals_are_named() {
    let window = Nanos::from_secs(60);
    let proof = proof_schedule(&declared(10), 100.0, 3, Nanos::from_secs(180));
    let moments = [proof.lead_in, proof.follow_ups].concat();
    let mut model = limiter("anchored", 10, window);
    let jitter = Nanos::from_millis(30);
    let mut entries =
        ledger(&moments, jitter, Nanos::ZERO, &mut Dice::new(5), |at| model.admits(at));
    for entry in entries.iter_mut().filter(|e| e.admitted == Admitted::No) {
        entry.admitted = Admitted::Unknown;
    }
    let results = judged(&entries, &declared(10));
    assert_eq!(names(&results), [RuleName::SaysSo]);
    let text = evidence(&results, RuleName::SaysSo);
    assert!(text.contains("none refused with 429"), "{text}");
}

/// A signature may be checked before the limiter counts, or after it.
#[test]
fn probes_that_the_limiter_never_saw_accuse_nobody() {
    let window = Nanos::from_secs(60);
    let mut accused = 0;
    for kind in KINDS {
        let mut dice = Dice::new(17);
        let mut model = limiter(kind, 10, window);
        let moments = uneven(10, window, 4.0, 8.0, &mut dice);
        let jitter = Nanos::from_millis(50);
        let mut entries = ledger(&moments, jitter, Nanos::ZERO, &mut dice, |at| model.admits(at));
        let mut probes = ledger(&moments[..5], jitter, Nanos::ZERO, &mut dice, |_| true);
        for probe in &mut probes {
            probe.admitted = Admitted::Perhaps;
        }
        let fails = |entries: &[Admission]| names(&judged(&compressed(entries), &declared(10)));
        let mut all = [probes.clone(), entries.clone()].concat();
        all.sort_by_key(|entry| entry.sent);
        assert_eq!(fails(&all), [], "{kind}");
        // Five that count for certain are five too many for most kinds.
        for probe in &mut probes {
            probe.admitted = Admitted::Yes;
        }
        entries.extend(probes);
        entries.sort_by_key(|entry| entry.sent);
        accused += usize::from(!fails(&entries).is_empty());
    }
    assert!(accused > 0);
}

/// Many identities that stay below the limit and one that is driven past it.
#[test]
fn the_one_set_aside_speaks_for_all() {
    let window = Nanos::from_secs(60);
    let mut dice = Dice::new(11);
    let proof = proof_schedule(&declared(10), 100.0, 3, Nanos::from_secs(180));
    let proved = [proof.lead_in, proof.follow_ups].concat();
    let mut send = |moments: &[Nanos]| {
        let mut model = limiter("whole-seconds", 10, window);
        let jitter = Nanos::from_millis(30);
        ledger(moments, jitter, Nanos::ZERO, &mut dice, |at| model.admits(at))
    };
    let aside = compressed(&send(&proved));
    let sharing: Vec<_> = (0..50_u64)
        .map(|i| send(&(0..20).map(|k| Nanos::from_millis(7_000 * k + i)).collect::<Vec<_>>()))
        .collect();
    let mut ledgers: Vec<_> = sharing
        .iter()
        .map(|entries| LedgerView { label: "198.18.0.9", set_aside: false, ..view(entries) })
        .collect();
    ledgers.push(view(&aside));
    let inference = infer(&ledgers, Some(&declared(10)), ServerTime::default());
    assert_eq!(inference.algorithm, Algorithm::AnchoredWindow, "{}", inference.why);
    let results = judge(&declared(10), &ledgers, &Facts::default(), &inference);
    let verdict =
        |name| results.iter().find(|rule| rule.name == name).map(|rule| rule.verdict).unwrap();
    for name in [RuleName::Engages, RuleName::Holds, RuleName::LetsThrough, RuleName::Recovers] {
        assert_eq!(verdict(name), RuleVerdict::Pass, "{name:?}");
    }
}
