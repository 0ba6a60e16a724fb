//! The generator itself: its own weakness is never taken for the target's.

use super::{About, Finding, FindingVerdict, GeneratorBounds};
use crate::measure::{Ended, Recording, StageKind, StageRecord};
use crate::outcome::Outcome;
use crate::units::{Nanos, count, percent};

/// Drops, schedule lag, and arrivals sent in holds against the plan.
pub(super) fn judge(bounds: &GeneratorBounds, recording: &Recording) -> Vec<Finding> {
    let mut findings = vec![drops(bounds, recording)];
    findings.extend(lag(bounds, recording));
    if recording.ended == Ended::Completed {
        let holds = recording.stages.iter().filter(|s| s.kind == StageKind::Hold && s.planned > 0);
        findings.extend(holds.map(|stage| on_plan(bounds, stage)));
        findings.extend(missing(bounds, recording));
    }
    findings
}

fn finding(name: String, good: bool, message: String) -> Finding {
    let verdict = if good { FindingVerdict::Pass } else { FindingVerdict::Inconclusive };
    Finding::new(About::Generator, name, verdict, message)
}

fn drops(bounds: &GeneratorBounds, recording: &Recording) -> Finding {
    let generator = &recording.generator;
    let all = generator.sent + generator.dropped;
    let share = if all == 0 { 0.0 } else { generator.dropped as f64 / all as f64 };
    let wanted = percent(bounds.max_dropped);
    let good = share <= bounds.max_dropped;
    let (dropped, all) = (count(generator.dropped), count(all));
    let message = if good {
        format!("{dropped} of {all} arrivals were dropped, at most {wanted} allowed")
    } else {
        format!(
            "the generator fell short: {dropped} of {all} arrivals were dropped ({}), more than \
             {wanted}: {}",
            percent(share),
            why_dropped(recording)
        )
    };
    finding(format!("dropped arrivals stay under {wanted}"), good, message)
}

/// Why arrivals were dropped: what this machine said, or else the cap.
fn why_dropped(recording: &Recording) -> String {
    if recording.setups.lost > 0 {
        return "identities had nothing to send them with: see what their setup was answered"
            .to_owned();
    }
    let said = recording.excerpts.iter().find(|excerpt| excerpt.outcome == Outcome::Dropped);
    said.map_or_else(
        || {
            "the in-flight cap was reached; raise `[engine] max_in_flight` or find out why answers \
             take so long"
                .to_owned()
        },
        |excerpt| excerpt.text.clone(),
    )
}

fn lag(bounds: &GeneratorBounds, recording: &Recording) -> Option<Finding> {
    let p99 = recording.generator.lag_hold.quantile(0.99)?;
    let good = p99 <= bounds.max_lag;
    let message = if good {
        format!("p99 of schedule lag in holds is {p99}, at most {} allowed", bounds.max_lag)
    } else {
        format!(
            "the generator fell short: p99 of schedule lag in holds is {p99}, more than {}: {}",
            bounds.max_lag,
            why_late(recording, p99)
        )
    };
    Some(finding(format!("p99 of schedule lag stays under {}", bounds.max_lag), good, message))
}

/// Why arrivals were sent late: one long absence, or many short ones.
fn why_late(recording: &Recording, p99: Nanos) -> String {
    let away = recording.generator.longest_away;
    if away > p99 {
        format!(
            "load-gate itself stood still for {away}: it was stopped, or its machine was, or had \
             no core to give"
        )
    } else {
        "this machine is too slow or too busy for the plan".to_owned()
    }
}

/// Arrivals that were planned and neither sent nor dropped, though the run came to
/// its end: ramps included, which have no plan by the second to be held to.
fn missing(bounds: &GeneratorBounds, recording: &Recording) -> Option<Finding> {
    let generator = &recording.generator;
    let missing = generator.planned.saturating_sub(generator.sent + generator.dropped);
    let most = bounds.max_off_plan * generator.planned as f64;
    (missing > 1 && missing as f64 > most).then(|| {
        let (missing, planned) = (count(missing), count(generator.planned));
        let message = format!(
            "the generator fell short: {missing} of {planned} planned arrivals were neither sent \
             nor dropped"
        );
        finding("every planned arrival is sent".to_owned(), false, message)
    })
}

fn on_plan(bounds: &GeneratorBounds, stage: &StageRecord) -> Finding {
    let off = stage.sent_within.abs_diff(stage.planned);
    // One arrival may fall over the edge of a stage however exact the rest is.
    let good = off <= 1 || off as f64 <= bounds.max_off_plan * stage.planned as f64;
    let (sent, planned) = (count(stage.sent_within), count(stage.planned));
    let message = if good {
        format!("stage {}: {sent} arrivals sent, {planned} planned", stage.number)
    } else {
        format!(
            "the generator fell short: {sent} arrivals were sent in stage {} where {planned} were \
             planned, more than {} off",
            stage.number,
            percent(bounds.max_off_plan)
        )
    };
    let allowed = percent(bounds.max_off_plan);
    finding(
        format!("hold stage {} is sent within {allowed} of the plan", stage.number),
        good,
        message,
    )
}
