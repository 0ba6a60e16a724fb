//! The probes that go along with a load, as a limiter may count them to who sends it.

use std::collections::BTreeMap;

use super::batches::batched;
use super::extras::ProbeTurns;
use super::{IdentityKind, Plan, Schedule};
use crate::admission::DeclaredLimit;
use crate::ids::ProbeKind;
use crate::limits::{Alike, Batch};
use crate::units::Nanos;

/// Up to so many arrivals each probe is reckoned with …
const ONE_BY_ONE: u64 = 10_000_000;
/// … and of more, so many parts of all of them, whoever sends.
const PARTS: u64 = 1 << 14;

/// Whether each probe of that load is reckoned with by itself, and no other.
pub(super) fn looked_at(schedule: &Schedule) -> bool {
    schedule.total() <= ONE_BY_ONE
}

/// Whether `limit` may count a probe of that kind to who shares the arrivals. Where every
/// address is forged each probe has one of its own; a wrong key belongs to nobody, and
/// who shows a right one sends as its owner.
fn shares_quota(plan: &Plan, limit: &DeclaredLimit, kind: ProbeKind) -> bool {
    if !limit.scope.counts_each(plan.identities.kind) {
        return true;
    }
    match plan.identities.kind {
        IdentityKind::Address => !plan.identities.claims_addresses(),
        IdentityKind::Key => plan.probes.by_identity.contains(&kind),
        IdentityKind::Global => true,
    }
}

/// The probes before the load, which the first of `senders` sends, and those that go along
/// with each one's arrivals, from the start of the load on, as far as `limit` may count them.
pub(super) fn probes(
    plan: &Plan,
    limit: &DeclaredLimit,
    schedule: &Schedule,
    senders: &[Alike],
) -> (Vec<Batch>, Vec<Vec<Batch>>) {
    let counted = |kind: ProbeKind| shares_quota(plan, limit, kind);
    let before = plan.probes.before_load().iter().filter(|kind| counted(**kind));
    let before = before.map(|_| Batch::single(Nanos::ZERO)).collect();
    let turns = plan.probes.turns(schedule.total());
    let each = if looked_at(schedule) {
        one_by_one(turns, counted, schedule, senders)
    } else {
        in_parts(&turns, counted, schedule, senders)
    };
    (before, each)
}

/// Each probe to the sender whose arrival it goes along with.
fn one_by_one(
    turns: ProbeTurns<'_>,
    counted: impl Fn(ProbeKind) -> bool,
    schedule: &Schedule,
    senders: &[Alike],
) -> Vec<Vec<Batch>> {
    let mut count = 0;
    let ends: Vec<u64> = senders
        .iter()
        .map(|alike| {
            count += alike.identities;
            count
        })
        .collect();
    let mut each = vec![Vec::new(); senders.len()];
    for (n, _) in turns.filter(|(_, kind)| counted(*kind)) {
        let place = ends.partition_point(|end| *end <= (n - 1) % count.max(1));
        if let Some(own) = each.get_mut(place) {
            own.push(n);
        }
    }
    let due = |n: u64| schedule.due(n).unwrap_or_default();
    let batches = |(alike, own): (&Alike, Vec<u64>)| match alike.identities {
        1 => batched(own.len() as u64, |i| due(own[i as usize])).collect(),
        many => busiest(&own, (many, count), due),
    };
    senders.iter().zip(each).map(batches).collect()
}

/// The same of more probes than can be looked at: in parts, of each no more than all of
/// it, and than an identity has arrivals that one can go along with.
pub(super) fn in_parts(
    turns: &ProbeTurns<'_>,
    counted: impl Fn(ProbeKind) -> bool,
    schedule: &Schedule,
    senders: &[Alike],
) -> Vec<Vec<Batch>> {
    let count = senders.iter().map(|alike| alike.identities).sum::<u64>().max(1);
    let parts = (PARTS / (senders.len() as u64).max(1)).max(1);
    let size = turns.total().div_ceil(parts).max(1);
    let due = |n: u64| schedule.due(n).unwrap_or_default();
    let part = |first: u64| {
        let end = (first + size).min(turns.total());
        let (one, last) = (turns.arrival(first), turns.arrival(end - 1));
        let all = turns.of_kinds(end, &counted) - turns.of_kinds(first, &counted);
        Batch { from: due(one), to: due(last), count: all.min((last - one) / count + 1) }
    };
    let parts = (0..turns.total()).step_by(usize::try_from(size).unwrap_or(usize::MAX));
    let parts: Vec<Batch> = parts.map(part).filter(|batch| batch.count > 0).collect();
    vec![parts; senders.len()]
}

/// What each of some identities sends at most of what they send together, arrivals `own`
/// of all that `count` share in turn.
fn busiest(own: &[u64], (identities, count): (u64, u64), due: impl Fn(u64) -> Nanos) -> Vec<Batch> {
    // In parts in which each has a few, or what the busiest has is far from what each has.
    let parts = (own.len() as u64 / (identities * 8)).clamp(1, 64);
    let size = (own.len() as u64).div_ceil(parts).max(1);
    let part = |part: &[u64]| {
        let mut turns: BTreeMap<u64, u64> = BTreeMap::new();
        for n in part {
            *turns.entry((n - 1) % count).or_default() += 1;
        }
        let most = turns.values().copied().max().unwrap_or(0);
        Batch { from: due(part[0]), to: due(part[part.len() - 1]), count: most }
    };
    own.chunks(size as usize).map(part).collect()
}
