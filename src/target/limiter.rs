//! Limiter arithmetic: may the next request pass, given what passed before and the time.

use std::collections::VecDeque;

use crate::units::Nanos;

/// How a limiter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// A window opened by the key's first request, on a clock of whole seconds
    /// (docs/api.md, "The limiter"): lasts up to a second longer than it says.
    Anchored,
    /// Windows that begin at whole multiples of their length since 1970.
    Aligned,
    /// An exact log: what was admitted within the last window counts.
    Sliding,
    /// A bucket of `limit` tokens, refilled at `limit` a window.
    Bucket,
    /// Everything passes.
    Off,
}

/// What one counter enforces.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// How it counts.
    pub(super) algorithm: Algorithm,
    /// Requests a window, at least 1.
    pub(super) limit: u32,
    /// The window's length, above zero.
    pub(super) window: Nanos,
    /// Whether what was used ever comes back; false is a fault.
    pub(super) resets: bool,
    /// What its clock shows whole ones of, above zero: seconds, unless time goes
    /// faster for it.
    pub(super) tick: Nanos,
}

/// The answer to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// Whether the request may pass.
    pub(super) admitted: bool,
    /// How many more would pass now.
    pub(super) remaining: u32,
    /// When a refused request would pass (one admitted: when the window ends).
    pub(super) resets_at: Nanos,
}

/// What a limiter remembers of one key.
#[derive(Clone, Debug)]
pub(super) enum Counter {
    /// Of both fixed windows: where it began and how many it admitted.
    Window {
        /// The moment the window opened.
        opened: Nanos,
        /// Requests admitted in it.
        admitted: u32,
    },
    /// Of the sliding window: the moments of what it admitted, oldest first.
    Log(VecDeque<Nanos>),
    /// Of the bucket: `tokens × window`, so that no fraction is ever rounded.
    Bucket {
        /// The level at `at`, in token-nanoseconds.
        level: u128,
        /// When the level was that.
        at: Nanos,
    },
}

impl Counter {
    /// The counter of a key that has sent nothing yet; its first request comes at `now`.
    pub(super) fn open(rule: &Rule, now: Nanos) -> Self {
        match rule.algorithm {
            Algorithm::Anchored | Algorithm::Aligned | Algorithm::Off => {
                Self::Window { opened: now, admitted: 0 }
            }
            Algorithm::Sliding => Self::Log(VecDeque::new()),
            Algorithm::Bucket => Self::Bucket { level: full(rule), at: now },
        }
    }

    /// Decides about a request at `now` and counts it where it passes. `now`
    /// must not go backwards.
    pub(super) fn ask(&mut self, rule: &Rule, now: Nanos) -> Decision {
        match self {
            Self::Window { opened, admitted } => {
                if ended(rule, *opened, now) {
                    (*opened, *admitted) = (now, 0);
                }
                let pass = rule.algorithm == Algorithm::Off || *admitted < rule.limit;
                *admitted = admitted.saturating_add(u32::from(pass));
                let remaining = rule.limit.saturating_sub(*admitted);
                Decision { admitted: pass, remaining, resets_at: end(rule, *opened) }
            }
            Self::Log(log) => ask_log(log, rule, now),
            Self::Bucket { level, at } => {
                refill(level, at, rule, now);
                let token = u128::from(rule.window.0);
                let pass = *level >= token;
                if pass {
                    *level -= token;
                }
                let missing = token.saturating_sub(*level).div_ceil(u128::from(rule.limit.max(1)));
                Decision {
                    admitted: pass,
                    remaining: u32::try_from(*level / token.max(1)).unwrap_or(u32::MAX),
                    resets_at: now + Nanos(u64::try_from(missing).unwrap_or(u64::MAX)),
                }
            }
        }
    }

    /// Whether forgetting the counter at `now` would change no later decision.
    pub(super) fn spent(&self, rule: &Rule, now: Nanos) -> bool {
        match self {
            Self::Window { opened, .. } => ended(rule, *opened, now),
            Self::Log(log) => {
                log.back().is_none_or(|last| rule.resets && *last + rule.window <= now)
            }
            Self::Bucket { level, at } => {
                let (mut level, mut at) = (*level, *at);
                refill(&mut level, &mut at, rule, now);
                level >= full(rule)
            }
        }
    }
}

fn ask_log(log: &mut VecDeque<Nanos>, rule: &Rule, now: Nanos) -> Decision {
    while rule.resets && log.front().is_some_and(|first| *first + rule.window <= now) {
        log.pop_front();
    }
    let limit = rule.limit as usize;
    let pass = log.len() < limit;
    if pass {
        log.push_back(now);
    }
    let oldest = log.front().copied().unwrap_or(now);
    Decision {
        admitted: pass,
        remaining: u32::try_from(limit.saturating_sub(log.len())).unwrap_or(u32::MAX),
        resets_at: oldest + rule.window,
    }
}

/// A full bucket, in token-nanoseconds.
fn full(rule: &Rule) -> u128 {
    u128::from(rule.limit) * u128::from(rule.window.0)
}

/// In one nanosecond a bucket gains `limit` token-nanoseconds.
fn refill(level: &mut u128, at: &mut Nanos, rule: &Rule, now: Nanos) {
    if rule.resets {
        let gained = u128::from((now - *at).0) * u128::from(rule.limit);
        *level = (*level + gained).min(full(rule));
    }
    *at = (*at).max(now);
}

/// Whether a request at `now` starts the window after the one opened at `opened`.
fn ended(rule: &Rule, opened: Nanos, now: Nanos) -> bool {
    if !rule.resets {
        return false;
    }
    let window = rule.window.0.max(1);
    match rule.algorithm {
        Algorithm::Aligned => opened.0 / window != now.0 / window,
        _ => now >= end(rule, opened),
    }
}

/// The first moment at which a window opened at `opened` is over.
fn end(rule: &Rule, opened: Nanos) -> Nanos {
    let window = rule.window.0.max(1);
    if rule.algorithm == Algorithm::Aligned {
        return Nanos((opened.0 / window).saturating_add(1).saturating_mul(window));
    }
    // More than `window` whole ticks: the next one on the clock.
    let tick = rule.tick.0.max(1);
    Nanos((opened.0 / tick).saturating_add(window / tick + 1).saturating_mul(tick))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [Algorithm; 4] =
        [Algorithm::Anchored, Algorithm::Aligned, Algorithm::Sliding, Algorithm::Bucket];

    fn rule(algorithm: Algorithm, limit: u32, seconds: u64) -> Rule {
        let (window, tick) = (Nanos::from_secs(seconds), Nanos::from_secs(1));
        Rule { algorithm, limit, window, resets: true, tick }
    }

    /// The moments admitted of requests at `moments`.
    fn admitted(rule: &Rule, moments: &[Nanos]) -> Vec<Nanos> {
        let mut counter = Counter::open(rule, moments.first().copied().unwrap_or_default());
        moments.iter().copied().filter(|now| counter.ask(rule, *now).admitted).collect()
    }

    fn every_ms(from_ms: u64, step_ms: u64, n: u64) -> Vec<Nanos> {
        (0..n).map(|i| Nanos::from_millis(from_ms + i * step_ms)).collect()
    }

    #[test]
    fn nine_minutes_of_onboardings_from_one_address_admit_ninety() {
        let rule = rule(Algorithm::Anchored, 10, 60);
        // 40,200 arrivals over nine minutes, evenly; the tenth window would open at 549 s.
        let moments: Vec<_> = (0..40_200u64).map(|i| Nanos(i * 540_000_000_000 / 40_200)).collect();
        assert_eq!(admitted(&rule, &moments).len(), 90);
    }

    #[test]
    fn an_anchored_window_lasts_sixty_to_sixty_one_seconds() {
        let rule = rule(Algorithm::Anchored, 1, 60);
        for (opened_ms, refused_ms, admitted_ms) in
            [(0, 60_999, 61_000), (500, 60_999, 61_000), (999, 60_999, 61_000)]
        {
            let at = Nanos::from_millis;
            let mut counter = Counter::open(&rule, at(opened_ms));
            assert!(counter.ask(&rule, at(opened_ms)).admitted);
            assert!(!counter.ask(&rule, at(refused_ms)).admitted);
            assert!(counter.ask(&rule, at(admitted_ms)).admitted);
        }
    }

    #[test]
    fn an_aligned_window_ends_at_the_minute() {
        let rule = rule(Algorithm::Aligned, 1, 60);
        let mut counter = Counter::open(&rule, Nanos::from_secs(119));
        assert!(counter.ask(&rule, Nanos::from_secs(119)).admitted);
        assert_eq!(
            counter.ask(&rule, Nanos::from_millis(119_999)).resets_at,
            Nanos::from_secs(120)
        );
        assert!(counter.ask(&rule, Nanos::from_secs(120)).admitted);
    }

    #[test]
    fn a_bucket_gives_a_burst_and_then_its_rate() {
        let rule = rule(Algorithm::Bucket, 60, 60);
        let burst = admitted(&rule, &every_ms(0, 0, 200));
        assert_eq!(burst.len(), 60);
        let minute = admitted(&rule, &every_ms(0, 10, 6_001));
        assert_eq!(minute.len(), 60 + 60);
    }

    #[test]
    fn a_stuck_limiter_never_admits_again_and_off_always_does() {
        for algorithm in KINDS {
            let rule = Rule { resets: false, ..rule(algorithm, 3, 1) };
            assert_eq!(admitted(&rule, &every_ms(0, 500, 1_000)).len(), 3, "{algorithm:?}");
        }
        assert_eq!(admitted(&rule(Algorithm::Off, 3, 1), &every_ms(0, 1, 50)).len(), 50);
    }

    fn moments() -> impl Strategy<Value = Vec<Nanos>> {
        let gaps = prop_oneof![0u64..5, 0u64..2_000, 0u64..20_000];
        (0u64..100_000, proptest::collection::vec(gaps, 1..300)).prop_map(|(start, gaps)| {
            gaps.iter()
                .scan(start, |now, gap| {
                    *now += gap;
                    Some(Nanos::from_millis(*now))
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn sliding_never_admits_more_than_the_limit_in_any_window(
            moments in moments(), limit in 1u32..20, seconds in 1u64..30,
        ) {
            let rule = rule(Algorithm::Sliding, limit, seconds);
            let passed = admitted(&rule, &moments);
            for (i, first) in passed.iter().enumerate() {
                let within = passed[i..].iter().filter(|m| **m < *first + rule.window).count();
                prop_assert!(within <= limit as usize);
            }
        }

        #[test]
        fn sliding_refuses_only_when_the_window_is_full(
            moments in moments(), limit in 1u32..20, seconds in 1u64..30,
        ) {
            let rule = rule(Algorithm::Sliding, limit, seconds);
            let mut counter = Counter::open(&rule, moments[0]);
            let mut passed: Vec<Nanos> = Vec::new();
            for now in moments {
                let within = passed.iter().filter(|m| **m + rule.window > now).count();
                let decision = counter.ask(&rule, now);
                prop_assert_eq!(decision.admitted, within < limit as usize);
                if decision.admitted { passed.push(now); }
            }
        }

        #[test]
        fn a_bucket_never_gives_more_than_its_limit_and_the_refill(
            moments in moments(), limit in 1u32..20, seconds in 1u64..30,
        ) {
            let rule = rule(Algorithm::Bucket, limit, seconds);
            let passed = admitted(&rule, &moments);
            for (i, first) in passed.iter().enumerate() {
                for (j, last) in passed.iter().enumerate().skip(i) {
                    let refill = (*last - *first).as_secs_f64() * f64::from(limit) / seconds as f64;
                    prop_assert!((j - i + 1) as f64 <= f64::from(limit) + refill + 1e-6);
                }
            }
        }

        #[test]
        fn an_anchored_window_admits_exactly_its_limit_when_more_come(
            start_ms in 0u64..100_000, limit in 1u32..20, seconds in 1u64..20,
        ) {
            let rule = rule(Algorithm::Anchored, limit, seconds);
            let passed = admitted(&rule, &every_ms(start_ms, 10, 6_000));
            let windows: Vec<&[Nanos]> = passed.chunks(limit as usize).collect();
            for pair in windows.windows(2) {
                let apart = (pair[1][0] - pair[0][0]).as_secs_f64();
                prop_assert!(apart > seconds as f64 && apart <= seconds as f64 + 1.01);
            }
        }

        #[test]
        fn an_aligned_window_admits_exactly_its_limit_when_more_come(
            start_ms in 0u64..100_000, limit in 1u32..20, seconds in 1u64..20,
        ) {
            let rule = rule(Algorithm::Aligned, limit, seconds);
            let passed = admitted(&rule, &every_ms(start_ms, 10, 6_000));
            let index = |moment: &Nanos| moment.0 / rule.window.0;
            for window in index(&passed[0]) + 1..index(&passed[passed.len() - 1]) {
                let within = passed.iter().filter(|m| index(m) == window).count();
                prop_assert_eq!(within, limit as usize);
            }
        }

        #[test]
        fn a_refused_request_passes_at_the_moment_it_was_told(
            moments in moments(), limit in 1u32..20, seconds in 1u64..30, kind in 0usize..4,
        ) {
            let rule = rule(KINDS[kind], limit, seconds);
            let mut counter = Counter::open(&rule, moments[0]);
            for now in moments {
                let decision = counter.ask(&rule, now);
                if !decision.admitted {
                    prop_assert!(decision.resets_at > now);
                    prop_assert!(counter.clone().ask(&rule, decision.resets_at).admitted);
                    prop_assert!(!counter.clone().ask(&rule, Nanos(decision.resets_at.0 - 1)).admitted);
                }
            }
        }

        #[test]
        fn forgetting_a_spent_counter_changes_nothing(
            moments in moments(), limit in 1u32..6, seconds in 1u64..5, kind in 0usize..4,
        ) {
            let rule = rule(KINDS[kind], limit, seconds);
            let mut kept = Counter::open(&rule, moments[0]);
            let mut forgotten = kept.clone();
            for now in moments {
                if forgotten.spent(&rule, now) { forgotten = Counter::open(&rule, now); }
                prop_assert_eq!(kept.ask(&rule, now).admitted, forgotten.ask(&rule, now).admitted);
            }
        }
    }
}
