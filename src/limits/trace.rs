//! One identity's ledger, sorted for reasoning about decisions whose moment is only known to lie within the request.
//!
//! The k-th decision of a set lies between the k-th lowest `sent` and the k-th
//! lowest `done`, whatever the order in which the limiter met them: so the two
//! are sorted apart, and every statement over them holds for every possible order.

use crate::admission::{Admission, Admitted};

/// How long a refusal may have been under way, in seconds.
const UNDER_WAY: f64 = 1.0;

/// A ledger's requests in seconds from its start.
#[derive(Clone, Debug, Default)]
pub(super) struct Trace {
    /// When admitted requests were sent, ascending.
    pub(super) sent: Vec<f64>,
    /// When admitted requests were done, ascending.
    pub(super) done: Vec<f64>,
    /// When requests that may have been admitted (unknown ones included) were sent, ascending.
    pub(super) may_sent: Vec<f64>,
    /// When those were done, ascending.
    pub(super) may_done: Vec<f64>,
    /// Refused requests, by `sent`.
    pub(super) refused: Vec<Refusal>,
    /// Requests that may have been admitted and may not, by `sent`: when each was
    /// sent and done.
    pub(super) perhaps: Vec<(f64, f64)>,
    /// Admitted requests, by `sent`: when each was sent and done.
    pub(super) admissions: Vec<(f64, f64)>,
    /// Of the admitted from the k-th by `sent` on, the lowest `done`.
    soonest: Vec<f64>,
    /// When the first request was sent.
    pub(super) first: f64,
    /// When the last answer was whole.
    pub(super) last: f64,
    /// Whether some requests ended in nobody knows what.
    pub(super) unknown: bool,
    /// Until when the ledger has every refusal, not only the first and the last in
    /// a row.
    pub(super) every_until: f64,
}

/// A refused request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    /// When it was sent.
    pub(super) sent: f64,
    /// When its answer was whole.
    pub(super) done: f64,
    /// The wait in seconds that it promised to suffice.
    pub(super) retry_after: Option<u32>,
    /// How many of the trace's admissions were sent by then.
    pub(super) begun: usize,
    /// How many that may have been admitted were.
    pub(super) may_have_begun: usize,
}

impl Refusal {
    pub(super) const fn new(sent: f64, done: f64, retry_after: Option<u32>) -> Self {
        Self { sent, done, retry_after, begun: 0, may_have_begun: 0 }
    }
}

impl Trace {
    /// The trace of a ledger, in any order, that has every refusal until
    /// `every_until` seconds: one that is missing may have been decided a while before.
    pub(super) fn new(entries: &[Admission], every_until: f64) -> Self {
        let every_until = every_until - UNDER_WAY;
        let mut trace = Self { first: f64::INFINITY, every_until, ..Self::default() };
        for entry in entries {
            let (sent, done) = (entry.sent.as_secs_f64(), entry.done.as_secs_f64());
            let done = done.max(sent);
            trace.first = trace.first.min(sent);
            trace.last = trace.last.max(done);
            match entry.admitted {
                Admitted::Yes => trace.admissions.push((sent, done)),
                Admitted::No => {
                    trace.refused.push(Refusal::new(sent, done, entry.retry_after));
                }
                Admitted::Unknown => {
                    trace.unknown = true;
                    trace.perhaps.push((sent, done));
                }
                Admitted::Perhaps => trace.perhaps.push((sent, done)),
            }
        }
        trace.sort();
        if trace.first > trace.last {
            trace.first = trace.last;
        }
        trace
    }

    /// This trace, each decision up to `slack` seconds earlier or later than its
    /// request allows: clocks of several nodes, or of several machines that asked.
    pub(super) fn loosened(&self, slack: f64) -> Self {
        let mut trace = self.clone();
        let loosen = |pair: &mut (f64, f64)| *pair = (pair.0 - slack, pair.1 + slack);
        trace.admissions.iter_mut().for_each(loosen);
        trace.perhaps.iter_mut().for_each(loosen);
        for refusal in &mut trace.refused {
            (refusal.sent, refusal.done) = (refusal.sent - slack, refusal.done + slack);
        }
        // Since when it is known for certain.
        trace.first += slack;
        trace.last += slack;
        trace.every_until -= slack;
        trace.sort();
        trace
    }

    /// This trace, where an admission was decided at most `latency` seconds after it
    /// was sent: what came later was waiting.
    pub(super) fn decided_within(&self, latency: f64) -> Self {
        let mut trace = self.clone();
        for pair in &mut trace.admissions {
            pair.1 = pair.1.min(pair.0 + latency);
        }
        trace.sort();
        trace
    }

    /// This trace, where nobody knows of any admission whether it was one.
    pub(super) fn without_certainty(&self) -> Self {
        let mut trace = self.clone();
        trace.perhaps.append(&mut trace.admissions);
        trace.sort();
        trace
    }

    fn sort(&mut self) {
        let by_sent = |a: &(f64, f64), b: &(f64, f64)| a.0.total_cmp(&b.0);
        self.admissions.sort_unstable_by(by_sent);
        self.perhaps.sort_unstable_by(by_sent);
        self.refused.sort_unstable_by(|a, b| a.sent.total_cmp(&b.sent));
        (self.sent, self.done) = self.admissions.iter().copied().unzip();
        self.soonest.clone_from(&self.done);
        for k in (1..self.soonest.len()).rev() {
            self.soonest[k - 1] = self.soonest[k - 1].min(self.soonest[k]);
        }
        let may = self.admissions.iter().chain(&self.perhaps).copied();
        (self.may_sent, self.may_done) = may.unzip();
        for moments in [&mut self.done, &mut self.may_sent, &mut self.may_done] {
            moments.sort_unstable_by(f64::total_cmp);
        }
        for refusal in &mut self.refused {
            refusal.begun = before_or_at(&self.sent, refusal.done);
            refusal.may_have_begun = before_or_at(&self.may_sent, refusal.done);
        }
    }

    /// By when the first of the admissions from the `k`-th by `sent` on was
    /// decided; `None`: there are none.
    pub(super) fn soonest_done_from(&self, k: usize) -> Option<f64> {
        self.soonest.get(k).copied()
    }

    /// How many requests were admitted for certain.
    pub(super) const fn admitted(&self) -> usize {
        self.sent.len()
    }

    /// The most that were certainly admitted in any span below `length` seconds.
    pub(super) fn most_within(&self, length: f64) -> usize {
        let mut end = 0;
        let mut most = 0;
        for (i, from) in self.sent.iter().enumerate() {
            while self.done.get(end).is_some_and(|done| *done < from + length) {
                end += 1;
            }
            most = most.max(end.saturating_sub(i));
        }
        most
    }

    /// How many requests may have been admitted between the moments `from` and
    /// `to`: at most so many, whatever the order.
    pub(super) fn may_have_been_admitted(&self, from: f64, to: f64) -> usize {
        let begun = before_or_at(&self.may_sent, to);
        begun.saturating_sub(before(&self.may_done, from))
    }

    /// Whether no request is known to have been admitted between the moments `from` and `to`.
    pub(super) fn none_admitted(&self, from: f64, to: f64) -> bool {
        before_or_at(&self.sent, to) <= before(&self.done, from)
    }
}

/// How many of the ascending `moments` are below `at`.
pub(super) fn before(moments: &[f64], at: f64) -> usize {
    moments.partition_point(|moment| *moment < at)
}

/// How many of the ascending `moments` are not above `at`.
pub(super) fn before_or_at(moments: &[f64], at: f64) -> usize {
    moments.partition_point(|moment| *moment <= at)
}
