//! A limiter that refuses by another status is no missing one, and errors are no limiter.

use super::super::simulation::{Dice, SPECIMENS, Weather, sent_to};
use super::*;

const STORM: Weather = Weather {
    latency: Nanos::from_millis(60),
    skew: Nanos::from_secs(1_000),
    work: Nanos::from_millis(20),
    early_errors: 0.0,
    late_errors: 0.0,
    probes: 0.0,
    counts_probes: false,
};

fn proof(declared: &DeclaredLimit, seed: u64) -> Vec<Nanos> {
    let proof = proof_schedule(declared, 100.0, seed, Nanos::from_secs(240));
    [proof.lead_in, proof.follow_ups].concat()
}

/// Refusals as answers of another status.
fn dressed(entries: &mut [Admission], status: u16) {
    let admitted = if status >= 500 { Admitted::Unknown } else { Admitted::Yes };
    for entry in entries.iter_mut().filter(|entry| entry.admitted == Admitted::No) {
        (entry.admitted, entry.status) = (admitted, status);
    }
}

#[test]
fn a_limiter_that_refuses_by_another_status_is_named_as_that() {
    let declared = declared(12);
    for (seed, specimen) in (0..).zip(SPECIMENS.iter().filter(|s| s.correct)) {
        for status in [503, 403] {
            let mut dice = Dice::new(seed);
            let mut limiter = (specimen.make)(&declared, &mut dice);
            let sent = proof(&declared, seed);
            let mut entries = sent_to(&mut limiter, &sent, &STORM, &mut dice);
            dressed(&mut entries, status);
            let found = disguised(&declared, &[view(&entries)]);
            assert_eq!(found, Some(status), "{}", specimen.name);
            let read = undisguised(&entries, status);
            let ledgers = [view(&read)];
            let inferred = infer(&ledgers, Some(&declared), ServerTime::default());
            let facts = Facts { disguise: found, ..Facts::default() };
            let rules = judge(&declared, &ledgers, &facts, &inferred);
            assert_eq!(names(&rules), [RuleName::SaysSo], "{}: {rules:#?}", specimen.name);
            assert!(evidence(&rules, RuleName::SaysSo).contains(&status.to_string()));
        }
    }
}

#[test]
fn errors_that_come_at_any_time_are_no_limiter() {
    let declared = declared(12);
    for seed in 0..20 {
        let mut dice = Dice::new(seed);
        let sent = proof(&declared, seed);
        let mut entries = ledger(&sent, Nanos::from_millis(30), Nanos::ZERO, &mut dice, |_| true);
        for entry in &mut entries {
            if dice.unit() < 0.1 {
                (entry.admitted, entry.status) = (Admitted::Unknown, 503);
            }
        }
        assert_eq!(disguised(&declared, &[view(&entries)]), None, "seed {seed}");
    }
}
