//! What windows that go along with the request explain.

use super::super::trace::{Trace, before, before_or_at};
use super::limits::{Cell, Limits};

/// What a limiter counts: what it admits, and perhaps what it refuses.
#[derive(Clone, Debug)]
pub(in crate::limits) struct Counted {
    /// Refusals, sorted apart as everything else; none where they don't count.
    sent: Vec<f64>,
    done: Vec<f64>,
    refusals: bool,
}

impl Counted {
    /// What a limiter counts that refuses without counting.
    pub(in crate::limits) const fn admissions() -> Self {
        Self { sent: Vec::new(), done: Vec::new(), refusals: false }
    }

    /// What a limiter counts that counts what it refuses as well.
    pub(in crate::limits) fn requests(trace: &Trace) -> Self {
        let sent = trace.refused.iter().map(|refusal| refusal.sent).collect();
        let mut done: Vec<f64> = trace.refused.iter().map(|refusal| refusal.done).collect();
        done.sort_unstable_by(f64::total_cmp);
        Self { sent, done, refusals: true }
    }

    /// Refusals counted between two moments for certain.
    fn least(&self, from: f64, to: f64) -> usize {
        before(&self.done, to).saturating_sub(before_or_at(&self.sent, from))
    }

    /// Refusals counted between two moments at most.
    fn most(&self, from: f64, to: f64) -> usize {
        before_or_at(&self.sent, to).saturating_sub(before(&self.done, from))
    }

    /// What is asked of the refusals, in their order: when each was decided, from and
    /// to, and how many refusals count before it since `from` at most. Where refusals
    /// count and some are missing, nobody knows how many.
    fn asked<'a>(&'a self, trace: &'a Trace) -> impl Iterator<Item = Asked<'a>> + 'a {
        let each = trace.refused.iter().enumerate();
        each.map(move |(j, refusal)| {
            let (done, begun) = if self.refusals {
                (self.done[j], before_or_at(&trace.may_sent, self.done[j]))
            } else {
                (refusal.done, refusal.may_have_begun)
            };
            Asked { counted: self, before: j, begun, sent: refusal.sent, done }
        })
        .filter(move |asked| !self.refusals || asked.done <= trace.every_until)
    }
}

/// A refusal: when it was decided, and what counts before it.
struct Asked<'a> {
    counted: &'a Counted,
    /// Refusals before it, and what may have been admitted and was sent by its end.
    before: usize,
    begun: usize,
    sent: f64,
    done: f64,
}

impl Asked<'_> {
    /// How many refusals counted before this one and since `from`, at most.
    fn refusals_since(&self, from: f64) -> usize {
        if !self.counted.refusals {
            return 0;
        }
        self.before.saturating_sub(before(&self.counted.done, from))
    }
}

/// A sliding window of `window` seconds, at most `more` longer.
pub(in crate::limits) fn sliding(
    trace: &Trace,
    counted: &Counted,
    window: f64,
    more: f64,
) -> Option<Limits> {
    let mut limits = Limits::ALL;
    for (k, (sent, done)) in trace.sent.iter().zip(&trace.done).enumerate() {
        // Of the admissions k were decided before this one.
        let earlier = k.saturating_sub(before_or_at(&trace.sent, done - window));
        limits.at_least(earlier + counted.least(done - window, *sent) + 1);
    }
    for refusal in counted.asked(trace) {
        let from = refusal.sent - window - more;
        let admitted = refusal.begun.saturating_sub(before(&trace.may_done, from));
        let most = admitted + refusal.refusals_since(from);
        if !limits.at_most(most) {
            return None;
        }
    }
    (limits.low <= limits.high).then_some(limits)
}

/// Two windows of `window` seconds cut at `phase` (seconds of the trace), weighted;
/// the weighted count stays below the limit, or leaves a whole place.
pub(in crate::limits) fn counter(
    trace: &Trace,
    counted: &Counted,
    window: f64,
    phase: Cell,
) -> Option<Limits> {
    let cuts = Cuts { window, phase };
    let mut limits = Limits::ALL;
    let mut lately = Lately::default();
    for (k, (sent, done)) in trace.sent.iter().zip(&trace.done).enumerate() {
        let Some(numbers) = cuts.touched(*sent, *done) else { continue };
        let refusals = before(&counted.done, *sent);
        let least = |number: f64| {
            let window = lately.of(number, || Window::least(trace, counted, &cuts, number));
            let here = k.saturating_sub(window.admitted) + refusals.saturating_sub(window.refused);
            window.earlier as f64 * (1.0 - cuts.gone(number, *done, 1.0)) + here as f64
        };
        let least = numbers.map(least).fold(f64::INFINITY, f64::min);
        limits.at_least((least - 1e-9).floor().max(0.0) as usize + 1);
    }
    let mut lately = Lately::default();
    for refusal in counted.asked(trace) {
        let Some(numbers) = cuts.touched(refusal.sent, refusal.done) else { continue };
        let refusals = if counted.refusals { refusal.before } else { 0 };
        let most = |number: f64| {
            let window = lately.of(number, || Window::most(trace, counted, &cuts, number));
            let here = refusal.begun.saturating_sub(window.admitted)
                + refusals.saturating_sub(window.refused);
            window.earlier as f64 * (1.0 - cuts.gone(number, refusal.sent, -1.0)) + here as f64
        };
        let most = numbers.map(most).fold(0.0, f64::max);
        if !limits.at_most((most - 1e-9).ceil().max(0.0) as usize) {
            return None;
        }
    }
    (limits.low <= limits.high).then_some(limits)
}

/// What is the same for every request that is decided in a window.
#[derive(Clone, Copy)]
struct Window {
    /// What counts in the window before it.
    earlier: usize,
    /// Admissions before it began.
    admitted: usize,
    /// Refusals that count before it began.
    refused: usize,
}

impl Window {
    /// As little as counts in the one before for certain, as much as may have come before.
    fn least(trace: &Trace, counted: &Counted, cuts: &Cuts, number: f64) -> Self {
        let (from, to) = (cuts.latest(number - 1.0), cuts.earliest(number));
        let earlier = before(&trace.done, to).saturating_sub(before_or_at(&trace.sent, from));
        let begins = cuts.latest(number);
        Self {
            earlier: earlier + counted.least(from, to),
            admitted: before(&trace.sent, begins),
            refused: before_or_at(&counted.sent, begins),
        }
    }

    /// As much as may count in the one before, as little as came before for certain.
    fn most(trace: &Trace, counted: &Counted, cuts: &Cuts, number: f64) -> Self {
        let (from, to) = (cuts.earliest(number - 1.0), cuts.latest(number));
        let begins = cuts.earliest(number);
        Self {
            earlier: trace.may_have_been_admitted(from, to) + counted.most(from, to),
            admitted: before(&trace.may_done, begins),
            refused: before(&counted.done, begins),
        }
    }
}

/// The windows that requests touched last, by their numbers: of three in a row each has a
/// place, and no request touches more.
#[derive(Default)]
struct Lately([Option<(f64, Window)>; 3]);

impl Lately {
    fn of(&mut self, number: f64, found: impl FnOnce() -> Window) -> Window {
        let place = &mut self.0[number.rem_euclid(3.0) as usize % 3];
        match place {
            Some((own, window)) if *own == number => *window,
            _ => place.insert((number, found())).1,
        }
    }
}

/// Where windows are cut, as far as the phase is known.
struct Cuts {
    window: f64,
    phase: Cell,
}

impl Cuts {
    /// The numbers of the windows that a request may have been decided in; `None`:
    /// so many that it says nothing.
    fn touched(&self, sent: f64, done: f64) -> Option<impl Iterator<Item = f64>> {
        let number = |at: f64| ((at - self.phase.middle) / self.window).floor();
        let (first, last) = (number(sent - self.phase.half), number(done + self.phase.half));
        (last - first <= 2.0)
            .then(|| (0..=(last - first) as u32).map(move |i| first + f64::from(i)))
    }

    /// When a window begins at the earliest.
    fn earliest(&self, number: f64) -> f64 {
        number.mul_add(self.window, self.phase.middle - self.phase.half)
    }

    /// When a window begins at the latest.
    fn latest(&self, number: f64) -> f64 {
        number.mul_add(self.window, self.phase.middle + self.phase.half)
    }

    /// Which share of a window has gone by `at`; at most (`side` 1) or at least (-1).
    fn gone(&self, number: f64, at: f64, side: f64) -> f64 {
        let start = number.mul_add(self.window, self.phase.middle);
        ((at - start + side * self.phase.half) / self.window).clamp(0.0, 1.0)
    }
}
