//! One answer from all explanations.

use std::fmt::Write as _;

use super::super::consistent::{Cell, Limits};
use super::super::{Algorithm, Estimate, Inference};
use super::answer::{ServerTime, unknown};
use super::explain::{Explanation, MOST_BY_CHANCE};
use super::gather::Evidence;
use crate::admission::DeclaredLimit;
use crate::units::{Nanos, count, number};

/// A clock may cut just where a window that the first request opened ends, by chance.
/// Where more than this share of all phases explains the pattern, nobody can tell
/// which it was; below it, chance is the lesser explanation.
const CHANCE: f64 = 0.1;
const CHANCE_OF_COUNTER: f64 = 0.3;
/// Likewise where the cut lies at a whole window of the server's clock: by how small a
/// chance a window that the first request opened would end there.
const CHANCE_ON_CLOCK: f64 = 0.03;

/// Date headers show whole seconds: how well so many answers tell the server's clock
/// (seconds).
const CLOCK: [(usize, f64); 3] = [(100, 0.15), (30, 0.3), (0, 1.0)];

/// The most replicas that are thought of where they are asked in turn.
const MOST_IN_TURN: u64 = 8;

/// The largest share of all places that replicas leave which are asked by chance, where
/// one window explains as much.
const MOST_LEFT: f64 = 0.12;

/// A bucket that is full again within so many seconds holds hardly anybody back.
const HARDLY: f64 = 0.1;

/// How close two windows or limits have to be to be the same.
const SAME: f64 = 0.05;

/// What is asked of the explanations.
pub(super) struct Question<'a> {
    pub(super) declared: Option<&'a DeclaredLimit>,
    pub(super) clock: ServerTime,
    pub(super) evidence: &'a Evidence,
}

impl Explanation {
    /// How many replicas of the declared limit, asked in turn, decide as this does.
    pub(super) fn multiples(&self, declared: &DeclaredLimit) -> Vec<u64> {
        let Limits { low, high } = self.limits;
        let length = declared.window.as_secs_f64();
        let each = usize::try_from(declared.limit).unwrap_or(usize::MAX);
        let fits = |n: &u64| {
            let all = each.saturating_mul(*n as usize);
            let refills = (all as f64 / length).ln();
            let lasts = match self.algorithm {
                Algorithm::LeakyBucket | Algorithm::ConcurrencyLimit => false,
                Algorithm::TokenBucket => {
                    self.cells.iter().any(|c| (refills - c.middle).abs() <= c.half + 0.01)
                }
                _ => (self.window - length).abs() <= SAME * length,
            };
            lasts && self.limits.has(all)
        };
        let apart = self.algorithm == Algorithm::ReplicasApart;
        if apart || low <= each || high == usize::MAX {
            return Vec::new();
        }
        (2..=MOST_IN_TURN).filter(fits).collect()
    }

    /// Whether it is a window as declared of hardly less than a multiple of the limit.
    pub(super) fn falls_short(&self, declared: &DeclaredLimit) -> bool {
        let length = declared.window.as_secs_f64();
        let short = |n: u64| {
            let all = (declared.limit * n) as f64;
            let (low, high) = (self.limits.low as f64, self.limits.high as f64);
            low < all && high >= all * (1.0 - MOST_LEFT)
        };
        (self.window - length).abs() <= SAME * length && (2..=MOST_BY_CHANCE as u64).any(short)
    }

    /// Whether it explains by chance what something simpler of what is declared may: two
    /// weighted windows of another limit and length, or a bucket that hardly holds back.
    pub(super) fn is_by_chance(&self, declared: &DeclaredLimit) -> bool {
        let length = declared.window.as_secs_f64();
        match self.algorithm {
            Algorithm::SlidingCounter | Algorithm::SlidingCounterOfRequests => {
                (self.window - length).abs() > SAME * length || self.multiples(declared).is_empty()
            }
            Algorithm::TokenBucket => self.window < HARDLY,
            _ => false,
        }
    }

    /// Whether a bucket refills as declared, and holds the declared burst: the limit
    /// unless another is declared.
    pub(super) fn is_as(&self, declared: &DeclaredLimit) -> bool {
        let capacity = usize::try_from(declared.capacity()).unwrap_or(usize::MAX);
        let rate = (declared.limit as f64 / declared.window.as_secs_f64()).ln();
        let refills = |cell: &Cell| (rate - cell.middle).abs() <= cell.half + 0.01;
        matches!(self.algorithm, Algorithm::TokenBucket | Algorithm::LeakyBucket)
            && self.cells.iter().any(refills)
            && self.limits.has(capacity)
    }
}

/// Where an aligned window's cuts lie on the server's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnClock {
    /// At whole windows.
    Yes,
    /// Elsewhere.
    No,
    /// The clock isn't known.
    Unknown,
}

impl Question<'_> {
    /// The answer to it.
    pub(super) fn answer(&self, found: &[Explanation]) -> Inference {
        let mut left: Vec<Algorithm> = found.iter().map(|e| e.algorithm).collect();
        left.sort_unstable();
        left.dedup();
        self.leave_out_segments(found, &mut left);
        self.leave_out_chance(found, &mut left);
        self.leave_out_counters(found, &mut left);
        if let Some(answer) = self.in_turn(found, &left).or_else(|| self.by_chance(found, &left)) {
            return answer;
        }
        match left.as_slice() {
            [] => unknown(
                "the pattern fits no kind of limiter that is known: the limiter errs, counts in several places, or other traffic used its quota".to_owned(),
            ),
            [only] => self.only(found, *only),
            [Algorithm::AnchoredWindow, Algorithm::AlignedWindow] => {
                let mut answer = self.only(found, Algorithm::FixedWindow);
                answer.left = left;
                answer
            }
            several => self.several(found, several),
        }
    }

    /// Replicas that are asked in turn decide as one of so many times the limit does:
    /// where that is what explains everything, they are the likelier story, and the other
    /// is told beside it.
    fn in_turn(&self, found: &[Explanation], left: &[Algorithm]) -> Option<Inference> {
        let declared = self.declared.filter(|declared| declared.counts_apart())?;
        let first = found.iter().find(|e| !e.multiples(declared).is_empty())?;
        if found.iter().any(|e| e.multiples(declared).is_empty()) {
            return None;
        }
        let replicas = first.multiples(declared);
        let (fewest, most) = (*replicas.first()?, *replicas.last()?);
        let each = declared.limit;
        let limits = found.iter().map(|e| e.limits).fold(first.limits, Limits::or);
        let one = left.first().map_or_else(String::new, |kind| kind.one());
        let n = if fewest == most { fewest.to_string() } else { format!("{fewest} to {most}") };
        let why = format!(
            "{n} limiters of {each} each, asked in turn, explain every decision, as {one} of {} would: which it is, one replica alone would tell",
            fewest * each
        );
        let limit = Estimate {
            value: (fewest * each) as f64,
            low: limits.low as f64,
            high: limits.high as f64,
        };
        let length = declared.window.as_secs_f64();
        let algorithm = Algorithm::ReplicasApart;
        let mut left = left.to_vec();
        left.push(algorithm);
        let window_s = Some(Estimate { value: length, low: length, high: length });
        Some(Inference { algorithm, left, limit: Some(limit), window_s, why })
    }

    /// Replicas of the declared limit that are asked by chance are the likelier story than
    /// a limiter of figures that nobody declared; the other is told beside it.
    fn by_chance(&self, found: &[Explanation], left: &[Algorithm]) -> Option<Inference> {
        let kind = Algorithm::ReplicasApart;
        let other = left.iter().find(|other| **other != kind)?;
        let best = *self.of(found, *other).first()?;
        if !left.contains(&kind) {
            return None;
        }
        let mut answer = self.only(found, kind);
        let limits = if best.limits.low == best.limits.high {
            count(best.limits.low as u64)
        } else {
            format!("{} to {}", best.limits.low, best.limits.high)
        };
        let length = Nanos::from_secs_f64(best.window);
        answer.why = format!(
            "{}, asked by chance; {} of {limits} in {length}, which nobody declared, would too: which it is, one replica alone would tell",
            answer.why,
            other.one()
        );
        answer.left = left.to_vec();
        Some(answer)
    }

    /// Of windows by the clock and windows of segments that both explain everything: the
    /// latter where the former aren't cut at whole windows of the server's clock.
    fn leave_out_segments(&self, found: &[Explanation], left: &mut Vec<Algorithm>) {
        let (aligned, segmented) = (Algorithm::AlignedWindow, Algorithm::SegmentedWindow);
        if !left.contains(&aligned) || !left.contains(&segmented) {
            return;
        }
        let mut cuts =
            found.iter().filter(|e| e.algorithm == aligned).map(|e| self.on_the_clock(e));
        let off_clock = cuts.all(|cut| cut == OnClock::No);
        let lesser = if off_clock { aligned } else { segmented };
        left.retain(|other| *other != lesser);
    }

    /// A kind that is cut at a phase explains by chance what another one does without:
    /// where few phases do, it is the lesser explanation, unless the clock speaks for
    /// it.
    fn leave_out_chance(&self, found: &[Explanation], left: &mut Vec<Algorithm>) {
        let (anchored, aligned) = (Algorithm::AnchoredWindow, Algorithm::AlignedWindow);
        let phased = [
            (aligned, CHANCE),
            (Algorithm::SlidingCounter, CHANCE_OF_COUNTER),
            (Algorithm::SlidingCounterOfRequests, CHANCE_OF_COUNTER),
        ];
        for (kind, most) in phased {
            let plain = |other: &Algorithm| {
                *other != Algorithm::SegmentedWindow && phased.iter().all(|(kind, _)| kind != other)
            };
            let others = left.iter().any(plain);
            if !left.contains(&kind) || !others {
                continue;
            }
            let of_kind: Vec<&Explanation> = found.iter().filter(|e| e.algorithm == kind).collect();
            let share = of_kind.iter().map(|e| e.share()).fold(0.0, f64::max);
            let on_clock =
                of_kind.iter().find(|e| self.on_the_clock(e) == OnClock::Yes).map(|e| e.window);
            // Nobody cuts two weighted windows but by a clock.
            let off_clock = kind != aligned
                && !of_kind.is_empty()
                && of_kind.iter().all(|e| self.on_the_clock(e) == OnClock::No);
            match on_clock {
                None if share <= most || off_clock => left.retain(|other| *other != kind),
                Some(window)
                    if kind == aligned
                        && share + 2.0 * self.clock_error() / window <= CHANCE_ON_CLOCK =>
                {
                    left.retain(|other| *other != anchored);
                }
                _ => {}
            }
        }
    }

    /// Two weighted windows of figures that nobody declared explain much by chance: what
    /// the clock cuts at whole windows is the likelier story.
    fn leave_out_counters(&self, found: &[Explanation], left: &mut Vec<Algorithm>) {
        let aligned = Algorithm::AlignedWindow;
        let cut = |e: &Explanation| e.algorithm == aligned && self.on_the_clock(e) == OnClock::Yes;
        if !left.contains(&aligned) || !found.iter().any(cut) {
            return;
        }
        let as_declared = |e: &Explanation| {
            self.declared.is_some_and(|declared| {
                let limit = usize::try_from(declared.limit).unwrap_or(usize::MAX);
                let length = declared.window.as_secs_f64();
                (e.window - length).abs() <= SAME * length && e.limits.has(limit)
            })
        };
        for kind in [Algorithm::SlidingCounter, Algorithm::SlidingCounterOfRequests] {
            if !found.iter().any(|e| e.algorithm == kind && as_declared(e)) {
                left.retain(|other| *other != kind);
            }
        }
    }

    /// How far off the server's clock may be from where it is thought to be.
    fn clock_error(&self) -> f64 {
        let answers: usize =
            self.evidence.traces.iter().map(|t| t.admitted() + t.refused.len()).sum();
        CLOCK.into_iter().find(|(least, _)| answers >= *least).map_or(1.0, |(_, error)| error)
    }

    /// Whether an aligned window may be cut at multiples of its length since 1970.
    fn on_the_clock(&self, explanation: &Explanation) -> OnClock {
        let Some(skew) = self.clock.skew.filter(|_| self.clock.unix_start > 0.0) else {
            return OnClock::Unknown;
        };
        let near = explanation.cells.iter().any(|cell| {
            let cut = self.clock.unix_start + skew + cell.middle;
            let off = cut.rem_euclid(explanation.window);
            off.min(explanation.window - off) <= cell.half + self.clock_error()
        });
        if near { OnClock::Yes } else { OnClock::No }
    }

    /// The answer when one kind is left: its most plausible explanation first.
    fn only(&self, found: &[Explanation], algorithm: Algorithm) -> Inference {
        let fits = self.of(found, algorithm);
        let Some(best) = fits.first() else { return unknown(String::new()) };
        let (limit, window) = self.estimates(&fits, best);
        let mut why = match algorithm {
            Algorithm::FixedWindow => {
                "both explain every decision, with the same limit and window".to_owned()
            }
            _ => format!("of all kinds only {} explains every decision", algorithm.one()),
        };
        if algorithm == Algorithm::AlignedWindow && self.on_the_clock(best) == OnClock::Yes {
            why.push_str(", cut at whole windows of the server's clock");
        }
        if matches!(algorithm, Algorithm::TokenBucket | Algorithm::LeakyBucket) {
            let rate = limit.value / window.value.max(1e-9);
            let _ = write!(why, "; it refills at {} a second", number(round(rate)));
        }
        if let Some(delays) = best.delays {
            let longest = Nanos::from_secs_f64(delays.longest.max(0.0));
            let _ = write!(why, "; requests waited for their turn, up to {longest}");
        }
        if algorithm == Algorithm::ReplicasApart {
            let each = number(limit.value / best.replicas as f64);
            why = format!("{} limiters of {each} each explain every decision", best.replicas);
        }
        if let Some(consequence) = algorithm.consequence() {
            why.push_str(": ");
            why.push_str(consequence);
        }
        let window_s = (algorithm != Algorithm::ConcurrencyLimit).then_some(window);
        Inference { algorithm, left: Vec::new(), limit: Some(limit), window_s, why }
    }

    /// Nobody can tell which of several it is; but limit and window where they agree.
    fn several(&self, found: &[Explanation], several: &[Algorithm]) -> Inference {
        let names: Vec<String> = several.iter().map(|kind| kind.one()).collect();
        let (last, others) = names.split_last().map_or(("", &[][..]), |(l, o)| (l.as_str(), o));
        let mut hints: Vec<&str> = several.iter().map(|kind| kind.told_by()).collect();
        hints.dedup();
        let mut answer = unknown(format!(
            "this load is admitted alike by {} and {last}: only {} tells them apart",
            others.join(", "),
            hints.last().copied().unwrap_or_default()
        ));
        answer.left = several.to_vec();
        if let Some((limit, window)) = self.agreed(found, several) {
            (answer.limit, answer.window_s) = (Some(limit), Some(window));
        }
        answer
    }

    /// Limit and window that all kinds that are left agree on.
    fn agreed(&self, found: &[Explanation], several: &[Algorithm]) -> Option<(Estimate, Estimate)> {
        let mut all: Option<(Estimate, Estimate)> = None;
        for algorithm in several {
            let fits = self.of(found, *algorithm);
            let (limit, window) = self.estimates(&fits, fits.first()?);
            all = Some(match all {
                None => (limit, window),
                Some((l, w)) => (joined(l, limit)?, joined(w, window)?),
            });
        }
        all
    }

    /// The explanations by a kind, the closest to what is declared first.
    fn of<'f>(&self, found: &'f [Explanation], algorithm: Algorithm) -> Vec<&'f Explanation> {
        let is = |e: &&Explanation| match algorithm {
            Algorithm::FixedWindow => {
                matches!(e.algorithm, Algorithm::AnchoredWindow | Algorithm::AlignedWindow)
            }
            algorithm => e.algorithm == algorithm,
        };
        let mut fits: Vec<&Explanation> = found.iter().filter(is).collect();
        let far = |e: &&Explanation| {
            let window = self.declared.map_or(60.0, |declared| declared.window.as_secs_f64());
            (e.window.max(1e-9) / window).ln().abs()
        };
        fits.sort_by(|a, b| far(a).total_cmp(&far(b)));
        fits
    }

    fn estimates(&self, fits: &[&Explanation], best: &Explanation) -> (Estimate, Estimate) {
        let wanted = self.declared.map_or(0, |d| usize::try_from(d.limit).unwrap_or(0));
        let all = fits.iter().map(|e| e.limits).fold(best.limits, Limits::or);
        let value = wanted.clamp(best.limits.low, best.limits.high);
        let limit = Estimate { value: value as f64, low: all.low as f64, high: all.high as f64 };
        let windows = fits.iter().map(|e| e.window);
        let window = Estimate {
            value: best.window,
            low: windows.clone().fold(f64::INFINITY, f64::min),
            high: windows.fold(0.0, f64::max),
        };
        (limit, window)
    }
}

/// Two figures as one, where they are the same, or may be.
fn joined(one: Estimate, other: Estimate) -> Option<Estimate> {
    let same = (one.value - other.value).abs() <= SAME * one.value.max(other.value);
    let (low, high) = (one.low.max(other.low), one.high.min(other.high));
    (same || low <= high).then(|| Estimate {
        value: if low <= high { one.value.clamp(low, high) } else { one.value },
        low: one.low.min(other.low),
        high: one.high.max(other.high),
    })
}

/// To three digits.
fn round(value: f64) -> f64 {
    if value <= 0.0 {
        return value;
    }
    let scale = 10_f64.powf(2.0 - value.log10().floor());
    (value * scale).round() / scale
}
