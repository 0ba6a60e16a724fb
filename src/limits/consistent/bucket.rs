//! What buckets explain: of tokens, and of requests that wait for their turn.

use super::super::trace::Trace;
use super::limits::{Cell, Limits};

/// A bucket that gains tokens at one of these rates (a second). The limits are
/// capacities.
pub(in crate::limits) fn bucket(trace: &Trace, rate: Cell) -> Option<Limits> {
    let (slow, fast) = (rate.middle - rate.half, rate.middle + rate.half);
    let mut limits = Limits::ALL;
    let mut begin = f64::INFINITY;
    let mut begin_refused = f64::INFINITY;
    let mut refusals: Vec<_> = trace.refused.iter().collect();
    refusals.sort_unstable_by(|a, b| a.done.total_cmp(&b.done));
    let mut refusals = refusals.into_iter().peekable();
    for k in 0..trace.admitted() {
        begin = begin.min(k as f64 - fast * trace.sent[k]);
        while let Some(refusal) = refusals.next_if(|r| r.done < trace.sent[k]) {
            let first = refusal.begun;
            begin_refused = begin_refused.min(first as f64 - fast * refusal.sent);
        }
        let end = (k + 1) as f64 - fast * trace.done[k];
        // After a refusal there was less than one token.
        if end - begin_refused > 1.0 + 1e-6 {
            return None;
        }
        limits.at_least((end - begin - 1e-6).ceil().max(1.0) as usize);
    }
    let (mut missing, mut at, mut taken) = (0.0_f64, trace.first, 0);
    for refusal in &trace.refused {
        while trace.may_done.get(taken).is_some_and(|done| *done <= refusal.sent) {
            let done = trace.may_done[taken];
            missing = (missing - slow * (done - at).max(0.0)).max(0.0) + 1.0;
            at = at.max(done);
            taken += 1;
        }
        let under_way = refusal.may_have_begun.saturating_sub(taken);
        let left = (missing - slow * (refusal.sent - at).max(0.0)).max(0.0);
        // Fewer than one token: capacity - missing < 1.
        let most = left + under_way as f64 + 1.0 + 1e-6;
        if !limits.at_most((most.ceil() as usize).saturating_sub(1)) {
            return None;
        }
    }
    (limits.low <= limits.high).then_some(limits)
}

/// Answers that came late because their requests had to wait for their turn.
#[derive(Clone, Copy, Debug)]
pub(in crate::limits) struct Delays {
    /// The longest that an answer takes which didn't wait, in seconds.
    pub(in crate::limits) latency: f64,
    /// The longest wait, in seconds.
    pub(in crate::limits) longest: f64,
    /// How many a second got their turn.
    pub(in crate::limits) per_second: f64,
}

/// How many waits make a queue.
const FEWEST_WAITS: usize = 4;

/// Queues down to this part of the longest are looked at.
const PART: usize = 4;

/// Whether admitted requests waited for their turn: answers far later than those of
/// refusals, one after the other at a steady pace, in the order in which they came.
pub(in crate::limits) fn delays(trace: &Trace) -> Option<Delays> {
    let mut latencies: Vec<f64> = trace.refused.iter().map(|r| r.done - r.sent).collect();
    latencies.sort_unstable_by(f64::total_cmp);
    if latencies.len() < FEWEST_WAITS {
        return None;
    }
    // A refusal that itself came late is the network's doing.
    let latency = latencies[latencies.len() * 9 / 10].max(0.001);
    let waits = |pair: &&(f64, f64)| pair.1 - pair.0 > 2.0 * latency + 0.02;
    let mut waiting: Vec<(f64, f64)> = trace.admissions.iter().filter(waits).copied().collect();
    waiting.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
    let longest = waiting.iter().map(|pair| pair.1 - pair.0).fold(0.0, f64::max) - latency;
    // Of one queue: while one waits, the other's turn is the next. Two that touch may
    // seem one, whose pace changes: the longest that keeps its pace tells.
    let mut queues: Vec<&[(f64, f64)]> = waiting.chunk_by(|a, b| b.0 < a.1).collect();
    queues.sort_by_key(|queue| std::cmp::Reverse(queue.len()));
    let fewest = queues.first()?.len() / PART;
    let mut queues = queues.into_iter().take_while(|queue| queue.len() >= fewest);
    let pace = queues.find_map(|queue| steady_pace(trace, queue, latency))?;
    Some(Delays { latency: latencies[latencies.len() - 1], longest, per_second: 1.0 / pace })
}

/// Seconds between the turns of a queue, where they come one after the other at a steady
/// pace, in the order in which they were asked for.
fn steady_pace(trace: &Trace, queue: &[(f64, f64)], latency: f64) -> Option<f64> {
    let (first, last) = (queue.first()?, queue.last()?);
    let turns = queue.len() - 1;
    let pace = (last.1 - first.1) / turns.max(1) as f64;
    // A turn whose answer was an error isn't among them.
    let missing = trace.perhaps.iter().filter(|p| p.1 > first.1 && p.0 < last.1).count();
    let off = 2.0 * latency + pace * (0.5 + missing as f64);
    let steady =
        queue.iter().enumerate().all(|(k, pair)| (pair.1 - first.1 - k as f64 * pace).abs() <= off);
    let in_order = queue.windows(2).all(|pair| pair[1].0 >= pair[0].0 - latency);
    let told = turns + 1 >= FEWEST_WAITS && last.1 - first.1 >= 4.0 * latency;
    (told && steady && in_order && pace > 0.0).then_some(pace)
}
