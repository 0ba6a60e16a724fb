//! Runs at rates of their own become one run: plans add up, recordings merge.

use super::error::MergeError;
use crate::limits::Prediction;
use crate::plan::{IdentityKind, Plan};
use crate::suite::{ScenarioReport, SuiteReport};

/// Merges the shards of one run: the same environment, profile, scenarios, stage
/// durations, settings and thresholds, each at a rate of its own. The verdicts are
/// those on the whole, without a baseline.
///
/// # Errors
/// They are no shards of one run.
pub fn merge_suites(shards: Vec<SuiteReport>) -> Result<SuiteReport, MergeError> {
    let mut shards = shards.into_iter();
    let mut whole = shards.next().ok_or(MergeError::None)?;
    let mut runs = vec![whole.run_id.clone()];
    for shard in shards {
        if runs.contains(&shard.run_id) {
            return Err(MergeError::Same(shard.run_id));
        }
        runs.push(shard.run_id.clone());
        join(&mut whole, shard)?;
    }
    whole.run_id = runs.join("+");
    whole.judge(None);
    Ok(whole)
}

fn join(whole: &mut SuiteReport, shard: SuiteReport) -> Result<(), MergeError> {
    let same = |what: &'static str, first: &str, other: &str| {
        let differ =
            || MergeError::Differ { what, first: first.to_owned(), other: other.to_owned() };
        if first == other { Ok(()) } else { Err(differ()) }
    };
    same("the environment", &whole.environment.name, &shard.environment.name)?;
    same("the URL", &whole.environment.url, &shard.environment.url)?;
    same("the profile", &whole.profile, &shard.profile)?;
    same("load-gate's version", &whole.tool_version, &shard.tool_version)?;
    let duration = |suite: &SuiteReport| suite.duration_scale.to_string();
    same("--duration-scale", &duration(whole), &duration(&shard))?;
    let names = |suite: &SuiteReport| {
        suite.scenarios.iter().map(|s| s.plan.scenario.name()).collect::<Vec<_>>().join(", ")
    };
    same("the list of scenarios", &names(whole), &names(&shard))?;
    let seed = whole.seed;
    for (mine, theirs) in whole.scenarios.iter_mut().zip(shard.scenarios) {
        join_scenario(mine, &theirs, seed)?;
    }
    whole.started_at = whole.started_at.min(shard.started_at);
    whole.finished_at = whole.finished_at.max(shard.finished_at);
    whole.rate_scale += shard.rate_scale;
    whole.allow_skip &= shard.allow_skip;
    whole.partial |= shard.partial;
    for caveat in shard.caveats {
        if !whole.caveats.contains(&caveat) {
            whole.caveats.push(caveat);
        }
    }
    for doubt in shard.doubts {
        if !whole.doubts.contains(&doubt) {
            whole.doubts.push(doubt);
        }
    }
    for notice in shard.notices {
        if !whole.notices.contains(&notice) {
            whole.notices.push(notice);
        }
    }
    Ok(())
}

fn join_scenario(
    mine: &mut ScenarioReport,
    theirs: &ScenarioReport,
    seed: u64,
) -> Result<(), MergeError> {
    let name = mine.plan.scenario.name();
    planned_alike(&mine.plan, &theirs.plan).map_err(|what| MergeError::Plan(name, what))?;
    mine.recording.merge(&theirs.recording).map_err(|why| MergeError::Recording(name, why))?;
    add_plan(&mut mine.plan, &theirs.plan, seed);
    Ok(())
}

/// Whether two plans differ in nothing but rates; what differs besides, if not.
fn planned_alike(mine: &Plan, theirs: &Plan) -> Result<(), &'static str> {
    let lasting = |plan: &Plan| plan.stages.iter().map(|s| s.duration).collect::<Vec<_>>();
    let judged = |plan: &Plan| {
        let of = plan.criteria.clone();
        (of.thresholds, of.limit, of.beside, of.together, of.decision, of.generator)
    };
    let parts = [
        (lasting(mine) == lasting(theirs), "how long its stages last"),
        (mine.settings == theirs.settings, "its settings"),
        (judged(mine) == judged(theirs), "its thresholds or its limit"),
        (mine.identities.kind == theirs.identities.kind, "its identities"),
        (mine.probes == theirs.probes, "its probes"),
        (mine.engine == theirs.engine, "how requests are sent"),
    ];
    parts.into_iter().find(|(alike, _)| !alike).map_or(Ok(()), |(_, what)| Err(what))
}

fn add_plan(mine: &mut Plan, theirs: &Plan, seed: u64) {
    for (stage, other) in mine.stages.iter_mut().zip(&theirs.stages) {
        stage.target += other.target;
    }
    if mine.skip.is_none() {
        mine.skip.clone_from(&theirs.skip);
    }
    if mine.identities.kind == IdentityKind::Address {
        // Machines don't share addresses: each shard's part stands for itself.
        mine.identities.count += theirs.identities.count;
        mine.identities.set_aside += theirs.identities.set_aside;
        mine.extras.naming |= theirs.extras.naming;
        mine.criteria.prediction = match (mine.criteria.prediction, theirs.criteria.prediction) {
            (Some(a), Some(b)) => Some(sum(a, b)),
            _ => None,
        };
    } else {
        mine.identities.count = mine.identities.count.max(theirs.identities.count);
        mine.identities.set_aside = mine.identities.set_aside.max(theirs.identities.set_aside);
        if mine.criteria.prediction.is_some() {
            let forging = mine.extras.naming;
            *mine = mine.clone().completed(seed, forging);
        }
    }
}

const fn sum(a: Prediction, b: Prediction) -> Prediction {
    Prediction {
        admitted_low: a.admitted_low + b.admitted_low,
        admitted_high: a.admitted_high + b.admitted_high,
        hits_low: a.hits_low + b.hits_low,
        hits_high: a.hits_high + b.hits_high,
        hits_probable: match (a.hits_probable, b.hits_probable) {
            (Some(a), Some(b)) => Some(a + b),
            _ => None,
        },
    }
}
