//! Inference where several limits are declared: of each from what only it can have refused.

use super::infer::{ServerTime, infer};
use super::others::{Beside, Others, together};
use super::party::LedgerView;
use super::{Algorithm, Inference};
use crate::admission::{Admission, Admitted, DeclaredLimit};
use crate::units::{count, per};

/// The kind of the first of several limits, from what none of the others can have
/// refused; what is to be said of the others is in its words.
#[must_use]
pub fn infer_first(
    ledgers: &[LedgerView<'_>],
    first: &DeclaredLimit,
    beside: &[Beside],
    clock: ServerTime,
) -> Inference {
    let others = Others::new(beside, ledgers);
    let own: Vec<Vec<Admission>> =
        ledgers.iter().enumerate().map(|(i, ledger)| others.of_the_first(i, ledger)).collect();
    let mut inferred = infer(&with(ledgers, &own), Some(first), clock);
    let refused = |entries: &[Admission]| entries.iter().any(|e| e.admitted == Admitted::No);
    if inferred.algorithm == Algorithm::Unknown
        && !own.iter().any(|entries| refused(entries))
        && ledgers.iter().any(|ledger| refused(ledger.entries))
    {
        // Its own ledger reads as if nobody had been refused.
        "another of the limits may have made every refusal".clone_into(&mut inferred.why);
    }
    for other in beside {
        inferred.why.push_str("; ");
        inferred.why.push_str(&of_another(ledgers, first, other, clock));
    }
    inferred
}

/// What there is to say of a limit beside the first: its kind, from the refusals that
/// the first can't have made.
fn of_another(
    ledgers: &[LedgerView<'_>],
    first: &DeclaredLimit,
    other: &Beside,
    clock: ServerTime,
) -> String {
    let merged: Vec<Admission>;
    let one: [LedgerView<'_>; 1];
    let views = match ledgers {
        [ledger, _, ..] if other.together => {
            merged = together(ledgers);
            let clocks_apart = ledger.apart_from_others;
            let label = "all";
            one =
                [LedgerView { label, set_aside: false, entries: &merged, clocks_apart, ..*ledger }];
            &one[..]
        }
        ledgers => ledgers,
    };
    let name = format!("{} {}", count(other.declared.limit), per(other.declared.window));
    let met = Others::new(&[*other], views);
    let reached = views
        .iter()
        .enumerate()
        .any(|(i, view)| met.of_the_first(i, view).len() < view.entries.len());
    if !reached {
        return format!("the limit of {name} was not reached");
    }
    // What the first may have refused may have taken a place in this one.
    let the_first = Others::new(&[Beside { declared: *first, together: false }], views);
    let read: Vec<Vec<Admission>> = views
        .iter()
        .enumerate()
        .map(|(i, view)| {
            let others = the_first.of_the_first(i, view);
            let kept = |entry: &Admission| {
                others.binary_search_by_key(&(entry.done, entry.sent), |e| (e.done, e.sent)).is_ok()
            };
            let soften = |entry: &Admission| match entry.admitted {
                Admitted::No if !kept(entry) => Admission { admitted: Admitted::Perhaps, ..*entry },
                _ => *entry,
            };
            view.entries.iter().map(soften).collect()
        })
        .collect();
    let found = infer(&with(views, &read), Some(&other.declared), clock).algorithm;
    match found {
        Algorithm::Unknown | Algorithm::None => {
            format!("of the limit of {name} can't be told which kind it is")
        }
        kind => format!("the limit of {name} is {}", kind.one()),
    }
}

fn with<'a>(ledgers: &[LedgerView<'a>], entries: &'a [Vec<Admission>]) -> Vec<LedgerView<'a>> {
    let pairs = ledgers.iter().zip(entries);
    pairs.map(|(ledger, entries)| LedgerView { entries, ..*ledger }).collect()
}
