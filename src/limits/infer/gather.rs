//! Which ledgers speak, and what can be read off them at once.

use super::super::consistent::{self, Delays};
use super::super::party::LedgerView;
use super::super::trace::{Refusal, Trace};
use crate::admission::Admitted;

/// The most ledgers and entries that are looked at; more add time, not certainty.
const MOST_LEDGERS: usize = 16;
const MOST_ENTRIES: usize = 20_000;

/// The evidence of all ledgers.
pub(super) struct Evidence {
    pub(super) traces: Vec<Trace>,
    /// The same, whatever waited: when each was answered.
    pub(super) answered: Vec<Trace>,
    /// Between a refusal and the next admission: from when to when; narrowest first.
    pub(super) returns: Vec<(f64, f64)>,
    /// The longest stretch in which everything was refused.
    pub(super) longest_refusal: f64,
    /// From the first request to the last answer, over all.
    pub(super) span: f64,
    /// How requests waited for their turn, where they did.
    pub(super) delays: Option<Delays>,
}

/// The ledgers that were refused anything, those set aside and the shortest first.
pub(super) fn gather(ledgers: &[LedgerView<'_>]) -> Option<Evidence> {
    let refused =
        |ledger: &&LedgerView<'_>| ledger.entries.iter().any(|e| e.admitted == Admitted::No);
    let mut chosen: Vec<&LedgerView<'_>> = ledgers.iter().filter(refused).collect();
    chosen.sort_by_key(|ledger| (!ledger.set_aside, ledger.entries.len()));
    let mut entries = 0;
    let traces: Vec<Trace> = chosen
        .into_iter()
        .take(MOST_LEDGERS)
        .take_while(|ledger| {
            let first = entries == 0;
            entries += ledger.entries.len();
            first || entries <= MOST_ENTRIES
        })
        .map(LedgerView::trace)
        .collect();
    (!traces.is_empty()).then(|| Evidence::of(traces))
}

impl Evidence {
    pub(super) fn of(mut traces: Vec<Trace>) -> Self {
        let answered = traces.clone();
        // Whoever has to wait was let into the queue when the request came.
        let delays = traces.iter().find_map(consistent::delays);
        if let Some(delays) = delays {
            traces = traces.iter().map(|trace| trace.decided_within(delays.latency)).collect();
        }
        let mut returns: Vec<(f64, f64)> = traces.iter().flat_map(returns_of).collect();
        returns.sort_unstable_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
        let longest_refusal = traces.iter().map(longest_refusal).fold(0.0, f64::max);
        let span = traces.iter().map(|trace| trace.last - trace.first).fold(0.0, f64::max);
        Self { traces, answered, returns, longest_refusal, span, delays }
    }
}

/// Every last refusal before an admission, with that admission.
pub(super) fn returns_of(trace: &Trace) -> Vec<(f64, f64)> {
    let mut returns: Vec<(usize, f64, f64)> = Vec::new();
    for refusal in &trace.refused {
        let next = refusal.begun;
        let Some(by) = trace.soonest_done_from(next) else { continue };
        match returns.last_mut() {
            Some((same, from, _)) if *same == next => *from = from.max(refusal.sent),
            _ => returns.push((next, refusal.sent, by)),
        }
    }
    returns.into_iter().map(|(_, from, by)| (from, by)).collect()
}

/// The longest time between two refusals with nothing admitted in between.
fn longest_refusal(trace: &Trace) -> f64 {
    let mut longest = 0.0_f64;
    let mut start: Option<Refusal> = None;
    for refusal in &trace.refused {
        match start {
            Some(first) if trace.may_have_been_admitted(first.sent, refusal.done) == 0 => {
                longest = longest.max(refusal.sent - first.done);
            }
            _ => start = Some(*refusal),
        }
    }
    longest
}
