//! What `compare` finds in two runs of the same target, and in one that got slower.

use load_gate::gate::LimiterReport;
use load_gate::limits::{Algorithm, Inference};
use load_gate::suite::{
    COMPARE_CONFIDENCE, Call, Comparison, Figure, Side, compare_scenario, figures_to_compare,
};

use super::models::{FAILING, Model, chance};
use super::trial::{Recorded, Settings, over_runs, run};

/// Pairs of the same target behind a cell, for every run of the intervals' cells: what is
/// promised of them is rare.
pub(crate) const PAIRS: u64 = 30;
const CELLS: [(u64, f64); 4] = [(60, 20.0), (60, 100.0), (200, 50.0), (600, 20.0)];

pub(crate) fn tables(settings: Settings, models: &[(u64, Model)]) {
    println!(
        "\n| target | run | any difference | p95 visible from | seen there | a fifth slower seen |"
    );
    println!("|---|---:|---:|---:|---:|---:|");
    for (row, model) in models.iter().copied() {
        for (column, (seconds, rate)) in (0..).zip(CELLS) {
            let cell = Cell { model, seconds, rate, row: 4096 | row << 4 | column };
            println!("{}", cell.line(settings));
        }
    }
}

#[derive(Clone, Copy)]
struct Cell {
    model: Model,
    seconds: u64,
    rate: f64,
    row: u64,
}

impl Cell {
    fn line(self, settings: Settings) -> String {
        let many = Settings { runs: settings.runs * PAIRS, ..settings };
        let same = over_runs(many, |pair| self.compared(settings.seed, pair, 1.0));
        let different = |c: &&Comparison| {
            c.figures.iter().any(|f| !matches!(f.call, Call::Noise | Call::TooFew))
        };
        let alarms: Vec<&Comparison> = same.iter().filter(different).collect();
        self.tell(&alarms);
        let false_alarms = alarms.len() as f64 / same.len() as f64;
        let mut visible: Vec<f64> =
            same.iter().filter_map(|c| c.figures[Figure::P95 as usize].visible).collect();
        visible.sort_by(f64::total_cmp);
        let told = visible.len() * 2 > same.len();
        let at = told.then(|| visible[visible.len() / 2]);
        let seen = |slower: f64| {
            let pairs = over_runs(settings, |pair| {
                // Other pairs than those that said what is visible.
                self.compared(settings.seed, (1 << 30) + pair, slower)
            });
            let found = |c: &&Comparison| c.figures[Figure::P95 as usize].call == Call::Higher;
            pairs.iter().filter(found).count() as f64 / pairs.len() as f64
        };
        format!(
            "| {} | {} s at {}/s | {:.1} % | {} | {} | {:.0} % |",
            self.model.name(),
            self.seconds,
            self.rate,
            false_alarms * 100.0,
            at.map_or("too little".to_owned(), |at| format!("+{:.0} %", (at - 1.0) * 100.0)),
            at.map_or("–".to_owned(), |at| format!("{:.0} %", seen(at) * 100.0)),
            seen(1.2) * 100.0,
        )
    }

    /// What was called different, for whoever looks into it.
    fn tell(self, alarms: &[&Comparison]) {
        let wrong = alarms.iter().flat_map(|c| &c.figures);
        for f in wrong.filter(|f| !matches!(f.call, Call::Noise | Call::TooFew)) {
            let cell = (self.model.name(), self.seconds, self.rate);
            eprintln!("{cell:?} {:?}: {:?}, worth {:?}", f.figure, f.change, f.worth);
        }
    }

    /// One pair of runs, the new one `slower` times as slow.
    fn compared(self, seed: u64, pair: u64, slower: f64) -> Comparison {
        let mut rng = chance(seed, self.row, pair);
        let mut with_failures = |slower| {
            let recording = run(self.model, self.seconds, self.rate, slower, &mut rng);
            let mut recorded = Recorded { recording };
            // As many again, of which the slowest fail.
            let others = self.model.run(self.seconds, self.rate, &mut rng);
            recorded.fail(&others, self.model.truth(1.0 - FAILING, self.rate));
            recorded.recording
        };
        let (base, new) = (with_failures(1.0), with_failures(slower));
        let figures = figures_to_compare(&base, &new).len().max(1);
        let limiter = no_limiter();
        let side = |recording| Side { recording, limiter: &limiter };
        let error = (1.0 - COMPARE_CONFIDENCE) / figures as f64;
        compare_scenario(side(&base), side(&new), error)
    }
}

fn no_limiter() -> LimiterReport {
    LimiterReport {
        declared: None,
        beside: Vec::new(),
        probable_hits: None,
        predicted_hits: None,
        observed_hits: 0,
        inferred: Inference {
            algorithm: Algorithm::Unknown,
            left: Vec::new(),
            limit: None,
            window_s: None,
            why: String::new(),
        },
        rules: Vec::new(),
    }
}
