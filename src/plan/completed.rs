//! What follows from the rest of a plan: what is sent beside the arrivals, and what all of it must give.

use sha2::{Digest, Sha256};

use super::extension::{LOOKS, prolonged, shortened};
use super::extras::Extras;
use super::schedule::{Schedule, Stage};
use super::shard::Dealing;
use super::traffic;
use super::types::{Plan, SuitePlan};
use crate::admission::Scope;
use crate::limits;
use crate::units::Nanos;

impl Plan {
    /// This plan with everything that follows from it: what is sent beside the
    /// arrivals, and how many 429 all of it must give. To be done anew whenever
    /// stages, identities, probes or limit change. `forging`: whether addresses
    /// may be claimed where it goes.
    #[must_use]
    pub fn completed(mut self, seed: u64, forging: bool) -> Self {
        let limit = self.criteria.limit;
        let proof = limit.filter(|_| self.identities.set_aside > 0).map(|limit| {
            let schedule = Schedule::new(&self.planned_stages());
            limits::proof_schedule(&limit, schedule.peak(), seed, schedule.duration())
        });
        self.extras = Extras {
            naming: forging && limit.is_some_and(|limit| limit.scope == Scope::Ip),
            proof: proof.unwrap_or_default(),
        };
        self.criteria.prediction = traffic::predict_hits(&self);
        self
    }

    /// This plan sent by so many machines, each from an address of its own where none is
    /// claimed. Nobody could tell all of them that the load goes on, so it doesn't.
    #[must_use]
    fn by_machines(mut self, machines: u32, seed: u64) -> Self {
        self.identities.machines = machines;
        self.extension = None;
        self.criteria.decision.looks = 1;
        let forging = self.extras.naming;
        self.completed(seed, forging)
    }

    /// This plan with only so many identities that can send: nobody is set aside where
    /// they are fewer than planned.
    #[must_use]
    pub fn with_identities(mut self, there: u32, seed: u64) -> Self {
        if there >= self.identities.count + self.identities.set_aside {
            return self;
        }
        self.identities.set_aside = 0;
        self.identities.count = there.max(1);
        let forging = self.extras.naming;
        self.completed(seed, forging)
    }

    /// The stages as they were before the load went on.
    fn planned_stages(&self) -> Vec<Stage> {
        let done = self.extension.map_or(Nanos::ZERO, |extension| extension.done);
        shortened(&self.stages, done)
    }

    /// The stages, the planned ones first and then those of a load that went on once,
    /// and twice: the same before a run and after it. All have the same arrivals up to
    /// the end of the hold that goes on.
    #[must_use]
    pub fn courses(&self) -> Vec<Vec<Stage>> {
        let planned = self.planned_stages();
        let Some(extension) = self.extension else { return vec![planned] };
        (0..LOOKS).map(|times| prolonged(&planned, extension.after(times))).collect()
    }

    /// This plan as it was carried out by a load that went on for `done`.
    #[must_use]
    pub fn carried_out(mut self, done: Nanos) -> Self {
        if let Some(extension) = &mut self.extension {
            self.stages = prolonged(&self.stages, done.saturating_sub(extension.done));
            extension.done = extension.done.max(done);
        }
        self
    }
}

impl SuitePlan {
    /// This plan, dealt like that.
    #[must_use]
    pub fn dealt(mut self, dealing: Dealing) -> Self {
        if !dealing.shard.is_alone() {
            let (machines, seed) = (dealing.shard.of(), self.seed);
            let plans = self.scenarios.into_iter();
            self.scenarios = plans.map(|plan| plan.by_machines(machines, seed)).collect();
        }
        self.dealing = dealing;
        self
    }

    /// Stands for all that machines of one run have in common: another plan has, but for
    /// chance, another. 16 hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut plan = self.clone();
        for scenario in &mut plan.scenarios {
            // How many cores a machine has, and where its authorities lie, is its own affair.
            scenario.engine.workers = None;
            scenario.engine.ca_file = None;
        }
        // Plain data with text keys: serialising it can't err.
        let text = serde_json::to_vec(&plan).unwrap_or_default();
        hex::encode(&Sha256::digest(text)[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::DeclaredLimit;
    use crate::ids::ScenarioId;
    use crate::plan::{Extension, fixtures};
    use crate::scenario::Settings;

    #[test]
    fn a_load_that_went_on_is_completed_as_it_was_planned() {
        let stage = |secs, target| Stage { duration: Nanos::from_secs(secs), target };
        let scenario = ScenarioId::fixed("webhook");
        let stages = vec![stage(0, 10.0), stage(60, 10.0), stage(5, 0.0)];
        let mut plan = fixtures::plan(scenario, Settings::new(scenario, []), stages);
        plan.identities.set_aside = 1;
        plan.criteria.limit = Some(DeclaredLimit::of(100, Nanos::from_secs(10), Scope::Ip));
        plan.extension = Some(Extension { most: Nanos::from_secs(60), done: Nanos::ZERO });
        let plan = plan.completed(7, true);
        for done in [30, 60] {
            let longer = plan.clone().carried_out(Nanos::from_secs(done));
            assert_eq!(longer.stages[1].duration, Nanos::from_secs(60 + done));
            assert_eq!(longer.courses(), plan.courses());
            let again = longer.clone().completed(7, true);
            assert_eq!((again.extras, again.stages), (plan.extras.clone(), longer.stages));
            assert_eq!(again.criteria.prediction, plan.criteria.prediction);
        }
    }
}
