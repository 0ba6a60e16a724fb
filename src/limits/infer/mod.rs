//! Which kind of limiter an admission pattern betrays, and with which limit and window.
//!
//! Nothing is fitted: each kind is asked which limits and windows explain every
//! decision ([`super::consistent`]). A kind that explains nothing is excluded;
//! when one is left, that is it; when several are left, the answer is that
//! nobody can tell, and why. Windows are tried in the order of their
//! plausibility: the declared one, its simple multiples, the lengths that
//! people choose, and only then those that the pattern itself suggests.

mod answer;
mod decide;
mod explain;
mod gather;
mod windows;

use super::consistent::{self, Counted};
use super::excess::Bounds;
use super::moments::slack;
use super::party::LedgerView;
use super::trace::Trace;
use super::{Algorithm, Inference};
use crate::admission::{DeclaredLimit, WHOLE_SECOND};
use crate::units::counted;

pub use answer::ServerTime;

use answer::unknown;
use explain::{Explainer, Explanation};
use gather::Evidence;

/// Tells the kind of limiter from the pattern of admissions over all ledgers of
/// a scenario.
#[must_use]
pub fn infer(
    ledgers: &[LedgerView<'_>],
    declared: Option<&DeclaredLimit>,
    clock: ServerTime,
) -> Inference {
    let Some(evidence) = gather::gather(ledgers) else { return none_seen(ledgers, declared) };
    if evidence.returns.is_empty() {
        return unknown(
            "the run ended before a refused identity was admitted again: every kind of limiter looks like that".to_owned(),
        );
    }
    let question = decide::Question { declared, clock, evidence: &evidence };
    question.answer(&stages(&evidence, declared))
}

const SEGMENTED: Algorithm = Algorithm::SegmentedWindow;

/// Replicas that are asked by chance are thought of early where each has a limit of so
/// much: a smaller one may well be met by what one of them gets.
const FEWEST_BY_CHANCE: u64 = 8;

/// What explains everything, the most plausible first: where the declared limit and
/// window do, nothing more far-fetched is asked.
fn stages(evidence: &Evidence, declared: Option<&DeclaredLimit>) -> Vec<Explanation> {
    let bounded = |e: &Explanation| e.limits.high != usize::MAX;
    let tick = declared.map_or(WHOLE_SECOND, |declared| declared.tick).as_secs_f64();
    let any = Explainer::new(evidence, None, tick);
    let mut rest: Vec<Explanation> = any.buckets();
    rest.extend(any.concurrency());
    if let Some(declared) = declared {
        let limit = usize::try_from(declared.limit).unwrap_or(usize::MAX);
        let as_declared = Explainer::new(evidence, Some(limit), tick);
        let windows = [declared.window.as_secs_f64()];
        // A declared burst means a bucket.
        let windows = if declared.burst.is_some() { &[] } else { &windows[..] };
        let mut found = as_declared.windowed(windows);
        found.extend(rest.iter().filter(|e| e.is_as(declared)).cloned());
        found.retain(bounded);
        let by_a_clock = |e: &Explanation| e.algorithm == Algorithm::AlignedWindow;
        if found.iter().all(by_a_clock) {
            // A window by the clock explains by chance what one of segments does.
            found.extend(windows.iter().filter_map(|w| as_declared.of(SEGMENTED, *w)));
        }
        if !found.is_empty() {
            return found;
        }
        found = apart(&any, &rest, declared);
        if !found.is_empty() {
            return found;
        }
    }
    let mut found = any.windowed(&windows::plausible(declared, evidence.span));
    found.extend(rest);
    found.retain(bounded);
    explain::drop_far_fetched(&mut found);
    if found.is_empty() {
        found = any.windowed(&windows::suggested(evidence));
        found.retain(bounded);
    }
    if let Some(declared) = declared.filter(|declared| declared.counts_apart())
        && found.iter().all(|e| e.is_by_chance(declared))
    {
        found.extend(explain::apart(evidence, declared, true));
    }
    found
}

/// What explains everything by a whole multiple of the declared limit in the declared
/// window, as replicas do that are asked in turn; or replicas that are asked by chance,
/// where nothing simple of another limit does, or only what falls just short of such a
/// multiple: of those that are asked by chance some have places left.
fn apart(any: &Explainer<'_>, rest: &[Explanation], declared: &DeclaredLimit) -> Vec<Explanation> {
    if !declared.counts_apart() {
        return Vec::new();
    }
    let mut found = any.windowed(&[declared.window.as_secs_f64()]);
    found.extend(rest.iter().cloned());
    found.retain(|e| e.limits.high != usize::MAX && !e.is_by_chance(declared));
    let (multiples, simple): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|e| !e.multiples(declared).is_empty());
    if !multiples.is_empty() {
        return multiples;
    }
    if declared.limit < FEWEST_BY_CHANCE || !simple.iter().all(|e| e.falls_short(declared)) {
        return Vec::new();
    }
    let mut found = explain::apart(any.evidence(), declared, false);
    found.retain(|e| e.replicas <= explain::MOST_BY_CHANCE);
    if !found.is_empty() {
        found.extend(simple);
    }
    found
}

/// Whether a limiter of that kind, with the limit and window of these bounds, would have
/// decided as all of these traces say.
pub(super) fn explains(traces: Vec<Trace>, kind: Algorithm, bounds: &Bounds) -> bool {
    let evidence = Evidence::of(traces);
    let tick = bounds.longest - bounds.window;
    Explainer::new(&evidence, Some(bounds.limit), tick).of(kind, bounds.window).is_some()
}

/// No refusal at all: no limiter, or not enough sent to say so.
fn none_seen(ledgers: &[LedgerView<'_>], declared: Option<&DeclaredLimit>) -> Inference {
    let sent: usize = ledgers.iter().map(|ledger| ledger.entries.len()).sum();
    let none = |why| Inference {
        algorithm: Algorithm::None,
        left: Vec::new(),
        limit: None,
        window_s: None,
        why,
    };
    if sent == 0 {
        return unknown("nothing was sent".to_owned());
    }
    let Some(declared) = declared else {
        return none(format!("nothing was refused in {}", counted(sent as u64, "request")));
    };
    let shortest = (declared.window - slack(declared.window)).as_secs_f64();
    let past_twice = |ledger: &&LedgerView<'_>| {
        let trace = ledger.trace();
        consistent::sliding(&trace, &Counted::admissions(), shortest, 0.0)
            .is_some_and(|limits| limits.low as u64 > 2 * declared.limit)
    };
    if let Some(ledger) = ledgers.iter().find(past_twice) {
        return none(format!(
            "nothing was refused, although {} sent more than twice the declared limit within a window: no limiter, or several that count apart and were not filled",
            ledger.label
        ));
    }
    unknown("nothing was refused: the load didn't reach the limit".to_owned())
}
