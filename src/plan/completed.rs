//! What follows from the rest of a plan: what is sent beside the arrivals, and what all of it must give.

use sha2::{Digest, Sha256};

use super::extension::{LOOKS, prolonged};
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
            let schedule = Schedule::new(&self.stages);
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

    /// The stages, the planned ones first and then those of a load that went on once,
    /// and twice. All have the same arrivals up to the end of the hold that goes on.
    #[must_use]
    pub fn courses(&self) -> Vec<Vec<Stage>> {
        let Some(extension) = self.extension else { return vec![self.stages.clone()] };
        let times = 0..LOOKS;
        times.map(|times| prolonged(&self.stages, extension.after(times))).collect()
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
