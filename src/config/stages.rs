//! The stages of a profile: scaled, checked, and how long the last hold may go on.

use super::base::PlanBase;
use super::diagnostics::{Diagnostics, Wrong};
use super::scenario_table::{Profile, ScenarioConfig};
use super::values::{MAX_LOAD_SECONDS, MAX_RATE};
use crate::ids::ScenarioId;
use crate::plan::{Extension, LOOKS, Plan, Schedule, Stage, last_hold, prolonged};
use crate::units::{self, Nanos};

impl PlanBase<'_> {
    /// The stages, scaled.
    pub(super) fn scaled(&self, id: ScenarioId, problems: &mut Diagnostics) -> Option<Vec<Stage>> {
        let stages: Vec<Stage> = self
            .stages_of(id)?
            .iter()
            .map(|stage| Stage {
                duration: Nanos::from_secs_f64(stage.duration.as_secs_f64() * self.duration_scale),
                target: stage.target * self.rate_scale,
            })
            .collect();
        let profile = self.file.scenarios.get(&id)?.profiles.get(self.profile)?;
        let place = &profile.place;
        let path = format!("scenarios.{id}.profiles.{}", self.profile);
        let mut bad = false;
        let length = stages.iter().fold(Nanos::ZERO, |sum, stage| sum + stage.duration)
            + most(profile, self.duration_scale);
        if length > Nanos::from_secs(MAX_LOAD_SECONDS) {
            let message = format!("this lasts {length}{}", self.scales());
            problems.at(place, &path, Wrong::new(message, "expected at most 24 h"));
            bad = true;
        }
        if stages.iter().any(|stage| stage.target > MAX_RATE) {
            let message = format!("this goes above {}{}", units::rate(MAX_RATE), self.scales());
            problems.at(place, &path, Wrong::new(message, "expected a rate that can be sent"));
            bad = true;
        }
        (!bad).then_some(stages)
    }

    fn scales(&self) -> String {
        if self.rate_scale == 1.0 && self.duration_scale == 1.0 {
            return String::new();
        }
        let (rate, duration) = (self.rate_scale, self.duration_scale);
        format!(" (rate scale {rate}, duration scale {duration})")
    }

    pub(super) fn check_load(
        &self,
        id: ScenarioId,
        config: &ScenarioConfig,
        schedule: &Schedule,
        problems: &mut Diagnostics,
    ) {
        let Some(profile) = config.profiles.get(self.profile) else { return };
        let path = format!("scenarios.{id}.profiles.{}", self.profile);
        if schedule.total() == 0 {
            let message = format!("these stages plan no arrival at all{}", self.scales());
            problems.at(
                &profile.place,
                &path,
                Wrong::new(message, "expected at least one arrival"),
            );
        }
        let Some(max_rate) = self.target.environment.max_rate else { return };
        if schedule.peak() > max_rate {
            let message = format!(
                "{} arrivals at the peak are above max_rate of {}{}",
                units::rate(schedule.peak()),
                self.max_rate_owner(),
                self.scales()
            );
            let wrong = Wrong::new(message, format!("expected at most {}", units::rate(max_rate)));
            let help = "name a smaller profile with --profile, or lower --rate-scale";
            problems.at(&profile.place, &path, wrong.help(help));
        }
    }
}

/// The schedule of `stages`, as long as it may become.
pub(super) fn longest(stages: &[Stage], profile: Option<&Profile>, scale: f64) -> Schedule {
    let more = profile.map_or(Nanos::ZERO, |profile| most(profile, scale));
    Schedule::new(&prolonged(stages, more))
}

/// How much longer than its stages a profile may last, where time goes on for so much
/// longer or shorter than it says.
fn most(profile: &Profile, duration_scale: f64) -> Nanos {
    let most = profile.extend.as_ref().map_or(Nanos::ZERO, |extend| extend.value);
    Nanos::from_secs_f64(most.as_secs_f64() * duration_scale)
}

/// `plan`, of `profile`, with what may come after its planned end. Each of the looks
/// at its thresholds takes its part of their error.
pub(super) fn with_extension(
    mut plan: Plan,
    profile: Option<&Profile>,
    duration_scale: f64,
    problems: &mut Diagnostics,
) -> Plan {
    let Some(profile) = profile else { return plan };
    let Some(extend) = &profile.extend else { return plan };
    if !plan.stages.is_empty() && last_hold(&plan.stages).is_none() {
        let wrong = Wrong::new(
            "no stage of this profile holds a rate, so that none can go on",
            "expected a stage with the target of the one before it, or no `extend`",
        );
        problems.at(&extend.place, "", wrong);
        return plan;
    }
    plan.extension = Some(Extension { most: most(profile, duration_scale), done: Nanos::ZERO });
    plan.criteria.decision.looks = LOOKS;
    plan
}
