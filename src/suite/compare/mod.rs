//! Two recordings of the same scenario, compared: which differences are certain and which are noise.

mod figure;
mod known;
mod limiter;
mod resources;
#[cfg(test)]
mod tests;

use serde::Serialize;

use self::known::Known;
use crate::gate::LimiterReport;
use crate::ids::ScenarioId;
use crate::measure::intervals::normal_quantile;
use crate::measure::{BUCKET_LN_WIDTH, Dependence, Recording, dependence};

pub use self::figure::Figure;
pub use self::limiter::LimiterChange;
pub use self::resources::{ResourceChange, ResourceFigures};

/// A certain change of a quantile below this share is called slight.
const SLIGHT_RATIO: f64 = 0.05;
/// A certain change of a rate below this difference (a tenth of a percentage point) is called slight.
const SLIGHT_SHARE: f64 = 0.001;
/// A quantile is compared when at least this many samples lie beyond it on both sides.
const LEAST_BEYOND: f64 = 10.0;
/// Of samples that depend: worth fewer independent ones, how much they depend isn't known
/// well enough to call anything certain.
const FEWEST_WITNESSES: f64 = 40.0;
/// A change this large that may go unnoticed is no small one: of a quantile the factor, of
/// a rate the difference.
const MUCH_RATIO: f64 = 1.5;
const MUCH_SHARE: f64 = 0.05;
/// How often the change that is named as the smallest to be seen would be seen.
const POWER: f64 = 0.8;

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
    /// Too little was measured in one of the runs, or failures came in too few bunches.
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
    /// How many independent samples those are worth.
    pub worth: (u64, u64),
    /// The change; `None` where too little was measured.
    pub change: Option<Change>,
    /// The smallest change for the worse that four in five such pairs of runs would
    /// show: a factor on a quantile (1.13: 13 % higher), a difference of a rate.
    pub visible: Option<f64>,
    /// What can be said of it.
    pub call: Call,
}

impl FigureComparison {
    /// Whether so large a change would have gone unnoticed that finding none says little,
    /// or nothing was compared.
    #[must_use]
    pub fn hides_much(&self) -> bool {
        let much = if self.figure.quantile().is_some() { MUCH_RATIO } else { MUCH_SHARE };
        self.visible.is_none_or(|visible| visible > much)
    }
}

/// Both recordings of one scenario, compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Which.
    pub scenario: ScenarioId,
    /// Seconds of the base and of the new run.
    pub seconds: (u64, u64),
    /// The figures.
    pub figures: Vec<FigureComparison>,
    /// What changed about the limiter.
    pub limiter: Vec<LimiterChange>,
    /// What the service had to do in both, where either run asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceChange>,
}

impl Comparison {
    /// Whether a p95 half as high again would have gone unnoticed.
    #[must_use]
    pub fn sees_little(&self) -> bool {
        self.figures.iter().any(|f| f.figure == Figure::P95 && f.hides_much())
    }
}

/// The figures of which enough was measured in both runs. Their number over all
/// scenarios is what the error is shared out over ([`compare_scenario`]).
#[must_use]
pub fn figures_to_compare(base: &Recording, new: &Recording) -> Vec<Figure> {
    let (base, new) = (Known::of(base), Known::of(new));
    Figure::ALL.into_iter().filter(|figure| enough(*figure, &base, &new)).collect()
}

fn enough(figure: Figure, base: &Known, new: &Known) -> bool {
    [base, new].into_iter().all(|side| {
        side.bins() >= dependence::FEWEST_BINS
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
/// over all of them (Bonferroni).
///
/// Each run's figure has an interval at 1 − `error` that rests on what its samples are
/// worth; of both runs' design effects the mean goes for either
/// ([`Dependence::paired`](crate::measure::Dependence::paired)). The interval of the
/// change is put together from both (Zou and Donner, *Statistics in Medicine* 27, 2008;
/// for rates Newcombe 1998), quantiles on the logarithm's scale and never narrower than
/// one bucket of the per-second histograms. docs/intervals.md shows how often it errs.
#[must_use]
pub fn compare_scenario(base: Side<'_>, new: Side<'_>, error: f64) -> Comparison {
    let sides = (Known::of(base.recording), Known::of(new.recording));
    let figures = Figure::ALL.into_iter().map(|figure| compare_figure(figure, &sides, error));
    Comparison {
        scenario: new.recording.scenario,
        seconds: (sides.0.seconds(), sides.1.seconds()),
        figures: figures.collect(),
        limiter: limiter::changes(base.limiter, new.limiter),
        resources: resources::changes(base.recording, new.recording),
    }
}

fn compare_figure(figure: Figure, (base, new): &(Known, Known), error: f64) -> FigureComparison {
    let samples = (base.samples(figure), new.samples(figure));
    let own = (base.dependence(figure), new.dependence(figure));
    let (of_base, of_new) = own.0.paired(own.1);
    let worth = (of_base.worth(samples.0 as f64), of_new.worth(samples.1 as f64));
    let ends = |side: &Known, dependence: Dependence, n: u64| {
        let evidence = dependence.worth(n as f64);
        let (low, high) = side.interval(figure, evidence, 1.0 - error)?;
        Some(Ends { low, value: side.value(figure)?, high })
    };
    // Independent samples need nobody to tell how they depend.
    let told = |n: u64, worth: f64| worth >= FEWEST_WITNESSES || worth >= 0.99 * n as f64;
    let told = told(samples.0, worth.0) && told(samples.1, worth.1);
    let values = (base.value(figure), new.value(figure));
    let both = if told && enough(figure, base, new) && !too_rare(figure, values, own) {
        ends(base, of_base, samples.0).zip(ends(new, of_new, samples.1))
    } else {
        None
    };
    let change = both.map(|(base, new)| match figure.quantile() {
        Some(_) => change_of_quantile(base, new),
        None => base.to(new),
    });
    FigureComparison {
        figure,
        base: values.0,
        new: values.1,
        samples,
        worth: (worth.0.round() as u64, worth.1.round() as u64),
        change,
        visible: change.map(|change| visible(figure, change, error)),
        call: change.map_or(Call::TooFew, |change| call(figure, change)),
    }
}

/// Whether failures are few and came in so few bunches that one more or less says nothing:
/// those of the run with more of them. How many 429s there are a limiter decides, and no chance.
fn too_rare(
    figure: Figure,
    (base, new): (Option<f64>, Option<f64>),
    own: (Dependence, Dependence),
) -> bool {
    let (worse, failing) = if base < new { (base, own.0) } else { (new, own.1) };
    figure == Figure::SuccessRate && failing.rare && worse.is_some_and(|rate| rate > 0.5)
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

/// A figure of one run with its interval.
#[derive(Clone, Copy, Debug)]
struct Ends {
    low: f64,
    value: f64,
    high: f64,
}

impl Ends {
    /// The change from this to `new`, from both intervals.
    fn to(self, new: Self) -> Change {
        let value = new.value - self.value;
        let below = (new.value - new.low).hypot(self.high - self.value);
        let above = (new.high - new.value).hypot(self.value - self.low);
        Change { value, low: value - below, high: value + above }
    }

    fn ln(self) -> Self {
        // A span is at least a nanosecond.
        let ln = |ms: f64| ms.max(1e-6).ln();
        Self { low: ln(self.low), value: ln(self.value), high: ln(self.high) }
    }
}

fn change_of_quantile(base: Ends, new: Ends) -> Change {
    let change = base.ln().to(new.ln());
    let low = change.low.min(change.value - BUCKET_LN_WIDTH);
    let high = change.high.max(change.value + BUCKET_LN_WIDTH);
    Change { value: change.value.exp(), low: low.exp(), high: high.exp() }
}

/// The smallest change for the worse that is seen with [`POWER`]: beyond what the
/// interval hides and what is called slight, by as much as the figure varies.
fn visible(figure: Figure, change: Change, error: f64) -> f64 {
    let beyond = |hidden: f64, slight: f64| {
        let deviation = hidden / normal_quantile(1.0 - error / 2.0);
        hidden.max(slight) + normal_quantile(POWER) * deviation
    };
    match figure {
        Figure::SuccessRate => beyond(change.high - change.value, SLIGHT_SHARE),
        Figure::RateLimited => beyond(change.value - change.low, SLIGHT_SHARE),
        _ => beyond((change.value / change.low).ln(), SLIGHT_RATIO.ln_1p()).exp(),
    }
}
