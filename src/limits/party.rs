//! One identity's ledger ready to be judged: its trace, and which of its refusals no correct limiter would have made.

use super::consistent;
use super::excess::{Bounds, shortages_of_bucket};
use super::trace::{Refusal, Trace, before, before_or_at};
use crate::admission::Admission;
use crate::units::Nanos;

/// One identity's ledger, as rules and inference see it.
#[derive(Clone, Copy, Debug)]
pub struct LedgerView<'a> {
    /// How reports call the identity.
    pub label: &'a str,
    /// Whether it was set aside, so that nothing but this run has used it.
    pub set_aside: bool,
    /// Its requests in any order. Of consecutive refusals those between the
    /// first and the last may be missing; beyond some moment all may be.
    pub entries: &'a [Admission],
    /// Until when no refusal is missing.
    pub every_until: Nanos,
    /// By how much moments may be off beside one another: clocks of several machines told
    /// them.
    pub clocks_apart: Nanos,
    /// Likewise beside those of other ledgers.
    pub apart_from_others: Nanos,
}

impl LedgerView<'_> {
    pub(super) fn trace(&self) -> Trace {
        let trace = Trace::new(self.entries, self.every_until.as_secs_f64());
        if self.clocks_apart.is_zero() {
            return trace;
        }
        trace.loosened(self.clocks_apart.as_secs_f64())
    }
}

/// A ledger with its label, ready to be judged.
pub(super) struct Party<'a> {
    pub(super) label: &'a str,
    pub(super) fresh: bool,
    /// By how much clocks of several machines may be off.
    pub(super) clocks_apart: Nanos,
    pub(super) trace: Trace,
    /// What tells of admissions beyond the limit: each decided before it had to wait, and
    /// without refusals that another limiter may have made, or any where some are not this
    /// one's.
    pub(super) own: Trace,
    pub(super) refusals: Refusals,
}

/// The refusals of a ledger that a correct limiter would not have made.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusals {
    /// The first that came right after admissions, with fewer than the limit
    /// admitted in the window before it, and how many.
    pub(super) early: Option<(Refusal, usize)>,
    /// The first that went on when places had to be free again, and how many
    /// were admitted in the window before it.
    pub(super) going_on: Option<(Refusal, usize)>,
    /// The first after a whole window without a single admission.
    pub(super) stuck: Option<Refusal>,
    /// The first after the wait that another had promised to suffice.
    pub(super) broken_promise: Option<(Refusal, Refusal)>,
    /// How many promises were put to the test.
    pub(super) promises_tried: usize,
    /// An admission after a refusal: when, and how long after it.
    pub(super) recovered: Option<(f64, f64)>,
    /// A request sent when places had to be free again after a refusal.
    pub(super) due: bool,
}

impl Refusals {
    /// Whether a limiter that counts exactly would not have made some of them.
    pub(super) const fn accuse(&self) -> bool {
        self.early.is_some() || self.going_on.is_some() || self.stuck.is_some()
    }
}

impl<'a> Party<'a> {
    /// The ledger of one identity, its refusals looked at.
    pub(super) fn new(ledger: &LedgerView<'a>, bounds: &Bounds) -> Self {
        Self::beside(ledger, bounds, &|_| false)
    }

    /// Likewise, where `excused` tells of a refusal that another limit may have made it.
    pub(super) fn beside(
        ledger: &LedgerView<'a>,
        bounds: &Bounds,
        excused: &dyn Fn(&Refusal) -> bool,
    ) -> Self {
        let trace = ledger.trace();
        let refusals = refusals_of(&trace, bounds, ledger.set_aside, excused);
        let mut own = trace.clone();
        if let Some(delays) = consistent::delays(&own) {
            // Whoever had to wait was let into the queue when the request came.
            own = own.decided_within(delays.latency);
        }
        own.refused.retain(|refusal| !refusals.accuse() && !excused(refusal));
        Self {
            label: ledger.label,
            fresh: ledger.set_aside,
            clocks_apart: ledger.clocks_apart,
            trace,
            own,
            refusals,
        }
    }
}

/// Looks at every refusal of a ledger.
fn refusals_of(
    trace: &Trace,
    bounds: &Bounds,
    fresh: bool,
    excused: &dyn Fn(&Refusal) -> bool,
) -> Refusals {
    let mut seen = Refusals::default();
    let lookback = bounds.longest + bounds.slack;
    let mut began_rightly = true;
    let mut previous: Option<Refusal> = None;
    let had_tokens =
        if bounds.bucket { shortages_of_bucket(trace, bounds, fresh) } else { Vec::new() };
    for (i, refusal) in trace.refused.iter().enumerate() {
        let before = trace.may_have_been_admitted(refusal.sent - lookback, refusal.done);
        // An error in between tells of no admission.
        let goes_on = previous.is_some_and(|last| trace.none_admitted(last.sent, refusal.done));
        let whole_window_seen = refusal.sent - lookback >= trace.first;
        let nothing_before = before == 0 && !whole_window_seen && !fresh;
        let wrong = match had_tokens.get(i) {
            Some(had_one) => *had_one && !nothing_before,
            None => before < bounds.limit && !nothing_before,
        };
        let wrong = wrong && !excused(refusal);
        if wrong {
            if goes_on && began_rightly {
                seen.going_on.get_or_insert((*refusal, before));
            } else {
                seen.early.get_or_insert((*refusal, before));
            }
            if previous.is_some() && before == 0 && whole_window_seen {
                seen.stuck.get_or_insert(*refusal);
            }
        }
        if !goes_on {
            began_rightly = !wrong;
        }
        previous = Some(*refusal);
    }
    recoveries(trace, bounds, &mut seen);
    promises(trace, bounds, &mut seen);
    seen
}

/// Whether it admitted again after a refusal, and whether it was asked to.
fn recoveries(trace: &Trace, bounds: &Bounds, seen: &mut Refusals) {
    let Some(first) = trace.refused.first() else { return };
    let later = before_or_at(&trace.sent, first.done);
    seen.recovered = trace.sent.get(later).map(|sent| (*sent, sent - first.sent));
    let free = first.done + bounds.longest + bounds.slack;
    let asked = trace.refused.iter().any(|refusal| refusal.sent >= free);
    seen.due = asked || trace.sent.last().is_some_and(|sent| *sent >= free);
}

/// Whether waiting as long as a refusal promised, plus a second, sufficed:
/// only where nothing can have been admitted since, which would have used the
/// places up again.
fn promises(trace: &Trace, bounds: &Bounds, seen: &mut Refusals) {
    for (i, promise) in trace.refused.iter().enumerate() {
        let Some(wait) = promise.retry_after else { continue };
        let due = promise.done + f64::from(wait) + 1.0 + bounds.slack;
        let next = i + trace.refused[i..].partition_point(|refusal| refusal.sent < due);
        let refused = trace.refused.get(next);
        let admitted = before(&trace.sent, due);
        if let Some(refusal) = refused
            && trace.may_have_been_admitted(promise.sent, refusal.done) == 0
        {
            seen.promises_tried += 1;
            seen.broken_promise.get_or_insert((*promise, *refusal));
        } else if trace.sent.get(admitted).is_some() {
            seen.promises_tried += 1;
        }
    }
}
