//! Two recordings of the same scenario, compared: which differences are certain and which are noise.

mod figure;
mod limiter;
mod seconds;
#[cfg(test)]
mod tests;

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use self::seconds::{Seconds, Spread};
use crate::gate::LimiterReport;
use crate::ids::ScenarioId;
use crate::measure::intervals::wilson;
use crate::measure::{BUCKET_LN_WIDTH, Recording};

pub use self::figure::Figure;
pub use self::limiter::LimiterChange;

/// A certain change of a quantile below this share is called slight.
const SLIGHT_RATIO: f64 = 0.05;
/// A certain change of a rate below this difference (a tenth of a percentage point) is called slight.
const SLIGHT_SHARE: f64 = 0.001;
/// A quantile is compared when at least this many samples lie beyond it on both sides.
const LEAST_BEYOND: f64 = 10.0;
/// A figure is compared when both runs have at least this many seconds.
const LEAST_SECONDS: usize = 10;

/// One of the two runs.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// What was measured.
    pub recording: &'a Recording,
    /// What its limiter was found to be.
    pub limiter: &'a LimiterReport,
}

/// What can be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// The interval contains "no difference".
    Noise,
    /// A difference there certainly is, and it is slight: under 5 % of a
    /// quantile, under 0.1 percentage points of a rate.
    Slight,
    /// Certainly higher.
    Higher,
    /// Certainly lower.
    Lower,
    /// Too little was measured in one of the runs.
    TooFew,
}

/// How a figure changed, with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Change {
    /// new / base of a quantile (1: none), new − base of a rate (0: none).
    pub value: f64,
    /// The lowest value that the noise leaves room for.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

/// One figure of both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FigureComparison {
    /// Which.
    pub figure: Figure,
    /// Its value in the base: milliseconds or a share; `None`: there is none.
    pub base: Option<f64>,
    /// Its value in the new run.
    pub new: Option<f64>,
    /// Samples it rests on, base and new.
    pub samples: (u64, u64),
    /// The change; `None` where too little was measured.
    pub change: Option<Change>,
    /// What can be said of it.
    pub call: Call,
}

/// Both recordings of one scenario, compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Which.
    pub scenario: ScenarioId,
    /// Seconds of the base and of the new run.
    pub seconds: (u64, u64),
    /// Seconds drawn together when latency was resampled: how long the target remembers.
    pub block_seconds: (u64, u64),
    /// The figures.
    pub figures: Vec<FigureComparison>,
    /// What changed about the limiter.
    pub limiter: Vec<LimiterChange>,
}

/// The figures of which enough was measured in both runs. Their number over all
/// scenarios is what the error is shared out over ([`compare_scenario`]).
#[must_use]
pub fn figures_to_compare(base: &Recording, new: &Recording) -> Vec<Figure> {
    let (base, new) = (Seconds::of(base), Seconds::of(new));
    Figure::ALL.into_iter().filter(|figure| enough(*figure, &base, &new)).collect()
}

fn enough(figure: Figure, base: &Seconds, new: &Seconds) -> bool {
    [base, new].into_iter().all(|side| {
        side.len() >= LEAST_SECONDS
            && match figure.quantile() {
                Some(q) => side.samples(figure) as f64 * (1.0 - q) >= LEAST_BEYOND - 1e-6,
                None => side.samples(figure) > 0,
            }
    })
}

/// Compares two recordings of one scenario.
///
/// `error` is the chance (0 to 1, exclusive) that one figure is called
/// different although it isn't: 0.01 / (number of figures compared) keeps 99 %
/// over all of them (Bonferroni). `seed` starts the resampling.
///
/// The interval of a change is its estimate ± t × the standard error that a
/// moving-block bootstrap over the seconds gives each run, t of Student's
/// distribution with as many degrees of freedom as blocks were at hand
/// (Welch–Satterthwaite); quantiles on the logarithm's scale and never narrower
/// than one bucket of the per-second histograms; rates never narrower than the
/// interval that independent arrivals would have (Newcombe 1998).
#[must_use]
pub fn compare_scenario(base: Side<'_>, new: Side<'_>, error: f64, seed: u64) -> Comparison {
    let sides = (Seconds::of(base.recording), Seconds::of(new.recording));
    let spreads = (sides.0.spread(seed), sides.1.spread(!seed));
    let figures = Figure::ALL
        .into_iter()
        .map(|figure| {
            let values =
                (sides.0.value(figure, base.recording), sides.1.value(figure, new.recording));
            let change = match values {
                (Some(base), Some(new)) if enough(figure, &sides.0, &sides.1) => {
                    let spreads = (spreads.0.of(figure), spreads.1.of(figure));
                    let samples = (sides.0.samples(figure), sides.1.samples(figure));
                    Some(match figure.quantile() {
                        Some(_) => change_of_quantile((base, new), spreads, error),
                        None => change_of_rate((base, new), samples, spreads, error),
                    })
                }
                _ => None,
            };
            FigureComparison {
                figure,
                base: values.0,
                new: values.1,
                samples: (sides.0.samples(figure), sides.1.samples(figure)),
                change,
                call: change.map_or(Call::TooFew, |change| call(figure, change)),
            }
        })
        .collect();
    Comparison {
        scenario: new.recording.scenario,
        seconds: (sides.0.seconds(), sides.1.seconds()),
        block_seconds: (sides.0.block_seconds(&spreads.0), sides.1.block_seconds(&spreads.1)),
        figures,
        limiter: limiter::changes(base.limiter, new.limiter),
    }
}

fn call(figure: Figure, change: Change) -> Call {
    let (none, slight) = match figure.quantile() {
        Some(_) => (1.0, SLIGHT_RATIO),
        None => (0.0, SLIGHT_SHARE),
    };
    if change.low <= none && none <= change.high {
        Call::Noise
    } else if (change.value - none).abs() < slight {
        Call::Slight
    } else if change.value > none {
        Call::Higher
    } else {
        Call::Lower
    }
}

fn change_of_quantile(values: (f64, f64), spreads: (Spread, Spread), error: f64) -> Change {
    let value = values.1 / values.0;
    let half = half_width(spreads, error).max(BUCKET_LN_WIDTH);
    Change { value, low: value * (-half).exp(), high: value * half.exp() }
}

/// Student's t × the standard error of the difference of the two runs.
fn half_width((base, new): (Spread, Spread), error: f64) -> f64 {
    let (vb, vn) = (base.error * base.error, new.error * new.error);
    if vb + vn <= 0.0 {
        return 0.0;
    }
    let freedom = (vb + vn) * (vb + vn) / (vb * vb / base.freedom + vn * vn / new.freedom);
    match StudentsT::new(0.0, 1.0, freedom.max(1.0)) {
        Ok(student) => student.inverse_cdf(1.0 - error / 2.0) * (vb + vn).sqrt(),
        Err(_) => f64::INFINITY,
    }
}

fn change_of_rate(
    (base, new): (f64, f64),
    samples: (u64, u64),
    spreads: (Spread, Spread),
    error: f64,
) -> Change {
    let value = new - base;
    let half = half_width(spreads, error);
    let score = |share: f64, n: u64| {
        let hits = (share * n as f64).round() as u64;
        wilson(hits, n, 1.0 - error).unwrap_or((0.0, 1.0))
    };
    let (base_low, base_high) = score(base, samples.0);
    let (new_low, new_high) = score(new, samples.1);
    let below = (new - new_low).hypot(base_high - base).max(half);
    let above = (new_high - new).hypot(base - base_low).max(half);
    Change { value, low: (value - below).max(-1.0), high: (value + above).min(1.0) }
}
