//! The live view of a load: a few lines, made from what was last heard of it.

use crate::engine::Tick;
use crate::gate::{Bound, Threshold};
use crate::measure::{Recording, Second, StageKind, span_of};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::report;
use crate::units::{self, Nanos};

/// The most thresholds that are shown.
const MOST_THRESHOLDS: usize = 3;
/// How many of the last seconds the rate's sparkline shows.
const RATES: usize = 40;
/// The last seconds whose response times stand apart.
const LAST: usize = 10;

/// What is known of a load while it runs.
#[derive(Default)]
pub(super) struct Live {
    plan: Option<Plan>,
    duration: Nanos,
    tick: Option<Tick>,
    rates: Vec<Option<f64>>,
    /// Response times of the last seconds and so far, and thresholds, as of the
    /// last look at what was measured.
    seen: Seen,
}

#[derive(Default)]
struct Seen {
    last: Option<[Nanos; 3]>,
    all: Option<[Nanos; 3]>,
    /// Answers by which the limiter refused.
    hits: u64,
    thresholds: Vec<String>,
}

const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];

impl Live {
    /// A scenario begins.
    pub(super) fn begin(&mut self, plan: &Plan) {
        *self = Self { plan: Some(plan.clone()), ..Self::default() };
    }

    /// Its load begins, and will last `duration`.
    pub(super) fn load(&mut self, duration: Nanos) {
        self.duration = duration;
    }

    /// A second has passed.
    pub(super) fn tick(&mut self, tick: &Tick) {
        self.rates.push(Some(tick.achieved));
        let old = self.rates.len().saturating_sub(RATES);
        self.rates.drain(..old);
        self.tick = Some(tick.clone());
    }

    /// What was measured by now.
    pub(super) fn measured(&mut self, recording: &Recording) {
        let Some(plan) = &self.plan else { return };
        let bins = &recording.timeline.bins;
        let last = bins.get(bins.len().saturating_sub(LAST)..).unwrap_or_default();
        self.seen = Seen {
            last: quantiles(last),
            all: quantiles(bins),
            hits: recording.total().rate_limit_hits,
            thresholds: plan
                .criteria
                .thresholds
                .iter()
                .filter_map(|threshold| stands(threshold, recording))
                .take(MOST_THRESHOLDS)
                .collect(),
        };
    }

    /// The view, at most ten lines of at most `width` columns; empty before the
    /// first second of load.
    pub(super) fn lines(&self, width: usize) -> Vec<String> {
        let (Some(plan), Some(tick)) = (&self.plan, &self.tick) else { return Vec::new() };
        let mut lines = vec![self.head(plan, tick, width)];
        let mut row = |name: &str, text: String| lines.push(format!("  {name:<10}{text}"));
        let rate = format!("asked {}, sent {}", whole_rate(tick.asked), whole_rate(tick.achieved));
        let room = width.saturating_sub(rate.chars().count() + 16);
        let spark = report::sparkline(&self.rates, room.clamp(8, RATES));
        row("rate", format!("{rate}  {spark}"));
        row("ends", format!("{} · {} in flight", ends(tick), tick.in_flight));
        if let Some(last) = self.seen.last {
            row("last 10 s", said(last));
        }
        if let Some(all) = self.seen.all {
            row("so far", said(all));
        }
        if let Some(limit) = plan.criteria.limit {
            let status = plan.criteria.refused_by();
            // Of requests of any kind, as the reports count them and as they are predicted.
            let hits = units::count(self.seen.hits);
            let predicted = plan.criteria.prediction.map_or_else(String::new, |p| {
                format!(", {} to {} predicted", units::count(p.hits_low), units::count(p.hits_high))
            });
            row("limiter", format!("{}: {hits} × {status}{predicted}", limit.describe()));
        }
        for threshold in &self.seen.thresholds {
            row("", threshold.clone());
        }
        lines.into_iter().map(|line| cut(line, width)).collect()
    }

    fn head(&self, plan: &Plan, tick: &Tick, width: usize) -> String {
        let left = self.duration.saturating_sub(tick.elapsed);
        let head = format!(
            "{}  {}  {} of {}, {} left  ",
            plan.scenario,
            stage(plan, tick),
            units::clock(whole(tick.elapsed)),
            units::clock(whole(self.duration)),
            units::clock(whole(left)),
        );
        let share = tick.elapsed.as_secs_f64() / self.duration.as_secs_f64().max(1e-9);
        let room = width.saturating_sub(head.chars().count()).min(24);
        let full = ((share.clamp(0.0, 1.0) * room as f64).round() as usize).min(room);
        format!("{head}{}{}", "━".repeat(full), "─".repeat(room - full))
    }

    /// One plain line for a log that isn't redrawn.
    pub(super) fn plain(&self) -> Option<String> {
        let (plan, tick) = (self.plan.as_ref()?, self.tick.as_ref()?);
        let (elapsed, all) =
            (units::clock(whole(tick.elapsed)), units::clock(whole(self.duration)));
        let p95 = tick.p95.map(|p95| format!(" · p95 {p95}")).unwrap_or_default();
        Some(format!(
            "  {}  {elapsed} of {all}  stage {}/{} · asked {}, sent {} · {} in flight · {}{p95}",
            plan.scenario,
            tick.stage.0,
            tick.stage.1,
            whole_rate(tick.asked),
            whole_rate(tick.achieved),
            tick.in_flight,
            ends(tick),
        ))
    }
}

/// `stage 2/5 hold 20/s`.
fn stage(plan: &Plan, tick: &Tick) -> String {
    let (number, of) = tick.stage;
    let index = usize::from(number).saturating_sub(1);
    let before = index.checked_sub(1).and_then(|i| plan.stages.get(i)).map_or(0.0, |s| s.target);
    let what = plan.stages.get(index).map_or_else(String::new, |stage| {
        let kind = if stage.target == before { StageKind::Hold } else { StageKind::Ramp };
        match kind {
            StageKind::Hold => format!(" hold {}", units::rate(stage.target)),
            StageKind::Ramp => format!(" ramp to {}", units::rate(stage.target)),
        }
    });
    format!("stage {number}/{of}{what}")
}

fn ends(tick: &Tick) -> String {
    let ends = tick.outcomes.iter().filter(|(outcome, n)| *n > 0 || *outcome == Outcome::Accepted);
    let ends: Vec<_> = ends.map(|(outcome, n)| format!("{} {outcome}", units::count(n))).collect();
    ends.join(", ")
}

fn quantiles(bins: &[Second]) -> Option<[Nanos; 3]> {
    let mut counts = std::collections::BTreeMap::<u16, u64>::new();
    for (bucket, n) in bins.iter().flat_map(|bin| &bin.response) {
        *counts.entry(bucket).or_default() += u64::from(n);
    }
    let all: u64 = counts.values().sum();
    let at = |q: f64| {
        let rank = ((q * all as f64 - 1e-9).ceil() as u64).max(1);
        let mut seen = 0;
        let found = counts.iter().find(|(_, n)| {
            seen += **n;
            seen >= rank
        });
        found.map(|(bucket, _)| span_of(*bucket))
    };
    Some([at(QUANTILES[0].1)?, at(QUANTILES[1].1)?, at(QUANTILES[2].1)?])
}

fn said(spans: [Nanos; 3]) -> String {
    let named = QUANTILES.iter().zip(spans);
    named.map(|((name, _), span)| format!("{name} {span}")).collect::<Vec<_>>().join("  ")
}

/// A line of at most so many columns: one that was cut says so.
fn cut(line: String, width: usize) -> String {
    if line.chars().count() <= width {
        return line;
    }
    line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// How a threshold stands: `ok    62.1 ms  p(95)<2000  response_time{outcome:accepted}`. What
/// a narrow terminal cuts off is the name.
fn stands(threshold: &Threshold, recording: &Recording) -> Option<String> {
    let value = threshold.metric.draw(&threshold.selector, recording)?;
    let value = value.value(threshold.method, recording)?;
    let Bound::Fixed(bound) = threshold.bound else { return None };
    let word = if threshold.operator.holds(value, bound) { "ok  " } else { "OVER" };
    let said = threshold.metric.say(threshold.method, value);
    Some(format!("{word} {said}  {}  {}", threshold.expression, threshold.key))
}

/// To the nearest second: ticks come a little after theirs.
fn whole(span: Nanos) -> Nanos {
    Nanos::from_secs_f64(span.as_secs_f64().round())
}

fn whole_rate(rate: f64) -> String {
    if rate >= 10.0 { format!("{rate:.0}/s") } else { format!("{rate:.1}/s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::OutcomeCounts;
    use crate::report::fixtures;
    use crate::tags::Selector;

    fn live() -> Live {
        let run = fixtures::pass();
        let scenario = &run.scenarios[0];
        let mut live = Live::default();
        live.begin(&scenario.plan);
        live.load(Nanos::from_secs(50));
        let mut outcomes = OutcomeCounts::default();
        outcomes.add_many(Outcome::Accepted, 412);
        outcomes.add_many(Outcome::RateLimited, 3);
        for second in 1..=30_u32 {
            live.tick(&Tick {
                elapsed: Nanos::from_secs(second.into()),
                stage: (2, 3),
                asked: 20.0,
                achieved: f64::from(second % 7 + 15),
                in_flight: 3,
                planned: 800,
                outcomes,
                p95: Some(Nanos::from_millis(62)),
            });
        }
        live.measured(&scenario.recording);
        live
    }

    #[test]
    fn the_view_fits_narrow_and_wide_terminals() {
        let live = live();
        for width in [60, 80, 120, 200] {
            let lines = live.lines(width);
            assert!(lines.len() <= 10, "{}", lines.len());
            assert!(lines.iter().all(|line| line.chars().count() <= width));
        }
        insta::assert_snapshot!("live_80", live.lines(80).join("\n"));
        insta::assert_snapshot!("live_120", live.lines(120).join("\n"));
        insta::assert_snapshot!("plain", live.plain().unwrap_or_default());
    }

    #[test]
    fn refusals_are_those_that_the_reports_count() {
        let mut live = live();
        let mut recording = fixtures::pass().scenarios[0].recording.clone();
        let all = recording.slices.get_mut(&Selector::all()).expect("is always kept");
        // The proof was refused before the load, as is predicted.
        all.rate_limit_hits = 65;
        live.measured(&recording);
        let line = live.lines(120).into_iter().find(|line| line.contains("limiter"));
        assert!(line.is_some_and(|line| line.contains(": 65 × 429, ")));
    }

    #[test]
    fn a_limiter_that_refuses_in_its_own_way_is_counted_by_that_status() {
        let run = fixtures::pass();
        let mut plan = run.scenarios[0].plan.clone();
        plan.criteria.limit.as_mut().expect("declared").status = 503;
        let mut live = live();
        let tick = live.tick.clone().expect("has run");
        live.begin(&plan);
        live.tick(&tick);
        let mut recording = run.scenarios[0].recording.clone();
        recording.slices.get_mut(&Selector::all()).expect("is always kept").rate_limit_hits = 65;
        live.measured(&recording);
        let lines = live.lines(120).join("\n");
        assert!(lines.contains(": 65 × 503, ") && !lines.contains("429"), "{lines}");
        assert!(lines.contains("3 rate_limited"), "{lines}");
    }

    #[test]
    fn before_the_first_second_there_is_nothing_to_see() {
        assert!(Live::default().lines(80).is_empty());
        assert_eq!(Live::default().plain(), None);
    }
}
