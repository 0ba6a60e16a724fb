//! Whether the plan of a stored run is one that load-gate makes.

use super::place::{Found, LONGEST, MOST, Place};
use crate::admission::WHOLE_SECOND;
use crate::gate::{self, Criteria, GeneratorBounds};
use crate::limits::Prediction;
use crate::plan::{EngineSettings, Plan, Stage};
use crate::units::Nanos;

/// Arrivals per second of all machines of a run together.
const FASTEST: f64 = 1e9;
/// The most of a list that one writes by hand.
const MOST_WRITTEN: usize = 1000;

/// What of the plan at `here` nobody plans, if anything.
pub(super) fn look(here: &Place, plan: &Plan) -> Found {
    let stages = here.at("stages");
    stages.must(plan.stages.len() <= MOST_WRITTEN, || "too many stages".to_owned())?;
    let possible =
        |stage: &Stage| (0.0..=FASTEST).contains(&stage.target) && stage.duration <= LONGEST;
    stages.must(plan.stages.iter().all(possible), || "no load is like that".to_owned())?;
    let lasting = plan.stages.iter().fold(Nanos::ZERO, |sum, stage| sum + stage.duration);
    stages.must(lasting <= LONGEST, || "no load lasts that long".to_owned())?;
    let share = plan.probes.share;
    here.at("probes").must((0.0..=1.0).contains(&share), || format!("{share} is no share"))?;
    generator(here, plan)?;
    criteria(&here.at("criteria"), &plan.criteria)
}

/// What the generator is held to, which is nobody's to loosen.
fn generator(here: &Place, plan: &Plan) -> Found {
    let (engine, bounds) = (&plan.engine, &plan.criteria.generator);
    let lag = engine.max_lag <= EngineSettings::LONGEST;
    here.at("engine").at("max_lag").must(lag, || "nobody allows so much".to_owned())?;
    let here = here.at("criteria").at("generator");
    let dropped = (0.0..=GeneratorBounds::MAX_DROPPED).contains(&bounds.max_dropped);
    here.at("max_dropped").must(dropped, || "nobody allows so many".to_owned())?;
    let off_plan = (0.0..=GeneratorBounds::MAX_OFF_PLAN).contains(&bounds.max_off_plan);
    here.at("max_off_plan").must(off_plan, || "nobody allows so much".to_owned())?;
    let widest = GeneratorBounds::widest_lag(engine.max_lag, &plan.criteria.thresholds);
    let lag = bounds.max_lag <= widest;
    here.at("max_lag").must(lag, || "the plan allows less".to_owned())
}

fn prediction(here: &Place, prediction: Prediction) -> Found {
    let Prediction { admitted_low, admitted_high, hits_low, hits_high, hits_probable } = prediction;
    let within = hits_probable.is_none_or(|hits| (hits_low..=hits_high).contains(&hits));
    let apart = admitted_low <= admitted_high && hits_low <= hits_high;
    here.must(within && apart, || "its bounds are the wrong way round".to_owned())
}

fn criteria(here: &Place, criteria: &Criteria) -> Found {
    if let Some(predicted) = criteria.prediction {
        prediction(&here.at("prediction"), predicted)?;
    }
    if let Some(limit) = criteria.limit {
        let possible = (1..=MOST).contains(&limit.limit)
            && (Nanos::from_millis(1)..=LONGEST).contains(&limit.window)
            && (Nanos(1)..=WHOLE_SECOND).contains(&limit.tick);
        here.at("limit").must(possible, || "no limit is like that".to_owned())?;
    }
    let decision = criteria.decision;
    let confident = decision.confidence > 0.0 && decision.confidence < 1.0 && decision.looks >= 1;
    here.at("decision").must(confident, || "nothing can be decided so".to_owned())?;
    let thresholds = here.at("thresholds");
    thresholds.must(criteria.thresholds.len() <= MOST_WRITTEN, || "too many".to_owned())?;
    for (index, threshold) in criteria.thresholds.iter().enumerate() {
        let said = gate::parse_threshold(&threshold.key, &threshold.expression);
        let same = said.is_ok_and(|said| {
            (said.metric, said.method, said.operator, said.bound)
                == (threshold.metric, threshold.method, threshold.operator, threshold.bound)
                && said.selector == threshold.selector
        });
        thresholds.item(index).must(same, || "it is not what its text says".to_owned())?;
    }
    Ok(())
}
