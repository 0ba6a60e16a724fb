//! What is sent is the schedule's, redeliveries included, however many send it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::ids::{IdentityId, IdentityKind, Traffic};
use crate::plan::{Deal, Plan, Schedule, Shard, Stage};
use crate::scenario::{self, Acknowledged, Call, Identity, Past, Scenario};
use crate::secret::Secret;
use crate::units::Nanos;

const UNIX: Duration = Duration::from_secs(1_761_846_252);

/// A target that acknowledges every first delivery so long after it was due.
#[derive(Debug)]
struct Target<'a> {
    schedule: &'a Schedule,
    deal: &'a Deal,
    takes: Nanos,
    now: Nanos,
    /// The arrival that asks.
    n: u64,
    first: &'a BTreeMap<u64, bool>,
}

impl Acknowledged for Target<'_> {
    fn delivery(&self, m: u64) -> Option<Past> {
        let m = self.deal.repeatable(self.n, m)?;
        let due = if m == 0 { Nanos::ZERO } else { self.schedule.due(m)? };
        let first = m == 0 || self.first.get(&m).copied().unwrap_or(false);
        (first && due + self.takes <= self.now)
            .then(|| Past { n: m, unix: UNIX + Duration::from(due) })
    }
}

/// The body of every arrival of a worker's part of `deal`; notes which were first deliveries.
fn sent(
    scenario: &dyn Scenario,
    schedule: &Schedule,
    (deal, worker, workers): (&Deal, u32, u32),
    takes: Nanos,
    first: &mut BTreeMap<u64, bool>,
) -> Vec<(u64, Vec<u8>)> {
    let identity = Identity { id: IdentityId(0), address: None, key: None, captured: None };
    schedule
        .moments(deal.part(schedule.total(), worker, workers))
        .map(|(n, _, due)| {
            let past = Target { schedule, deal, takes, now: due, n, first };
            let unix = UNIX + Duration::from(due);
            let call =
                Call { n, traffic: Traffic::Arrival, unix, identity: &identity, past: &past };
            let request = scenario.request(&call);
            first.insert(n, request.repeatable);
            (n, request.body)
        })
        .collect()
}

fn schedule(rates: &[u32]) -> Schedule {
    let stage = |rate: &u32| Stage { duration: Nanos::from_secs(2), target: f64::from(*rate) };
    Schedule::new(&rates.iter().map(stage).collect::<Vec<_>>())
}

/// A plan and scenario of webhooks, so many of which are delivered again, from so many
/// claimed addresses (1: all count as one).
fn webhooks(duplicates: f64, addresses: u32, seed: u64) -> (Plan, Arc<dyn Scenario>) {
    let mut plan = super::plan(Vec::new());
    plan.settings.values.insert("duplicates".to_owned(), duplicates.into());
    if addresses > 1 {
        plan.identities.kind = IdentityKind::Address;
        plan.identities.count = addresses;
    }
    let secrets = scenario::Secrets { signing: Some(Secret::new("whsec_test")), known: Vec::new() };
    let scenario = scenario::build(&plan.settings, seed, "lg-test", secrets).expect("is built in");
    (plan, scenario.into())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_union_of_what_workers_send_is_what_one_sends(
        rates in prop::collection::vec(0_u32..80, 1..4),
        seed: u64,
        workers in 1_u32..=16,
        addresses in 1_u32..=5,
        takes in 0_u64..3_000,
    ) {
        let schedule = schedule(&rates);
        let (plan, scenario) = webhooks(0.1, addresses, seed);
        let deal = Deal::new(&plan, Shard::ALONE, &scenario);
        let takes = Nanos::from_millis(takes);
        let mut first = BTreeMap::new();
        let one = sent(scenario.as_ref(), &schedule, (&deal, 0, 1), takes, &mut first);
        let mut many: Vec<_> = (0..workers)
            .flat_map(|worker| {
                let part = (&deal, worker, workers);
                sent(scenario.as_ref(), &schedule, part, takes, &mut first.clone())
            })
            .collect();
        many.sort();
        prop_assert_eq!(many, one);
    }

    /// Machines know only what they sent themselves: so a redelivery goes to whom its
    /// original went.
    #[test]
    fn the_union_of_what_machines_send_is_what_one_sends(
        rates in prop::collection::vec(0_u32..80, 1..4),
        seed: u64,
        machines in 1_u32..=64,
        addresses in 1_u32..=5,
        duplicates in prop::sample::select(vec![0.0, 0.1, 0.5, 1.0]),
    ) {
        let schedule = schedule(&rates);
        let (plan, scenario) = webhooks(duplicates, addresses, seed);
        let deal = |index| Deal::new(&plan, Shard::new(index, machines).expect("is one"), &scenario);
        let alone = Deal::new(&plan, Shard::ALONE, &scenario);
        let mut first = BTreeMap::new();
        let one = sent(scenario.as_ref(), &schedule, (&alone, 0, 1), Nanos::ZERO, &mut first);
        let mut many: Vec<_> = (1..=machines)
            .flat_map(|index| {
                let mut first = BTreeMap::new();
                sent(scenario.as_ref(), &schedule, (&deal(index), 0, 1), Nanos::ZERO, &mut first)
            })
            .collect();
        many.sort();
        prop_assert_eq!(many, one);
    }
}
