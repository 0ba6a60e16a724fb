//! Charts over the time of a load: rates, response times, outcomes, requests in flight, lag.

use super::super::chart::{Axis, Chart, Key, Layer, LimitLine, Readings, Shade};
use super::super::figures::{self, bin_quantiles};
use super::grain::Grain;
use super::table::{Cell, Column, Table};
use crate::gate::ThresholdResult;
use crate::measure::{Second, StageKind};
use crate::outcome::Outcome;
use crate::plan::Schedule;
use crate::suite::ScenarioReport;
use crate::units::{self, Nanos};

/// What is drawn of response times over a load.
pub(super) const OF_ACCEPTED: &str = "response time of accepted arrivals";

/// The time of a load, cut into steps for readings and tables.
pub(super) struct Steps<'a> {
    bins: &'a [Second],
    width: f64,
    grain: Grain,
}

impl<'a> Steps<'a> {
    pub(super) fn of(scenario: &'a ScenarioReport, grain: Grain) -> Self {
        let timeline = &scenario.recording.timeline;
        Self { bins: &timeline.bins, width: f64::from(timeline.width.max(1)), grain }
    }

    /// The readings of each step and the table behind them, which has longer ones: each
    /// made by `said` of its bins and their seconds.
    pub(super) fn told(
        &self,
        columns: &[&'static str],
        said: impl Fn(usize, &[Second], f64) -> Vec<String>,
    ) -> (Readings, Table) {
        let said = |(first, bins): (usize, &[Second])| {
            (self.clock(first), said(first, bins, bins.len() as f64 * self.width))
        };
        let names = columns.iter().map(|name| (*name).to_owned()).collect();
        let (moments, rows) = self.steps(self.grain.steps).map(said).unzip();
        let named = columns.iter().map(|name| Column::figures(name));
        let mut table = Table::new([Column::words("at")].into_iter().chain(named));
        for (at, cells) in self.steps(self.grain.rows).map(said) {
            table.row([Cell::words(at)].into_iter().chain(cells.into_iter().map(Cell::figure)));
        }
        (Readings { moments, names, rows }, table)
    }

    /// At most so many steps of equal length, each with the number of its first bin.
    fn steps(&self, most: usize) -> impl Iterator<Item = (usize, &'a [Second])> {
        let group = Grain::group(self.bins.len(), most);
        self.bins.chunks(group).enumerate().map(move |(i, bins)| (i * group, bins))
    }

    /// When the bin with this number begins.
    fn clock(&self, bin: usize) -> String {
        units::clock(Nanos::from_secs_f64(bin as f64 * self.width))
    }

    /// The moments of what isn't measured bin by bin, with what `said` says of the seconds
    /// from and to.
    pub(super) fn moments(&self, name: &str, said: impl Fn(f64, f64) -> String) -> Readings {
        let of = |(first, bins): (usize, &[Second])| {
            let from = first as f64 * self.width;
            (self.clock(first), vec![said(from, from + bins.len() as f64 * self.width)])
        };
        let (moments, rows) = self.steps(self.grain.steps).map(of).unzip();
        Readings { moments, names: vec![name.to_owned()], rows }
    }

    /// A line of one value a bin, thinned to what can be seen: of each group the
    /// largest stays.
    pub(super) fn line(
        &self,
        key: &'static str,
        value: impl Fn(usize, &Second) -> Option<f64>,
    ) -> Layer {
        let group = Grain::group(self.bins.len(), self.grain.points);
        let values: Vec<Option<f64>> =
            self.bins.iter().enumerate().map(|(i, bin)| value(i, bin)).collect();
        let points = values.chunks(group).enumerate().map(|(i, values)| {
            let at = (i * group) as f64 + values.len() as f64 / 2.0;
            (at * self.width, values.iter().flatten().copied().reduce(f64::max))
        });
        Layer::Line { key, points: points.collect() }
    }

    fn most(&self, value: impl Fn(&Second) -> f64) -> f64 {
        self.bins.iter().map(value).fold(0.0, f64::max)
    }
}

/// How long the load lasted, in seconds.
pub(super) fn length(scenario: &ScenarioReport) -> f64 {
    let timeline = &scenario.recording.timeline;
    timeline.bins.len() as f64 * f64::from(timeline.width.max(1))
}

/// The stages, holds darker than ramps.
pub(super) fn stages(scenario: &ScenarioReport) -> Vec<Shade> {
    let stages = scenario.recording.stages.iter();
    stages
        .map(|stage| {
            let hold = stage.kind == StageKind::Hold;
            let label = if hold {
                format!("hold {}", units::rate(stage.target))
            } else {
                format!("to {}", units::rate(stage.target))
            };
            let (from, to) = (stage.start.as_secs_f64(), stage.end.as_secs_f64());
            Shade { from, to, label, dark: hold }
        })
        .collect()
}

fn chart(
    scenario: &ScenarioReport,
    id: &'static str,
    title: &str,
    y: Axis,
    keys: &[&'static str],
    layers: Vec<Layer>,
    (readings, data): (Readings, Table),
) -> Chart {
    Chart {
        keys: keys.iter().map(|key| Key { key, name: (*key).to_owned() }).collect(),
        shades: stages(scenario),
        layers,
        readings: Some(readings),
        data,
        ..Chart::new(id, title, Axis::seconds(length(scenario)), y)
    }
}

/// The rate asked for and the rate achieved.
pub(super) fn rates(scenario: &ScenarioReport, grain: Grain) -> Chart {
    let steps = Steps::of(scenario, grain);
    let width = steps.width;
    let schedule = Schedule::new(&scenario.plan.stages);
    let asked = |i: usize| schedule.rate_at(Nanos::from_secs_f64((i as f64 + 0.5) * width));
    let sent = |bin: &Second| f64::from(bin.sent) / width;
    let layers = vec![
        steps.line("asked", |i, _| Some(asked(i))),
        steps.line("sent", |_, bin| Some(sent(bin))),
    ];
    let told = steps.told(&["asked", "sent"], |first, bins, seconds| {
        let asked: f64 = (first..first + bins.len()).map(asked).sum::<f64>() / bins.len() as f64;
        let sent: u64 = bins.iter().map(|bin| u64::from(bin.sent)).sum();
        vec![units::rate(asked), units::rate(sent as f64 / seconds)]
    });
    let most = (0..steps.bins.len()).map(asked).fold(steps.most(sent), f64::max);
    let y = Axis::up_to(most, units::rate, "arrivals a second");
    chart(scenario, "rate", "arrival rate, asked and sent", y, &["asked", "sent"], layers, told)
}

/// The thresholds on quantiles of response time, with the quantile.
pub(super) fn bounds_on_latency(scenario: &ScenarioReport) -> Vec<(f64, &ThresholdResult)> {
    let judged = scenario.verdict.findings.iter().filter_map(|f| f.threshold.as_ref());
    let judged = judged.filter(|t| t.metric.name() == "response_time" && t.bound.is_some());
    judged.filter_map(|t| Some((t.method.quantile()?, t))).collect()
}

/// Response time of accepted arrivals: p50, p95 and p99 of each second.
pub(super) fn latency(scenario: &ScenarioReport, grain: Grain) -> Chart {
    const KEYS: [&str; 3] = ["p50", "p95", "p99"];
    const DRAWN: [f64; 3] = [0.5, 0.95, 0.99];
    let steps = Steps::of(scenario, grain);
    let each: Vec<_> = steps.bins.iter().map(|bin| bin_quantiles(bin, DRAWN)).collect();
    let line = |(k, key)| steps.line(key, |i, _| each[i][k]);
    let layers: Vec<Layer> = KEYS.into_iter().enumerate().map(line).collect();
    let told = steps.told(&KEYS, |first, bins, _| {
        let all = if bins.len() == 1 {
            each[first]
        } else {
            let mut all = Second::default();
            for bin in bins {
                all.response.merge(&bin.response);
            }
            bin_quantiles(&all, DRAWN)
        };
        all.map(|value| value.map_or_else(|| "–".to_owned(), units::millis)).to_vec()
    });
    let most = each.iter().filter_map(|[.., p99]| *p99).fold(0.0, f64::max);
    let bounds = bounds_on_latency(scenario);
    // A bound far above everything would press the lines to the floor.
    let near = |bound: f64| bound <= most * 4.0;
    let top = bounds.iter().filter_map(|(_, t)| t.bound).filter(|b| near(*b)).fold(most, f64::max);
    let y = Axis::up_to(top * 1.02, units::millis, "response time");
    let mut chart = chart(scenario, "latency", OF_ACCEPTED, y, &KEYS, layers, told);
    for (q, threshold) in bounds {
        let Some(bound) = threshold.bound else { continue };
        let name = format!("{} {}", threshold.method, units::millis(bound));
        if near(bound) {
            chart.bounds.push(LimitLine { at: bound, label: name });
        } else {
            let (bound, most) = (units::millis(bound), units::millis(most));
            chart.words.push(format!(
                "the bound on {}, {bound}, lies far above all of it (at most {most})",
                threshold.method
            ));
        }
        chart.words.extend(breach(scenario, q, bound, &threshold.method.to_string()));
    }
    chart
}

/// When a quantile of single seconds first stood over its bound: `p95 over 2.00 s
/// from 4:12 to 4:31`.
fn breach(scenario: &ScenarioReport, q: f64, bound: f64, name: &str) -> Option<String> {
    let breach = figures::breach(&scenario.recording, q, bound)?;
    let more = match breach.later {
        0 => String::new(),
        more => format!(", and in {}", units::counted(more, "later second")),
    };
    let over = units::millis(bound);
    let (from, to) = (units::clock(breach.from), units::clock(breach.to));
    Some(format!("{name} over {over} from {from} to {to}{more}"))
}

/// The names of both runs' lines.
pub(super) fn keys_of_both() -> Vec<Key> {
    let key = |key, name: &str| Key { key, name: name.to_owned() };
    vec![key("before", "base"), key("now", "new")]
}

/// Outcomes per second, accepted at the bottom.
pub(super) fn outcomes(scenario: &ScenarioReport, grain: Grain) -> Chart {
    let steps = Steps::of(scenario, grain);
    let counts = &scenario.recording.total().outcomes;
    let there = |outcome: &Outcome| *outcome == Outcome::Accepted || counts.get(*outcome) > 0;
    let shown: Vec<Outcome> = Outcome::ALL.into_iter().filter(there).collect();
    let group = Grain::group(steps.bins.len(), grain.points);
    let mut below = vec![0.0; steps.bins.len().div_ceil(group)];
    let mut layers = Vec::new();
    for outcome in &shown {
        let mut boxes = Vec::new();
        for ((i, bins), below) in steps.bins.chunks(group).enumerate().zip(&mut below) {
            let seconds = bins.len() as f64 * steps.width;
            let n: u64 = bins.iter().map(|bin| bin.outcomes.get(*outcome)).sum();
            let from = (i * group) as f64 * steps.width;
            let top = *below + n as f64 / seconds;
            if n > 0 {
                boxes.push([from, *below, from + seconds, top]);
            }
            *below = top;
        }
        layers.push(Layer::Boxes { key: outcome.name(), boxes });
    }
    let names: Vec<&'static str> = shown.iter().map(|outcome| outcome.name()).collect();
    let told = steps.told(&names, |_, bins, _| {
        let count = |outcome: &Outcome| bins.iter().map(|bin| bin.outcomes.get(*outcome)).sum();
        shown.iter().map(|outcome| units::count(count(outcome))).collect()
    });
    let y = Axis::up_to(below.iter().copied().fold(0.0, f64::max), units::rate, "a second");
    let mut chart = chart(scenario, "outcomes", "outcomes per second", y, &names, layers, told);
    let per_second = |count: &dyn Fn(&Second) -> u64| -> Vec<Option<f64>> {
        steps.bins.iter().map(|bin| Some(count(bin) as f64 / steps.width)).collect()
    };
    chart.plain = vec![
        ("all", per_second(&|bin| bin.outcomes.total())),
        ("accepted", per_second(&|bin| bin.outcomes.get(Outcome::Accepted))),
    ];
    chart
}

/// The most requests in flight, second by second.
pub(super) fn in_flight(scenario: &ScenarioReport, grain: Grain) -> Chart {
    let steps = Steps::of(scenario, grain);
    let layers = vec![steps.line("flight", |_, bin| Some(f64::from(bin.in_flight)))];
    let told = steps.told(&["in flight"], |_, bins, _| {
        let most = bins.iter().map(|bin| bin.in_flight).max().unwrap_or(0);
        vec![units::count(u64::from(most))]
    });
    let y =
        Axis::counting_to(steps.most(|bin| f64::from(bin.in_flight)), units::number, "requests");
    chart(scenario, "flight", "requests in flight, at most", y, &[], layers, told)
}

/// The largest schedule lag, second by second; `None` in a recording that has none.
pub(super) fn lag(scenario: &ScenarioReport, grain: Grain) -> Option<Chart> {
    let steps = Steps::of(scenario, grain);
    let millis = |bin: &Second| f64::from(bin.lag) / 1e3;
    if steps.bins.iter().all(|bin| bin.lag == 0) {
        return None;
    }
    let layers = vec![steps.line("lag", |_, bin| Some(millis(bin)))];
    let told = steps.told(&["lag"], |_, bins, _| {
        vec![units::millis(bins.iter().map(millis).fold(0.0, f64::max))]
    });
    let bound = scenario.plan.criteria.generator.max_lag.as_millis_f64();
    let most = steps.most(millis);
    let near = bound <= most * 4.0;
    let y = Axis::up_to(if near { most.max(bound) } else { most }, units::millis, "lag");
    let title = "schedule lag, at most";
    let mut chart = chart(scenario, "lag", title, y, &[], layers, told);
    if near {
        let label = format!("bound on the p99 in holds {}", units::millis(bound));
        chart.bounds.push(LimitLine { at: bound, label });
    }
    Some(chart)
}
