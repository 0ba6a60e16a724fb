//! What a plan sends to each limiter, moment by moment, and how many 429 that must give.

use super::{IdentityKind, Plan, Schedule};
use crate::admission::DeclaredLimit;
use crate::limits::{self, Prediction};
use crate::units::Nanos;

/// How long canary and first probes may take together before the load starts:
/// bounds are taken over both.
const BEFORE_LOAD: [Nanos; 2] = [Nanos::from_millis(50), Nanos::from_secs(5)];

/// What a correct limiter of the declared kind does with everything the plan
/// sends (arrivals, canary, probes, proof; not minting), over every phase and
/// algorithm. Admitted is any answer but 429. `None`: no limit is declared.
pub(super) fn predict_hits(plan: &Plan) -> Option<Prediction> {
    let limit = plan.criteria.limit?;
    let schedule = Schedule::new(&plan.stages);
    let proof = &plan.extras.proof;
    let (mut low, mut high) = (u64::MAX, 0);
    for before in BEFORE_LOAD {
        // A probe may use quota or not (docs/api.md leaves it open where the limiter
        // stands): both are reckoned with, where it shares an identity.
        for with_probes in [false, true] {
            let mut streams = arrivals(plan, &schedule, before + proof.load_starts);
            if let Some(first) = streams.first_mut() {
                first.push(Nanos::ZERO);
            }
            if with_probes {
                along_with_load(&mut streams, plan, &schedule, before + proof.load_starts);
            }
            streams.push(proof.lead_in.iter().chain(&proof.follow_ups).copied().collect());
            let here = limits::predict(&limit, streams);
            low = low.min(here.hits_low);
            high = high.max(here.hits_high);
        }
    }
    // Nobody names an address of its own before somebody was refused.
    let naming = u64::from(plan.extras.naming && high > 0);
    let sent = requests(plan, &schedule) + naming;
    let high = high + naming;
    Some(Prediction {
        admitted_low: sent.saturating_sub(high),
        admitted_high: sent.saturating_sub(low),
        hits_low: low,
        hits_high: high,
    })
}

/// Requests of any kind that go out whatever is answered: arrivals, canary,
/// probes, proof; not minting.
pub(super) fn requests(plan: &Plan, schedule: &Schedule) -> u64 {
    let arrivals = schedule.total();
    arrivals + 1 + plan.probes.requests(arrivals) + plan.extras.proof_requests()
}

/// Of the arrivals alone, how many a correct limiter admits at least and at
/// most; all of them where no limit is declared.
pub(super) fn arrivals_admitted(plan: &Plan, schedule: &Schedule) -> (u64, u64) {
    let Some(limit) = plan.criteria.limit else { return (schedule.total(), schedule.total()) };
    let found = limits::predict(&limit, arrivals(plan, schedule, Nanos::ZERO));
    (found.admitted_low, found.admitted_high)
}

/// How much below the limit an identity stays.
const HEADROOM: f64 = 1.1;

/// The fewest identities that keep a load within the limit of each, canary and
/// probes included. `busiest`: the most arrivals in any window and a second of all
/// together; `share`: of arrivals that are accompanied by a probe.
#[must_use]
pub fn identities_needed(limit: &DeclaredLimit, busiest: u64, share: f64) -> u64 {
    let others = if share > 0.0 { 2.0 + (limit.limit as f64 * share).ceil() } else { 1.0 };
    let each = ((limit.limit as f64 - others) / HEADROOM).floor().max(1.0);
    (busiest as f64 / each).ceil().max(1.0) as u64
}

/// How many limiters share the arrivals.
pub(super) fn quotas(plan: &Plan, limit: &DeclaredLimit) -> u32 {
    if limit.scope.counts_each(plan.identities.kind) { plan.identities.senders().max(1) } else { 1 }
}

/// The arrivals of each limiter, round robin; the load starts at `start`.
fn arrivals(plan: &Plan, schedule: &Schedule, start: Nanos) -> Vec<Vec<Nanos>> {
    let count = plan.criteria.limit.map_or(1, |limit| quotas(plan, &limit)) as usize;
    let mut streams = vec![Vec::new(); count.max(1)];
    for (n, _, due) in schedule.iter() {
        streams[(n as usize - 1) % count.max(1)].push(start + due);
    }
    streams
}

/// Adds the probes to the identities that send them: those before the load, and
/// those that go along with it. Where every address is forged each probe has one
/// of its own; a wrong key belongs to nobody.
fn along_with_load(streams: &mut [Vec<Nanos>], plan: &Plan, schedule: &Schedule, start: Nanos) {
    let apart = match plan.identities.kind {
        IdentityKind::Address => plan.identities.claims_addresses(),
        IdentityKind::Key => true,
        IdentityKind::Global => false,
    };
    let Some(stream) = streams.first_mut().filter(|_| !apart) else { return };
    stream.extend(plan.probes.before_load().iter().map(|_| Nanos::ZERO));
    let turns = plan.probes.turns(schedule.total());
    stream.extend(turns.map(|(n, _)| start + schedule.due(n).unwrap_or_default()));
}
