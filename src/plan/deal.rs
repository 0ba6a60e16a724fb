//! Who of several sends which arrivals.
//!
//! A function of the arrival's number and of the plan alone: workers of one process and
//! shards on several machines come to the same whole, however many there are. What
//! belongs together is dealt together: the arrivals of one key or one claimed address,
//! and a redelivery with what it repeats.

use std::fmt;
use std::sync::Arc;

use super::{Plan, Schedule, Shard, Share};
use crate::measure::StageRecord;
use crate::scenario::Scenario;
use crate::units::Nanos;

/// Up to so many arrivals a plan says exactly how many a shard sends, whatever is repeated …
const ONE_BY_ONE: u64 = 10_000_000;
/// … and of more by so many.
const SAMPLED: u64 = 1 << 20;

/// What is dealt together.
#[derive(Clone)]
enum Together {
    /// Nothing: each arrival stands for itself.
    Nothing,
    /// The arrivals of each of so many identities, whose turns go round.
    Identities(u64),
    /// What is delivered again, with its first delivery.
    Redeliveries(Arc<dyn Scenario>),
}

/// The arrivals of one shard.
#[derive(Clone)]
pub struct Deal {
    share: Share,
    together: Together,
    /// Identities that take turns.
    turns: u64,
}

impl fmt::Debug for Deal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deal").field("share", &self.share).finish_non_exhaustive()
    }
}

impl Deal {
    /// What `shard` sends of `plan`, whose arrivals `scenario` builds.
    #[must_use]
    pub fn new(plan: &Plan, shard: Shard, scenario: &Arc<dyn Scenario>) -> Self {
        let turns = u64::from(plan.identities.count.max(1));
        let alone = shard.is_alone();
        let together = match turns {
            _ if alone => Together::Nothing,
            1 if plan.identities.is_shared() && scenario.repeats() => {
                Together::Redeliveries(Arc::clone(scenario))
            }
            1 if plan.identities.is_shared() => Together::Nothing,
            turns => Together::Identities(turns),
        };
        Self { share: shard.share(), together, turns }
    }

    /// Whether arrival `n` (from 1; 0: the canary, which goes with the first) is in it.
    #[must_use]
    pub fn has(&self, n: u64) -> bool {
        self.share.has(match &self.together {
            Together::Nothing => n,
            Together::Identities(turns) => n.saturating_sub(1) % turns + 1,
            Together::Redeliveries(scenario) => scenario.original(n).unwrap_or(n),
        })
    }

    /// The numbers in it, of `total` arrivals, in order.
    #[must_use]
    pub fn numbers(&self, total: u64) -> Box<dyn Iterator<Item = u64> + '_> {
        self.part(total, 0, 1)
    }

    /// The numbers that worker `index` (from 0) of `of` sends of them: in turn.
    #[must_use]
    pub fn part(&self, total: u64, index: u32, of: u32) -> Box<dyn Iterator<Item = u64> + '_> {
        let (skip, step) = (index as usize, of.max(1) as usize);
        match self.together {
            Together::Nothing => Box::new(self.share.part(index, of).numbers(total)),
            // Fewer identities than machines: this one has none.
            Together::Identities(turns) if self.share.numbers(turns).next().is_none() => {
                Box::new(std::iter::empty())
            }
            Together::Identities(turns) => {
                let rounds = (0..=total / turns).map(move |round| round * turns);
                let all = rounds.flat_map(move |before| {
                    self.share.numbers(turns).map(move |turn| before + turn)
                });
                let all = all.take_while(move |n| *n <= total);
                Box::new(all.skip(skip).step_by(step))
            }
            Together::Redeliveries(_) => {
                let all = (1..=total).filter(|n| self.has(*n));
                Box::new(all.skip(skip).step_by(step))
            }
        }
    }

    /// The last arrival that isn't after `m` (0: the canary) and may be repeated by
    /// arrival `n` of this deal: it was sent here, by the same identity. `None`: there is
    /// none.
    #[must_use]
    pub fn repeatable(&self, n: u64, m: u64) -> Option<u64> {
        let by = match self.together {
            Together::Nothing if self.turns == 1 => self.share,
            Together::Redeliveries(_) => self.share,
            _ => Share::of_turn(n, self.turns),
        };
        match by.last_by(m) {
            // The canary goes with the first arrival.
            0 => by.has(1).then_some(0),
            m => Some(m),
        }
    }

    /// The stages of `schedule` as this deal's recording keeps them, nothing done yet:
    /// what is planned of each is its own, and the target its part of the whole's.
    #[must_use]
    pub fn stages(&self, schedule: &Schedule) -> Vec<StageRecord> {
        let mut stages = schedule.stages();
        if self.share == Share::WHOLE {
            return stages;
        }
        let mut end = 0;
        let own: Vec<u64> = stages
            .iter()
            .map(|stage| {
                let before = end;
                end += stage.planned;
                self.between(before, end)
            })
            .collect();
        let part = own.iter().sum::<u64>() as f64 / schedule.total().max(1) as f64;
        for (stage, own) in stages.iter_mut().zip(own) {
            stage.planned = own;
            stage.target *= part;
        }
        stages
    }

    /// How many of `total` arrivals are in it. Of a load in which who repeats what can't be
    /// looked at one by one in no time, about so many.
    #[must_use]
    pub fn about(&self, total: u64) -> u64 {
        if total <= ONE_BY_ONE || !matches!(self.together, Together::Redeliveries(_)) {
            return self.between(0, total);
        }
        let part = self.between(0, SAMPLED) as f64 / SAMPLED as f64;
        (part * total as f64).round() as u64
    }

    /// How many numbers of it come after `before`, up to `end`.
    fn between(&self, before: u64, end: u64) -> u64 {
        let share = self.share;
        match &self.together {
            Together::Nothing => share.count(end) - share.count(before),
            Together::Identities(turns) => {
                let by = |n: u64| n / turns * share.count(*turns) + share.count(n % turns);
                by(end) - by(before)
            }
            // What repeats what is known one by one only.
            Together::Redeliveries(_) => (before + 1..=end).filter(|n| self.has(*n)).count() as u64,
        }
    }
}

impl Schedule {
    /// The arrivals of those `numbers`: number, index of the stage, due moment.
    pub fn moments<'a>(
        &'a self,
        numbers: impl Iterator<Item = u64> + 'a,
    ) -> impl Iterator<Item = (u64, usize, Nanos)> + 'a {
        numbers.filter_map(|n| Some((n, self.stage_of(n), self.due(n)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::fixtures;
    use super::super::{IdentityKind, Stage};
    use super::*;
    use crate::ids::ScenarioId;
    use crate::scenario::{self, Secrets, Settings};

    /// A plan of a built-in scenario.
    fn plan_of(name: &str, stages: Vec<Stage>) -> Plan {
        let scenario = ScenarioId::parse(name).expect("is a name");
        fixtures::plan(scenario, Settings::new(scenario, [("duplicates", 0.1.into())]), stages)
    }

    fn stages() -> impl Strategy<Value = Vec<Stage>> {
        prop::collection::vec((0_u64..5_000, 0_u32..2000), 0..5).prop_map(|stages| {
            let stage = |(millis, tenths)| Stage {
                duration: Nanos::from_millis(millis),
                target: f64::from(tenths) / 10.0,
            };
            stages.into_iter().map(stage).collect()
        })
    }

    fn built(plan: &Plan, seed: u64) -> Arc<dyn Scenario> {
        let scenario = scenario::build(&plan.settings, seed, "lg-test", Secrets::default());
        scenario.expect("is built in").into()
    }

    proptest! {
        // A case deals to up to a thousand workers.
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_union_of_all_shares_is_the_schedule(
            stages in stages(),
            seed: u64,
            name in prop::sample::select(vec!["onboarding", "credential-vending", "webhook"]),
            kind in prop::sample::select(
                vec![IdentityKind::Address, IdentityKind::Key, IdentityKind::Global]),
            count in 1_u32..100,
            workers in 1_u32..=16,
            shards in 1_u32..=64,
        ) {
            let mut plan = plan_of(name, stages);
            plan.identities.kind = kind;
            plan.identities.count = if kind == IdentityKind::Global { 1 } else { count };
            let scenario = built(&plan, seed);
            let schedule = Schedule::new(&plan.stages);
            let whole: Vec<_> = schedule.iter().collect();
            let mut all = Vec::new();
            let mut planned = vec![0; plan.stages.len()];
            let mut identities = BTreeSet::new();
            for index in 1..=shards {
                let shard = Shard::new(index, shards).expect("is one");
                let deal = Deal::new(&plan, shard, &scenario);
                let mut own = Vec::new();
                for worker in 0..workers {
                    let part = deal.part(schedule.total(), worker, workers);
                    let part: Vec<_> = schedule.moments(part).collect();
                    prop_assert!(part.is_sorted());
                    own.extend(part);
                }
                own.sort_unstable();
                prop_assert!(own.iter().map(|(n, ..)| *n).eq(deal.numbers(schedule.total())));
                prop_assert!(own.iter().all(|(n, ..)| deal.has(*n)));
                // A key or an address is nobody else's.
                if !plan.identities.is_shared() {
                    let own: BTreeSet<_> =
                        own.iter().map(|(n, ..)| (n - 1) % u64::from(count)).collect();
                    prop_assert!(own.iter().all(|identity| plan.identities.is_of(*identity, shard)));
                    prop_assert!(own.iter().all(|identity| identities.insert(*identity)));
                }
                // Nor is anything that is delivered again.
                for (n, ..) in &own {
                    if let Some(original) = scenario.original(*n).filter(|_| plan.identities.is_shared()) {
                        prop_assert_eq!(deal.repeatable(*n, original), Some(original));
                    }
                }
                prop_assert_eq!(deal.about(schedule.total()), own.len() as u64);
                for (index, (sum, stage)) in planned.iter_mut().zip(deal.stages(&schedule)).enumerate() {
                    let here = own.iter().filter(|(_, at, _)| *at == index).count() as u64;
                    prop_assert_eq!(stage.planned, here);
                    *sum += here;
                }
                all.extend(own);
            }
            all.sort_unstable();
            prop_assert_eq!(all, whole);
            let stages: Vec<u64> = schedule.stages().iter().map(|stage| stage.planned).collect();
            prop_assert_eq!(planned, stages);
        }
    }

    #[test]
    fn a_machine_that_owns_nobody_has_nothing_to_send_however_long_the_load_may_last() {
        let shard = Shard::new(3, 4).expect("is one");
        let deal = Deal { share: shard.share(), turns: 2, together: Together::Identities(2) };
        assert_eq!(deal.part(u64::MAX, 0, 1).next(), None);
        assert_eq!(deal.part(u64::MAX, 1, 2).next(), None);
    }

    #[test]
    fn a_shard_of_any_load_is_told_of_at_once() {
        let hold = |secs| Stage { duration: Nanos::from_secs(secs), target: 1e7 };
        let day = vec![hold(0), hold(86_400)];
        let part = |name, count| {
            let mut plan = plan_of(name, day.clone());
            plan.identities.count = count;
            let scenario = built(&plan, 7);
            let deal = Deal::new(&plan, Shard::new(1000, 1000).expect("is one"), &scenario);
            deal.about(Schedule::new(&plan.stages).total())
        };
        assert_eq!(part("onboarding", 1), 864_000_000);
        assert_eq!(part("onboarding", 2000), 864_000_000);
        // A tenth of the webhooks repeats another.
        let webhooks = part("webhook", 1);
        assert!(webhooks.abs_diff(864_000_000) < 40_000_000, "{webhooks}");
    }

    #[test]
    fn what_may_be_repeated_was_sent_here() {
        let plan = plan_of("webhook", Vec::new());
        let scenario = built(&plan, 7);
        let deal = Deal::new(&plan, Shard::new(2, 4).expect("is one"), &scenario);
        // Numbers 2, 6, 10, … of those that repeat nothing.
        assert_eq!(deal.repeatable(40, 11), Some(10));
        assert_eq!(deal.repeatable(40, 6), Some(6));
        assert_eq!(deal.repeatable(40, 1), None, "the canary went with the first shard");
        let first = Deal::new(&plan, Shard::new(1, 4).expect("is one"), &scenario);
        assert_eq!((first.repeatable(40, 0), first.repeatable(40, 4)), (Some(0), Some(1)));
    }

    #[test]
    fn a_shard_is_planned_its_part_of_every_stage() {
        let stages = vec![
            Stage { duration: Nanos::ZERO, target: 100.0 },
            Stage { duration: Nanos::from_secs(10), target: 100.0 },
        ];
        let plan = plan_of("onboarding", stages);
        let scenario = built(&plan, 7);
        let schedule = Schedule::new(&plan.stages);
        let deal = Deal::new(&plan, Shard::new(2, 4).expect("is one"), &scenario);
        let own = deal.stages(&schedule);
        assert_eq!((own[1].planned, own[1].target), (250, 25.0));
        assert_eq!(Deal::new(&plan, Shard::ALONE, &scenario).stages(&schedule), schedule.stages());
    }
}
