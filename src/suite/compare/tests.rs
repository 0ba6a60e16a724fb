//! Seeded pairs of runs: what `compare` finds and what it lets be. `examples/coverage` asks
//! a thousand pairs; here a few.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::limits::{Algorithm, Estimate, Inference, RuleName, RuleResult, RuleVerdict};
use crate::measure::{Ended, bucket_of};
use crate::outcome::Outcome;
use crate::units::{Nanos, Timestamp};

/// Six figures of one scenario share 1 %.
const ERROR: f64 = 0.01 / 6.0;

/// A simulated run: seconds × rate arrivals of lognormal response time.
#[derive(Clone, Copy)]
struct Run {
    seconds: u64,
    rate: u64,
    /// Median response time in milliseconds.
    median: f64,
    /// Spread of the logarithm within a second.
    sigma: f64,
    /// How much of a second's fate the next one shares.
    rho: f64,
    /// Spread of the logarithm of the seconds' own level.
    fate: f64,
    /// Chance that an arrival fails.
    failing: f64,
}

const STEADY: Run =
    Run { seconds: 100, rate: 100, median: 20.0, sigma: 0.6, rho: 0.0, fate: 0.0, failing: 0.02 };
const REMEMBERING: Run = Run { rho: 0.6, fate: 0.1, ..STEADY };

/// A standard normal from a table of its quantiles: quick without optimisation.
fn normal(rng: &mut StdRng) -> f64 {
    use statrs::distribution::{ContinuousCDF, Normal};
    static TABLE: std::sync::LazyLock<Vec<f64>> = std::sync::LazyLock::new(|| {
        let quantile = |i| Normal::standard().inverse_cdf((f64::from(i) + 0.5) / 4096.0);
        (0..4096).map(quantile).collect()
    });
    TABLE[rng.random_range(0..4096)]
}

impl Run {
    fn recording(self, seed: u64) -> Recording {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut recording = Recording::empty(
            ScenarioId::fixed("webhook"),
            Timestamp { unix_millis: 0 },
            Ended::Completed,
        );
        let mut level = normal(&mut rng);
        for _ in 0..self.seconds {
            level = self.rho * level + (1.0 - self.rho * self.rho).sqrt() * normal(&mut rng);
            let mut bin = crate::measure::Second::default();
            // In buckets from here on: quick without optimisation.
            let middle = f64::from(bucket_of(Nanos::from_secs_f64(self.median / 1e3)))
                + self.fate * level / BUCKET_LN_WIDTH;
            let mut response = [0u32; 1024];
            for _ in 0..self.rate {
                let failed = f64::from(rng.random_range(0..10_000u32)) < self.failing * 1e4;
                if !failed {
                    let bucket = middle + self.sigma / BUCKET_LN_WIDTH * normal(&mut rng);
                    response[bucket.round() as usize] += 1;
                }
            }
            let accepted: u32 = response.iter().sum();
            bin.due = self.rate as u32;
            bin.outcomes.add_many(Outcome::Accepted, u64::from(accepted));
            bin.outcomes.add_many(Outcome::ServerError, self.rate - u64::from(accepted));
            let found = response.iter().enumerate().filter(|(_, n)| **n > 0);
            bin.response = found.map(|(bucket, n)| (bucket as u16, *n)).collect();
            recording.timeline.bins.push(bin);
        }
        recording
    }
}

fn limiter() -> LimiterReport {
    LimiterReport {
        declared: None,
        beside: Vec::new(),
        predicted_hits: None,
        probable_hits: None,
        observed_hits: 0,
        inferred: Inference {
            algorithm: Algorithm::AnchoredWindow,
            left: Vec::new(),
            limit: Some(Estimate { value: 10.0, low: 10.0, high: 10.0 }),
            window_s: Some(Estimate { value: 60.5, low: 60.0, high: 61.0 }),
            why: String::new(),
        },
        rules: vec![RuleResult {
            name: RuleName::Holds,
            verdict: RuleVerdict::Pass,
            evidence: String::new(),
        }],
    }
}

fn compare(base: &Recording, new: &Recording) -> Comparison {
    let limiter = limiter();
    let side = |recording| Side { recording, limiter: &limiter };
    compare_scenario(side(base), side(new), ERROR)
}

/// In how many of `n` seeded pairs `what` is seen.
fn pairs(n: u64, base: Run, new: Run, what: impl Fn(&Comparison) -> bool) -> usize {
    (0..n)
        .filter(|seed| {
            let (old, new) = (base.recording(2 * seed), new.recording(2 * seed + 1));
            what(&compare(&old, &new))
        })
        .count()
}

fn no_difference(comparison: &Comparison) -> bool {
    comparison.figures.iter().all(|figure| matches!(figure.call, Call::Noise | Call::TooFew))
}

fn slower_p95(comparison: &Comparison) -> bool {
    comparison.figures[Figure::P95 as usize].call == Call::Higher
}

#[test]
fn two_runs_of_the_same_target_show_no_difference() {
    let quiet = pairs(16, STEADY, STEADY, no_difference);
    assert!(quiet >= 15, "{quiet} of 16 pairs");
}

#[test]
fn two_runs_whose_seconds_share_their_fate_show_no_difference() {
    let quiet = pairs(12, REMEMBERING, REMEMBERING, no_difference);
    assert!(quiet >= 11, "{quiet} of 12 pairs");
}

#[test]
fn a_fifth_slower_is_found() {
    let found = pairs(16, STEADY, Run { median: 24.0, ..STEADY }, slower_p95);
    assert!(found >= 15, "{found} of 16 pairs");
}

#[test]
fn much_slower_is_found_where_seconds_share_their_fate() {
    let found = pairs(10, REMEMBERING, Run { median: 40.0, ..REMEMBERING }, slower_p95);
    assert!(found >= 9, "{found} of 10 pairs");
}

#[test]
fn a_run_is_no_different_from_itself_and_a_seed_gives_the_same_answer() {
    let run = STEADY.recording(1);
    let comparison = compare(&run, &run);
    assert!(no_difference(&comparison));
    assert_eq!(comparison, compare(&run, &run));
    assert!(comparison.figures.iter().all(|f| f.change.is_some_and(|c| c.low < c.high)));
}

#[test]
fn a_lower_success_rate_is_certain_and_a_slight_one_is_called_so() {
    let failing = |share| Run { failing: share, ..STEADY }.recording(3);
    let call = |base: &Recording, new: &Recording| {
        compare(base, new).figures[Figure::SuccessRate as usize].call
    };
    let perfect = failing(0.0);
    assert_eq!(call(&perfect, &failing(0.05)), Call::Lower);
    assert_eq!(call(&failing(0.05), &perfect), Call::Higher);
    // One failure in 10,000 after none at all: Newcombe's interval still
    // contains zero, though the bootstrap of the perfect run sees no spread.
    let mut one = perfect.clone();
    let second = one.timeline.bins.first_mut().expect("has seconds");
    second.outcomes = crate::outcome::OutcomeCounts::default();
    second.outcomes.add_many(Outcome::Accepted, 99);
    second.outcomes.add(Outcome::ServerError);
    assert_eq!(call(&perfect, &one), Call::Noise);
    let change = Change { value: -0.000_4, low: -0.000_6, high: -0.000_2 };
    assert_eq!(super::call(Figure::SuccessRate, change), Call::Slight);
}

/// A minute that is one long swing: what it is worth isn't known well enough.
#[test]
fn what_depends_too_much_is_not_called_different() {
    let swinging = Run { seconds: 60, rho: 0.99, fate: 1.5, failing: 0.0, ..STEADY };
    let comparison = compare(&swinging.recording(1), &swinging.recording(2));
    let median = &comparison.figures[Figure::P50 as usize];
    assert!(median.worth.0.min(median.worth.1) < 40 && median.samples.0 == 6_000, "{median:?}");
    assert!(median.call == Call::TooFew && median.change.is_none() && median.base.is_some());
    assert!(comparison.sees_little());
    assert!(!compare(&STEADY.recording(1), &STEADY.recording(2)).sees_little());
}

/// A queue that was full once fails dozens in a row: the next run may not meet it.
#[test]
fn one_bunch_of_failures_is_no_change_where_answers_depend() {
    let calm = Run { rho: 0.9, fate: 0.5, failing: 0.0, ..STEADY };
    let mut bunch = calm.recording(2);
    for second in &mut bunch.timeline.bins[40..44] {
        second.outcomes = crate::outcome::OutcomeCounts::default();
        second.outcomes.add_many(Outcome::Accepted, 60);
        second.outcomes.add_many(Outcome::ServerError, 40);
    }
    let call = |new: &Recording| {
        compare(&calm.recording(1), new).figures[Figure::SuccessRate as usize].call
    };
    assert_eq!(call(&bunch), Call::TooFew);
    let broken = Run { failing: 0.2, ..calm };
    assert_eq!(call(&broken.recording(2)), Call::Lower);
    // One bunch of successes is no excuse.
    let mut collapsed = calm.recording(2);
    for second in &mut collapsed.timeline.bins[2..] {
        second.outcomes = crate::outcome::OutcomeCounts::default();
        second.outcomes.add_many(Outcome::ServerError, 100);
    }
    assert_eq!(call(&collapsed), Call::Lower);
}

#[test]
fn too_little_is_said_to_be_too_little() {
    let short = Run { seconds: 9, ..STEADY }.recording(1);
    let few = Run { seconds: 50, rate: 10, ..STEADY }.recording(1);
    let enough = STEADY.recording(2);
    assert!(compare(&short, &enough).figures.iter().all(|f| f.call == Call::TooFew));
    assert_eq!(figures_to_compare(&short, &enough), []);
    let figures = figures_to_compare(&enough, &few);
    assert!(figures.contains(&Figure::P95) && !figures.contains(&Figure::P99));
    let empty = Recording::empty(
        ScenarioId::fixed("webhook"),
        Timestamp { unix_millis: 0 },
        Ended::Completed,
    );
    let comparison = compare(&empty, &enough);
    assert!(comparison.figures.iter().all(|f| f.call == Call::TooFew && f.base.is_none()));
}

#[test]
fn a_ramp_does_not_hide_a_difference_in_the_hold() {
    use crate::measure::{StageKind, StageRecord};
    // Ten times slower in the ramp: taken for noise, it would drown the rest.
    let run = |median, seed| {
        let mut ramp =
            Run { seconds: 40, rate: 50, median: 10.0 * median, ..STEADY }.recording(seed);
        let hold = Run { seconds: 80, median, ..STEADY }.recording(seed + 100);
        ramp.timeline.bins.extend(hold.timeline.bins);
        ramp.stages = [(0, 40), (40, 120)]
            .map(|(start, end)| StageRecord {
                number: 1,
                kind: StageKind::Ramp,
                start: Nanos::from_secs(start),
                end: Nanos::from_secs(end),
                target: 1.0,
                planned: 0,
                sent_within: 0,
                dropped: 0,
            })
            .to_vec();
        ramp
    };
    let comparison = compare(&run(20.0, 1), &run(23.0, 2));
    let call = |figure| comparison.figures[figure as usize].call;
    assert_eq!(call(Figure::P50), Call::Higher);
    assert_eq!(call(Figure::P95), Call::Higher);
}

#[test]
fn a_limiter_that_changed_is_certain_only_where_both_could_tell() {
    let mut new = limiter();
    new.inferred.limit = Some(Estimate { value: 60.0, low: 58.0, high: 60.0 });
    new.rules[0].verdict = RuleVerdict::Fail;
    let changes = limiter::changes(&limiter(), &new);
    let said: Vec<String> = changes
        .iter()
        .map(|c| format!("{}: {} -> {} ({})", c.what, c.base, c.new, c.certain))
        .collect();
    assert_eq!(said, ["limit: 10 -> 60 (58 to 60) (true)", "rule holds: pass -> fail (true)"]);
    new = limiter();
    new.inferred = Inference {
        algorithm: Algorithm::Unknown,
        left: Vec::new(),
        limit: None,
        window_s: None,
        why: String::new(),
    };
    let changes = limiter::changes(&limiter(), &new);
    assert_eq!(changes.len(), 1);
    assert!(!changes[0].certain);
    assert_eq!(limiter::changes(&limiter(), &limiter()), []);
}

#[test]
fn the_change_said_to_be_visible_is_seen_in_four_of_five_pairs() {
    let typical: Vec<f64> = (0..8)
        .filter_map(|seed| {
            let (old, new) = (STEADY.recording(2 * seed), STEADY.recording(2 * seed + 1));
            compare(&old, &new).figures[Figure::P95 as usize].visible
        })
        .collect();
    let typical = typical.iter().sum::<f64>() / typical.len() as f64;
    assert!((1.05..1.2).contains(&typical), "{typical}");
    let slower = Run { median: STEADY.median * typical, ..STEADY };
    let found = pairs(20, STEADY, slower, slower_p95);
    assert!(found >= 15, "{found} of 20 pairs at {typical}");
    let less = Run { median: STEADY.median * typical.powf(0.4), ..STEADY };
    let found = pairs(10, STEADY, less, slower_p95);
    assert!(found <= 4, "{found} of 10 pairs at less than half of {typical}");
}

#[test]
fn samples_that_are_worth_little_show_less() {
    let figures = |run: Run| compare(&run.recording(1), &run.recording(2)).figures;
    let (steady, remembering) = (figures(STEADY), figures(REMEMBERING));
    let p95 = |figures: &[FigureComparison]| figures[Figure::P95 as usize].clone();
    assert!(p95(&steady).worth.0 > 4 * p95(&remembering).worth.0);
    assert!(p95(&steady).visible < p95(&remembering).visible);
    assert!(p95(&steady).visible.is_some());
}
