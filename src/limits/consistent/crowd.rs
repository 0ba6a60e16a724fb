//! What limits on how many at once explain, and limiters that count apart.

use super::super::trace::{Trace, before, before_or_at};
use super::limits::Limits;

/// At most so many at once. An admitted request keeps its place for certain only
/// between the times that the network may have taken before and after, `network`
/// seconds each.
pub(in crate::limits) fn concurrency(trace: &Trace, network: f64) -> Option<Limits> {
    let mut limits = Limits::ALL;
    let mut kept: Vec<(f64, f64)> = trace.admissions.clone();
    kept.retain_mut(|pair| {
        *pair = (pair.0 + network, pair.1 - network);
        pair.0 < pair.1
    });
    let (mut begins, mut ends): (Vec<f64>, Vec<f64>) = kept.iter().copied().unzip();
    begins.sort_unstable_by(f64::total_cmp);
    ends.sort_unstable_by(f64::total_cmp);
    for (i, begin) in begins.iter().enumerate() {
        limits.at_least(i + 1 - before_or_at(&ends, *begin));
    }
    for refusal in &trace.refused {
        let under_way = trace.may_have_been_admitted(refusal.sent, refusal.done);
        if !limits.at_most(under_way) {
            return None;
        }
    }
    (limits.low <= limits.high).then_some(limits)
}

/// Limiters that count apart: how many, and the limit of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::limits) struct Apart {
    pub(in crate::limits) replicas: usize,
    pub(in crate::limits) each: Limits,
}

/// The most replicas that are tried.
const MOST_REPLICAS: usize = 8;

/// How improbable a pattern may be before it is no explanation.
const IMPROBABLE: f64 = 0.002;

/// Fixed windows of `window` seconds (`more`: how much longer each may last) that
/// count apart. Each request goes to any of them. In the first window, which no
/// other one reaches into, no more than all their limits together are admitted;
/// refusals begin when one is full, not before; and whoever is refused time and
/// again has met all of them.
/// `cut`: the clock may cut the first one short, of which then two are met, and nobody
/// need have met all of them. What follows must be what windows, logs or buckets admit.
pub(in crate::limits) fn replicas(trace: &Trace, window: f64, more: f64, cut: bool) -> Vec<Apart> {
    let windows = if cut { 2 } else { 1 };
    let Some(first) = trace.refused.first() else { return Vec::new() };
    let end = trace.first + window;
    let total = before(&trace.done, end);
    // What ended in nobody knows what may have taken a place.
    let at_most = trace.may_have_been_admitted(trace.first, end);
    let at_first = first.may_have_begun;
    let most = trace
        .refused
        .iter()
        .map(|r| trace.may_have_been_admitted(r.sent - window - more, r.done))
        .fold(usize::MAX, usize::min);
    let within = trace.most_within(window);
    let last = trace.sent[..before(&trace.sent, end)].last().copied().unwrap_or(trace.first);
    let tail = trace.refused.iter().filter(|r| r.sent > last && r.done < end).count();
    let mut found = Vec::new();
    for replicas in 2..=MOST_REPLICAS {
        let between = between_full(trace, window, replicas);
        let each = Limits { low: total.div_ceil(windows * replicas).max(1), high: most };
        let full = |each: usize| {
            let open = (replicas * each).saturating_sub(at_most) > 0;
            let refused_by_chance = (1.0 - 1.0 / replicas as f64).powi(tail as i32);
            cut || !open || refused_by_chance >= IMPROBABLE
        };
        let likely = |each: &usize| {
            full(*each)
                && one_is_full_after(at_first, *each, replicas) >= IMPROBABLE
                && one_is_full_after(most, *each, replicas) >= IMPROBABLE
                && (within <= replicas * each
                    // Two windows of each may touch.
                    || within <= 2 * replicas * each
                        && between.iter().all(|admitted| whole(*admitted, *each, replicas))
                    || refills(trace, replicas * each, window))
        };
        let fits: Vec<usize> = (each.low..=each.high.min(each.low + 64)).filter(likely).collect();
        if let (Some(low), Some(high)) = (fits.first(), fits.last()) {
            found.push(Apart { replicas, each: Limits { low: *low, high: *high } });
        }
    }
    found
}

/// Between moments, less than a window apart, at which all of `replicas` were full: how
/// many were admitted, at least and at most. They were where so many were refused in a
/// row that none can have been left out.
fn between_full(trace: &Trace, window: f64, replicas: usize) -> Vec<(usize, usize)> {
    let missed = 1.0 - 1.0 / replicas as f64;
    let told = |n: i32| replicas as f64 * missed.powi(n) < IMPROBABLE;
    let mut rows: Vec<(f64, f64, i32)> = Vec::new();
    for refusal in &trace.refused {
        match rows.last_mut() {
            Some((from, to, n)) if trace.may_have_been_admitted(*from, refusal.done) == 0 => {
                (*to, *n) = (to.max(refusal.done), *n + 1);
            }
            _ => rows.push((refusal.sent, refusal.done, 1)),
        }
    }
    rows.retain(|(_, _, n)| told(*n));
    rows.windows(2)
        .filter(|pair| pair[1].1 - pair[0].0 < window)
        .map(|pair| {
            let (from, to) = (pair[0].0, pair[1].1);
            let least = before(&trace.done, to).saturating_sub(before_or_at(&trace.sent, from));
            (least, trace.may_have_been_admitted(from, to))
        })
        .collect()
}

/// Whether what was admitted between two moments at which all were full is what some of
/// them admit in a window of their own.
fn whole((least, most): (usize, usize), each: usize, replicas: usize) -> bool {
    (0..=replicas).any(|n| least <= n * each && n * each <= most)
}

/// Whether buckets of `capacity` in all, full again within a `window`, may have admitted
/// so much.
fn refills(trace: &Trace, capacity: usize, window: f64) -> bool {
    let rate = capacity as f64 / window;
    let mut begin = f64::INFINITY;
    trace.sent.iter().zip(&trace.done).enumerate().all(|(k, (sent, done))| {
        begin = begin.min(k as f64 - rate * sent);
        (k + 1) as f64 - rate * done - begin <= capacity as f64 + 1e-6
    })
}

/// How probable it is that `admitted` requests, spread by chance, fill one of
/// `replicas` with `each`: by Markov's inequality on the number of full ones, so at
/// most that.
fn one_is_full_after(admitted: usize, each: usize, replicas: usize) -> f64 {
    if admitted < each {
        return 0.0;
    }
    let p = 1.0 / replicas as f64;
    // P(Binomial(admitted, p) >= each).
    let (n, mut term, mut below) = (admitted as f64, (1.0 - p).powf(admitted as f64), 0.0);
    for k in 0..each {
        below += term;
        let k = k as f64;
        term *= (n - k) / (k + 1.0) * p / (1.0 - p);
    }
    ((1.0 - below) * replicas as f64).clamp(0.0, 1.0)
}
