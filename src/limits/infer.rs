//! Which kind of limiter an admission pattern betrays, and with which limit and window.
//!
//! Nothing is fitted: each kind is asked which limits and windows explain every
//! decision ([`super::consistent`]). A kind that explains nothing is excluded;
//! when one is left, that is it; when several are left, the answer is that
//! nobody can tell, and why. Windows are tried in the order of their
//! plausibility: the declared one and its simple multiples, the lengths that
//! people choose, and only then those that the pattern itself suggests.

use super::consistent::{self, Limits};
use super::party::LedgerView;
use super::predict::slack;
use super::trace::Trace;
use super::{Algorithm, Estimate, Inference};
use crate::admission::DeclaredLimit;
use crate::units::count;

/// The most ledgers and entries that are looked at; more add time, not certainty.
const MOST_LEDGERS: usize = 16;
const MOST_ENTRIES: usize = 20_000;

/// Windows that people choose, in seconds.
const USUAL: [f64; 12] =
    [1.0, 5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 3600.0];

/// A clock may cut just where a window that the first request opened ends. Where
/// more than this share of all phases explains the pattern, nobody can tell which
/// it was; below it, chance is the lesser explanation.
const CHANCE: f64 = 0.1;

/// Phases tried within the gap that holds a cut.
const PHASES: u32 = 16;

/// When the ledgers begin on the limiter's clock: lets an aligned window be
/// recognised by its phase. `unix_start`: seconds since 1970 at moment 0 of the
/// ledgers, on our clock; `skew`: the limiter's clock minus ours, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ServerTime {
    /// Seconds since 1970 at moment 0 of the ledgers, on our clock.
    pub unix_start: f64,
    /// The server's clock minus ours, in seconds; `None`: unknown.
    pub skew: Option<f64>,
}

/// A kind with parameters that explain everything seen.
#[derive(Clone, Copy, Debug)]
struct Explanation {
    algorithm: Algorithm,
    window: f64,
    limits: Limits,
    /// Where an aligned window is cut.
    phase: f64,
    /// The share of all phases that explain the pattern; 1 where there is no phase.
    share: f64,
}

/// The evidence of all ledgers.
struct Evidence {
    traces: Vec<Trace>,
    /// Between a refusal and the next admission: from when to when.
    returns: Vec<(f64, f64)>,
    /// The longest stretch in which everything was refused.
    longest_refusal: f64,
    /// From the first request to the last answer, over all.
    span: f64,
}

/// Tells the kind of limiter from the pattern of admissions over all ledgers of
/// a scenario.
#[must_use]
pub fn infer(
    ledgers: &[LedgerView<'_>],
    declared: Option<&DeclaredLimit>,
    clock: ServerTime,
) -> Inference {
    let Some(evidence) = gather(ledgers) else { return none_seen(ledgers, declared) };
    if evidence.returns.is_empty() {
        return unknown(
            "the run ended before a refused identity was admitted again: every kind of limiter looks like that".to_owned(),
        );
    }
    let mut plausible = plausible_windows(declared);
    plausible.retain(|window| *window <= 4.0 * evidence.span.max(1.0));
    let mut found = explanations(&evidence, &plausible, declared);
    if found.is_empty() {
        found = explanations(&evidence, &suggested_windows(&evidence), declared);
    }
    decide(&found, declared, clock)
}

/// Of all explanations those that count: where the declared limit and window
/// explain everything, nothing more far-fetched does.
fn candidates(found: &[Explanation], declared: Option<&DeclaredLimit>) -> Vec<Explanation> {
    let as_declared = |e: &&Explanation| {
        declared.is_some_and(|declared| {
            let limit = usize::try_from(declared.limit).unwrap_or(usize::MAX);
            (e.window - declared.window.as_secs_f64()).abs() < 1e-9
                && (e.limits.low..=e.limits.high).contains(&limit)
        })
    };
    let close: Vec<Explanation> = found.iter().filter(as_declared).copied().collect();
    if close.is_empty() { found.to_vec() } else { close }
}

/// No refusal at all: no limiter, or not enough sent to say so.
fn none_seen(ledgers: &[LedgerView<'_>], declared: Option<&DeclaredLimit>) -> Inference {
    let sent: usize = ledgers.iter().map(|ledger| ledger.entries.len()).sum();
    let Some(declared) = declared else {
        let why = format!("nothing was refused in {} requests", count(sent as u64));
        return Inference { algorithm: Algorithm::None, limit: None, window_s: None, why };
    };
    let shortest = (declared.window - slack(declared.window)).as_secs_f64();
    let past_twice = |ledger: &LedgerView<'_>| {
        let trace = Trace::new(ledger.entries);
        consistent::sliding(&trace, shortest)
            .is_some_and(|limits| limits.low as u64 > 2 * declared.limit)
    };
    if let Some(ledger) = ledgers.iter().find(|ledger| past_twice(ledger)) {
        let why = format!(
            "nothing was refused, although {} sent more than twice the declared limit within a window",
            ledger.label
        );
        return Inference { algorithm: Algorithm::None, limit: None, window_s: None, why };
    }
    unknown("nothing was refused: the load didn't reach the limit".to_owned())
}

fn unknown(why: String) -> Inference {
    Inference { algorithm: Algorithm::Unknown, limit: None, window_s: None, why }
}

/// The ledgers that were refused anything, those set aside and the shortest first.
fn gather(ledgers: &[LedgerView<'_>]) -> Option<Evidence> {
    let mut chosen: Vec<&LedgerView<'_>> = ledgers
        .iter()
        .filter(|ledger| {
            ledger.entries.iter().any(|e| e.admitted == crate::admission::Admitted::No)
        })
        .collect();
    chosen.sort_by_key(|ledger| (!ledger.set_aside, ledger.entries.len()));
    let mut entries = 0;
    let traces: Vec<Trace> = chosen
        .into_iter()
        .take(MOST_LEDGERS)
        .take_while(|ledger| {
            let first = entries == 0;
            entries += ledger.entries.len();
            first || entries <= MOST_ENTRIES
        })
        .map(|ledger| Trace::new(ledger.entries))
        .collect();
    if traces.is_empty() {
        return None;
    }
    let mut returns: Vec<(f64, f64)> = traces.iter().flat_map(returns_of).collect();
    returns.sort_unstable_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
    let longest_refusal = traces.iter().map(longest_refusal).fold(0.0, f64::max);
    let span = traces.iter().map(|trace| trace.last - trace.first).fold(0.0, f64::max);
    Some(Evidence { traces, returns, longest_refusal, span })
}

/// Every last refusal before an admission, with that admission.
fn returns_of(trace: &Trace) -> Vec<(f64, f64)> {
    let mut returns: Vec<(usize, f64, f64)> = Vec::new();
    for refusal in &trace.refused {
        let next = super::trace::before_or_at(&trace.sent, refusal.done);
        let Some(by) = trace.soonest_done_from(next) else { continue };
        match returns.last_mut() {
            Some((same, from, _)) if *same == next => *from = from.max(refusal.sent),
            _ => returns.push((next, refusal.sent, by)),
        }
    }
    returns.into_iter().map(|(_, from, by)| (from, by)).collect()
}

/// The longest time between two refusals with nothing admitted in between.
fn longest_refusal(trace: &Trace) -> f64 {
    let mut longest = 0.0_f64;
    let mut start: Option<super::trace::Refusal> = None;
    for refusal in &trace.refused {
        match start {
            Some(first) if trace.may_have_been_admitted(first.sent, refusal.done) == 0 => {
                longest = longest.max(refusal.sent - first.done);
            }
            _ => start = Some(*refusal),
        }
    }
    longest
}

/// Windows worth trying first, in seconds; the declared one leads.
fn plausible_windows(declared: Option<&DeclaredLimit>) -> Vec<f64> {
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
    windows
}

/// Windows that the pattern suggests: from an earlier admission or cut to a
/// moment at which places were free again.
fn suggested_windows(evidence: &Evidence) -> Vec<f64> {
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
            anchors.push(super::trace::before_or_at(&trace.sent, *from));
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
    // The longer the ledgers, the fewer are tried: the work stays the same.
    let entries: usize = evidence.traces.iter().map(|t| t.admitted() + t.refused.len()).sum();
    windows.truncate((400_000 / entries.max(1)).clamp(20, 200));
    windows
}

/// All kinds with all of these windows that explain the evidence.
fn explanations(
    evidence: &Evidence,
    windows: &[f64],
    declared: Option<&DeclaredLimit>,
) -> Vec<Explanation> {
    let mut found = Vec::new();
    for window in windows {
        // No kind refuses everything for longer than its window.
        if *window + 1.5 < evidence.longest_refusal {
            continue;
        }
        found.extend(sliding(evidence, *window));
        found.extend(anchored(evidence, *window));
        found.extend(aligned(evidence, *window));
        found.extend(bucket(evidence, *window, declared));
    }
    found
}

fn all(evidence: &Evidence, explain: impl Fn(&Trace) -> Option<Limits>) -> Option<Limits> {
    let mut limits: Option<Limits> = None;
    for trace in &evidence.traces {
        let here = explain(trace)?;
        limits = Some(match limits {
            Some(limits) => limits.and(here)?,
            None => here,
        });
    }
    limits
}

fn sliding(evidence: &Evidence, window: f64) -> Option<Explanation> {
    let limits = all(evidence, |trace| consistent::sliding(trace, window))?;
    Some(Explanation {
        algorithm: Algorithm::SlidingWindow,
        window,
        limits,
        phase: 0.0,
        share: 1.0,
    })
}

fn anchored(evidence: &Evidence, window: f64) -> Option<Explanation> {
    let exact = all(evidence, |trace| consistent::anchored(trace, window, 0.0));
    let whole = |w: f64| w >= 1.0 && (w - w.round()).abs() < 1e-9;
    let limits = exact.or_else(|| {
        whole(window)
            .then(|| all(evidence, |trace| consistent::anchored(trace, window, 1.0)))
            .flatten()
    })?;
    Some(Explanation {
        algorithm: Algorithm::AnchoredWindow,
        window,
        limits,
        phase: 0.0,
        share: 1.0,
    })
}

/// Tries phases within the narrowest gap that is known to hold a cut.
fn aligned(evidence: &Evidence, window: f64) -> Option<Explanation> {
    let (from, by) = *evidence.returns.first()?;
    let mut fits: Vec<(f64, Limits)> = Vec::new();
    for i in 0..PHASES {
        let phase = from + (f64::from(i) + 0.5) / f64::from(PHASES) * (by - from);
        let limits = all(evidence, |trace| consistent::aligned(trace, window, phase));
        fits.extend(limits.map(|limits| (phase, limits)));
    }
    let (phase, _) = *fits.get(fits.len() / 2)?;
    let limits = Limits {
        low: fits.iter().map(|fit| fit.1.low).min()?,
        high: fits.iter().map(|fit| fit.1.high).max()?,
    };
    let share = ((by - from) / window).min(1.0) * fits.len() as f64 / f64::from(PHASES);
    Some(Explanation { algorithm: Algorithm::AlignedWindow, window, limits, phase, share })
}

/// A bucket whose capacity refills in `window`: the limit decides the rate, so
/// limits are tried: the declared one and its simple parts and multiples, and
/// what the others would need.
fn bucket(
    evidence: &Evidence,
    window: f64,
    declared: Option<&DeclaredLimit>,
) -> Option<Explanation> {
    let mut limits: Vec<f64> = Vec::new();
    if let Some(declared) = declared {
        let limit = declared.limit as f64;
        limits.extend([1.0, 0.5, 2.0, 3.0, 4.0, 5.0, 10.0].map(|times| (limit * times).floor()));
    }
    let before_refusal = evidence.traces.iter().filter_map(|trace| {
        let first = trace.refused.first()?;
        Some(super::trace::before_or_at(&trace.sent, first.done) as f64)
    });
    let most = before_refusal.fold(f64::INFINITY, f64::min);
    if most.is_finite() {
        limits.extend((0..=most.sqrt().ceil() as u64 + 4).map(|less| most - less as f64));
    }
    limits.into_iter().filter(|limit| *limit >= 1.0).find_map(|limit| {
        let allowed = all(evidence, |trace| consistent::bucket(trace, window / limit))?;
        let limit = limit as usize;
        let limits = allowed.and(Limits { low: limit, high: limit })?;
        Some(Explanation {
            algorithm: Algorithm::TokenBucket,
            window,
            limits,
            phase: 0.0,
            share: 1.0,
        })
    })
}

/// One answer from all explanations.
fn decide(found: &[Explanation], declared: Option<&DeclaredLimit>, clock: ServerTime) -> Inference {
    let candidates = candidates(found, declared);
    let of = |algorithm: Algorithm| candidates.iter().filter(move |e| e.algorithm == algorithm);
    let has = |algorithm: Algorithm| of(algorithm).next().is_some();
    let mut left: Vec<Algorithm> = [
        Algorithm::AnchoredWindow,
        Algorithm::AlignedWindow,
        Algorithm::SlidingWindow,
        Algorithm::TokenBucket,
    ]
    .into_iter()
    .filter(|algorithm| has(*algorithm))
    .collect();
    // A clock that cuts just a window after the first request would look
    // anchored; by chance that is rare where the cut is known well.
    let chance = of(Algorithm::AlignedWindow).map(|e| e.share).fold(0.0, f64::max);
    if has(Algorithm::AnchoredWindow) && chance <= CHANCE {
        left.retain(|algorithm| *algorithm != Algorithm::AlignedWindow);
    }
    match left.as_slice() {
        [] => unknown(
            "the pattern fits none of anchored, aligned and sliding window and token bucket: the limiter errs, counts in several places, or other traffic used its quota".to_owned(),
        ),
        [only] => answer(found, *only, declared, clock),
        several => {
            let names: Vec<String> = several.iter().map(|kind| one(*kind)).collect();
            unknown(format!(
                "this load is admitted alike by {}: only uneven traffic tells them apart",
                names.join(" and ")
            ))
        }
    }
}

/// `a sliding window`.
fn one(kind: Algorithm) -> String {
    let article = if kind.name().starts_with('a') { "an" } else { "a" };
    format!("{article} {}", kind.name())
}

/// The answer when one kind is left: its most plausible explanation first.
fn answer(
    found: &[Explanation],
    algorithm: Algorithm,
    declared: Option<&DeclaredLimit>,
    clock: ServerTime,
) -> Inference {
    let mut fits: Vec<&Explanation> = found.iter().filter(|e| e.algorithm == algorithm).collect();
    let far = |e: &&Explanation| {
        let window = declared.map_or(60.0, |declared| declared.window.as_secs_f64());
        (e.window / window).ln().abs()
    };
    fits.sort_by(|a, b| far(a).total_cmp(&far(b)));
    let Some(best) = fits.first() else { return unknown(String::new()) };
    let wanted = declared.map_or(0, |declared| usize::try_from(declared.limit).unwrap_or(0));
    let value = wanted.clamp(best.limits.low, best.limits.high);
    let low = fits.iter().map(|e| e.limits.low).min().unwrap_or(value);
    let high = fits.iter().map(|e| e.limits.high).max().unwrap_or(value);
    let limit = Estimate { value: value as f64, low: low as f64, high: high as f64 };
    let windows = fits.iter().map(|e| e.window);
    let window_s = Estimate {
        value: best.window,
        low: windows.clone().fold(f64::INFINITY, f64::min),
        high: windows.fold(0.0, f64::max),
    };
    let mut why = format!("of the four kinds only {} explains every decision", one(algorithm));
    if algorithm == Algorithm::AlignedWindow && on_the_clock(best, clock) {
        why.push_str(", cut at whole windows of the server's clock");
    }
    Inference { algorithm, limit: Some(limit), window_s: Some(window_s), why }
}

/// Whether an aligned window is cut at multiples of its length since 1970, as
/// well as clocks allow (`Date` headers tell the skew to about a second).
fn on_the_clock(explanation: &Explanation, clock: ServerTime) -> bool {
    let cut = clock.unix_start + clock.skew.unwrap_or(0.0) + explanation.phase;
    let off = cut.rem_euclid(explanation.window);
    clock.unix_start > 0.0 && off.min(explanation.window - off) <= 1.5
}
