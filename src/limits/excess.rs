//! Whether an identity was admitted more often than a correct limiter of each kind can admit.
//!
//! Every function here answers for certain: whatever the moments of decision
//! within the requests, the order of requests under way together, the phase,
//! earlier traffic of the same identity and the slack of clocks, no correct
//! limiter of that kind has admitted what it names.

use super::moments::slack;
use super::trace::{Trace, before, before_or_at};
use crate::admission::DeclaredLimit;

/// The declared limit in seconds, with the tolerance that every rule allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Admissions per window.
    pub(super) limit: usize,
    /// Tokens that a bucket holds.
    pub(super) capacity: usize,
    /// Whether it can only be a bucket: a burst is declared.
    pub(super) bucket: bool,
    /// The window.
    pub(super) window: f64,
    /// By how much moments may be off.
    pub(super) slack: f64,
    /// The longest a window may last.
    pub(super) longest: f64,
}

impl Bounds {
    /// What is declared, with its tolerance.
    pub(super) fn of(declared: &DeclaredLimit) -> Self {
        let slack = slack(declared.window);
        Self {
            limit: usize::try_from(declared.limit).unwrap_or(usize::MAX).max(1),
            capacity: usize::try_from(declared.capacity()).unwrap_or(usize::MAX).max(1),
            bucket: declared.burst.is_some(),
            window: declared.window.as_secs_f64(),
            slack: slack.as_secs_f64(),
            longest: declared.longest().as_secs_f64(),
        }
    }

    /// Beyond so many within a window there is no limiter.
    pub(super) fn hopeless(&self) -> usize {
        // Two windows can touch such a span, so even twice the limit proves nothing.
        self.limit + self.limit.max(self.capacity)
    }

    fn shortest(&self) -> f64 {
        self.window - self.slack
    }

    /// Tokens a second of a bucket.
    fn per_second(&self) -> f64 {
        self.limit as f64 / self.window
    }
}

/// Admissions that no correct limiter of a kind allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Excess {
    /// From when, in seconds.
    pub(super) from: f64,
    /// To when, in seconds.
    pub(super) to: f64,
    /// How many were admitted between the two.
    pub(super) admitted: usize,
    /// How many such a limiter admits there at most.
    pub(super) allowed: usize,
}

/// More than the limit within one window: what a sliding window never does.
pub(super) fn of_sliding(trace: &Trace, bounds: &Bounds) -> Option<Excess> {
    (0..trace.admitted().saturating_sub(bounds.limit))
        .find(|i| trace.done[i + bounds.limit] - trace.sent[*i] < bounds.shortest())
        .map(|i| {
            let (from, to) = (trace.sent[i], trace.sent[i] + bounds.shortest());
            let admitted = before(&trace.done, to) - i;
            Excess { from, to: trace.done[i + admitted - 1], admitted, allowed: bounds.limit }
        })
}

/// More than capacity and refill: what a token bucket never does. It counts from
/// any moment with a full bucket, and from any refusal with less than one token.
pub(super) fn of_bucket(trace: &Trace, bounds: &Bounds) -> Option<Excess> {
    let rate = bounds.per_second();
    let tolerance = 1e-6 + rate * bounds.slack;
    // Admissions i..=k use k - i + 1 tokens; from a full bucket at i at most
    // limit + rate · span are there. Keep the i that makes the worst case.
    let mut worst = (f64::INFINITY, 0);
    // From a refusal, the tokens were below one; keep the worst refusal that
    // ended before an admission was sent.
    let mut worst_refusal = (f64::INFINITY, 0.0, 0);
    let mut refusals: Vec<_> = trace.refused.iter().collect();
    refusals.sort_unstable_by(|a, b| a.done.total_cmp(&b.done));
    let mut refusals = refusals.into_iter().peekable();
    for k in 0..trace.admitted() {
        let begin = k as f64 - rate * trace.sent[k];
        if begin < worst.0 {
            worst = (begin, k);
        }
        while let Some(refusal) = refusals.next_if(|r| r.done < trace.sent[k]) {
            let first = refusal.begun;
            let begin = first as f64 - rate * refusal.sent;
            if begin < worst_refusal.0 {
                worst_refusal = (begin, refusal.sent, first);
            }
        }
        let end = (k + 1) as f64 - rate * trace.done[k];
        let span = |from: f64| trace.done[k] - from;
        if end - worst.0 > bounds.capacity as f64 + tolerance {
            let from = trace.sent[worst.1];
            let allowed = bounds.capacity + (rate * span(from) + tolerance) as usize;
            return Some(Excess { from, to: trace.done[k], admitted: k + 1 - worst.1, allowed });
        }
        if end - worst_refusal.0 >= 1.0 + tolerance {
            let (_, from, first) = worst_refusal;
            let allowed = (1.0 + rate * span(from) + tolerance) as usize;
            return Some(Excess { from, to: trace.done[k], admitted: k + 1 - first, allowed });
        }
    }
    None
}

/// More than fixed windows of any phase allow, anchored or aligned. Windows are
/// cut at moments at least a window apart. A cut must lie within every run of
/// limit + 1 admissions, and between every refusal (the window was full) and the
/// next admission. Returns the place where no more such cuts can be found.
pub(super) fn of_fixed(trace: &Trace, bounds: &Bounds) -> Option<Excess> {
    let mut demands: Vec<Demand> = Vec::new();
    for i in 0..trace.admitted().saturating_sub(bounds.limit) {
        demands.push(Demand { after: trace.sent[i], by: trace.done[i + bounds.limit] });
    }
    for refusal in &trace.refused {
        let next = refusal.begun;
        if let Some(by) = trace.soonest_done_from(next) {
            demands.push(Demand { after: refusal.sent, by });
        }
    }
    demands.sort_unstable_by(|a, b| a.by.total_cmp(&b.by).then(b.after.total_cmp(&a.after)));
    let gap = bounds.shortest();
    // Where the last cut may lie, given that all demands so far are met.
    let mut last = vec![Range { low: f64::NEG_INFINITY, high: f64::NEG_INFINITY }];
    let mut met: Vec<Demand> = Vec::new();
    for demand in demands {
        let mut next: Vec<Range> = Vec::with_capacity(last.len() + 1);
        for range in &last {
            let low = range.low.max(demand.after);
            if low <= range.high {
                next.push(Range { low, high: range.high });
            }
        }
        let earliest = last.iter().map(|range| range.low).fold(f64::INFINITY, f64::min);
        let low = (earliest + gap).max(demand.after);
        if low <= demand.by {
            next.push(Range { low, high: demand.by });
        }
        if next.is_empty() {
            return Some(stuck(trace, bounds, &met, &demand));
        }
        met.push(demand);
        last = merged(next);
    }
    None
}

/// A cut must lie after `after` and not later than `by`.
#[derive(Clone, Copy, Debug)]
struct Demand {
    after: f64,
    by: f64,
}

#[derive(Clone, Copy, Debug)]
struct Range {
    low: f64,
    high: f64,
}

fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable_by(|a, b| a.low.total_cmp(&b.low));
    let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.low <= last.high => last.high = last.high.max(range.high),
            _ => merged.push(range),
        }
    }
    merged
}

/// The evidence where cuts ran out: since the latest demand that can't share
/// its cut with this one.
fn stuck(trace: &Trace, bounds: &Bounds, met: &[Demand], demand: &Demand) -> Excess {
    let earlier = met.iter().rev().find(|earlier| earlier.by <= demand.after);
    let from = earlier.map_or(demand.by - bounds.shortest(), |earlier| earlier.after);
    let admitted = before_or_at(&trace.done, demand.by).saturating_sub(before(&trace.sent, from));
    Excess { from, to: demand.by, admitted, allowed: bounds.limit }
}

/// Of each refusal whether a token bucket would have had a token for certain: what a
/// bucket that slow never does. `fresh`: nothing was taken from it before the ledger
/// begins.
pub(super) fn shortages_of_bucket(trace: &Trace, bounds: &Bounds, fresh: bool) -> Vec<bool> {
    let capacity = bounds.capacity as f64;
    let slowest = bounds.limit as f64 / bounds.longest;
    let tolerance = 1e-6 + slowest * bounds.slack;
    let mut missing = if fresh { 0.0 } else { capacity };
    let mut at = trace.first;
    let mut taken = 0;
    let had_one = |refusal: &super::trace::Refusal| {
        while trace.may_done.get(taken).is_some_and(|done| *done <= refusal.sent) {
            let done = trace.may_done[taken];
            missing = (missing - slowest * (done - at).max(0.0)).max(0.0);
            missing = (missing + 1.0).min(capacity);
            at = at.max(done);
            taken += 1;
        }
        let under_way = refusal.may_have_begun.saturating_sub(taken);
        let left = (missing - slowest * (refusal.sent - at).max(0.0)).max(0.0);
        capacity - left - under_way as f64 >= 1.0 + tolerance
    };
    trace.refused.iter().map(had_one).collect()
}
