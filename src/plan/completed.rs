//! What follows from the rest of a plan: what is sent beside the arrivals, and what all of it must give.

use super::extras::Extras;
use super::schedule::Schedule;
use super::traffic;
use super::types::Plan;
use crate::admission::Scope;
use crate::limits;

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
}
