//! Leaks of limiters that forget little by little: what was let in just after a refusal.
//!
//! Two weighted windows forget no faster than the limit in a window, as a bucket does: after
//! a refusal they admit one request, and from then on no more than that pace. An exact log
//! admits after a refusal no more than what leaves it meanwhile, and fixed windows nothing
//! before a cut. A sliding counter of which a few requests get past never admits more than
//! the limit in a window for certain, where some that it admitted ended in errors; but it
//! keeps none of the three. It is accused of it where its refusals are those of such a
//! counter, and few were let in beyond its pace: another kind, unknown here, would be off by
//! many.

use super::Algorithm;
use super::excess::{Bounds, Excess, of_fixed, of_sliding};
use super::infer;
use super::trace::{Trace, before_or_at};

/// By how much moments may be off, as a part of the tolerance that every rule allows: a
/// limiter that counts in one place has one clock.
const PART: f64 = 0.2;

/// The fewest requests that make a leak, and the most, as a share of the refusals.
const FEWEST: usize = 3;
const MOST: f64 = 0.05;

/// A leak of a sliding counter with the declared limit and window; `None`: nothing shows one.
pub(super) fn leak(trace: &Trace, bounds: &Bounds) -> Option<Excess> {
    if bounds.bucket || trace.refused.len() < (FEWEST as f64 / MOST) as usize {
        return None;
    }
    let loose = trace.loosened(bounds.slack * PART);
    let (first, count) = beyond_pace(&loose, bounds)?;
    let few = (FEWEST..=(trace.refused.len() as f64 * MOST) as usize).contains(&count);
    let refuses = || {
        let refusals = vec![loose.without_certainty()];
        infer::explains(refusals, Algorithm::SlidingCounter, bounds)
    };
    let told = few
        && of_fixed(trace, bounds).is_some()
        && (of_sliding(trace, bounds).is_some() || beyond_log(&loose, bounds))
        && refuses();
    told.then_some(first)
}

/// What was admitted after refusals beyond one request and the pace of the limit in a
/// window: the first of it, and how much, each counted once.
fn beyond_pace(trace: &Trace, bounds: &Bounds) -> Option<(Excess, usize)> {
    let rate = bounds.limit as f64 / bounds.window;
    // Of the refusals before an admission the one that leaves it the least room.
    let mut worst = (f64::INFINITY, 0.0, 0);
    let (mut first, mut leaked) = (None, 0);
    let mut refusals = by_done(trace).into_iter().peekable();
    for k in 0..trace.admitted() {
        while let Some((done, sent)) = refusals.next_if(|(done, _)| *done < trace.sent[k]) {
            let before = before_or_at(&trace.sent, done);
            let begin = (before - leaked) as f64 - rate * sent;
            if begin < worst.0 {
                worst = (begin, sent, before - leaked);
            }
        }
        let end = (k + 1 - leaked) as f64 - rate * trace.done[k];
        if end - worst.0 >= 1.0 + 1e-6 {
            let (_, from, before) = worst;
            let to = trace.done[k];
            let allowed = (1.0 + rate * (to - from)) as usize;
            first.get_or_insert(Excess { from, to, admitted: k + 1 - leaked - before, allowed });
            leaked += 1;
        }
    }
    first.map(|first| (first, leaked))
}

/// So many admissions after a refusal are looked at.
const MOST_AFTER: usize = 64;

/// Whether an exact log admitted more after a refusal, when it was full, than left it.
fn beyond_log(trace: &Trace, bounds: &Bounds) -> bool {
    let window = bounds.window;
    by_done(trace).into_iter().any(|(done, sent)| {
        let first = before_or_at(&trace.sent, done);
        let later = first..trace.admitted().min(first + MOST_AFTER);
        later.into_iter().any(|k| {
            let left = trace.may_have_been_admitted(sent - window, trace.done[k] - window);
            k + 1 - first > left
        })
    })
}

/// When refusals were done and sent, by the former.
fn by_done(trace: &Trace) -> Vec<(f64, f64)> {
    let mut refusals: Vec<_> = trace.refused.iter().map(|r| (r.done, r.sent)).collect();
    refusals.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    refusals
}
