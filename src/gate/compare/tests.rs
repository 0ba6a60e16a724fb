//! Seeded pairs of runs: what `compare` finds and what it lets be.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::limits::{Algorithm, Estimate, Inference, RuleName, RuleResult, RuleVerdict};
use crate::measure::{Ended, bucket_of};
use crate::outcome::Outcome;
use crate::units::{Nanos, Timestamp};

/// Six figures of one scenario share 1 %.
const ERROR: f64 = 0.01 / 6.0;
const PAIRS: u64 = 100;

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

const STEADY: Run = Run {
    seconds: 100,
    rate: 100,
    median: 20.0,
    sigma: 0.6,
    rho: 0.0,
    fate: 0.0,
    failing: 0.02,
};
const REMEMBERING: Run = Run { rho: 0.6, fate: 0.1, ..STEADY };

fn normal(rng: &mut StdRng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

impl Run {
    fn recording(self, seed: u64) -> Recording {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut recording = Recording::empty(
            ScenarioId::Webhook,
            Timestamp { unix_millis: 0 },
            Ended::Completed,
        );
        let mut level = normal(&mut rng);
        for _ in 0..self.seconds {
            level = self.rho * level + (1.0 - self.rho * self.rho).sqrt() * normal(&mut rng);
            let mut bin = crate::measure::Second::default();
            for _ in 0..self.rate {
                bin.due += 1;
                if rng.random_bool(self.failing) {
                    bin.outcomes.add(Outcome::ServerError);
                    continue;
                }
                bin.outcomes.add(Outcome::Accepted);
                let ln = self.fate * level + self.sigma * normal(&mut rng);
                let response = Nanos::from_secs_f64(self.median * ln.exp() / 1e3);
                *bin.response.entry(bucket_of(response)).or_default() += 1;
            }
            recording.timeline.bins.push(bin);
        }
        recording
    }
}

fn limiter() -> LimiterReport {
    LimiterReport {
        declared: None,
        predicted_hits: None,
        observed_hits: 0,
        inferred: Inference {
            algorithm: Algorithm::AnchoredWindow,
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

fn compare(base: &Recording, new: &Recording, seed: u64) -> Comparison {
    let limiter = limiter();
    let side = |recording| Side { recording, limiter: &limiter };
    compare_scenario(side(base), side(new), ERROR, seed)
}

/// In how many of the seeded pairs `what` is seen.
fn pairs(base: Run, new: Run, what: impl Fn(&Comparison) -> bool) -> usize {
    (0..PAIRS)
        .filter(|seed| {
            let (old, new) = (base.recording(2 * seed), new.recording(2 * seed + 1));
            what(&compare(&old, &new, *seed))
        })
        .count()
}

fn no_difference(comparison: &Comparison) -> bool {
    comparison.figures.iter().all(|figure| figure.call == Call::Noise || figure.samples.1 == 0)
}

fn slower_p95(comparison: &Comparison) -> bool {
    comparison.figures[Figure::P95 as usize].call == Call::Higher
}

#[test]
fn two_runs_of_the_same_target_show_no_difference() {
    let quiet = pairs(STEADY, STEADY, no_difference);
    assert!(quiet >= 98, "{quiet} of 100 pairs");
    let quiet = pairs(REMEMBERING, REMEMBERING, no_difference);
    assert!(quiet >= 95, "{quiet} of 100 pairs whose seconds share their fate");
}

#[test]
fn a_fifth_slower_is_found() {
    let found = pairs(STEADY, Run { median: 24.0, ..STEADY }, slower_p95);
    assert!(found >= 95, "{found} of 100 pairs");
    let found = pairs(REMEMBERING, Run { median: 24.0, ..REMEMBERING }, slower_p95);
    assert!(found >= 95, "{found} of 100 pairs whose seconds share their fate");
}
