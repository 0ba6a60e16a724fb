//! Limiters that forget little by little: counters, queues, windows of segments, and what gets past them.

use super::super::simulation::{Weather, sent_to};
use super::*;

const WINDOW: Nanos = Nanos::from_secs(20);

fn of(limit: u64) -> DeclaredLimit {
    DeclaredLimit::of(limit, WINDOW, Scope::Ip)
}

fn weather(dice: &mut Dice) -> Weather {
    Weather {
        latency: Nanos::from_millis(80),
        skew: Nanos::from_millis(dice.whole(0, 60_000)),
        work: Nanos::from_millis(20),
        early_errors: 0.01,
        late_errors: 0.03,
        probes: 0.02,
        counts_probes: true,
    }
}

/// Four times the limit at one rate, of which a share of what is refused gets past.
fn verdicts(mut model: Limiter, limit: u64, leaks: f64, seed: u64) -> Vec<RuleName> {
    let mut dice = Dice::new(seed);
    let rate = 4.0 * limit as f64 / WINDOW.as_secs_f64();
    let moments: Vec<_> = (0..800).map(|i| Nanos::from_secs_f64(f64::from(i) / rate)).collect();
    let weather = weather(&mut dice);
    let mut entries = sent_to(&mut model, &moments, &weather, &mut dice);
    for entry in entries.iter_mut().filter(|entry| entry.admitted == Admitted::No) {
        if dice.unit() < leaks {
            entry.admitted = Admitted::Yes;
        }
    }
    names(&judged(&entries, &of(limit)))
}

/// Where some that it admitted ended in errors, the leak of a counter shows in no window:
/// only in what follows a refusal. A queue's shows where whoever waited was let in before.
#[test]
fn a_leak_of_a_counter_or_a_queue_is_found_and_none_is_made_up() {
    for (seed, limit) in [(1, 12), (2, 24)] {
        let rate = limit as f64 / WINDOW.as_secs_f64();
        let models = [
            Limiter::Counter(Counter::new(limit, WINDOW)),
            Limiter::Counter(Counter::new(limit, WINDOW).whole_places()),
            Limiter::Leaky(Leaky::new(limit, rate, 1)),
        ];
        for model in models {
            assert_eq!(verdicts(model.clone(), limit, 0.0, seed), [], "{model:?}");
            let found = verdicts(model.clone(), limit, 0.02, seed);
            assert!(found.contains(&RuleName::Holds), "{found:?} {model:?}");
        }
    }
}

/// ASP.NET's sliding window: places come free a segment at a time.
fn segments(limit: usize, parts: u64) -> impl FnMut(Nanos) -> bool {
    let mut log: Vec<u64> = Vec::new();
    move |at| {
        let here = at.0 / (WINDOW.0 / parts);
        log.retain(|segment| segment + parts > here);
        let room = log.len() < limit;
        if room {
            log.push(here);
        }
        room
    }
}

#[test]
fn a_window_of_segments_is_told_and_accused_of_nothing() {
    for (seed, parts) in [(3, 2), (4, 4), (5, 5), (6, 10)] {
        let mut dice = Dice::new(seed);
        let proof = proof_schedule(&of(18), 100.0, dice.next(), Nanos::from_secs(140));
        let moments = [proof.lead_in, proof.follow_ups].concat();
        let skew = Nanos::from_millis(dice.whole(0, 60_000));
        let jitter = Nanos::from_millis(60);
        let entries = ledger(&moments, jitter, skew, &mut dice, segments(18, parts));
        let ledgers = [view(&entries)];
        let inferred = infer(&ledgers, Some(&of(18)), ServerTime::default());
        assert_eq!(inferred.algorithm, Algorithm::SegmentedWindow, "{parts}: {}", inferred.why);
        assert_eq!(inferred.limit.map(|limit| limit.value), Some(18.0));
        assert_eq!(names(&judged(&entries, &of(18))), []);
    }
}

/// rate-limiter-flexible's bursts: two a second, and twenty more in ten. It was called
/// replicas of half the limit each.
#[test]
fn two_limits_of_which_either_suffices_are_no_replicas() {
    let declared = DeclaredLimit::of(20, Nanos::from_secs(10), Scope::Ip);
    let proof = proof_schedule(&declared, 100.0, 3, Nanos::from_secs(80));
    let moments = [proof.lead_in, proof.follow_ups].concat();
    let mut few = limiter("anchored", 2, Nanos::from_secs(1));
    let mut more = limiter("anchored", 20, Nanos::from_secs(10));
    let jitter = Nanos::from_millis(5);
    let entries = ledger(&moments, jitter, Nanos::ZERO, &mut Dice::new(5), |at| {
        few.admits(at) || more.admits(at)
    });
    let inferred = infer(&[view(&entries)], Some(&declared), ServerTime::default());
    assert_eq!(inferred.algorithm, Algorithm::Unknown, "{}", inferred.why);
    assert_eq!(names(&judged(&entries, &declared)), [RuleName::Holds]);
}
