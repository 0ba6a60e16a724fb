//! What of two runs is comparable, and what speaks against it.

use std::collections::BTreeSet;

use super::super::{ScenarioReport, SuiteReport};
use crate::ids::ScenarioId;
use crate::measure::Ended;
use crate::plan::{Plan, Stage};
use crate::units;

/// The scenarios that sent load in both runs.
pub(super) fn pairs<'a>(
    base: &'a SuiteReport,
    new: &'a SuiteReport,
    left_out: &mut Vec<String>,
) -> Vec<(&'a ScenarioReport, &'a ScenarioReport)> {
    let mut pairs = Vec::new();
    let mut ids: Vec<ScenarioId> = new.scenarios.iter().map(|s| s.plan.scenario).collect();
    ids.extend(base.scenarios.iter().map(|s| s.plan.scenario));
    let mut seen = BTreeSet::new();
    for id in ids.into_iter().filter(|id| seen.insert(*id)) {
        let why = |report: Option<&ScenarioReport>, run| match report {
            None => Some(format!("not part of {run}")),
            Some(report) if report.recording.timeline.bins.is_empty() => {
                Some(format!("sent no load in {run}"))
            }
            Some(_) => None,
        };
        let (old, fresh) = (base.scenario(id), new.scenario(id));
        match (old, fresh, why(old, "the base").or_else(|| why(fresh, "the new run"))) {
            (None, None, _) => {}
            (Some(old), Some(fresh), None) => pairs.push((old, fresh)),
            (_, _, why) => left_out.push(format!("{id}: {}", why.unwrap_or_default())),
        }
    }
    pairs
}

/// What speaks against comparing the two runs of one scenario.
pub(super) fn obstacles<'a>(
    base: &'a ScenarioReport,
    new: &'a ScenarioReport,
) -> impl Iterator<Item = String> + 'a {
    let (was, is) = (&base.plan, &new.plan);
    let mut reasons = Vec::new();
    if was.stages != is.stages {
        reasons.push(format!("the stages are {} and were {}", stages(is), stages(was)));
    }
    if was.identities != is.identities {
        let (is, was) = (&is.identities, &was.identities);
        reasons.push(if is.count == was.count && is.machines != was.machines {
            format!("{} machines send and {} sent", is.machines, was.machines)
        } else {
            format!(
                "the identities number {} and numbered {}, or are of another kind",
                units::count(u64::from(is.count)),
                units::count(u64::from(was.count)),
            )
        });
    }
    if was.settings != is.settings {
        reasons.push("the scenario's settings differ".to_owned());
    }
    let checks = |report: &ScenarioReport| -> Vec<String> {
        report.recording.checks.iter().map(|check| check.name.clone()).collect()
    };
    if checks(base) != checks(new) {
        reasons.push("the scenario's checks differ: another version of it".to_owned());
    }
    for (run, report) in [("the base", base), ("the new run", new)] {
        if let Some(how) = cut_short(&report.recording.ended) {
            reasons.push(format!("{run} {how}, so it covers only part of the profile"));
        }
    }
    reasons.into_iter()
}

fn cut_short(ended: &Ended) -> Option<String> {
    match ended {
        Ended::Running => Some("never ended (a checkpoint)".to_owned()),
        Ended::Interrupted { after } => Some(format!("was interrupted after {after}")),
        Ended::Broken { .. } => Some("broke off".to_owned()),
        Ended::Aborted { after, .. } => Some(format!("was aborted after {after}")),
        _ => None,
    }
}

fn stages(plan: &Plan) -> String {
    let one = |stage: &Stage| format!("{}→{}", stage.duration, units::rate(stage.target));
    plan.stages.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Differences that don't forbid a comparison and that its reader should know.
pub(super) fn surroundings(base: &SuiteReport, new: &SuiteReport) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut note = |what: &str, was: &str, is: &str| {
        if was != is {
            warnings.push(format!("{what} is {is} and was {was}"));
        }
    };
    if !(base.environment.embedded && new.environment.embedded) {
        note("the target", &base.environment.url, &new.environment.url);
    }
    note("load-gate's version", &base.tool_version, &new.tool_version);
    warnings
}
