//! Measures what the 95 % intervals of the reports cover, by simulated runs, and
//! prints docs/intervals.md.
//!
//! Every run is recorded as a real one is (`measure::Trend`, three digits) and
//! its interval taken as the reports take it; the interval covers when the true
//! quantile lies within. `cargo run --release --example coverage > docs/intervals.md`
#![expect(clippy::print_stdout, reason = "a tool that prints a page")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use load_gate::measure::Trend;
use load_gate::measure::intervals::{CONFIDENCE, quantile_ranks, wilson};
use load_gate::units::{Nanos, count};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal};

/// Simulated runs behind every figure.
const RUNS: u64 = 10_000;
const QUANTILES: [(&str, f64); 4] = [("p50", 0.50), ("p90", 0.90), ("p95", 0.95), ("p99", 0.99)];

/// A distribution of response times, by its quantile function in milliseconds.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    quantile: fn(f64) -> f64,
}

const SHAPES: [Shape; 4] = [
    Shape { name: "uniform, 10 to 30 ms", quantile: |p| 10.0 + 20.0 * p },
    Shape { name: "exponential, mean 20 ms", quantile: |p| -20.0 * (-p).ln_1p() },
    Shape { name: "lognormal, σ = 1", quantile: |p| 20.0 * normal_quantile(p).exp() },
    Shape {
        name: "Pareto, α = 1.1 (infinite variance)",
        quantile: |p| 10.0 * (1.0 - p).powf(-1.0 / 1.1),
    },
];

fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// A standard normal (Box and Muller).
fn normal(rng: &mut SmallRng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn main() {
    println!("{INTRODUCTION}");
    independent();
    println!("{DEPENDENCE}");
    dependent();
    println!("{RATES}");
    rates();
    println!("{CLOSING}");
}

/// Counts over all runs, on every core: run i of a row always sees the same chance.
fn over_runs<const N: usize>(
    row: u64,
    one: impl Fn(&mut SmallRng) -> [bool; N] + Sync,
) -> [f64; N] {
    let counts = [const { AtomicU64::new(0) }; N];
    let next = AtomicU64::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    if run >= RUNS {
                        return;
                    }
                    let mut rng = SmallRng::seed_from_u64(row << 32 | run);
                    for (count, covered) in counts.iter().zip(one(&mut rng)) {
                        count.fetch_add(u64::from(covered), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    counts.map(|count| count.load(Ordering::Relaxed) as f64 / RUNS as f64)
}

/// Whether the intervals of a recorded run hold the true quantiles.
fn covers(trend: &Trend, shape: Shape) -> [bool; 4] {
    QUANTILES.map(|(_, quantile)| {
        quantile_ranks(trend.count(), quantile, CONFIDENCE).is_some_and(|(low, high)| {
            let truth = Nanos::from_secs_f64((shape.quantile)(quantile) / 1e3);
            let low = trend.order_statistic(low).unwrap_or(Nanos::ZERO);
            let high = trend.order_statistic(high).unwrap_or(Nanos::MAX);
            low <= truth && truth <= high
        })
    })
}

fn record(trend: &mut Trend, shape: Shape, p: f64) {
    trend.record(Nanos::from_secs_f64((shape.quantile)(p) / 1e3));
}

fn cells(n: u64, shares: [f64; 4]) -> String {
    let cell = |((_, quantile), share): ((&str, f64), f64)| {
        if quantile_ranks(n, quantile, CONFIDENCE).is_some() {
            format!("{:.1} %", share * 100.0)
        } else {
            "none".to_owned()
        }
    };
    QUANTILES.into_iter().zip(shares).map(cell).collect::<Vec<_>>().join(" | ")
}

fn independent() {
    println!("| distribution | samples | p50 | p90 | p95 | p99 |\n|---|---:|---:|---:|---:|---:|");
    let mut row = 0;
    for shape in SHAPES {
        for n in [60, 300, 1_000, 10_000, 100_000] {
            row += 1;
            let shares = over_runs(row, |rng| {
                let mut trend = Trend::default();
                for _ in 0..n {
                    record(&mut trend, shape, rng.random());
                }
                covers(&trend, shape)
            });
            println!("| {} | {} | {} |", shape.name, count(n), cells(n, shares));
        }
    }
}

fn dependent() {
    println!(
        "| ρ of neighbours | samples | p50 | p90 | p95 | p99 |\n|---|---:|---:|---:|---:|---:|"
    );
    let mut row = 100;
    for rho in [0.0, 0.5, 0.9, 0.99] {
        for n in [1_000, 10_000] {
            row += 1;
            let shares = over_runs(row, |rng| {
                let mut trend = Trend::default();
                let mut level = normal(rng);
                for _ in 0..n {
                    level = rho * level + f64::sqrt(1.0 - rho * rho) * normal(rng);
                    trend.record(Nanos::from_secs_f64(0.02 * level.exp()));
                }
                covers(&trend, SHAPES[2])
            });
            println!("| {rho} | {} | {} |", count(n), cells(n, shares));
        }
    }
}

fn rates() {
    println!(
        "| true rate | ρ of neighbours | 60 | 300 | 1,000 | 10,000 |\n|---|---:|---:|---:|---:|---:|"
    );
    let mut row = 200;
    for rate in [0.85, 0.95, 0.999] {
        let bound = normal_quantile(rate);
        for rho in [0.0, 0.5, 0.9, 0.99] {
            let cells = [60, 300, 1_000, 10_000].map(|n| {
                row += 1;
                let [share] = over_runs(row, |rng| {
                    let mut level = normal(rng);
                    let mut held = 0;
                    for _ in 0..n {
                        level = rho * level + f64::sqrt(1.0 - rho * rho) * normal(rng);
                        held += u64::from(level <= bound);
                    }
                    let holds = |(low, high)| low <= rate && rate <= high;
                    [wilson(held, n, CONFIDENCE).is_some_and(holds)]
                });
                format!("{:.1} %", share * 100.0)
            });
            println!("| {rate} | {rho} | {} |", cells.join(" | "));
        }
    }
}

const INTRODUCTION: &str = "\
# What the intervals cover

Every quantile and every rate in a report carries a 95 % confidence interval: for a quantile the
narrowest pair of order statistics with that coverage, for a rate Wilson's. Neither assumes
anything of the distribution; both assume that samples are independent. This page shows what that
promise is worth: each figure is the share of 10,000 simulated runs whose interval holds the true
value. It is made by `cargo run --release --example coverage`, which anyone can run.

## Independent samples

Recorded as a run records them (histogram of three digits). `none`: too few samples for an
interval, and a report says so.
";

const DEPENDENCE: &str = "
## Samples that resemble their neighbours

A queue that fills slows many requests in a row: neighbours share their fate, and n samples say
less than n independent ones. Here each sample's logarithm is a step of a first-order
autoregression with the correlation ρ, its distribution unchanged (lognormal, σ = 1).
";

const RATES: &str = "
## Rates

Wilson's interval of a success rate, by the number of arrivals; failures come in streaks as ρ grows.
";

const CLOSING: &str = "
## How to read a report then

- With independent samples the intervals of quantiles keep their word, at every size and with every
  tail (94.6 % at the least). Wilson's keeps it but for rates so near 1 that about one failure is
  expected (0.999 of 1,000: 92.0 %); it errs on either side by turns as samples grow.
- With dependence they are too narrow, and more samples of the same seconds don't mend that. A
  *close* threshold under a queueing target is closer than it looks: run longer, not faster.
- `load-gate compare` does not assume independence: it draws whole seconds, in blocks as long as the
  target remembers (moving-block bootstrap).";
