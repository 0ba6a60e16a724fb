//! How often a threshold is decided wrongly, by the figure, by its interval, and by one that
//! is looked at again in a longer run while it is open.

use load_gate::gate::{Criteria, Decide, Decision, FindingVerdict, GeneratorBounds, evaluate};
use load_gate::measure::Recording;
use load_gate::units::Nanos;

use super::models::{Model, chance};
use super::trial::{ACCEPTED, Recorded, Settings, over_runs, threshold};

/// How far the truth is from the bound.
const BEYOND: f64 = 1.1;
const SECONDS: u64 = 60;
const RATE: f64 = 50.0;
/// How much longer a run that is looked at again lasts at most.
const EXTEND: u64 = 120;
/// How often it is looked at: the error is shared out over the looks.
const LOOKS: u32 = 3;

pub(crate) fn tables(settings: Settings, models: &[(u64, Model)]) {
    println!("\n| target | decided by | false red | false green | open | seconds |");
    println!("|---|---|---:|---:|---:|---:|");
    for (row, model) in models.iter().copied() {
        if model == Model::Ramp {
            // Its hold is another target than its ramp.
            continue;
        }
        for how in [How::Point, How::Interval, How::Extend] {
            let trial = Trial { model, row: 8192 | row << 2, how };
            println!("{}", trial.line(settings));
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Point,
    Interval,
    Extend,
}

#[derive(Clone, Copy)]
struct Trial {
    model: Model,
    row: u64,
    how: How,
}

/// What became of a run.
struct Ending {
    verdict: FindingVerdict,
    seconds: u64,
}

impl Trial {
    fn line(self, settings: Settings) -> String {
        let truth = self.model.truth(0.95, RATE) * 1e3;
        let within = self.all(settings, truth * BEYOND, 0);
        let beyond = self.all(settings, truth / BEYOND, 1);
        let share = |endings: &[Ending], verdict| {
            let found = endings.iter().filter(|e| e.verdict == verdict).count();
            found as f64 / endings.len().max(1) as f64 * 100.0
        };
        let both = |of: &dyn Fn(&[Ending]) -> f64| f64::midpoint(of(&within), of(&beyond));
        let lasting = |endings: &[Ending]| {
            endings.iter().map(|e| e.seconds as f64).sum::<f64>() / endings.len().max(1) as f64
        };
        format!(
            "| {} | {} | {:.1} % | {:.1} % | {:.0} % | {:.0} |",
            self.model.name(),
            match self.how {
                How::Point => "point",
                How::Interval => "interval",
                How::Extend => "interval, 3 looks",
            },
            share(&within, FindingVerdict::Fail),
            share(&beyond, FindingVerdict::Pass),
            both(&|endings| share(endings, FindingVerdict::Inconclusive)),
            both(&lasting),
        )
    }

    fn all(self, settings: Settings, bound: f64, side: u64) -> Vec<Ending> {
        let criteria = self.criteria(bound);
        over_runs(settings, |run| {
            let mut rng = chance(settings.seed, self.row | side, run);
            let arrivals = self.model.run(SECONDS + EXTEND, RATE, &mut rng);
            let looks = if self.how == How::Extend { LOOKS } else { 1 };
            let mut recorded = Recorded::new(self.model, SECONDS, RATE);
            let mut recorded_until = 0;
            for look in 0..looks {
                let seconds = SECONDS + EXTEND * u64::from(look) / u64::from(LOOKS - 1);
                let until = arrivals.partition_point(|(due, _)| *due < seconds as f64);
                recorded.add(&arrivals[recorded_until..until]);
                recorded_until = until;
                recorded.lasts(seconds);
                if look + 1 == looks || is_decided(&criteria, &recorded.recording) {
                    let verdict = verdict(&criteria, &recorded.recording);
                    return Ending { verdict, seconds };
                }
            }
            Ending { verdict: FindingVerdict::Inconclusive, seconds: SECONDS }
        })
    }

    fn criteria(self, bound: f64) -> Criteria {
        let decision = match self.how {
            How::Point => Decision::default(),
            How::Interval => Decision { decide: Decide::Interval, ..Decision::default() },
            How::Extend => {
                Decision { decide: Decide::Interval, looks: LOOKS, ..Decision::default() }
            }
        };
        Criteria {
            thresholds: vec![threshold(ACCEPTED, &format!("p(95)<{bound:.4}"))],
            limit: None,
            prediction: None,
            beside: Vec::new(),
            together: false,
            generator: GeneratorBounds {
                max_lag: Nanos::from_millis(100),
                max_dropped: 0.001,
                max_off_plan: 0.01,
            },
            decision,
            baseline_required: false,
        }
    }
}

fn is_decided(criteria: &Criteria, recording: &Recording) -> bool {
    verdict(criteria, recording) != FindingVerdict::Inconclusive
}

/// What became of the threshold.
fn verdict(criteria: &Criteria, recording: &Recording) -> FindingVerdict {
    let findings = evaluate(criteria, recording, None).findings;
    let of_threshold = findings.into_iter().find(|finding| finding.threshold.is_some());
    of_threshold.map_or(FindingVerdict::Inconclusive, |finding| finding.verdict)
}
