//! What fixed windows explain: cut by the clock, opened by the first request, moved on by refusals.

use std::collections::BTreeMap;

use super::super::models::Extension;
use super::super::trace::{Trace, before, before_or_at};
use super::limits::{Cell, Limits};

/// Windows of `window` seconds with a cut at `phase` (seconds of the trace).
pub(in crate::limits) fn aligned(trace: &Trace, window: f64, phase: Cell) -> Option<Limits> {
    let mut limits = Limits::ALL;
    let number = |at: f64| ((at - phase.middle) / window).floor();
    let start = |number: f64| number.mul_add(window, phase.middle);
    let mut next = 0;
    while let Some(sent) = trace.sent.get(next) {
        let here = number(*sent);
        let inside = before(&trace.done, start(here + 1.0) - phase.half);
        let earlier = before(&trace.sent, start(here) + phase.half);
        limits.at_least(inside.saturating_sub(earlier));
        next = before(&trace.sent, start(here + 1.0)).max(next + 1);
    }
    for refusal in &trace.refused {
        let here = number(refusal.sent - phase.half);
        if number(refusal.done + phase.half) == here {
            let over = before(&trace.may_done, start(here) - phase.half);
            let most = refusal.may_have_begun.saturating_sub(over);
            if !limits.at_most(most) {
                return None;
            }
        }
    }
    (limits.low <= limits.high).then_some(limits)
}

/// How many ways to go on are kept apart for one opening, and how many openings
/// are tried for one window: far more than requests under way together need.
const MOST_WAYS: usize = 8;
const MOST_OPENINGS: usize = 64;

/// Windows that the first request opens.
#[derive(Clone, Copy, Debug)]
pub(in crate::limits) struct Anchor {
    /// How long they last, in seconds.
    pub(in crate::limits) window: f64,
    /// By how much each may last longer.
    pub(in crate::limits) more: f64,
    /// What moves their end to a whole window later.
    pub(in crate::limits) extension: Extension,
}

/// One way to explain the admissions before a window, and its opening.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// The window opened between these moments.
    low: f64,
    high: f64,
    /// Whether by a request that is not among those admitted for certain.
    perhaps: bool,
    limits: Limits,
}

/// One window: the admissions from the `from`-th up to the `next`-th.
#[derive(Clone, Copy)]
struct Group<'a> {
    trace: &'a Trace,
    anchor: Anchor,
    from: usize,
    next: usize,
    way: Way,
}

/// What windows that the first request opens explain. A request that may have been
/// admitted may have taken a place, and opened a window.
pub(in crate::limits) fn anchored(trace: &Trace, anchor: Anchor) -> Option<Limits> {
    let n = trace.admitted();
    let mut ways: BTreeMap<usize, Vec<Way>> = BTreeMap::new();
    let refused_first = trace.refused.iter().map(|r| r.done).fold(f64::INFINITY, f64::min);
    for (way, next) in openings(trace, 0, f64::NEG_INFINITY, Limits::ALL) {
        // A refused request opens no window, so that something was admitted first.
        if way.low <= refused_first {
            keep(ways.entry(next).or_default(), way);
        }
    }
    let mut found: Option<Limits> = None;
    while let Some((from, here)) = ways.pop_first() {
        for way in here {
            let certain = usize::from(!way.perhaps);
            let until = way.low + anchor.window - 1e-9;
            let earliest = before_or_at(&trace.done, until).max(from + certain).min(n);
            let latest = latest(trace, anchor, from, &way).max(from + certain).min(n);
            let step = (latest.saturating_sub(earliest) / MOST_OPENINGS).max(1);
            let mut next = earliest;
            while next <= latest {
                let group = Group { trace, anchor, from, next, way };
                if next == n
                    && let Some(limits) = group.limits(f64::INFINITY)
                {
                    found = Some(found.map_or(limits, |found| found.or(limits)));
                }
                for (opening, to) in openings(trace, next, way.low + anchor.window, way.limits) {
                    let low = group.ends_after(opening.low).max(opening.low);
                    if low > opening.high {
                        continue;
                    }
                    // A window without a certain admission leads nowhere new.
                    if let Some(limits) = group.limits(low)
                        && (to > from || low > way.low)
                    {
                        keep(ways.entry(to).or_default(), Way { low, limits, ..opening });
                    }
                }
                next += if next < latest { step.min(latest - next) } else { 1 };
            }
        }
    }
    found
}

/// The admissions that can lie in the window at most.
fn latest(trace: &Trace, anchor: Anchor, from: usize, way: &Way) -> usize {
    let lasts = anchor.window + anchor.more;
    let mut end = way.high + lasts;
    if anchor.extension != Extension::Requests {
        return before(&trace.sent, end);
    }
    let mut next = from;
    while trace.sent.get(next).is_some_and(|sent| *sent < end) {
        end = end.max(trace.done[next] + lasts);
        next += 1;
    }
    next
}

/// What may open a window that the `next`-th admission is the first of, not before
/// `not_before`: itself, or a request that may have been admitted before it.
fn openings(
    trace: &Trace,
    next: usize,
    not_before: f64,
    limits: Limits,
) -> impl Iterator<Item = (Way, usize)> + '_ {
    let certain = trace.sent.get(next).map(|sent| Way {
        low: sent.max(not_before),
        high: trace.done[next],
        perhaps: false,
        limits,
    });
    let by = certain.map_or(f64::INFINITY, |way| way.high);
    let after = next.checked_sub(1).map_or(f64::NEG_INFINITY, |last| trace.sent[last]);
    let until = trace.perhaps.partition_point(|(sent, _)| *sent <= by);
    let perhaps = trace.perhaps[..until].iter().map(move |(sent, done)| Way {
        low: sent.max(not_before).max(after),
        high: done.min(by),
        perhaps: true,
        limits,
    });
    certain.into_iter().chain(perhaps).filter(|way| way.low <= way.high).map(move |way| (way, next))
}

impl Group<'_> {
    /// The window isn't over before this, when the next opens at `opening` or later.
    fn ends_after(&self, opening: f64) -> f64 {
        let Anchor { window, extension, .. } = self.anchor;
        let mut end = self.way.low + window;
        if extension == Extension::Never {
            return end;
        }
        let refused = &self.trace.refused;
        let first = refused.partition_point(|refusal| refusal.sent <= self.way.high);
        for refusal in refused[first..].iter().take_while(|refusal| refusal.sent < opening) {
            if refusal.done < opening {
                end = end.max(refusal.sent + window);
            }
        }
        if extension == Extension::Requests && self.next > self.from {
            end = end.max(self.trace.sent[self.next - 1] + window);
        }
        end
    }

    /// The limits that explain this window: its admissions, and every refusal that
    /// certainly lies between its opening and the next one's, at `opening` at the
    /// earliest.
    fn limits(&self, opening: f64) -> Option<Limits> {
        let Self { trace, anchor, from, next, way } = *self;
        let mut limits = way.limits;
        limits.at_least(next - from + usize::from(way.perhaps));
        let lasts = anchor.window + anchor.more;
        let mut end = way.high + lasts;
        let mut admitted = from;
        let first = trace.refused.partition_point(|refusal| refusal.sent <= way.high);
        for refusal in &trace.refused[first..] {
            if refusal.sent >= opening {
                break;
            }
            if anchor.extension == Extension::Requests {
                // Any request before this one may have moved the end.
                while admitted < next && trace.sent[admitted] <= refusal.sent.min(end) {
                    end = end.max(trace.done[admitted] + lasts);
                    admitted += 1;
                }
                end = end.max(self.perhaps_by(end.min(refusal.sent)) + lasts);
            }
            if refusal.done >= opening {
                continue;
            }
            // The first request after the window's end would have opened the next.
            if refusal.sent > end {
                return None;
            }
            if anchor.extension != Extension::Never {
                end = end.max(refusal.done + lasts);
            }
            let so_far = refusal.begun.min(next) - from;
            if !limits.at_most(so_far + self.perhaps_within(refusal.done)) {
                return None;
            }
        }
        (limits.low <= limits.high).then_some(limits)
    }

    /// How many requests that may have been admitted may lie in this window by `at`.
    fn perhaps_within(&self, at: f64) -> usize {
        let perhaps = &self.trace.perhaps;
        let sent = perhaps.partition_point(|(sent, _)| *sent <= at);
        perhaps[..sent].iter().filter(|(_, done)| *done >= self.way.low).count()
    }

    /// The latest moment at which one that may have been admitted and was sent by
    /// `at` was decided.
    fn perhaps_by(&self, at: f64) -> f64 {
        let perhaps = &self.trace.perhaps;
        let sent = perhaps.partition_point(|(sent, _)| *sent <= at);
        perhaps[..sent].iter().map(|(_, done)| *done).fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Adds a way, or widens one that is there: no way is lost.
fn keep(ways: &mut Vec<Way>, way: Way) {
    let alike = |other: &Way| other.perhaps == way.perhaps;
    let touches = |other: &Way| {
        alike(other) && other.limits == way.limits && way.low <= other.high && other.low <= way.high
    };
    let far = |i: &usize| (ways[*i].low - way.low).abs();
    let place = ways.iter().position(touches).or_else(|| {
        let alike = (0..ways.len()).filter(|i| alike(&ways[*i]));
        if alike.clone().count() < MOST_WAYS {
            return None;
        }
        alike.min_by(|a, b| far(a).total_cmp(&far(b)))
    });
    let Some(place) = place else { return ways.push(way) };
    let other = &mut ways[place];
    other.low = other.low.min(way.low);
    other.high = other.high.max(way.high);
    other.limits = other.limits.or(way.limits);
}
