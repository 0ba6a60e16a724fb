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

use super::Prediction;
use super::models::{Bucket, Sliding};
use crate::admission::DeclaredLimit;
use crate::units::Nanos;

/// How much longer than declared a window may last: clocks of whole seconds.
pub const WHOLE_SECOND: Nanos = Nanos::from_secs(1);

/// By how much the moments at which a limiter decides may be off: requests
/// under way and clocks of several nodes. A quarter of a second, or a twentieth
/// of the window if that is less.
#[must_use]
pub fn slack(window: Nanos) -> Nanos {
    Nanos::from_millis(250).min(Nanos(window.0 / 20))
}

/// What a correct limiter may admit and refuse when every identity sends at
/// those moments (any order; everything a server would count: arrivals, canary,
/// probes, proof).
#[must_use]
pub fn predict<S: AsRef<[Nanos]>>(
    declared: &DeclaredLimit,
    identities: impl IntoIterator<Item = S>,
) -> Prediction {
    let mut total = Prediction { admitted_low: 0, admitted_high: 0, hits_low: 0, hits_high: 0 };
    let mut sorted = Vec::new();
    for moments in identities {
        sorted.clear();
        sorted.extend_from_slice(moments.as_ref());
        sorted.sort_unstable();
        let sent = sorted.len() as u64;
        let low = fewest(declared, &sorted);
        let high = most(declared, &sorted);
        total.admitted_low += low;
        total.admitted_high += high;
        total.hits_low += sent - high;
        total.hits_high += sent - low;
    }
    total
}

/// The fewest of these (sorted) that a correct limiter admits.
fn fewest(declared: &DeclaredLimit, sorted: &[Nanos]) -> u64 {
    if let Some(burst) = declared.burst {
        let per_second = declared.limit as f64 / declared.window.as_secs_f64().max(1e-9);
        let late = slack(declared.window).as_secs_f64() * per_second;
        let mut bucket = Bucket::with((burst as f64 - late).max(1.0), per_second);
        return sorted.iter().filter(|at| bucket.admits(**at)).count() as u64;
    }
    let longest = declared.window + WHOLE_SECOND + slack(declared.window);
    let mut limiter = Sliding::new(declared.limit, longest);
    sorted.iter().filter(|at| limiter.admits(**at)).count() as u64
}

/// The most of these (sorted) that a correct limiter admits.
fn most(declared: &DeclaredLimit, sorted: &[Nanos]) -> u64 {
    if sorted.len() as u64 <= declared.capacity() {
        return sorted.len() as u64;
    }
    let shortest = declared.window - slack(declared.window);
    let per_second = declared.limit as f64 / declared.window.as_secs_f64().max(1e-9);
    let early = slack(declared.window).as_secs_f64() * per_second;
    let mut bucket = Bucket::with(declared.capacity() as f64 + early, per_second);
    let bucket = sorted.iter().filter(|at| bucket.admits(**at)).count() as u64;
    if declared.burst.is_some() {
        return bucket;
    }
    bucket.max(most_of_windows(declared.limit, shortest, sorted))
}

/// The most that fixed windows of at least `shortest` can admit: in a span of
/// less than k of them lie parts of at most k + 1, so at most (k + 1) · limit
/// admissions. Greedy admission under such bounds on spans is the most at any
/// moment: were another policy ever ahead, it would have to be ahead before the
/// span that holds greed back. (A sliding window keeps the same bounds.)
fn most_of_windows(limit: u64, shortest: Nanos, sorted: &[Nanos]) -> u64 {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return 0 };
    let mut spans: Vec<Span> = spans(*last - *first, shortest)
        .map(|windows| Span {
            length: Nanos(shortest.0.saturating_mul(windows)),
            most: limit.saturating_mul(windows + 1),
            begins: 0,
        })
        .collect();
    let mut admitted: Vec<Nanos> = Vec::new();
    for at in sorted {
        let mut room = true;
        for span in &mut spans {
            while admitted.get(span.begins).is_some_and(|first| *first + span.length <= *at) {
                span.begins += 1;
            }
            room &= ((admitted.len() - span.begins) as u64) < span.most;
        }
        if room {
            admitted.push(*at);
        }
    }
    admitted.len() as u64
}

/// A bound on the admissions of any span below a length.
struct Span {
    length: Nanos,
    most: u64,
    /// The first admission within the span that ends now.
    begins: usize,
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

    #[test]
    fn nine_minutes_from_one_address_admit_ninety() {
        let moments = staging();
        assert!(moments.len().abs_diff(40_200) < 20, "{} arrivals", moments.len());
        let prediction = predict(&declared(10, Nanos::from_secs(60)), [&moments]);
        assert_eq!(prediction.admitted_low, 90);
        // An aligned window meets one more: nine minutes touch ten of them.
        assert_eq!(prediction.admitted_high, 100);
        assert_eq!(prediction.hits_high, moments.len() as u64 - 90);
    }

    #[test]
    fn below_the_limit_nothing_is_refused() {
        let moments: Vec<_> = (0..600).map(|s| Nanos::from_secs(s * 7)).collect();
        let prediction = predict(&declared(10, Nanos::from_secs(60)), [&moments, &moments]);
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
        ) {
            let window = Nanos::from_secs(60);
            let mut dice = Dice::new(seed);
            let moments = uneven(limit, window, 6.0, factor, &mut dice);
            let declared = declared(limit, window);
            let bounds = predict(&declared, [&moments]);
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
