//! One identity's ledger, sorted for reasoning about decisions whose moment is only known to lie within the request.
//!
//! The k-th decision of a set lies between the k-th lowest `sent` and the k-th
//! lowest `done`, whatever the order in which the limiter met them: so the two
//! are sorted apart, and every statement over them holds for every possible order.

use crate::admission::{Admission, Admitted};

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
    /// Of the admitted from the k-th by `sent` on, the lowest `done`.
    soonest: Vec<f64>,
    /// When the first request was sent.
    pub(super) first: f64,
    /// When the last answer was whole.
    pub(super) last: f64,
    /// Whether some requests ended in nobody knows what.
    pub(super) unknown: bool,
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
}

impl Trace {
    /// The trace of a ledger, in any order.
    pub(super) fn new(entries: &[Admission]) -> Self {
        let mut trace = Self { first: f64::INFINITY, ..Self::default() };
        let mut pairs = Vec::new();
        for entry in entries {
            let (sent, done) = (entry.sent.as_secs_f64(), entry.done.as_secs_f64());
            let done = done.max(sent);
            trace.first = trace.first.min(sent);
            trace.last = trace.last.max(done);
            match entry.admitted {
                Admitted::Yes => pairs.push((sent, done)),
                Admitted::No => {
                    let retry_after = entry.retry_after;
                    trace.refused.push(Refusal { sent, done, retry_after });
                    continue;
                }
                Admitted::Unknown => trace.unknown = true,
                Admitted::Perhaps => {}
            }
            trace.may_sent.push(sent);
            trace.may_done.push(done);
        }
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        trace.soonest = pairs.iter().map(|pair| pair.1).collect();
        for k in (1..pairs.len()).rev() {
            trace.soonest[k - 1] = trace.soonest[k - 1].min(trace.soonest[k]);
        }
        (trace.sent, trace.done) = pairs.into_iter().unzip();
        for moments in [&mut trace.done, &mut trace.may_sent, &mut trace.may_done] {
            moments.sort_unstable_by(f64::total_cmp);
        }
        trace.refused.sort_unstable_by(|a, b| a.sent.total_cmp(&b.sent));
        if trace.first > trace.last {
            trace.first = trace.last;
        }
        trace
    }

    /// By when the first of the admissions from the `k`-th by `sent` on was
    /// decided; `None`: there are none.
    pub(super) fn soonest_done_from(&self, k: usize) -> Option<f64> {
        self.soonest.get(k).copied()
    }

    /// How many requests were admitted for certain.
    pub(super) fn admitted(&self) -> usize {
        self.sent.len()
    }

    /// How many requests may have been admitted between the moments `from` and
    /// `to`: at most so many, whatever the order.
    pub(super) fn may_have_been_admitted(&self, from: f64, to: f64) -> usize {
        let begun = before_or_at(&self.may_sent, to);
        begun.saturating_sub(before(&self.may_done, from))
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
