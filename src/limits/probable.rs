//! How many requests are refused probably: what limiters of the usual kinds do, over all phases.
//!
//! The bounds of [`super::predict`] are proofs over everything that may be; this is
//! the middle of what those that are met do.

use super::models::{Aligned, Anchored, Bucket, Counter, Limiter, Sliding};
use super::moments::Alike;
use crate::admission::DeclaredLimit;
use crate::units::Nanos;

/// So many phases stand for all.
const PHASES: u64 = 8;
/// Of more batches than this nobody says what is probable: the bounds are close then.
const MOST: usize = 50_000;

/// The refusals that are probable of all that is sent, where these limits stand in a
/// row, the innermost first: the median over the kinds, of each the mean over its
/// phases. `None`: too many are sent to try.
#[must_use]
pub fn probable(row: &[DeclaredLimit], mut senders: Vec<Alike>) -> Option<u64> {
    if senders.iter().map(|alike| alike.batches.len()).sum::<usize>() > MOST {
        return None;
    }
    for alike in &mut senders {
        // Stable, as it is quick with what consists of a few sorted parts.
        alike.batches.sort_by_key(|batch| batch.from);
    }
    let buckets = row.iter().all(|limit| limit.burst.is_some());
    let kinds = if buckets { &[Kind::Bucket][..] } else { &KINDS[..] };
    let mut hits: Vec<f64> = kinds.iter().map(|kind| kind.refuses(row, &senders)).collect();
    hits.sort_unstable_by(f64::total_cmp);
    hits.get(hits.len() / 2).map(|hits| hits.round() as u64)
}

/// The kinds that are met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Anchored,
    Ticks,
    Aligned,
    Sliding,
    Counter,
    Bucket,
}

const KINDS: [Kind; 6] =
    [Kind::Anchored, Kind::Ticks, Kind::Aligned, Kind::Sliding, Kind::Counter, Kind::Bucket];

impl Kind {
    /// A limiter of this kind; a bucket where a burst is declared.
    fn of(self, declared: &DeclaredLimit) -> Limiter {
        let DeclaredLimit { limit, window, tick, .. } = *declared;
        if let Some(burst) = declared.burst {
            let per_second = limit as f64 / window.as_secs_f64().max(1e-9);
            return Limiter::Bucket(Bucket::with(burst as f64, per_second));
        }
        match self {
            Self::Anchored => Limiter::Anchored(Anchored::new(limit, window)),
            Self::Ticks => Limiter::Anchored(Anchored::whole_ticks(limit, window, tick)),
            Self::Aligned => Limiter::Aligned(Aligned::new(limit, window)),
            Self::Sliding => Limiter::Sliding(Sliding::new(limit, window)),
            Self::Counter => Limiter::Counter(Counter::new(limit, window)),
            Self::Bucket => Limiter::Bucket(Bucket::new(limit, window)),
        }
    }

    /// After how long the clock that it looks at is where it was; zero: at none.
    const fn cycle(self, declared: &DeclaredLimit) -> Nanos {
        match self {
            Self::Ticks => declared.tick,
            Self::Aligned | Self::Counter => declared.window,
            Self::Anchored | Self::Sliding | Self::Bucket => Nanos::ZERO,
        }
    }

    /// How many of all that is sent limiters of this kind refuse, over the phases.
    fn refuses(self, row: &[DeclaredLimit], senders: &[Alike]) -> f64 {
        let turns = if row.iter().all(|limit| self.cycle(limit).0 == 0) { 1 } else { PHASES };
        let of_turn = |turn: u64| {
            let limiters = row.iter().enumerate().map(|(place, limit)| {
                let cycle = self.cycle(limit).0;
                // Far from zero, so that no clock begins with the load; each limiter's
                // phases in an order of its own.
                let turn = turn * (2 * place as u64 + 1) % PHASES;
                (self.of(limit), Nanos(cycle * 1000 + cycle / PHASES * turn))
            });
            refused(&limiters.collect::<Vec<_>>(), senders)
        };
        (0..turns).map(of_turn).sum::<u64>() as f64 / turns as f64
    }
}

/// How many of all that is sent (sorted) are refused by limiters like these for each
/// identity.
fn refused(row: &[(Limiter, Nanos)], senders: &[Alike]) -> u64 {
    let of_one = |alike: &Alike| {
        let mut row = row.to_vec();
        let mut refused = 0;
        for batch in &alike.batches {
            for k in 0..batch.count {
                let at = batch.from + Nanos((batch.to - batch.from).0 / batch.count.max(1) * k);
                // The outer ones are asked first, and count what the inner ones refuse.
                let mut outer_first = row.iter_mut().rev();
                let passes = outer_first.all(|(limiter, phase)| limiter.admits(at + *phase));
                refused += u64::from(!passes);
            }
        }
        refused
    };
    senders.iter().map(|alike| alike.identities * of_one(alike)).sum()
}
