//! What is sent is the schedule's, redeliveries included, however many send it.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use crate::ids::{IdentityId, Traffic};
use crate::plan::{Schedule, Share, Stage};
use crate::scenario::{self, Acknowledged, Call, Identity, Past, Scenario};
use crate::secret::Secret;
use crate::units::Nanos;

const UNIX: Duration = Duration::from_secs(1_761_846_252);

/// A target that acknowledges every first delivery so long after it was due.
#[derive(Debug)]
struct Target<'a> {
    schedule: &'a Schedule,
    takes: Nanos,
    now: Nanos,
    first: &'a BTreeMap<u64, bool>,
}

impl Acknowledged for Target<'_> {
    fn delivery(&self, n: u64) -> Option<Past> {
        let due = self.schedule.due(n)?;
        let known = self.first.get(&n).copied().unwrap_or(false) && due + self.takes <= self.now;
        known.then(|| Past { n, unix: UNIX + Duration::from(due) })
    }
}

/// The body of every arrival of `share`, and whether it was a first delivery.
fn sent(
    scenario: &dyn Scenario,
    schedule: &Schedule,
    share: Share,
    takes: Nanos,
    first: &mut BTreeMap<u64, bool>,
) -> Vec<(u64, Vec<u8>)> {
    let identity = Identity { id: IdentityId(0), address: None, key: None, captured: None };
    schedule
        .dealt(share)
        .map(|(n, _, due)| {
            let past = Target { schedule, takes, now: due, first };
            let unix = UNIX + Duration::from(due);
            let call =
                Call { n, traffic: Traffic::Arrival, unix, identity: &identity, past: &past };
            let request = scenario.request(&call);
            first.insert(n, request.repeatable);
            (n, request.body)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_union_of_what_workers_send_is_what_one_sends(
        rates in prop::collection::vec(0_u32..80, 1..4),
        seed: u64,
        workers in 1_u32..=16,
        takes in 0_u64..3_000,
    ) {
        let stage = |rate: &u32| Stage { duration: Nanos::from_secs(2), target: f64::from(*rate) };
        let schedule = Schedule::new(&rates.iter().map(stage).collect::<Vec<_>>());
        let settings = super::plan(Vec::new()).settings;
        let secrets =
            scenario::Secrets { signing: Some(Secret::new("whsec_test")), known: Vec::new() };
        let scenario = scenario::build(&settings, seed, "lg-test", secrets).expect("is built in");
        let takes = Nanos::from_millis(takes);
        let mut first = BTreeMap::new();
        let one = sent(scenario.as_ref(), &schedule, Share::WHOLE, takes, &mut first);
        let mut many: Vec<_> = (0..workers)
            .flat_map(|worker| {
                let share = Share::new(worker, workers);
                sent(scenario.as_ref(), &schedule, share, takes, &mut first.clone())
            })
            .collect();
        many.sort();
        prop_assert_eq!(many, one);
    }
}
