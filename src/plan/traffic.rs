//! What a plan sends to each limiter, moment by moment, and how many 429 that must give.

use super::{IdentityKind, Plan, Schedule};
use crate::admission::{DeclaredLimit, Scope};
use crate::limits::{self, Prediction, ProofSchedule};
use crate::units::Nanos;

/// How long canary and first probes may take together before the load starts:
/// bounds are taken over both.
const BEFORE_LOAD: [Nanos; 2] = [Nanos::from_millis(50), Nanos::from_secs(5)];

/// When the identity that is set aside sends; empty where none is.
#[must_use]
pub fn proof_of(plan: &Plan, seed: u64) -> ProofSchedule {
    let schedule = Schedule::new(&plan.stages);
    match plan.criteria.limit {
        Some(limit) if plan.identities.set_aside > 0 => {
            limits::proof_schedule(&limit, schedule.peak(), seed, schedule.duration())
        }
        _ => ProofSchedule::default(),
    }
}

/// What a correct limiter of the declared kind does with everything the plan
/// sends (arrivals, canary, probes, proof; not minting), over every phase and
/// algorithm. Admitted is any answer but 429. `None`: no limit is declared.
#[must_use]
pub fn predict_hits(plan: &Plan, seed: u64) -> Option<Prediction> {
    let limit = plan.criteria.limit?;
    let schedule = Schedule::new(&plan.stages);
    let proof = proof_of(plan, seed);
    let probes = probe_count(plan, schedule.total());
    let (mut low, mut high) = (u64::MAX, 0);
    for before in BEFORE_LOAD {
        // A probe may use quota or not (API.md leaves it open where the limiter
        // stands): both are reckoned with, where it shares an identity.
        for probes in [0, probes] {
            let mut streams = arrivals(plan, &schedule, before + proof.load_starts);
            if let Some(first) = streams.first_mut() {
                first.push(Nanos::ZERO);
            }
            along_with_load(&mut streams, plan, &schedule, probes, before + proof.load_starts);
            streams.push(proof.lead_in.iter().chain(&proof.follow_ups).copied().collect());
            let here = limits::predict(&limit, streams);
            low = low.min(here.hits_low);
            high = high.max(here.hits_high);
        }
    }
    let spoof = spoof_tries(plan);
    let sent = requests(plan, seed);
    let high = high + spoof;
    Some(Prediction {
        admitted_low: sent.saturating_sub(high),
        admitted_high: sent.saturating_sub(low),
        hits_low: low,
        hits_high: high,
    })
}

/// Whether one request is sent under another address after a refusal.
fn spoof_tries(plan: &Plan) -> u64 {
    let by_address = plan.criteria.limit.is_some_and(|limit| limit.scope == Scope::Ip);
    u64::from(by_address && plan.identities.set_aside > 0)
}

/// Requests of any kind: arrivals, canary, probes, proof; not minting.
pub(super) fn requests(plan: &Plan, seed: u64) -> u64 {
    let schedule = Schedule::new(&plan.stages);
    let proof = proof_of(plan, seed);
    let proof = (proof.lead_in.len() + proof.follow_ups.len()) as u64;
    schedule.total() + 1 + probe_count(plan, schedule.total()) + proof + spoof_tries(plan)
}

/// Of the arrivals alone, how many a correct limiter admits at least and at
/// most; all of them where no limit is declared.
pub(super) fn arrivals_admitted(plan: &Plan, schedule: &Schedule) -> (u64, u64) {
    let Some(limit) = plan.criteria.limit else { return (schedule.total(), schedule.total()) };
    let found = limits::predict(&limit, arrivals(plan, schedule, Nanos::ZERO));
    (found.admitted_low, found.admitted_high)
}

/// Probes that are sent, whatever they are sent for.
fn probe_count(plan: &Plan, arrivals: u64) -> u64 {
    if plan.probes.share <= 0.0 {
        return 0;
    }
    let wanted = (arrivals as f64 * plan.probes.share).round() as u64;
    wanted.max(plan.probes.kinds.len() as u64)
}

/// Whether each identity has a quota of its own.
pub(super) const fn divides(plan: &Plan, limit: &DeclaredLimit) -> bool {
    matches!(
        (plan.identities.kind, limit.scope),
        (IdentityKind::Address, Scope::Ip) | (IdentityKind::Key, Scope::Customer)
    )
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
    if divides(plan, limit) { plan.identities.count.max(1) } else { 1 }
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

/// Adds the probes to the identities that send them: one of each kind before
/// the load, the others spread over it. Where every address is forged each probe
/// has one of its own; a wrong key belongs to nobody.
fn along_with_load(
    streams: &mut [Vec<Nanos>],
    plan: &Plan,
    schedule: &Schedule,
    probes: u64,
    start: Nanos,
) {
    let apart = match plan.identities.kind {
        IdentityKind::Address => plan.identities.count + plan.identities.set_aside > 1,
        IdentityKind::Key => true,
        IdentityKind::Global => false,
    };
    let Some(stream) = streams.first_mut().filter(|_| !apart) else { return };
    let first = plan.probes.kinds.len() as u64;
    for probe in 0..probes {
        let at = probe.saturating_sub(first) * schedule.total() / (probes - first).max(1);
        let due = schedule.due(at + 1).unwrap_or_default();
        stream.push(if probe < first { Nanos::ZERO } else { start + due });
    }
}
