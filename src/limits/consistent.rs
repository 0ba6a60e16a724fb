//! For each kind of limiter with a given window: which limits explain every admission and refusal of a ledger.
//!
//! Explains: there are moments of decision within the requests, and a phase,
//! such that a limiter of that kind, unused before the ledger begins, would have
//! decided just so. The answer is a range of limits; an empty one excludes the kind.

use std::collections::BTreeMap;

use super::trace::{Trace, before, before_or_at};

/// Limits from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) low: usize,
    pub(super) high: usize,
}

impl Limits {
    const ALL: Self = Self { low: 1, high: usize::MAX };

    /// Those in both; `None`: there are none.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        let both = Self { low: self.low.max(other.low), high: self.high.min(other.high) };
        (both.low <= both.high).then_some(both)
    }
}

/// A sliding window of `window` seconds.
pub(super) fn sliding(trace: &Trace, window: f64) -> Option<Limits> {
    let mut limits = Limits::ALL;
    let mut end = 0;
    for (i, from) in trace.sent.iter().enumerate() {
        while trace.done.get(end).is_some_and(|done| *done < from + window) {
            end += 1;
        }
        limits.low = limits.low.max(end.saturating_sub(i));
    }
    for refusal in &trace.refused {
        let most = trace.may_have_been_admitted(refusal.sent - window, refusal.done);
        limits.high = limits.high.min(most);
        if limits.high < limits.low {
            return None;
        }
    }
    Some(limits)
}

/// Windows of `window` seconds with a cut at `phase` (seconds of the trace).
pub(super) fn aligned(trace: &Trace, window: f64, phase: f64) -> Option<Limits> {
    let mut limits = Limits::ALL;
    let number = |at: f64| ((at - phase) / window).floor();
    let start = |number: f64| phase + number * window;
    let mut next = 0;
    while let Some(sent) = trace.sent.get(next) {
        let here = number(*sent);
        let inside = before(&trace.done, start(here + 1.0));
        limits.low = limits.low.max(inside.saturating_sub(before(&trace.sent, start(here))));
        next = before(&trace.sent, start(here + 1.0)).max(next + 1);
    }
    for refusal in &trace.refused {
        let here = number(refusal.sent);
        if number(refusal.done) == here {
            let most = trace.may_have_been_admitted(start(here), refusal.done);
            limits.high = limits.high.min(most);
        }
        if limits.high < limits.low {
            return None;
        }
    }
    Some(limits)
}

/// A bucket that gains a token every `per_token` seconds. The limits are capacities.
pub(super) fn bucket(trace: &Trace, per_token: f64) -> Option<Limits> {
    let rate = 1.0 / per_token;
    let mut limits = Limits::ALL;
    let mut begin = f64::INFINITY;
    let mut begin_refused = f64::INFINITY;
    let mut refusals: Vec<_> = trace.refused.iter().collect();
    refusals.sort_unstable_by(|a, b| a.done.total_cmp(&b.done));
    let mut refusals = refusals.into_iter().peekable();
    for k in 0..trace.admitted() {
        begin = begin.min(k as f64 - rate * trace.sent[k]);
        while let Some(refusal) = refusals.next_if(|r| r.done < trace.sent[k]) {
            let first = before_or_at(&trace.sent, refusal.done);
            begin_refused = begin_refused.min(first as f64 - rate * refusal.sent);
        }
        let end = (k + 1) as f64 - rate * trace.done[k];
        // After a refusal there was less than one token.
        if end - begin_refused > 1.0 + 1e-6 {
            return None;
        }
        limits.low = limits.low.max((end - begin - 1e-6).ceil().max(1.0) as usize);
    }
    let (mut missing, mut at, mut taken) = (0.0_f64, trace.first, 0);
    for refusal in &trace.refused {
        while trace.may_done.get(taken).is_some_and(|done| *done <= refusal.sent) {
            let done = trace.may_done[taken];
            missing = (missing - rate * (done - at).max(0.0)).max(0.0) + 1.0;
            at = at.max(done);
            taken += 1;
        }
        let under_way = before_or_at(&trace.may_sent, refusal.done).saturating_sub(taken);
        let left = (missing - rate * (refusal.sent - at).max(0.0)).max(0.0);
        // Fewer than one token: capacity - missing < 1.
        let most = left + under_way as f64 + 1.0 + 1e-6;
        limits.high = limits.high.min((most.ceil() as usize).saturating_sub(1));
        if limits.high < limits.low {
            return None;
        }
    }
    Some(limits)
}

/// How many ways to go on are kept for one opening, and how many openings are
/// tried for one window: far more than requests under way together need.
const MOST_WAYS: usize = 4;
const MOST_OPENINGS: usize = 64;

/// One way to explain the admissions before the `opening`-th.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// The window opened between these moments.
    low: f64,
    high: f64,
    limits: Limits,
}

/// Windows that the first request opens and that last between `window` and
/// `window + more` seconds each.
pub(super) fn anchored(trace: &Trace, window: f64, more: f64) -> Option<Limits> {
    let n = trace.admitted();
    // A refused request opens no window, so an admission came first.
    if n == 0 || trace.refused.first().is_some_and(|refusal| refusal.done < trace.sent[0]) {
        return None;
    }
    let first = Way { low: trace.sent[0], high: trace.done[0], limits: Limits::ALL };
    let mut ways: BTreeMap<usize, Vec<Way>> = BTreeMap::from([(0, vec![first])]);
    let mut found: Option<Limits> = None;
    while let Some((opening, here)) = ways.pop_first() {
        for way in here {
            let certain = before_or_at(&trace.done, way.low + window - 1e-9).max(opening + 1);
            let earliest = certain.min(n);
            let latest = before(&trace.sent, way.high + window + more).max(opening + 1).min(n);
            let step = ((latest.saturating_sub(earliest)) / MOST_OPENINGS).max(1);
            let mut next = earliest;
            while next <= latest {
                let limits = group(trace, opening, next, &way, window + more);
                match limits {
                    Some(limits) if next == n => {
                        found = Some(found.map_or(limits, |found| Limits {
                            low: found.low.min(limits.low),
                            high: found.high.max(limits.high),
                        }));
                    }
                    Some(limits) => {
                        let low = trace.sent[next].max(way.low + window);
                        let way = Way { low, high: trace.done[next].max(low), limits };
                        keep(ways.entry(next).or_default(), way);
                    }
                    None => {}
                }
                next += if next < latest { step.min(latest - next) } else { 1 };
            }
        }
    }
    found
}

fn keep(ways: &mut Vec<Way>, way: Way) {
    let same = ways.iter_mut().find(|other| other.limits == way.limits);
    if let Some(other) = same {
        other.low = other.low.min(way.low);
        other.high = other.high.max(way.high);
    } else if ways.len() < MOST_WAYS {
        ways.push(way);
    }
}

/// The limits that explain one window: admissions `opening..next`, and every
/// refusal that certainly lies between the opening and the next one.
fn group(trace: &Trace, opening: usize, next: usize, way: &Way, longest: f64) -> Option<Limits> {
    let mut limits = way.limits;
    limits.low = limits.low.max(next - opening);
    let end = trace.sent.get(next).copied().unwrap_or(f64::INFINITY);
    let from = trace.refused.partition_point(|refusal| refusal.sent <= trace.done[opening]);
    for refusal in &trace.refused[from..] {
        if refusal.sent >= end {
            break;
        }
        if refusal.done >= end {
            continue;
        }
        // The first request after the window's end would have opened the next.
        if refusal.sent > way.high + longest {
            return None;
        }
        let so_far = before_or_at(&trace.sent, refusal.done).min(next);
        limits.high = limits.high.min(so_far - opening);
        if limits.high < limits.low {
            return None;
        }
    }
    (limits.low <= limits.high).then_some(limits)
}
