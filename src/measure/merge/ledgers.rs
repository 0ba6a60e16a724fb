//! Ledgers of several machines, joined in time, in bounded memory.

use std::collections::BTreeMap;

use super::super::{Ledger, LedgerRoom};
use crate::admission::Admission;
use crate::ids::IdentityId;
use crate::units::Nanos;

/// The most entries that are held before those that can't be kept in the end are let go.
const MOST_HELD: usize = 2 * LedgerRoom::MOST;

/// Ledgers as they come, entries in no order yet.
#[derive(Clone, Debug, Default)]
pub(super) struct JoinedLedgers {
    ledgers: Vec<Ledger>,
    /// By how much the moments of the first of each may be off.
    errors: Vec<Nanos>,
    places: BTreeMap<(String, bool), usize>,
    /// Entries that are held, those of identities set aside not counted.
    pub(super) held: usize,
    /// What was done later has no place; `None`: there was room for everything so far.
    until: Option<Nanos>,
}

impl JoinedLedgers {
    /// Adds what a machine kept of one identity, whose moments come `shift` later here,
    /// give or take `error`.
    pub(super) fn add(&mut self, mut ledger: Ledger, shift: Nanos, error: Nanos) {
        for entry in &mut ledger.entries {
            entry.sent += shift;
            entry.done += shift;
        }
        ledger.full_at = ledger.full_at.map(|at| at + shift);
        ledger.every_until += shift;
        if let Some(until) = self.until.filter(|_| !ledger.set_aside) {
            forget(&mut ledger, until);
        }
        self.held += if ledger.set_aside { 0 } else { ledger.entries.len() };
        // Every machine calls the address that it sends from the same.
        let key = (ledger.label.clone(), ledger.set_aside);
        let known = self.places.get(&key).filter(|_| ledger.label != Ledger::OWN_ADDRESS);
        if let Some((place, own)) =
            known.and_then(|place| Some((place, self.ledgers.get_mut(*place)?)))
        {
            let apart = self.errors[*place].max(error).max(own.clocks_apart);
            own.clocks_apart = apart.max(ledger.clocks_apart);
            join(own, ledger);
        } else {
            self.places.insert(key, self.ledgers.len());
            self.ledgers.push(ledger);
            self.errors.push(error);
        }
        if self.held > MOST_HELD {
            self.prune();
        }
    }

    /// Lets go of what came last.
    fn prune(&mut self) {
        let sharing = self.ledgers.iter().filter(|ledger| !ledger.set_aside);
        let mut ends: Vec<Nanos> =
            sharing.flat_map(|ledger| ledger.entries.iter().map(|entry| entry.done)).collect();
        if ends.len() <= LedgerRoom::MOST {
            return;
        }
        let (_, until, _) = ends.select_nth_unstable(LedgerRoom::MOST);
        let until = *until;
        self.until = Some(until);
        self.held = 0;
        for ledger in self.ledgers.iter_mut().filter(|ledger| !ledger.set_aside) {
            forget(ledger, until);
            self.held += ledger.entries.len();
        }
    }

    /// The ledgers as one recorder would have kept them.
    pub(super) fn finish(self) -> Vec<Ledger> {
        let mut taken = std::collections::BTreeSet::new();
        let mut next = 0;
        let mut whole = Vec::with_capacity(self.ledgers.len());
        let mut entries: Vec<(Nanos, usize, Admission)> = Vec::new();
        for (place, mut ledger) in self.ledgers.into_iter().enumerate() {
            if !taken.insert(ledger.identity) {
                while !taken.insert(IdentityId(next)) {
                    next += 1;
                }
                ledger.identity = IdentityId(next);
            }
            let kept = std::mem::take(&mut ledger.entries);
            entries.extend(kept.into_iter().map(|entry| (entry.done, place, entry)));
            let label = std::mem::take(&mut ledger.label);
            whole.push((Ledger::new(ledger.identity, label, ledger.set_aside), ledger));
        }
        entries.sort_by_key(|(done, place, entry)| (*done, *place, entry.sent));
        let mut room = LedgerRoom::default();
        for (_, place, entry) in entries {
            whole[place].0.push(entry, &mut room);
        }
        let mut ledgers: Vec<Ledger> = whole
            .into_iter()
            .map(|(mut kept, counted)| {
                kept.full_at = kept.full_at.into_iter().chain(counted.full_at).min();
                kept.every_until = kept.every_until.min(counted.every_until);
                kept.clocks_apart = counted.clocks_apart;
                (kept.admitted, kept.refused) = (counted.admitted, counted.refused);
                (kept.unknown, kept.failed) = (counted.unknown, counted.failed);
                kept
            })
            .collect();
        ledgers.sort_by_key(|ledger| ledger.identity);
        ledgers
    }
}

/// Adds the same identity's requests on another machine.
fn join(own: &mut Ledger, other: Ledger) {
    own.entries.extend(other.entries);
    own.admitted += other.admitted;
    own.refused += other.refused;
    own.unknown += other.unknown;
    own.failed += other.failed;
    own.full_at = own.full_at.into_iter().chain(other.full_at).min();
    own.every_until = own.every_until.min(other.every_until);
}

/// Forgets what was done after `until`.
fn forget(ledger: &mut Ledger, until: Nanos) {
    let full_at = &mut ledger.full_at;
    ledger.entries.retain(|entry| {
        let kept = entry.done <= until;
        if !kept {
            *full_at = full_at.iter().copied().chain([entry.sent]).min();
        }
        kept
    });
    // Many ledgers are cut short; the room of what they held mustn't add up, nor what is
    // left stand in its midst.
    if ledger.entries.len() < ledger.entries.capacity() / 2 {
        ledger.entries = ledger.entries.as_slice().to_vec();
    }
}
