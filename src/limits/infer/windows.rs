//! Which windows and rates are tried, the most plausible first.

use super::super::trace::{Trace, before, before_or_at};
use super::gather::{Evidence, returns_of};
use crate::admission::DeclaredLimit;

/// Windows that people choose, in seconds.
const USUAL: [f64; 12] =
    [1.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 3600.0];

/// Shorter ones are taken for requests under way together, in seconds.
pub(super) const SHORTEST: f64 = 0.5;

/// Windows worth trying first, in seconds; the declared one leads.
pub(super) fn plausible(declared: Option<&DeclaredLimit>, span: f64) -> Vec<f64> {
    let mut windows = Vec::new();
    if let Some(declared) = declared {
        let window = declared.window.as_secs_f64();
        windows.extend([1.0, 0.5, 2.0, 3.0, 5.0, 10.0].map(|times| window * times));
    }
    for usual in USUAL {
        if windows.iter().all(|window| (window - usual).abs() > 1e-9) {
            windows.push(usual);
        }
    }
    windows.retain(|window| *window <= 4.0 * span.max(1.0));
    windows
}

/// Windows that the pattern suggests: from an earlier admission or cut to a
/// moment at which places were free again.
pub(super) fn suggested(evidence: &Evidence) -> Vec<f64> {
    let mut windows = Vec::new();
    let mut add = |low: f64, high: f64| {
        if high > 0.0 {
            let low = low.max(high * 1e-3).min(high);
            windows.extend([0.1, 0.3, 0.5, 0.7, 0.9].map(|x| low + x * (high - low)));
        }
    };
    for trace in evidence.traces.iter().take(2) {
        let returns = returns_of(trace);
        let mut anchors = vec![0];
        for (from, _) in &returns {
            anchors.push(before_or_at(&trace.sent, *from));
        }
        for (from, by) in returns.iter().take(4) {
            for anchor in &anchors {
                if let (Some(sent), Some(done)) = (trace.sent.get(*anchor), trace.done.get(*anchor))
                    && sent < from
                {
                    add(from - done, by - sent);
                }
            }
        }
        for pair in returns.iter().zip(returns.iter().skip(1)).take(4) {
            let ((from, by), (next_from, next_by)) = pair;
            add(next_from - by, next_by - from);
        }
    }
    windows.retain(|window| *window >= SHORTEST);
    // The longer the ledgers, the fewer are tried: the work stays the same.
    let entries: usize = evidence.traces.iter().map(|t| t.admitted() + t.refused.len()).sum();
    windows.truncate((400_000 / entries.max(1)).clamp(20, 200));
    windows
}

/// Between which rates (a second) a bucket must have refilled: from one refusal to
/// another at least as many tokens came as were taken, less one.
pub(super) fn rates(trace: &Trace) -> Option<(f64, f64)> {
    let mut low = 0.0_f64;
    let mut high = f64::INFINITY;
    let refused = &trace.refused;
    let stride = (refused.len() / 256).max(1);
    // What is counted up to a refusal is the same whichever it is compared with.
    let firsts = refused.iter().step_by(stride).map(|first| {
        let begun = before_or_at(&trace.sent, first.done);
        (first, begun, before(&trace.may_done, first.sent))
    });
    let seconds = refused.iter().skip(1).step_by(stride).map(|second| {
        let over = before(&trace.done, second.sent);
        (second, over, before_or_at(&trace.may_sent, second.done))
    });
    let seconds: Vec<_> = seconds.collect();
    for (i, (first, begun, may_be_over)) in firsts.enumerate() {
        for (second, over, may_have_begun) in seconds.get(i..).unwrap_or_default() {
            let lasted = second.done - first.sent;
            if second.sent <= first.done || lasted <= 0.0 {
                continue;
            }
            let certain = over.saturating_sub(begun);
            low = low.max((certain as f64 - 1.0) / lasted);
            if *may_have_begun <= may_be_over {
                // Nothing taken, and still less than one token.
                high = high.min(1.0 / (second.sent - first.done));
            }
        }
    }
    let fewest = 0.2 / (trace.last - trace.first).max(1.0);
    let high = if high.is_finite() { high } else { 1000.0 };
    (low <= high).then_some((low.max(fewest), high.max(fewest)))
}
