//! What a plan sends to each limiter, moment by moment, and how many 429 that must give.

use super::accompanied::{looked_at, probes};
use super::batches::{BATCHES, EXACTLY, batched};
use super::{Plan, Schedule};
use crate::admission::DeclaredLimit;
use crate::limits::{self, Alike, Batch, Prediction};
use crate::units::Nanos;

/// How long canary and first probes may take together before the load starts:
/// bounds are taken over both.
const BEFORE_LOAD: [Nanos; 2] = [Nanos::from_millis(50), Nanos::from_secs(5)];

/// What a correct limiter of the declared kind does with everything the plan
/// sends (arrivals, canary, probes, proof; not minting), over every phase and
/// algorithm. Admitted is any answer but 429. `None`: no limit is declared.
///
/// Of a load that may go on the bounds span all its courses.
pub(super) fn predict_hits(plan: &Plan) -> Option<Prediction> {
    let courses = plan.courses();
    let each = courses.iter().filter_map(|stages| predicted(plan, &Schedule::new(stages)));
    each.reduce(|one, other| Prediction {
        admitted_low: one.admitted_low.min(other.admitted_low),
        admitted_high: one.admitted_high.max(other.admitted_high),
        hits_low: one.hits_low.min(other.hits_low),
        hits_high: one.hits_high.max(other.hits_high),
        // Nothing is open, as a rule.
        hits_probable: one.hits_probable.or(other.hits_probable),
    })
}

/// The declared limits, those together that count the same identities apart; the first
/// of all leads.
fn rows(plan: &Plan) -> Vec<Vec<DeclaredLimit>> {
    let beside = plan.criteria.beside.iter().map(|beside| beside.declared);
    let each = |limit: &DeclaredLimit| limit.scope.counts_each(plan.identities.kind);
    let mut rows: Vec<Vec<DeclaredLimit>> = Vec::new();
    for limit in plan.criteria.limit.into_iter().chain(beside) {
        match rows.iter_mut().find(|row| row.first().map(each) == Some(each(&limit))) {
            Some(row) => row.push(limit),
            None => rows.push(vec![limit]),
        }
    }
    rows
}

/// Of rows that count different identities each refuses no more than it would of
/// everything, and all together no less than any of them.
fn predicted(plan: &Plan, schedule: &Schedule) -> Option<Prediction> {
    let rows = rows(plan);
    let mut each = rows.iter().map(|row| predicted_of(plan, schedule, row));
    let mut all = each.next()?;
    let sent = all.admitted_low + all.hits_high;
    for other in each {
        all.hits_low = all.hits_low.max(other.hits_low);
        all.hits_high = (all.hits_high + other.hits_high).min(sent);
        let probable = all.hits_probable.zip(other.hits_probable);
        all.hits_probable = probable.map(|(a, b)| a.max(b).clamp(all.hits_low, all.hits_high));
        (all.admitted_low, all.admitted_high) = (sent - all.hits_high, sent - all.hits_low);
    }
    Some(all)
}

/// The same, of one row alone.
fn predicted_of(plan: &Plan, schedule: &Schedule, row: &[DeclaredLimit]) -> Prediction {
    let Some(limit) = row.first() else { return Prediction::default() };
    let met = Met::by(plan, schedule, limit);
    let (mut low, mut high, mut least) = (u64::MAX, 0, u64::MAX);
    // A probe may use quota or not (docs/api.md leaves it open where the limiter
    // stands): both are reckoned with, where it shares an identity.
    for probed in [false, true].into_iter().take(1 + usize::from(met.is_probed())) {
        // Whatever its phase, a limiter makes of moments what it makes of the same ones
        // later: only who sends more than the load has to be looked at from every start.
        let rest = limits::predict(row, met.rest(Nanos::ZERO, probed));
        for before in BEFORE_LOAD {
            let start = before + plan.extras.proof.load_starts;
            let here = limits::predict(row, [met.first(start, probed)]);
            low = low.min(rest.hits_low + here.hits_low);
            high = high.max(rest.hits_high + here.hits_high);
            if !probed {
                // What goes along makes no limiter admit fewer in all.
                least = least.min(rest.admitted_low + here.admitted_low);
            }
        }
    }
    let sent = requests(plan, schedule);
    if !looked_at(schedule) {
        // More probes were reckoned with than there are.
        high = high.min(if row.len() == 1 { sent.saturating_sub(least) } else { sent });
    }
    let start = BEFORE_LOAD[0] + plan.extras.proof.load_starts;
    let mut senders = met.rest(start, false);
    senders.insert(0, met.first(start, false));
    let probable = limits::probable(row, senders);
    // Nobody names an address of its own before somebody was refused.
    let naming = u64::from(plan.extras.naming && high > 0);
    let sent = sent + naming;
    let high = high + naming;
    Prediction {
        admitted_low: sent.saturating_sub(high),
        admitted_high: sent.saturating_sub(low),
        hits_low: low,
        hits_high: high,
        hits_probable: probable.map(|hits| hits.clamp(low, high)),
    }
}

/// What each limiter meets: the load, from its start on, and the proof.
struct Met {
    /// The arrivals of the first identity, which sends the canary and the first probes too.
    first: Alike,
    /// Those of all others.
    others: Vec<Alike>,
    /// The probes before the load.
    before: Vec<Batch>,
    /// The probes that go along with the arrivals of each, the first's first.
    probes: Vec<Vec<Batch>>,
    /// What proves the limiter, from the first request on.
    proof: Vec<Batch>,
    /// Whether the proof has a limiter of its own.
    apart: bool,
}

impl Met {
    fn by(plan: &Plan, schedule: &Schedule, limit: &DeclaredLimit) -> Self {
        let mut others = arrivals(plan, limit, schedule);
        let (before, probes) = probes(plan, limit, schedule, &others);
        let first = if others.is_empty() { Alike::default() } else { others.remove(0) };
        let proof = &plan.extras.proof;
        let parts = [&proof.lead_in, &proof.follow_ups].into_iter();
        let proof = parts.flat_map(|all| batched(all.len() as u64, |i| all[i as usize])).collect();
        let apart = limit.scope.counts_each(plan.identities.kind);
        Self { first, others, before, probes, proof, apart }
    }

    /// Whether a limiter that counts arrivals may count probes too.
    fn is_probed(&self) -> bool {
        !self.before.is_empty() || self.probes.iter().any(|own| !own.is_empty())
    }

    /// What the first identity's limiter meets of a load that starts at `start`, with its
    /// probes if it counts them.
    fn first(&self, start: Nanos, probed: bool) -> Alike {
        let mut first = later(&self.first, start);
        first.batches.push(Batch::single(Nanos::ZERO));
        if probed {
            first.batches.extend(&self.before);
            first.batches.extend(self.probes.iter().take(1).flat_map(|own| moved(own, start)));
        }
        // Who is set aside is one of all where the limiter counts them together.
        if !self.apart {
            first.batches.extend(&self.proof);
        }
        first
    }

    /// What all other limiters meet.
    fn rest(&self, start: Nanos, probed: bool) -> Vec<Alike> {
        let mut rest: Vec<Alike> = self.others.iter().map(|alike| later(alike, start)).collect();
        let probes = self.probes.iter().skip(1).filter(|_| probed);
        for (alike, own) in rest.iter_mut().zip(probes) {
            alike.batches.extend(moved(own, start));
        }
        if self.apart {
            rest.push(Alike { identities: 1, batches: self.proof.clone() });
        }
        rest
    }
}

/// The same, `by` later.
fn later(alike: &Alike, by: Nanos) -> Alike {
    Alike { identities: alike.identities, batches: moved(&alike.batches, by).collect() }
}

/// The same, `by` later.
fn moved(batches: &[Batch], by: Nanos) -> impl Iterator<Item = Batch> {
    batches.iter().map(move |batch| Batch { from: batch.from + by, to: batch.to + by, ..*batch })
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
    let all = schedule.total();
    rows(plan).iter().filter_map(|row| row.first().map(|first| (row, first))).fold(
        (all, all),
        |(low, high), (row, first)| {
            let here = limits::predict(row, arrivals(plan, first, schedule));
            (low.saturating_sub(here.hits_high), high.min(here.admitted_high))
        },
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
    if limit.scope.counts_each(plan.identities.kind) { plan.identities.senders().max(1) } else { 1 }
}

/// Into how many kinds of identities that send alike the others are dealt then.
const KINDS: u64 = 16;

/// The arrivals of each limiter, round robin, those of the first apart; from the start
/// of the load on.
fn arrivals(plan: &Plan, limit: &DeclaredLimit, schedule: &Schedule) -> Vec<Alike> {
    let count = quotas(plan, limit);
    dealt(u64::from(count).max(1), schedule, EXACTLY)
}

/// The arrivals that each of `count` identities gets: moment by moment where there
/// are at most `exactly`.
fn dealt(count: u64, schedule: &Schedule, exactly: u64) -> Vec<Alike> {
    let total = schedule.total();
    let due = |n: u64| schedule.due(n).unwrap_or_default();
    let own = |i: u64| if i <= total { (total - i) / count + 1 } else { 0 };
    let kinds =
        if total <= exactly { (1..=count).map(|i| (i, i)).collect() } else { alike(count, total) };
    let each = if total <= exactly { u64::MAX } else { (BATCHES / kinds.len() as u64).max(1) };
    kinds
        .into_iter()
        .map(|(first, last)| {
            let turns = own(first);
            let size = turns.div_ceil(each).max(1);
            let batches = (0..turns).step_by(size as usize).map(|turn| {
                let end = (turn + size).min(turns);
                let (one, other) = (first + turn * count, last + (end - 1) * count);
                let from = due(one);
                let to = if one == other { from } else { due(other) };
                Batch { from, to, count: end - turn }
            });
            Alike { identities: last - first + 1, batches: batches.collect() }
        })
        .collect()
}

/// Identities 1 to `count` in ranges, each of which gets as many of `total` arrivals:
/// the first one apart.
fn alike(count: u64, total: u64) -> Vec<(u64, u64)> {
    let more = total % count;
    let mut ranges = vec![(1, 1)];
    for (first, last) in [(2, more), (2.max(more + 1), count)] {
        let size = (last + 1).saturating_sub(first).div_ceil(KINDS).max(1);
        let starts = (first..=last).step_by(size as usize);
        ranges.extend(starts.map(|first| (first, (first + size - 1).min(last))));
    }
    ranges
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::accompanied::in_parts;
    use super::*;
    use crate::admission::Scope;
    use crate::ids::{IdentityKind, ProbeKind, ScenarioId};
    use crate::plan::{IdentityPlan, ProbePlan, Stage, fixtures};
    use crate::scenario::Settings;

    /// A plan of so many keys; of two kinds of probes one shows whose it is.
    fn keyed(stages: Vec<Stage>, keys: u32, share: f64) -> Plan {
        let scenario = ScenarioId::fixed("mine");
        let plan = fixtures::plan(scenario, Settings::new(scenario, []), stages);
        let kinds = ["shown", "unshown"].map(ProbeKind::fixed);
        Plan {
            identities: IdentityPlan { kind: IdentityKind::Key, count: keys, ..plan.identities },
            probes: ProbePlan { share, kinds: kinds.to_vec(), by_identity: kinds[..1].to_vec() },
            ..plan
        }
    }

    proptest! {
        /// Moments that are taken together, and identities that are told of by their
        /// likes, leave nobody out and the bounds true.
        #[test]
        fn in_the_large_the_bounds_hold_what_they_hold_in_the_small(
            list in prop::collection::vec((0_u64..60_000, 0.0_f64..40.0), 1..5),
            identities in 1_u64..60,
            limit in 1_u64..30,
            seconds in 1_u64..60,
        ) {
            let stages: Vec<Stage> = list
                .iter()
                .map(|&(millis, target)| Stage { duration: Nanos::from_millis(millis), target })
                .collect();
            let schedule = Schedule::new(&stages);
            let limit = DeclaredLimit::of(limit, Nanos::from_secs(seconds), Scope::Ip);
            let small = dealt(identities, &schedule, u64::MAX);
            let large = dealt(identities, &schedule, 0);
            for senders in [&small, &large] {
                let sent = |a: &Alike| a.identities * a.batches.iter().map(|b| b.count).sum::<u64>();
                prop_assert_eq!(senders.iter().map(sent).sum::<u64>(), schedule.total());
                prop_assert_eq!(senders.iter().map(|a| a.identities).sum::<u64>(), identities);
            }
            let (small, large) = (limits::predict(&[limit], small), limits::predict(&[limit], large));
            prop_assert!(large.admitted_low <= small.admitted_low, "{:?} {:?}", large, small);
            prop_assert!(large.admitted_high >= small.admitted_high, "{:?} {:?}", large, small);
            prop_assert!(large.hits_low <= small.hits_low && large.hits_high >= small.hits_high);
        }

        /// Probes that show whose they are, in the large too.
        #[test]
        fn probes_count_to_those_who_send_them(
            arrivals in 0_u64..1500,
            keys in 1_u32..60,
            share in 0.0_f64..1.0,
            limit in 1_u64..30,
        ) {
            let stages = [(0, arrivals as f64 / 60.0), (60, arrivals as f64 / 60.0)];
            let stage = |(secs, target)| Stage { duration: Nanos::from_secs(secs), target };
            let mut plan = keyed(stages.map(stage).to_vec(), keys, share);
            let schedule = Schedule::new(&plan.stages);
            let limit = DeclaredLimit::of(limit, Nanos::from_secs(10), Scope::Customer);
            let probed = |exactly: u64, plan: &Plan| {
                let mut senders = dealt(keys.into(), &schedule, exactly);
                let (before, each) = probes(plan, &limit, &schedule, &senders);
                senders[0].batches.extend(before);
                for (alike, own) in senders.iter_mut().zip(each) {
                    alike.batches.extend(own);
                }
                senders
            };
            let (small, large) = (probed(u64::MAX, &plan), probed(0, &plan));
            let sent = |a: &Alike| a.identities * a.batches.iter().map(|b| b.count).sum::<u64>();
            let all: u64 = small.iter().map(sent).sum();
            let shown = |kind: &ProbeKind| plan.probes.by_identity.contains(kind);
            let turns = plan.probes.turns(schedule.total()).filter(|(_, kind)| shown(kind));
            let before = plan.probes.before_load().iter().filter(|kind| shown(kind));
            let wanted = schedule.total() + (turns.count() + before.count()) as u64;
            prop_assert_eq!(all, wanted);
            // Each with the arrival that it goes along with.
            for (n, kind) in plan.probes.turns(schedule.total()).filter(|(_, kind)| shown(kind)) {
                let own = &small[((n - 1) % u64::from(keys)) as usize].batches;
                let due = Batch::single(schedule.due(n).expect("is due"));
                prop_assert!(own.iter().filter(|batch| **batch == due).count() >= 2, "{kind:?}");
            }
            prop_assert!(large.iter().map(sent).sum::<u64>() >= all, "nobody is left out");
            let high = |senders: Vec<Alike>| limits::predict(&[limit], senders).hits_high;
            // Nor are they where they are too many to be looked at.
            let mut parted = dealt(keys.into(), &schedule, 0);
            let turns = plan.probes.turns(schedule.total());
            let each = in_parts(&turns, |kind| shown(&kind), &schedule, &parted);
            let (before, _) = probes(&plan, &limit, &schedule, &parted);
            parted[0].batches.extend(before);
            for (alike, own) in parted.iter_mut().zip(each) {
                alike.batches.extend(own);
            }
            prop_assert_eq!(
                turns.of_kinds(turns.total(), |kind| shown(&kind)),
                turns.filter(|(_, kind)| shown(kind)).count() as u64
            );
            let small = high(small);
            prop_assert!(high(parted) >= small);
            prop_assert!(high(large) >= small);
            // A wrong key is nobody's, but to a limiter that counts everybody.
            plan.probes.by_identity.clear();
            let unshown: u64 = probed(u64::MAX, &plan).iter().map(sent).sum();
            prop_assert_eq!(unshown, schedule.total());
        }
    }

    /// A day of the most that can be asked for: it would take hours and all memory to look
    /// at each of what goes along.
    #[test]
    fn any_load_is_told_of_at_once() {
        let stage = |hours: u64, target| Stage { duration: Nanos::from_secs(hours * 3600), target };
        for stages in [vec![stage(24, 1e7)], vec![stage(12, 1e7), stage(12, 1.0)]] {
            let mut plan = keyed(stages, 40, 0.01);
            plan.criteria.limit =
                Some(DeclaredLimit::of(1000, Nanos::from_secs(60), Scope::Customer));
            let schedule = Schedule::new(&plan.stages);
            let limit = plan.criteria.limit.expect("was set");
            let senders = arrivals(&plan, &limit, &schedule);
            let (_, each) = probes(&plan, &limit, &schedule, &senders);
            assert!(each.iter().map(Vec::len).sum::<usize>() <= 1 << 15);
            let predicted = predict_hits(&plan).expect("is limited");
            let sent = requests(&plan, &schedule);
            assert!(predicted.admitted_low >= 40_000_000, "{predicted:?}");
            assert!(predicted.hits_low > sent / 100 * 98, "{predicted:?} of {sent}");
        }
    }
}
