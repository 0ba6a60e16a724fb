//! What runs whose memory is known are worth.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::ids::ScenarioId;
use crate::measure::{Ended, Timeline};
use crate::outcome::Outcome;
use crate::units::{Nanos, Timestamp};

fn of(timeline: Timeline) -> Recording {
    let mut recording = Recording::empty(
        ScenarioId::fixed("webhook"),
        Timestamp { unix_millis: 0 },
        Ended::Completed,
    );
    recording.timeline = timeline;
    recording
}

/// `seconds` of fifty arrivals each, whose seconds share `fate` of their spread
/// with each other and remember `rho` of it.
fn run(seconds: u64, fate: f64, rho: f64, seed: u64) -> Timeline {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut timeline = Timeline::default();
    let mut level = 0.0;
    for second in 0..seconds {
        level = rho * level + (1.0 - rho * rho).sqrt() * rng.random_range(-1.7..1.7);
        for i in 0..50 {
            let spread: f64 = rng.random_range(-1.7..1.7);
            let ms = 20.0 * (0.6 * (fate.sqrt() * level + (1.0 - fate).sqrt() * spread)).exp();
            let due = Nanos::from_secs(second) + Nanos::from_millis(20 * i);
            let failed = ms > 40.0;
            let end = if failed { Outcome::ServerError } else { Outcome::Accepted };
            timeline.ended(due, end, Nanos::from_secs_f64(ms / 1e3));
        }
    }
    timeline
}

fn p90(timeline: Timeline) -> Dependence {
    Dependence::of_quantile(&of(timeline), &Selector::all(), 0.9)
}

fn failures(ends: &OutcomeCounts) -> (u64, u64) {
    (ends.get(Outcome::ServerError), ends.total())
}

#[test]
fn independent_samples_are_worth_their_number() {
    let worth: f64 = (0..40).map(|seed| p90(run(120, 0.0, 0.0, seed)).worth(6000.0)).sum();
    assert!(worth / 40.0 > 5500.0, "{worth}");
}

#[test]
fn seconds_that_share_their_fate_are_worth_less_and_a_part_of_them_less_so() {
    let dependence = p90(run(120, 0.3, 0.8, 1));
    assert!((20.0..600.0).contains(&dependence.worth(6000.0)), "{dependence:?}");
    assert!(dependence.evidence(6000.0, 0.95) < dependence.worth(6000.0));
    assert!(dependence.worth(300.0) / 300.0 > dependence.worth(6000.0) / 6000.0);
    let rate = Dependence::of_rate(&of(run(120, 0.3, 0.8, 1)), &Selector::all(), failures);
    assert!(rate.worth(6000.0) < 1500.0, "{rate:?}");
}

#[test]
fn what_one_of_two_runs_shows_holds_for_both() {
    let (quiet, shared) = (p90(run(120, 0.0, 0.0, 1)), p90(run(120, 0.3, 0.8, 1)));
    let (a, b) = quiet.paired(shared);
    assert_eq!((b, a), shared.paired(quiet));
    assert_eq!(a.worth(6000.0), b.worth(6000.0));
    assert!(a.worth(6000.0) > shared.worth(6000.0) && a.worth(6000.0) < 2000.0, "{a:?}");
    assert_eq!(quiet.paired(quiet).0, quiet);
}

#[test]
fn a_short_run_cannot_tell_and_a_steady_one_has_nothing_to_tell() {
    assert_eq!(p90(run(19, 0.3, 0.8, 1)), Dependence::none(false));
    let mut steady = Timeline::default();
    for second in 0..60 {
        for _ in 0..10 {
            steady.ended(Nanos::from_secs(second), Outcome::Accepted, Nanos::from_millis(5));
        }
    }
    assert_eq!(p90(steady.clone()), Dependence::none(true));
    let rate = Dependence::of_rate(&of(steady), &Selector::all(), failures);
    assert_eq!(rate, Dependence::none(true));
    assert_eq!(p90(Timeline::default()), Dependence::none(false));
}

#[test]
fn a_level_that_a_ramp_explains_is_no_dependence() {
    use crate::measure::{StageKind, StageRecord};
    let mut recording = of(run(0, 0.0, 0.0, 0));
    let mut rng = StdRng::seed_from_u64(3);
    for second in 0..60 {
        for _ in 0..50 {
            let ms = (10.0 + second as f64 / 10.0) * rng.random_range(0.5..1.5);
            let due = Nanos::from_secs(second);
            recording.timeline.ended(due, Outcome::Accepted, Nanos::from_secs_f64(ms / 1e3));
        }
    }
    let flat = Dependence::of_quantile(&recording, &Selector::all(), 0.9);
    recording.stages.push(StageRecord {
        number: 1,
        kind: StageKind::Ramp,
        start: Nanos::ZERO,
        end: Nanos::from_secs(60),
        target: 50.0,
        planned: 3000,
        sent_within: 3000,
        dropped: 0,
    });
    let ramp = Dependence::of_quantile(&recording, &Selector::all(), 0.9);
    assert!(ramp.worth(3000.0) > 4.0 * flat.worth(3000.0), "{ramp:?} {flat:?}");
}

proptest! {
    #[test]
    fn worth_is_between_one_sample_s_and_all_and_grows_with_them(
        seconds in 0u64..90, fate in 0.0..1.0, rho in 0.0..0.99, seed: u64,
        n in 1.0..1e7, more in 1.0..3.0,
    ) {
        let dependence = p90(run(seconds, fate, rho, seed));
        let worth = dependence.worth(n);
        prop_assert!(worth > 0.0 && worth <= n);
        prop_assert!(dependence.worth(n * more) >= worth);
        let mut least = f64::INFINITY;
        for confidence in [0.8, 0.95, 0.99] {
            let evidence = dependence.evidence(n, confidence);
            prop_assert!(evidence > 0.0 && evidence <= worth && evidence <= least);
            least = evidence;
        }
    }

    #[test]
    fn shards_of_one_run_tell_what_the_run_tells(fate in 0.0..1.0, seed: u64) {
        let (left, right) = (run(40, fate, 0.5, seed), run(40, fate, 0.5, !seed));
        let mut merged = left.clone();
        merged.merge(&right);
        let mut other = right;
        other.merge(&left);
        prop_assert_eq!(p90(merged), p90(other));
    }
}
