//! Limits that are declared beside the first: what they excuse, and what they forbid.
//!
//! Of several limiters in a row the outer ones also count what the inner ones refuse.
//! Which is which isn't declared, so the first of the list (the tightest) is taken for
//! the innermost, and the others may count every request: a refusal that one of them
//! may have made says nothing of the first.

use serde::{Deserialize, Serialize};

use super::excess::Bounds;
use super::party::LedgerView;
use super::trace::{Refusal, before, before_or_at};
use crate::admission::{Admission, Admitted, DeclaredLimit};
use crate::units::Nanos;

/// A limit declared beside the first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// What is declared.
    pub declared: DeclaredLimit,
    /// Whether all ledgers count together there.
    pub together: bool,
}

/// What another limit has counted of some ledgers at most.
struct Counted {
    limit: usize,
    lookback: f64,
    sent: Vec<f64>,
    done: Vec<f64>,
    /// Up to when every request is known.
    until: f64,
}

impl Counted {
    /// `apart`: by how much moments may be off beside one another.
    fn new(ledgers: &[&LedgerView<'_>], bounds: &Bounds, apart: Nanos) -> Self {
        // The refusal's own may be off as well.
        let apart = 2.0 * apart.as_secs_f64();
        let all = || ledgers.iter().flat_map(|ledger| ledger.entries);
        let sorted = |moment: &dyn Fn(&Admission) -> f64| {
            let mut moments: Vec<f64> = all().map(moment).collect();
            moments.sort_unstable_by(f64::total_cmp);
            moments
        };
        let until = ledgers.iter().map(|ledger| ledger.every_until.as_secs_f64());
        Self {
            limit: bounds.limit.min(bounds.capacity),
            lookback: bounds.longest + bounds.slack,
            sent: sorted(&|entry| entry.sent.as_secs_f64() - apart),
            done: sorted(&|entry| entry.done.as_secs_f64() + apart),
            until: until.fold(f64::INFINITY, f64::min) - apart,
        }
    }

    /// Whether the limit may have been reached when `refusal` was made.
    fn may_be_full(&self, refusal: &Refusal) -> bool {
        let begun = before_or_at(&self.sent, refusal.done);
        let over = before(&self.done, refusal.sent - self.lookback);
        refusal.done >= self.until || begun.saturating_sub(over) > self.limit
    }
}

/// The limits beside the first, and what each has counted: of every ledger, or of all.
pub(super) struct Others(Vec<Vec<Counted>>);

impl Others {
    pub(super) fn new(beside: &[Beside], ledgers: &[LedgerView<'_>]) -> Self {
        let apart = ledgers.iter().map(|ledger| ledger.apart_from_others).max().unwrap_or_default();
        let counted = |other: &Beside| {
            let bounds = Bounds::of(&other.declared);
            if other.together {
                let all: Vec<&LedgerView<'_>> = ledgers.iter().collect();
                return vec![Counted::new(&all, &bounds, apart)];
            }
            let own = |ledger| Counted::new(&[ledger], &bounds, ledger.clocks_apart);
            ledgers.iter().map(own).collect()
        };
        Self(beside.iter().map(counted).collect())
    }

    /// Whether one of them may have refused what was asked of the ledger of that index.
    pub(super) fn may_have_refused(&self, ledger: usize, refusal: &Refusal) -> bool {
        let of = |other: &Vec<Counted>| {
            let counted = if other.len() == 1 { other.first() } else { other.get(ledger) };
            counted.is_some_and(|counted| counted.may_be_full(refusal))
        };
        self.0.iter().any(of)
    }

    /// The entries of a ledger without the refusals that another limit may have made.
    pub(super) fn of_the_first(&self, index: usize, ledger: &LedgerView<'_>) -> Vec<Admission> {
        let anothers = |entry: &Admission| {
            let (sent, done) = (entry.sent.as_secs_f64(), entry.done.as_secs_f64());
            entry.admitted == Admitted::No
                && self.may_have_refused(index, &Refusal::new(sent, done, None))
        };
        ledger.entries.iter().filter(|entry| !anothers(entry)).copied().collect()
    }
}

/// All ledgers as one, as far as all are complete.
pub(super) fn together(ledgers: &[LedgerView<'_>]) -> Vec<Admission> {
    let mut all: Vec<Admission> =
        ledgers.iter().flat_map(|ledger| ledger.entries).copied().collect();
    all.sort_by_key(|entry| (entry.done, entry.sent));
    all
}
