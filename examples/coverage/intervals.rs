//! What the intervals of reports cover, and how wide they are.

use load_gate::gate::{Observed, Threshold};
use load_gate::measure::Recording;
use load_gate::measure::intervals::{CONFIDENCE, min_samples, quantile_ranks, wilson};
use load_gate::outcome::Outcome;
use load_gate::tags::{Selector, TagKey};
use load_gate::units::{Nanos, count};

use super::models::{FAILING, Model, chance};
use super::trial::{FIGURES, Recorded, Settings, observed, over_runs, threshold};

pub(crate) const SECONDS: [u64; 4] = [15, 60, 200, 600];
pub(crate) const RATES: [f64; 2] = [20.0, 50.0];

/// One figure of one run.
#[derive(Clone, Copy, Debug, Default)]
struct Look {
    /// Whether it has an interval, and rests on enough for a threshold to be decided.
    decides: bool,
    /// Whether that holds the truth; where there is no upper bound, whether the lower
    /// one does.
    covers: bool,
    /// Whether the interval of as many independent samples would.
    naive: bool,
    /// Both widths.
    widths: (f64, f64),
}

/// What came of a cell.
struct Cell {
    covered: f64,
    naive: f64,
    /// Width over that of as many independent samples.
    wider: f64,
    decided: f64,
}

pub(crate) fn tables(settings: Settings, models: &[(u64, Model)]) {
    for rate in RATES {
        println!("\n### {} arrivals a second\n", count(rate as u64));
        println!("| target | run | p50 | p90 | p95 | p99 | rate | p95, taken as independent |");
        println!("|---|---:|---:|---:|---:|---:|---:|---:|");
        for (row, model) in models.iter().copied() {
            for (column, seconds) in (0..).zip(SECONDS) {
                let row = (rate as u64) << 8 | row << 2 | column;
                println!("{}", line(settings, row, model, seconds, rate));
            }
        }
    }
}

fn line(settings: Settings, row: u64, model: Model, seconds: u64, rate: f64) -> String {
    let thresholds = FIGURES.map(|(key, expression, _)| threshold(key, expression));
    let looks = over_runs(settings, |number| {
        let mut rng = chance(settings.seed, row, number);
        let arrivals = model.run(seconds, rate, &mut rng);
        let mut all = Recorded::new(model, seconds, rate);
        all.add(&arrivals);
        let mut failing = Recorded::new(model, seconds, rate);
        failing.fail(&arrivals, model.truth(1.0 - FAILING, rate));
        let mut looks = [Look::default(); 5];
        for (look, threshold) in looks.iter_mut().zip(&thresholds) {
            let of_rate = threshold.method.quantile().is_none();
            let recording = if of_rate { &failing.recording } else { &all.recording };
            *look = look_at(threshold, recording, model, rate);
        }
        looks
    });
    let cells: Vec<Cell> = (0..FIGURES.len()).map(|i| cell(looks.iter().map(|l| l[i]))).collect();
    let shown: Vec<String> = cells.iter().map(Cell::shown).collect();
    let naive = cells[2].naive * 100.0;
    format!("| {} | {seconds} s | {} | {naive:.0} % |", model.name(), shown.join(" | "))
}

fn look_at(threshold: &Threshold, recording: &Recording, model: Model, rate: f64) -> Look {
    let Some(seen) = observed(threshold, recording, CONFIDENCE) else { return Look::default() };
    let truth = match threshold.method.quantile() {
        // To the digits that a run keeps.
        Some(quantile) => Nanos::from_secs_f64(model.truth(quantile, rate)).as_millis_f64(),
        None => 1.0 - FAILING,
    };
    let holds = |(low, high): (f64, f64)| low <= truth && truth <= high;
    let naive = naive(threshold, recording, &seen);
    let width = |(low, high): (f64, f64)| high - low;
    Look {
        decides: seen.interval.is_some() && is_enough(threshold, &seen),
        covers: seen.interval.map_or(seen.at_least.is_none_or(|low| low <= truth), holds),
        naive: naive.is_none_or(holds),
        widths: seen.interval.zip(naive).map_or((0.0, 0.0), |(a, b)| (width(a), width(b))),
    }
}

fn is_enough(threshold: &Threshold, seen: &Observed) -> bool {
    let Some(quantile) = threshold.method.quantile() else { return true };
    let least = min_samples(quantile, CONFIDENCE) as f64;
    seen.samples as f64 >= least && seen.worth.is_none_or(|worth| worth >= least)
}

/// The interval of as many independent samples.
fn naive(threshold: &Threshold, recording: &Recording, seen: &Observed) -> Option<(f64, f64)> {
    let Some(quantile) = threshold.method.quantile() else {
        let hits = (seen.value * seen.samples as f64).round() as u64;
        return wilson(hits, seen.samples, CONFIDENCE);
    };
    let accepted = Selector::all().with(TagKey::Outcome, Outcome::Accepted.name());
    let trend = &recording.slice(&accepted)?.response_time;
    let (low, high) = quantile_ranks(trend.count(), quantile, CONFIDENCE)?;
    let at = |rank| trend.order_statistic(rank).map(Nanos::as_millis_f64);
    Some((at(low)?, at(high)?))
}

fn cell(looks: impl Iterator<Item = Look>) -> Cell {
    let looks: Vec<Look> = looks.collect();
    let all = looks.len().max(1) as f64;
    let share = |what: fn(&&Look) -> bool| looks.iter().filter(what).count() as f64 / all;
    let sum = |of: fn(&Look) -> f64| looks.iter().map(of).sum::<f64>();
    Cell {
        covered: share(|look| look.covers),
        naive: share(|look| look.naive),
        wider: sum(|look| look.widths.0) / sum(|look| look.widths.1).max(1e-12),
        decided: share(|look| look.decides),
    }
}

impl Cell {
    /// `96 % ×1.31`, `96 % ×2.2, decides 71 %`, `**88 %** ×1.4`.
    fn shown(&self) -> String {
        let covered = format!("{:.0} %", self.covered * 100.0);
        let covered = if self.covered < 0.925 { format!("**{covered}**") } else { covered };
        let wider = match self.wider {
            none if none <= 0.0 => String::new(),
            wide if wide < 9.95 => format!(" ×{wide:.2}"),
            wide => format!(" ×{wide:.0}"),
        };
        if self.decided > 0.985 {
            return format!("{covered}{wider}");
        }
        format!("{covered}{wider}, decides {:.0} %", self.decided * 100.0)
    }
}
