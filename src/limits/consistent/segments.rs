//! What a window explains that moves on a segment at a time.

use super::super::trace::{Trace, before};
use super::limits::{Cell, Limits};

/// A window of `window` seconds in `parts` segments cut at `phase` (seconds of the trace):
/// what was admitted in the oldest comes free when a new one begins.
pub(in crate::limits) fn segments(
    trace: &Trace,
    window: f64,
    parts: u32,
    phase: Cell,
) -> Option<Limits> {
    let (part, earlier) = (window / f64::from(parts), f64::from(parts) - 1.0);
    let number = |at: f64| ((at - phase.middle) / part).floor();
    let start = |number: f64| number.mul_add(part, phase.middle);
    let mut limits = Limits::ALL;
    let mut next = 0;
    while let Some(sent) = trace.sent.get(next) {
        let here = number(*sent);
        let by = before(&trace.done, start(here + 1.0) - phase.half);
        let gone = before(&trace.sent, start(here - earlier) + phase.half);
        limits.at_least(by.saturating_sub(gone));
        next = before(&trace.sent, start(here + 1.0)).max(next + 1);
    }
    for refusal in &trace.refused {
        let here = number(refusal.sent - phase.half);
        let from = start(here - earlier) - phase.half;
        if !limits.at_most(trace.may_have_been_admitted(from, refusal.done)) {
            return None;
        }
    }
    (limits.low <= limits.high).then_some(limits)
}
