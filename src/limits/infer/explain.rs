//! All kinds with parameters that explain everything seen.

use super::super::Algorithm;
use super::super::consistent::{self, Anchor, Cell, Counted, Delays, Limits};
use super::super::models::Extension;
use super::super::trace::Trace;
use super::gather::Evidence;
use super::windows;
use crate::admission::DeclaredLimit;

/// Beyond so many requests that may have been admitted and may not, a window that
/// the first request opens isn't tried.
const MOST_PERHAPS: usize = 600;

/// Ledgers with more entries are long.
const LONG: usize = 4_000;

/// Into how many segments people cut a sliding window.
const SEGMENTS: [u32; 11] = [2, 3, 4, 5, 6, 8, 10, 12, 20, 30, 60];

/// The most replicas asked by chance that are thought of before windows that nobody declared.
pub(super) const MOST_BY_CHANCE: usize = 4;

/// By how much an answer may come late without having waited, in seconds.
const LATE: f64 = 0.05;

/// The most stretches of phases or rates that are kept of one kind.
const MOST_CELLS: usize = 64;

/// A kind with parameters that explain everything seen.
#[derive(Clone, Debug)]
pub(super) struct Explanation {
    pub(super) algorithm: Algorithm,
    pub(super) window: f64,
    pub(super) limits: Limits,
    /// Where an aligned window may be cut; of a bucket the logarithm of its rate.
    pub(super) cells: Vec<Cell>,
    /// How many replicas, of those that count apart.
    pub(super) replicas: usize,
    /// How requests waited, of a bucket that delays.
    pub(super) delays: Option<Delays>,
}

impl Explanation {
    const fn new(algorithm: Algorithm, window: f64, limits: Limits) -> Self {
        Self { algorithm, window, limits, cells: Vec::new(), replicas: 1, delays: None }
    }

    /// Tokens a second, of a bucket.
    pub(super) fn per_second(&self) -> f64 {
        self.cells.first().map_or(0.0, |rate| rate.middle.exp())
    }

    /// The share of all phases that explain the pattern.
    pub(super) fn share(&self) -> f64 {
        let width: f64 = self.cells.iter().map(|cell| 2.0 * cell.half).sum();
        (width / self.window).min(1.0)
    }
}

/// Asks each kind.
pub(super) struct Explainer<'a> {
    evidence: &'a Evidence,
    /// The limit that has to be among those that explain.
    wanted: Option<usize>,
    /// What the limiter's clock may show whole ones of, in seconds: a window may last so
    /// much longer.
    tick: f64,
    admissions: Vec<Counted>,
    requests: Vec<Counted>,
}

impl<'a> Explainer<'a> {
    /// Explanations of the evidence, with the limit that is `wanted`, by clocks that may
    /// show whole ticks.
    pub(super) fn new(evidence: &'a Evidence, wanted: Option<usize>, tick: f64) -> Self {
        Self {
            evidence,
            wanted,
            tick,
            admissions: vec![Counted::admissions(); evidence.traces.len()],
            requests: evidence.traces.iter().map(Counted::requests).collect(),
        }
    }

    /// What is to be explained.
    pub(super) const fn evidence(&self) -> &'a Evidence {
        self.evidence
    }

    /// Every kind of window with one of these lengths that explains the evidence.
    pub(super) fn windowed(&self, lengths: &[f64]) -> Vec<Explanation> {
        let kinds = [
            Algorithm::SlidingWindow,
            Algorithm::AnchoredWindow,
            Algorithm::AlignedWindow,
            Algorithm::SlidingCounter,
            Algorithm::SlidingWindowOfRequests,
            Algorithm::SlidingCounterOfRequests,
            Algorithm::PenaltyWindow,
        ];
        let mut found = Vec::new();
        for length in lengths {
            found.extend(kinds.iter().filter_map(|kind| self.of(*kind, *length)));
        }
        found
    }

    /// A kind of window with this length, where it explains the evidence.
    pub(super) fn of(&self, kind: Algorithm, window: f64) -> Option<Explanation> {
        // No kind refuses everything for longer than its window but one that counts
        // refusals, and two weighted windows for no longer than both.
        let windows = if kind == Algorithm::SlidingCounter { 2.0 } else { 1.0 };
        let refused = self.evidence.longest_refusal;
        if !kind.counts_refusals() && refused > windows * window + 1.5 {
            return None;
        }
        let (mut cells, limits) = match kind {
            Algorithm::SlidingWindow => (Vec::new(), self.sliding(&self.admissions, window)?),
            Algorithm::SlidingWindowOfRequests => {
                (Vec::new(), self.sliding(&self.requests, window)?)
            }
            Algorithm::AnchoredWindow => (Vec::new(), self.opened(window, &[Extension::Never])?),
            Algorithm::PenaltyWindow => {
                let extensions = [Extension::Refusals, Extension::Requests];
                (Vec::new(), self.opened(window, &extensions)?)
            }
            Algorithm::AlignedWindow => self.aligned(window)?,
            Algorithm::SegmentedWindow => self.segments(window)?,
            Algorithm::SlidingCounter => self.counter(&self.admissions, window)?,
            Algorithm::SlidingCounterOfRequests => self.counter(&self.requests, window)?,
            _ => return None,
        };
        cells.truncate(4 * MOST_CELLS);
        Some(Explanation { cells, ..Explanation::new(kind, window, limits) })
    }

    fn all(&self, explain: impl Fn(usize, &Trace) -> Option<Limits>) -> Option<Limits> {
        let mut limits = self.wanted.map_or(Limits::ALL, |it| Limits { low: it, high: it });
        let mut all = Limits::ALL;
        for (i, trace) in self.evidence.traces.iter().enumerate() {
            let here = explain(i, trace)?;
            limits = limits.and(here)?;
            all = all.and(here)?;
        }
        Some(all)
    }

    fn sliding(&self, counted: &[Counted], window: f64) -> Option<Limits> {
        self.all(|i, trace| consistent::sliding(trace, &counted[i], window, 0.0))
    }

    /// By windows that the first request opens; by such on a clock of whole ticks
    /// where exact ones explain nothing.
    fn opened(&self, window: f64, extensions: &[Extension]) -> Option<Limits> {
        if self.evidence.traces.iter().any(|trace| trace.perhaps.len() > MOST_PERHAPS) {
            return None;
        }
        let ticks = window / self.tick;
        let whole = ticks >= 1.0 && (ticks - ticks.round()).abs() < 1e-6;
        let longer = [Some(0.0), whole.then_some(self.tick)];
        longer.into_iter().flatten().find_map(|more| {
            extensions.iter().find_map(|extension| {
                let anchor = Anchor { window, more, extension: *extension };
                self.all(|_, trace| consistent::anchored(trace, anchor))
            })
        })
    }

    /// Tries phases within the narrowest gap that is known to hold a cut.
    fn aligned(&self, window: f64) -> Option<(Vec<Cell>, Limits)> {
        let (from, by) = *self.evidence.returns.first()?;
        let gap = Cell::between(from, by.min(from + window));
        let test = |phase| self.all(|_, trace| consistent::aligned(trace, window, phase));
        search(gap.cut(4), 3, &test)
    }

    fn counter(&self, counted: &[Counted], window: f64) -> Option<(Vec<Cell>, Limits)> {
        let whole = Cell::between(0.0, window);
        let test =
            |phase| self.all(|i, trace| consistent::counter(trace, &counted[i], window, phase));
        search(whole.cut(16), 3, &test)
    }

    /// By the first number of segments that does. The longer the ledgers, the coarser.
    fn segments(&self, window: f64) -> Option<(Vec<Cell>, Limits)> {
        let entries: usize =
            self.evidence.traces.iter().map(|t| t.admitted() + t.refused.len()).sum();
        let depth = if entries > LONG { 2 } else { 3 };
        SEGMENTS.into_iter().find_map(|parts| {
            let whole = Cell::between(0.0, window / f64::from(parts));
            let test =
                |phase| self.all(|_, trace| consistent::segments(trace, window, parts, phase));
            search(whole.cut(8), depth, &test)
        })
    }

    /// Buckets of any capacity and rate.
    pub(super) fn buckets(&self) -> Vec<Explanation> {
        let Some(delays) = self.evidence.delays else {
            return self.refilled(Algorithm::TokenBucket);
        };
        let mut found = self.refilled(Algorithm::LeakyBucket);
        // Nobody waits longer than a full queue takes to drain.
        let in_time = |e: &Explanation| {
            let fullest = e.limits.high.saturating_sub(1) as f64;
            let jitter = LATE + 0.1 * delays.latency;
            delays.longest <= fullest / (0.9 * e.per_second()) + jitter
        };
        found
            .retain(|e| (0.8..=1.25).contains(&(delays.per_second / e.per_second())) && in_time(e));
        for explanation in &mut found {
            explanation.delays = Some(delays);
        }
        found
    }

    /// Rates are cut finely enough to tell two per cent apart.
    fn refilled(&self, algorithm: Algorithm) -> Vec<Explanation> {
        let mut range: Option<(f64, f64)> = Some((0.0, f64::INFINITY));
        for trace in &self.evidence.traces {
            let here = windows::rates(trace);
            range = range.zip(here).map(|((a, b), (low, high))| (a.max(low), b.min(high)));
        }
        let Some((low, high)) = range.filter(|(low, high)| low <= high) else { return Vec::new() };
        // Cells of equal ratio.
        let test = |rate: Cell| {
            let (slow, fast) =
                (f64::exp(rate.middle - rate.half), f64::exp(rate.middle + rate.half));
            self.all(|_, trace| consistent::bucket(trace, Cell::between(slow, fast)))
        };
        let whole = Cell::between(low.ln(), high.ln());
        let coarse = ((2.0 * whole.half / 0.25).ceil() as u32).clamp(1, 64);
        let Some((rates, _)) = search(whole.cut(coarse), 2, &test) else { return Vec::new() };
        let explanation = |rate: Cell| {
            let limits = test(rate)?;
            let window = limits.low as f64 / rate.middle.exp();
            Some(Explanation { cells: vec![rate], ..Explanation::new(algorithm, window, limits) })
        };
        rates.into_iter().filter_map(explanation).collect()
    }

    /// At most so many at once: an explanation only where it has both bounds.
    pub(super) fn concurrency(&self) -> Option<Explanation> {
        let mut latencies: Vec<f64> = self
            .evidence
            .traces
            .iter()
            .flat_map(|trace| trace.refused.iter().map(|r| r.done - r.sent))
            .collect();
        latencies.sort_unstable_by(f64::total_cmp);
        // The longest that was seen without work; few don't tell the longest there is.
        let longest = latencies.last().copied().unwrap_or(0.0);
        let network = longest * (1.0 + 5.0 / latencies.len().max(1) as f64);
        let mut limits = Limits::ALL;
        for trace in &self.evidence.answered {
            limits = limits.and(consistent::concurrency(trace, network)?)?;
        }
        (limits.high != usize::MAX)
            .then(|| Explanation::new(Algorithm::ConcurrencyLimit, 0.0, limits))
    }
}

/// Of so many at once, and of what hardly anybody chooses: what is far-fetched. A queue
/// in which requests waited explains more than that they were under way together; and
/// that they were, for certain, more than windows of a second or less. Two weighted
/// windows of any length, limit and phase explain much by chance.
pub(super) fn drop_far_fetched(found: &mut Vec<Explanation>) {
    if found.iter().any(|e| e.algorithm == Algorithm::LeakyBucket) {
        found.retain(|e| e.algorithm != Algorithm::ConcurrencyLimit);
    }
    let simple = |e: &Explanation| {
        matches!(
            e.algorithm,
            Algorithm::AnchoredWindow
                | Algorithm::SlidingWindow
                | Algorithm::TokenBucket
                | Algorithm::LeakyBucket
        )
    };
    if found.iter().any(simple) {
        let counter = [Algorithm::SlidingCounter, Algorithm::SlidingCounterOfRequests];
        found.retain(|e| !counter.contains(&e.algorithm));
    }
    let several = |e: &Explanation| e.algorithm == Algorithm::ConcurrencyLimit && e.limits.low >= 2;
    if found.iter().any(several) {
        let short = 2.0 * windows::SHORTEST;
        found.retain(|e| e.algorithm == Algorithm::ConcurrencyLimit || e.window > short);
    }
}

/// Fixed windows that count apart, of the window and limit that are declared; `cut`: by
/// the clock.
pub(super) fn apart(evidence: &Evidence, limit: &DeclaredLimit, cut: bool) -> Vec<Explanation> {
    let declared = usize::try_from(limit.limit).unwrap_or(usize::MAX);
    let (window, tick) = (limit.window.as_secs_f64(), limit.tick.as_secs_f64());
    let Some(trace) = evidence.traces.first() else { return Vec::new() };
    consistent::replicas(trace, window, tick, cut)
        .into_iter()
        .filter(|apart| apart.each.has(declared))
        .map(|apart| {
            let all = declared.saturating_mul(apart.replicas);
            let limits = Limits { low: all, high: all };
            let found = Explanation::new(Algorithm::ReplicasApart, window, limits);
            Explanation { replicas: apart.replicas, ..found }
        })
        .collect()
}

/// The smallest stretches that explain everything, and the limits of all of them:
/// what explains nothing as a whole has no part that does.
fn search(
    cells: impl Iterator<Item = Cell>,
    depth: u32,
    test: &impl Fn(Cell) -> Option<Limits>,
) -> Option<(Vec<Cell>, Limits)> {
    let mut found = Vec::new();
    let mut limits: Option<Limits> = None;
    let mut open: Vec<(Cell, u32)> = cells.map(|cell| (cell, depth)).collect();
    open.reverse();
    while let Some((cell, depth)) = open.pop() {
        let Some(here) = test(cell) else { continue };
        if depth > 0 {
            open.extend(cell.cut(4).map(|part| (part, depth - 1)));
            continue;
        }
        limits = Some(limits.map_or(here, |limits| limits.or(here)));
        found.push(cell);
        if found.len() >= MOST_CELLS {
            // Too many to say where: what is left may be as well.
            for (cell, _) in open {
                if let Some(here) = test(cell) {
                    limits = limits.map(|limits| limits.or(here));
                    found.push(cell);
                }
            }
            break;
        }
    }
    Some((found, limits?))
}
