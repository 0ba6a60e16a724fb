//! One of each kind of limiter that is known, and of those that err, made for a declared limit.

use super::super::Algorithm;
use super::super::models::{
    Aligned, Anchored, Bucket, Concurrency, Counter, Extension, Leaky, Limiter, Replicas, Routing,
    Sliding,
};
use super::Dice;
use crate::admission::DeclaredLimit;
use crate::units::Nanos;

/// A limiter that can be made for any declared limit.
#[derive(Clone, Copy, Debug)]
pub struct Specimen {
    /// What tables call it.
    pub name: &'static str,
    /// What it is to be named.
    pub is: Algorithm,
    /// Whether it does what is declared, so that nobody may accuse it.
    pub correct: bool,
    /// Makes it.
    pub make: fn(&DeclaredLimit, &mut Dice) -> Limiter,
}

const fn correct(
    name: &'static str,
    is: Algorithm,
    make: fn(&DeclaredLimit, &mut Dice) -> Limiter,
) -> Specimen {
    Specimen { name, is, correct: true, make }
}

const fn other(
    name: &'static str,
    is: Algorithm,
    make: fn(&DeclaredLimit, &mut Dice) -> Limiter,
) -> Specimen {
    Specimen { name, is, correct: false, make }
}

/// A limit found where a minute's is declared.
const SECOND: Nanos = Nanos::from_secs(1);

/// Every kind: first those that do what is declared, then those that do otherwise.
pub const SPECIMENS: [Specimen; 19] = [
    correct("anchored window", Algorithm::AnchoredWindow, |d, _| {
        Limiter::Anchored(Anchored::new(d.limit, d.window))
    }),
    correct("anchored window, whole seconds", Algorithm::AnchoredWindow, |d, _| {
        Limiter::Anchored(Anchored::whole_seconds(d.limit, d.window))
    }),
    correct("aligned window", Algorithm::AlignedWindow, |d, _| {
        Limiter::Aligned(Aligned::new(d.limit, d.window))
    }),
    correct("sliding window", Algorithm::SlidingWindow, |d, _| {
        Limiter::Sliding(Sliding::new(d.limit, d.window))
    }),
    correct("sliding counter", Algorithm::SlidingCounter, |d, _| {
        Limiter::Counter(Counter::new(d.limit, d.window))
    }),
    correct("sliding counter, whole places", Algorithm::SlidingCounter, |d, _| {
        Limiter::Counter(Counter::new(d.limit, d.window).whole_places())
    }),
    correct("sliding window of requests", Algorithm::SlidingWindowOfRequests, |d, _| {
        Limiter::Sliding(Sliding::counting_refusals(d.limit, d.window))
    }),
    correct("sliding counter of requests", Algorithm::SlidingCounterOfRequests, |d, _| {
        Limiter::Counter(Counter::counting_refusals(d.limit, d.window))
    }),
    correct("penalty window", Algorithm::PenaltyWindow, |d, _| {
        Limiter::Anchored(Anchored::extended(d.limit, d.window, Extension::Refusals))
    }),
    correct("window that every request prolongs", Algorithm::PenaltyWindow, |d, _| {
        Limiter::Anchored(Anchored::extended(d.limit, d.window, Extension::Requests))
    }),
    correct("token bucket", Algorithm::TokenBucket, |d, _| {
        Limiter::Bucket(Bucket::new(d.limit, d.window))
    }),
    correct("leaky bucket that delays", Algorithm::LeakyBucket, |d, _| {
        Limiter::Leaky(Leaky::new(d.limit, per_second(d), 1))
    }),
    other("token bucket, capacity and rate apart", Algorithm::TokenBucket, |d, dice| {
        let capacity = dice.whole(2, d.limit.max(3)) as f64;
        Limiter::Bucket(Bucket::with(capacity, per_second(d) * dice.between(0.5, 4.0)))
    }),
    other("leaky bucket, capacity and rate apart", Algorithm::LeakyBucket, |d, dice| {
        let capacity = dice.whole(8, d.limit.max(8));
        let rate = per_second(d) * dice.between(1.0, 4.0);
        Limiter::Leaky(Leaky::new(capacity, rate, dice.whole(1, 4)))
    }),
    other("concurrency limit", Algorithm::ConcurrencyLimit, |_, dice| {
        Limiter::Concurrency(Concurrency::new(dice.whole(2, 8) as usize))
    }),
    other("replicas apart, round robin", Algorithm::ReplicasApart, |d, dice| {
        Limiter::Replicas(Replicas::new(several(d, dice), Routing::RoundRobin))
    }),
    other("replicas apart, at random", Algorithm::ReplicasApart, |d, dice| {
        let each = several(d, dice);
        Limiter::Replicas(Replicas::new(each, Routing::Random(dice.next())))
    }),
    other("anchored window of a second", Algorithm::AnchoredWindow, |d, _| {
        Limiter::Anchored(Anchored::new(d.limit, SECOND))
    }),
    other("sliding window of a second", Algorithm::SlidingWindow, |d, _| {
        Limiter::Sliding(Sliding::new(d.limit, SECOND))
    }),
];

fn per_second(declared: &DeclaredLimit) -> f64 {
    declared.limit as f64 / declared.window.as_secs_f64().max(1e-9)
}

/// Two to four fixed windows, each with the whole limit.
fn several(declared: &DeclaredLimit, dice: &mut Dice) -> Vec<Limiter> {
    let (n, aligned) = (dice.whole(2, 4), dice.whole(0, 1) == 1);
    let one = |_| {
        if aligned {
            Limiter::Aligned(Aligned::new(declared.limit, declared.window))
        } else {
            Limiter::Anchored(Anchored::new(declared.limit, declared.window))
        }
    };
    (0..n).map(one).collect()
}
