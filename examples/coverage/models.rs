//! Targets whose true figures are known: how long their answers take, and how much of
//! a second's fate the next one shares.

use load_gate::plan::{Schedule, Stage};
use load_gate::units::Nanos;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal};

/// The share of arrivals that count as failed where rates are looked at: the slowest.
pub(crate) const FAILING: f64 = 0.02;
/// Median of the lognormal response times, in milliseconds.
const MEDIAN: f64 = 20.0;
/// Spread of their logarithm.
const SIGMA: f64 = 0.6;

/// A target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Model {
    /// Lognormal, every answer by itself.
    Independent,
    /// Lognormal; the logarithms are a first-order autoregression from request to request.
    Remembering(f64),
    /// A queue of that utilisation with arrivals at random.
    Queue(f64),
    /// The same, with arrivals as evenly spaced as load-gate's.
    EvenQueue(f64),
    /// Lognormal; now and then, every half minute on average, everything stands still
    /// for a second.
    RandomStalls,
    /// Lognormal; every ten seconds everything stands still for half a second.
    PeriodicStalls,
    /// Lognormal; the level rises with the rate to twice as much: a third of the run is
    /// the ramp.
    Ramp,
}

/// Those of the page, in its order.
pub(crate) const MODELS: [Model; 12] = [
    Model::Independent,
    Model::Remembering(0.5),
    Model::Remembering(0.9),
    Model::Remembering(0.99),
    Model::Queue(0.5),
    Model::Queue(0.8),
    Model::Queue(0.95),
    Model::EvenQueue(0.8),
    Model::EvenQueue(0.95),
    Model::RandomStalls,
    Model::PeriodicStalls,
    Model::Ramp,
];

/// One arrival: due, and how long its answer takes, in seconds.
pub(crate) type Arrival = (f64, f64);

impl Model {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Independent => "independent".to_owned(),
            Self::Remembering(rho) => format!("AR(1), {rho}"),
            Self::Queue(load) => format!("M/M/1, {load}"),
            Self::EvenQueue(load) => format!("D/M/1, {load}"),
            Self::RandomStalls => "random stalls".to_owned(),
            Self::PeriodicStalls => "periodic stalls".to_owned(),
            Self::Ramp => "ramp, moving level".to_owned(),
        }
    }

    /// The stages of a run that lasts `seconds` at `rate` arrivals a second.
    pub(crate) fn stages(self, seconds: u64, rate: f64) -> Vec<Stage> {
        let stage = |seconds: f64| Stage { duration: Nanos::from_secs_f64(seconds), target: rate };
        match self {
            Self::Ramp => {
                let ramp = (seconds as f64 / 3.0).round();
                vec![stage(ramp), stage(seconds as f64 - ramp)]
            }
            _ => vec![stage(0.0), stage(seconds as f64)],
        }
    }

    /// A run of that target: every arrival in order.
    pub(crate) fn run(self, seconds: u64, rate: f64, rng: &mut SmallRng) -> Vec<Arrival> {
        let due: Vec<f64> = if let Self::Queue(_) = self {
            let mut at = 0.0;
            std::iter::from_fn(|| {
                at += exponential(rng) / rate;
                (at < seconds as f64).then_some(at)
            })
            .collect()
        } else {
            let schedule = Schedule::new(&self.stages(seconds, rate));
            schedule.iter().map(|(_, _, due)| due.as_secs_f64()).collect()
        };
        let takes = self.answers(&due, seconds as f64, rate, rng);
        due.into_iter().zip(takes).collect()
    }

    fn answers(self, due: &[f64], seconds: f64, rate: f64, rng: &mut SmallRng) -> Vec<f64> {
        match self {
            Self::Independent => due.iter().map(|_| lognormal(normal(rng))).collect(),
            Self::Remembering(rho) => {
                let mut level = normal(rng);
                due.iter()
                    .map(|_| {
                        level = rho * level + (1.0 - rho * rho).sqrt() * normal(rng);
                        lognormal(level)
                    })
                    .collect()
            }
            Self::Queue(load) | Self::EvenQueue(load) => {
                let service = load / rate;
                // The queue has been going on for long when the run begins.
                let mut free = None;
                due.iter()
                    .map(|at| {
                        let done = match free {
                            None => at + exponential(rng) * self.scale(rate),
                            Some(free) => f64::max(free, *at) + exponential(rng) * service,
                        };
                        free = Some(done);
                        done - at
                    })
                    .collect()
            }
            Self::RandomStalls | Self::PeriodicStalls => {
                let (every, lasts) = self.stalls();
                let mut begins = match self {
                    // The first stall may have begun before the run did.
                    Self::RandomStalls if rng.random::<f64>() < lasts / every => {
                        -lasts * rng.random::<f64>()
                    }
                    Self::RandomStalls => exponential(rng) * (every - lasts),
                    _ => every * rng.random::<f64>() - lasts,
                };
                due.iter()
                    .map(|at| {
                        while begins + lasts <= *at {
                            begins += match self {
                                Self::RandomStalls => lasts + exponential(rng) * (every - lasts),
                                _ => every,
                            };
                        }
                        let waits = if begins <= *at { begins + lasts - at } else { 0.0 };
                        waits + lognormal(normal(rng))
                    })
                    .collect()
            }
            Self::Ramp => {
                let ramp = (seconds / 3.0).round();
                let level = |at: f64| 1.0 + (at / ramp).min(1.0);
                due.iter().map(|at| level(*at) * lognormal(normal(rng))).collect()
            }
        }
    }

    /// Period and length of stalls, in seconds.
    fn stalls(self) -> (f64, f64) {
        if self == Self::RandomStalls { (30.0, 1.0) } else { (10.0, 0.5) }
    }

    /// Mean of a queue's exponential response time: in M/M/1 of what it lacks of full
    /// load; in D/M/1 from the root of σ = exp(−(1 − σ)/load) (Kleinrock 1975, 6.4).
    fn scale(self, rate: f64) -> f64 {
        match self {
            Self::EvenQueue(load) => {
                let root = (0..500).fold(0.5, |sigma: f64, _| (-(1.0 - sigma) / load).exp());
                load / rate / (1.0 - root)
            }
            Self::Queue(load) => load / rate / (1.0 - load),
            _ => 0.0,
        }
    }

    /// The true quantile (0 to 1), in seconds.
    pub(crate) fn truth(self, quantile: f64, rate: f64) -> f64 {
        match self {
            Self::Independent | Self::Remembering(_) => lognormal(quantile_of_normal(quantile)),
            Self::Queue(_) | Self::EvenQueue(_) => -self.scale(rate) * (-quantile).ln_1p(),
            Self::RandomStalls | Self::PeriodicStalls | Self::Ramp => {
                let (mut low, mut high) = (0.0, 60.0);
                for _ in 0..100 {
                    let middle = f64::midpoint(low, high);
                    if self.at_most(middle) < quantile { low = middle } else { high = middle }
                }
                low
            }
        }
    }

    /// The share of answers that take at most `seconds`: their distribution, averaged
    /// over the arrivals.
    fn at_most(self, seconds: f64) -> f64 {
        let plain = |x: f64| {
            if x <= 0.0 {
                return 0.0;
            }
            Normal::standard().cdf((x * 1e3 / MEDIAN).ln() / SIGMA)
        };
        let mean = |of: &dyn Fn(f64) -> f64| {
            (0..2000).map(|i| of((f64::from(i) + 0.5) / 2000.0)).sum::<f64>() / 2000.0
        };
        if self == Self::Ramp {
            // One arrival in five is the ramp's: their number grows with its square.
            let ramp = mean(&|u| plain(seconds / (1.0 + u.sqrt())));
            return 0.2 * ramp + 0.8 * plain(seconds / 2.0);
        }
        let (every, lasts) = self.stalls();
        let stalled = mean(&|u| plain(seconds - lasts * u));
        (1.0 - lasts / every) * plain(seconds) + lasts / every * stalled
    }
}

fn lognormal(z: f64) -> f64 {
    MEDIAN / 1e3 * (SIGMA * z).exp()
}

fn quantile_of_normal(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// A standard normal (Box and Muller).
fn normal(rng: &mut SmallRng) -> f64 {
    let (u, v): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

fn exponential(rng: &mut SmallRng) -> f64 {
    -(1.0 - rng.random::<f64>()).ln()
}

/// The chance of run `run` of row `row`.
pub(crate) fn chance(seed: u64, row: u64, run: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed << 48 ^ row << 32 ^ run)
}
