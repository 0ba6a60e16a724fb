//! How many requests a correct limiter admits at least and at most, over every phase and algorithm.
//!
//! Both bounds are proofs, not samples. Let every decision fall between a
//! request's moment and [`slack`] later. Sorted decisions then lie within the
//! slack of the sorted moments, so that the order of requests doesn't matter.
//!
//! * **Fewest.** Whatever its kind, a correct limiter refuses only when it has
//!   admitted `limit` in the last window (plus a second: whole-second clocks).
//!   Of all policies under that rule the one that refuses whenever it may, a
//!   sliding window of that length, has admitted the fewest at any moment.
//! * **Most.** Fixed windows, anchored or aligned, cut time at moments at least
//!   a window apart and admit `limit` between two cuts; a bucket admits its
//!   capacity and what has refilled. Both bound the admissions of every span,
//!   and the policy that admits whenever those bounds allow has admitted the
//!   most at any moment.
//!
//! A declared burst means a bucket, and leaves nothing open but its refilling.
//!
//! Of several limits in a row none admits more than one of them alone, and each refuses
//! no more of what reaches it than it would of everything; [`super::row`] knows better
//! where two are met.

use std::collections::VecDeque;

use super::Prediction;
use super::moments::{Alike, Batch, slack};
use super::row::fewest_of_two;
use crate::admission::DeclaredLimit;
use crate::units::Nanos;

/// What correct limiters of all these limits, in a row and in any order, may admit and
/// refuse of all that is sent.
///
/// Where moments are known by their span only, the bounds are as far apart as the
/// spans make them, and hold whatever the moments are: the i-th of the sorted
/// decisions lies between the i-th earliest beginning and the latest end up to it.
#[must_use]
pub fn predict(row: &[DeclaredLimit], senders: impl IntoIterator<Item = Alike>) -> Prediction {
    let mut total = Prediction::default();
    for Alike { identities, mut batches } in senders {
        // Stable, as it is quick with what consists of a few sorted parts.
        batches.sort_by_key(|batch| (batch.from, batch.to));
        let mut end = Nanos::ZERO;
        for batch in &mut batches {
            end = end.max(batch.to);
            batch.to = end;
        }
        let sent: u64 = batches.iter().map(|batch| batch.count).sum();
        let low = fewest_of_all(row, sent, &batches);
        let high = row.iter().map(|limit| most(limit, sent, &batches)).min().unwrap_or(sent);
        total.admitted_low += identities * low;
        total.admitted_high += identities * high;
        total.hits_low += identities * (sent - high);
        total.hits_high += identities * (sent - low);
    }
    total
}

/// The fewest of these (sorted) that limits in a row admit.
fn fewest_of_all(row: &[DeclaredLimit], sent: u64, sorted: &[Batch]) -> u64 {
    let refused = |limit: &DeclaredLimit| sent - fewest(limit, sorted);
    let met: Vec<(&DeclaredLimit, u64)> =
        row.iter().map(|limit| (limit, refused(limit))).filter(|(_, most)| *most > 0).collect();
    let by_each = sent.saturating_sub(met.iter().map(|(_, most)| most).sum());
    match met.as_slice() {
        [(one, _), (other, _)] => by_each.max(fewest_of_two(one, other, sorted)),
        _ => by_each,
    }
}

/// The fewest of these (sorted) that a correct limiter admits.
fn fewest(declared: &DeclaredLimit, sorted: &[Batch]) -> u64 {
    if let Some(burst) = declared.burst {
        let late = slack(declared.window).as_secs_f64() * refill(declared);
        return least_of_bucket((burst as f64 - late).max(1.0), refill(declared), sorted);
    }
    let longest = declared.longest() + slack(declared.window);
    let mut within: VecDeque<(Nanos, u64)> = VecDeque::new();
    let (mut inside, mut admitted) = (0, 0);
    for batch in sorted {
        while let Some((to, count)) = within.front().filter(|(to, _)| *to + longest <= batch.from) {
            debug_assert!(*to <= batch.to, "sorted");
            inside -= count;
            within.pop_front();
        }
        let here = batch.count.min(declared.limit - inside);
        if here > 0 {
            within.push_back((batch.to, here));
            inside += here;
            admitted += here;
        }
    }
    admitted
}

/// The most of these (sorted) that a correct limiter admits.
fn most(declared: &DeclaredLimit, sent: u64, sorted: &[Batch]) -> u64 {
    if sent <= declared.capacity() {
        return sent;
    }
    let shortest = declared.window - slack(declared.window);
    let bucket = most_of_bucket(declared, sorted);
    if declared.burst.is_some() {
        return bucket;
    }
    bucket.max(most_of_windows(declared.limit, shortest, sorted))
}

/// Tokens that a bucket regains in a second.
fn refill(declared: &DeclaredLimit) -> f64 {
    declared.limit as f64 / declared.window.as_secs_f64().max(1e-9)
}

/// Whole tokens, with a hair of tolerance: 60 refills of 1/60 are one.
fn whole(tokens: f64) -> u64 {
    (tokens + 1e-9).floor().max(0.0) as u64
}

/// The fewest that a bucket admits: of requests at moments known by their span it
/// meets each as early, and regains its token as late, as the span allows.
fn least_of_bucket(capacity: f64, per_second: f64, sorted: &[Batch]) -> u64 {
    let (mut missing, mut last, mut admitted) = (0.0_f64, Nanos::ZERO, 0);
    for batch in sorted {
        missing = (missing - batch.from.saturating_sub(last).as_secs_f64() * per_second).max(0.0);
        last = last.max(batch.to);
        let here = batch.count.min(whole(capacity - missing));
        missing += here as f64;
        admitted += here;
    }
    admitted
}

/// The most that a bucket can admit: in every span its capacity and what has refilled.
fn most_of_bucket(declared: &DeclaredLimit, sorted: &[Batch]) -> u64 {
    let per_second = refill(declared);
    let early = slack(declared.window).as_secs_f64() * per_second;
    let capacity = declared.capacity() as f64 + early;
    let (mut missing, mut last, mut admitted) = (0.0_f64, Nanos::ZERO, 0);
    for batch in sorted {
        missing = (missing - (batch.from - last).as_secs_f64() * per_second).max(0.0);
        last = batch.from;
        let until = (batch.to - batch.from).as_secs_f64() * per_second;
        let here = batch.count.min(whole(capacity + until - missing));
        missing += here as f64;
        admitted += here;
    }
    admitted
}

/// The most that fixed windows of at least `shortest` can admit: in a span of
/// less than k of them lie parts of at most k + 1, so at most (k + 1) · limit
/// admissions. Greedy admission under such bounds on spans is the most at any
/// moment: were another policy ever ahead, it would have to be ahead before the
/// span that holds greed back. (A sliding window keeps the same bounds.)
fn most_of_windows(limit: u64, shortest: Nanos, sorted: &[Batch]) -> u64 {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return 0 };
    let mut spans: Vec<Span> = spans(last.to - first.from, shortest)
        .map(|windows| Span {
            length: Nanos(shortest.0.saturating_mul(windows)),
            most: limit.saturating_mul(windows + 1),
            begins: 0,
            before: 0,
        })
        .collect();
    let mut admissions: Vec<(Nanos, u64)> = Vec::new();
    let mut admitted = 0;
    for batch in sorted {
        let mut here = batch.count;
        for span in &mut spans {
            // What is over by now only makes more room: where there is enough, nobody looks.
            if span.room(admitted) >= here {
                continue;
            }
            while let Some((from, count)) = admissions.get(span.begins)
                && *from + span.length <= batch.to
            {
                debug_assert!(*from <= batch.from, "sorted");
                span.before += count;
                span.begins += 1;
            }
            // A batch that may last longer than the span is not held by it.
            if batch.from + span.length > batch.to {
                here = here.min(span.room(admitted));
            }
        }
        if here > 0 {
            admissions.push((batch.from, here));
            admitted += here;
        }
    }
    admitted
}

/// A bound on the admissions of any span below a length.
struct Span {
    length: Nanos,
    most: u64,
    /// The first admissions within the span that ends now.
    begins: usize,
    /// How many came before them.
    before: u64,
}

impl Span {
    /// How many more it has room for, where so many were admitted in all.
    const fn room(&self, admitted: u64) -> u64 {
        self.most.saturating_sub(admitted - self.before)
    }
}

/// How many windows the bounded spans have: each number up to 16, then sparser,
/// and the whole run.
fn spans(whole: Nanos, shortest: Nanos) -> impl Iterator<Item = u64> {
    let all = whole.0 / shortest.0.max(1) + 1;
    std::iter::successors(Some(1_u64), move |here| {
        (*here < all).then(|| (here + 1 + here / 16).min(all))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::simulation::{Dice, KINDS, ledger, limiter, uneven};
    use super::*;
    use crate::admission::{Admitted, Scope};

    fn declared(limit: u64, window: Nanos) -> DeclaredLimit {
        DeclaredLimit::of(limit, window, Scope::Ip)
    }

    /// The onboarding staging profile: ramps to 20, 50, 100, five minutes of 100, down.
    fn staging() -> Vec<Nanos> {
        let stages = [(60.0, 20.0), (60.0, 50.0), (60.0, 100.0), (300.0, 100.0), (60.0, 0.0)];
        let (mut start, mut from, mut due, mut moments) = (0.0, 0.0, 0.0, Vec::new());
        for (length, to) in stages {
            for step in 0..(length as u64 * 1_000) {
                let x = step as f64 / 1e3;
                due += (from + (to - from) * x / length) / 1e3;
                while moments.len() as f64 + 1.0 <= due + 0.05 {
                    moments.push(Nanos::from_secs_f64(start + x));
                }
            }
            (start, from) = (start + length, to);
        }
        moments
    }

    fn one(moments: &[Nanos]) -> Alike {
        Alike { identities: 1, batches: moments.iter().copied().map(Batch::single).collect() }
    }

    #[test]
    fn nine_minutes_from_one_address_admit_ninety() {
        let moments = staging();
        assert!(moments.len().abs_diff(40_200) < 20, "{} arrivals", moments.len());
        let prediction = predict(&[declared(10, Nanos::from_secs(60))], [one(&moments)]);
        assert_eq!(prediction.admitted_low, 90);
        // An aligned window meets one more: nine minutes touch ten of them.
        assert_eq!(prediction.admitted_high, 100);
        assert_eq!(prediction.hits_high, moments.len() as u64 - 90);
    }

    #[test]
    fn below_the_limit_nothing_is_refused() {
        let moments: Vec<_> = (0..600).map(|s| Nanos::from_secs(s * 7)).collect();
        let prediction = predict(
            &[declared(10, Nanos::from_secs(60))],
            [Alike { identities: 2, ..one(&moments) }],
        );
        assert_eq!((prediction.admitted_low, prediction.admitted_high), (1200, 1200));
        assert_eq!((prediction.hits_low, prediction.hits_high), (0, 0));
    }

    proptest! {
        #[test]
        fn correct_limiters_stay_within_the_bounds(
            seed: u64,
            kind in 0..KINDS.len(),
            limit in 1_u64..40,
            extra in 0_u64..=1000,
            jitter in 0_u64..=50,
            factor in 0.2_f64..20.0,
            taken in 1_usize..30,
        ) {
            let window = Nanos::from_secs(60);
            let mut dice = Dice::new(seed);
            let moments = uneven(limit, window, 6.0, factor, &mut dice);
            let declared = declared(limit, window);
            // What is known of the moments in parts leaves the bounds true, and wider.
            let bounds = predict(&[declared], [one(&moments)]);
            let batches = moments.chunks(taken).map(|part| Batch {
                from: part[0],
                to: part[part.len() - 1],
                count: part.len() as u64,
            });
            let wide = predict(&[declared], [Alike { identities: 1, batches: batches.collect() }]);
            prop_assert!(wide.admitted_low <= bounds.admitted_low, "{:?} {:?}", wide, bounds);
            prop_assert!(wide.admitted_high >= bounds.admitted_high, "{:?} {:?}", wide, bounds);
            // Windows may last a second longer.
            let lasts = if KINDS[kind] == "whole-seconds" { window } else { window + Nanos::from_millis(extra) };
            let mut model = limiter(KINDS[kind], limit, lasts);
            let skew = Nanos::from_millis(dice.whole(0, 120_000));
            let entries = ledger(&moments, Nanos::from_millis(jitter), skew, &mut dice, |at| model.admits(at));
            let admitted = entries.iter().filter(|e| e.admitted == Admitted::Yes).count() as u64;
            prop_assert!(bounds.admitted_low <= admitted, "{} < {:?}", admitted, bounds);
            prop_assert!(admitted <= bounds.admitted_high, "{} > {:?}", admitted, bounds);
        }
    }
}
