//! What speaks for a limiter that an exact counter would accuse: a kind that counts otherwise, with the declared figures.
//!
//! A sliding counter takes what came in a window for spread evenly over it, so that it
//! refuses at times when fewer than the limit were admitted in the window before, and
//! a limiter that counts refusals as well never lets anybody in who keeps asking.
//! Neither errs. An accusation stands only where none of them, with the declared limit
//! and window, would have decided as all ledgers say.

use super::Algorithm;
use super::excess::Bounds;
use super::infer;
use super::leak::leak;
use super::party::Party;
use super::trace::Trace;
use crate::admission::DeclaredLimit;

/// The most ledgers that are asked: those that accuse come first.
const MOST_LEDGERS: usize = 16;

/// By how much moments may be off, as a part of the tolerance that every rule allows:
/// these kinds count in one place.
const PART: f64 = 0.2;

/// A kind that would have decided as all ledgers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excuse {
    /// Which.
    pub(super) kind: Algorithm,
    /// Whether nobody can tell it from a limiter that never admits again: it counts
    /// refusals, and no refused identity was ever admitted again.
    pub(super) or_stuck: bool,
}

/// The kind that speaks for the limiter; `None`: nothing does. What it refuses must
/// be free where that is declared; a declared burst means a bucket, which is exact.
pub(super) fn excuse(
    declared: &DeclaredLimit,
    bounds: &Bounds,
    parties: &[Party<'_>],
) -> Option<Excuse> {
    if declared.burst.is_some() {
        return None;
    }
    let traces = asked(bounds, parties);
    let kinds = [
        Algorithm::SlidingCounter,
        Algorithm::SegmentedWindow,
        Algorithm::SlidingWindowOfRequests,
        Algorithm::PenaltyWindow,
        Algorithm::SlidingCounterOfRequests,
    ];
    let may_be = |kind: &Algorithm| match declared.counts_refusals {
        None => true,
        Some(counts) => counts == kind.counts_refusals(),
    };
    let leaks = || parties.iter().any(|party| leak(&party.trace, bounds).is_some());
    let kind = kinds
        .into_iter()
        .filter(may_be)
        .filter(|kind| *kind != Algorithm::SlidingCounter || !leaks())
        .find(|kind| infer::explains(traces.clone(), *kind, bounds))?;
    let recovered = parties.iter().any(|party| party.refusals.recovered.is_some());
    let told = declared.counts_refusals.is_some();
    Some(Excuse { kind, or_stuck: kind.counts_refusals() && !recovered && !told })
}

/// The ledgers that met the limit, those that accuse first.
fn asked(bounds: &Bounds, parties: &[Party<'_>]) -> Vec<Trace> {
    let mut asked: Vec<&Party<'_>> =
        parties.iter().filter(|party| !party.trace.refused.is_empty()).collect();
    asked.sort_by_key(|party| (!party.refusals.accuse(), !party.fresh));
    let loosened = |party: &Party<'_>| party.trace.loosened(bounds.slack * PART);
    asked.into_iter().take(MOST_LEDGERS).map(loosened).collect()
}
