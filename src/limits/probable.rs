//! How many requests are refused probably: what limiters of the usual kinds do, over all phases.
//!
//! The bounds of [`super::predict`] are proofs over everything that may be; this is
//! the middle of what those that are met do.

use super::models::{Aligned, Anchored, Bucket, Counter, Limiter, Sliding};
use super::predict::{Alike, WHOLE_SECOND};
use crate::admission::DeclaredLimit;
use crate::units::Nanos;

/// So many phases stand for all.
const PHASES: u64 = 8;
/// Of more batches than this nobody says what is probable: the bounds are close then.
const MOST: usize = 50_000;

/// The refusals that are probable of all that is sent: the median over the kinds, of
/// each the mean over its phases. `None`: too many are sent to try.
#[must_use]
pub fn probable(declared: &DeclaredLimit, senders: &[Alike]) -> Option<u64> {
    if senders.iter().map(|alike| alike.batches.len()).sum::<usize>() > MOST {
        return None;
    }
    let mut kinds: Vec<f64> = kinds(declared)
        .iter()
        .map(|phases| {
            let all: u64 =
                phases.iter().map(|(limiter, phase)| refused(limiter, *phase, senders)).sum();
            all as f64 / phases.len().max(1) as f64
        })
        .collect();
    kinds.sort_unstable_by(f64::total_cmp);
    kinds.get(kinds.len() / 2).map(|hits| hits.round() as u64)
}

/// A limiter of each kind, at every phase of the clock that it looks at.
fn kinds(declared: &DeclaredLimit) -> Vec<Vec<(Limiter, Nanos)>> {
    let DeclaredLimit { limit, window, .. } = *declared;
    if let Some(burst) = declared.burst {
        let per_second = limit as f64 / window.as_secs_f64().max(1e-9);
        return vec![vec![(Limiter::Bucket(Bucket::with(burst as f64, per_second)), Nanos::ZERO)]];
    }
    let phases = |limiter: Limiter, cycle: Nanos| {
        // Far from zero, so that no clock begins with the load.
        let phase = |k: u64| Nanos(cycle.0 * 1000 + cycle.0 / PHASES * k);
        (0..PHASES).map(|k| (limiter.clone(), phase(k))).collect::<Vec<_>>()
    };
    let one = |limiter: Limiter| vec![(limiter, Nanos::ZERO)];
    vec![
        one(Limiter::Anchored(Anchored::new(limit, window))),
        phases(Limiter::Anchored(Anchored::whole_seconds(limit, window)), WHOLE_SECOND),
        phases(Limiter::Aligned(Aligned::new(limit, window)), window),
        one(Limiter::Sliding(Sliding::new(limit, window))),
        phases(Limiter::Counter(Counter::new(limit, window)), window),
        one(Limiter::Bucket(Bucket::new(limit, window))),
    ]
}

/// How many of all that is sent are refused by a limiter like this for each identity.
fn refused(limiter: &Limiter, phase: Nanos, senders: &[Alike]) -> u64 {
    let of_one = |alike: &Alike| {
        let mut batches = alike.batches.clone();
        batches.sort_unstable_by_key(|batch| batch.from);
        let mut limiter = limiter.clone();
        let mut refused = 0;
        for batch in &batches {
            for k in 0..batch.count {
                let within = (batch.to - batch.from).0 / batch.count.max(1) * k;
                refused += u64::from(!limiter.admits(batch.from + Nanos(within) + phase));
            }
        }
        refused
    };
    senders.iter().map(|alike| alike.identities * of_one(alike)).sum()
}
