//! A limiter that refuses by another status than the declared one: told from none at all.
//!
//! Answers that are neither a success nor the declared refusal are read as refusals,
//! status by status. Where a correct limiter of the declared limit would have made
//! every one of them, that is what they were: an error of another cause doesn't come
//! just when the limit is reached, and never below it.

use std::collections::BTreeMap;

use super::excess::Bounds;
use super::excuse::excuse;
use super::party::{LedgerView, Party};
use super::rules::over_admission;
use crate::admission::{Admission, Admitted, DeclaredLimit};

/// So many answers tell a refusal from an error.
const FEWEST: usize = 3;

/// The status by which a limiter refused, where nothing was refused as declared.
#[must_use]
pub fn disguised(declared: &DeclaredLimit, ledgers: &[LedgerView<'_>]) -> Option<u16> {
    let entries = || ledgers.iter().flat_map(|ledger| ledger.entries);
    if entries().any(|entry| entry.admitted == Admitted::No) {
        return None;
    }
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for entry in entries().filter(|entry| entry.status != 0) {
        *statuses.entry(entry.status).or_default() += 1;
    }
    let mut statuses: Vec<(u16, usize)> = statuses.into_iter().collect();
    statuses.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    statuses.into_iter().find_map(|(status, n)| {
        (n >= FEWEST && is_a_refusal(declared, ledgers, status)).then_some(status)
    })
}

/// `entries`, those with `status` read as refused.
#[must_use]
pub fn undisguised(entries: &[Admission], status: u16) -> Vec<Admission> {
    let read = |entry: &Admission| {
        let refused = Admission { admitted: Admitted::No, status: 0, ..*entry };
        if entry.status == status { refused } else { *entry }
    };
    entries.iter().map(read).collect()
}

fn is_a_refusal(declared: &DeclaredLimit, ledgers: &[LedgerView<'_>], status: u16) -> bool {
    let read: Vec<Vec<Admission>> =
        ledgers.iter().map(|ledger| undisguised(ledger.entries, status)).collect();
    let views: Vec<LedgerView<'_>> = ledgers
        .iter()
        .zip(&read)
        .map(|(ledger, entries)| LedgerView { entries, ..*ledger })
        .collect();
    let bounds = Bounds::of(declared);
    let parties: Vec<Party<'_>> = views.iter().map(|view| Party::new(view, &bounds)).collect();
    let at_the_limit = parties.iter().any(|party| {
        let trace = &party.trace;
        let full = |refusal: &super::trace::Refusal| {
            let from = refusal.sent - bounds.longest - bounds.slack;
            trace.may_have_been_admitted(from, refusal.done) >= bounds.limit.min(bounds.capacity)
        };
        trace.refused.iter().any(full)
    });
    let innocent =
        |party: &Party<'_>| !party.refusals.accuse() && over_admission(party, &bounds).is_none();
    at_the_limit && (parties.iter().all(innocent) || excuse(declared, &bounds, &parties).is_some())
}
