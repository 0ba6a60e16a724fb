//! Limiters written apart from those that load-gate knows, from what nginx, Cloudflare,
//! Stripe, Redis recipes and GCRA are said to do: nothing here is shared with `limits`
//! but the names that are expected and the dice.
//!
//! All of them live in plain seconds of their own clock and answer with how long a
//! request has to wait, or with nothing where it is refused.

use std::collections::{HashMap, VecDeque};

use load_gate::admission::{Admission, Admitted, DeclaredLimit};
use load_gate::limits::Algorithm;
use load_gate::limits::simulation::{Dice, Weather};
use load_gate::units::Nanos;

/// Asked at a moment (seconds) for a request that is worked at for so long: how long it
/// waits, or `None` where it is refused.
pub(crate) type Asked = Box<dyn FnMut(f64, f64) -> Option<f64>>;

/// A limiter of somebody else's.
pub(crate) struct Stranger {
    /// What tables call it.
    pub(crate) name: &'static str,
    /// What it may be called: each of them is right.
    pub(crate) is: &'static [Algorithm],
    /// Whether it does what is declared.
    pub(crate) correct: bool,
    /// Makes it for a limit.
    pub(crate) make: fn(&Limit, &mut Dice) -> Asked,
}

/// What is declared, in seconds.
pub(crate) struct Limit {
    /// Requests a window.
    pub(crate) n: f64,
    /// The window.
    pub(crate) window: f64,
}

impl From<&DeclaredLimit> for Limit {
    fn from(declared: &DeclaredLimit) -> Self {
        Self { n: declared.limit as f64, window: declared.window.as_secs_f64() }
    }
}

/// nginx's `ngx_http_limit_req_lookup`: excess in thousandths of a request, time in whole
/// milliseconds; `last` moves on only where a request is let in.
fn nginx(per_second: f64, burst: f64, delays: bool) -> Asked {
    let mut node: Option<(i64, f64)> = None;
    let rate = (per_second * 1000.0).round();
    Box::new(move |at, _| {
        let now = (at * 1000.0) as i64;
        let Some((last, excess)) = node else {
            node = Some((now, 0.0));
            return Some(0.0);
        };
        let gone = (now - last).max(0) as f64;
        let excess = (excess - rate * gone / 1000.0 + 1000.0).max(0.0);
        if excess > burst * 1000.0 {
            return None;
        }
        node = Some((now.max(last), excess));
        Some(if delays { excess / rate } else { 0.0 })
    })
}

/// GCRA by its theoretical arrival time.
fn gcra(n: f64, window: f64, burst: f64) -> Asked {
    let (interval, mut arrival) = (window / n, f64::NEG_INFINITY);
    Box::new(move |at, _| {
        let due = arrival.max(at);
        if due - at > (burst - 1.0) * interval + 1e-9 {
            return None;
        }
        arrival = due + interval;
        Some(0.0)
    })
}

/// The script that Stripe published: what was left, refilled since, at most the capacity.
fn stripe(n: f64, window: f64) -> Asked {
    let (mut left, mut last) = (n, 0.0);
    Box::new(move |at, _| {
        let filled = f64::min(n, left + f64::max(0.0, at - last) * n / window);
        last = at;
        let allowed = filled + 1e-9 >= 1.0;
        left = if allowed { filled - 1.0 } else { filled };
        allowed.then_some(0.0)
    })
}

/// Redis, `INCR` of a key that names the window by the clock.
fn redis_by_clock(n: f64, window: f64) -> Asked {
    let mut keys: HashMap<i64, f64> = HashMap::new();
    Box::new(move |at, _| {
        let count = keys.entry((at / window).floor() as i64).or_insert(0.0);
        *count += 1.0;
        (*count <= n).then_some(0.0)
    })
}

/// Redis, `INCR`, and `EXPIRE` where it was the first, or every time.
fn redis_expiring(n: f64, window: f64, every_time: bool) -> Asked {
    let (mut count, mut expires) = (0.0, f64::NEG_INFINITY);
    Box::new(move |at, _| {
        if at >= expires {
            count = 0.0;
        }
        count += 1.0;
        if count <= 1.0 || every_time {
            expires = at + window;
        }
        (count <= n).then_some(0.0)
    })
}

/// A ban: whoever is over the limit is out for a window from the last time that he asked.
fn ban(n: f64, window: f64) -> Asked {
    let (mut count, mut opened, mut out) = (0.0, f64::NEG_INFINITY, f64::NEG_INFINITY);
    Box::new(move |at, _| {
        if at < out {
            out = at + window;
            return None;
        }
        if out > opened || at >= opened + window {
            (opened, count, out) = (at, 0.0, f64::NEG_INFINITY);
        }
        count += 1.0;
        if count > n {
            out = at + window;
            return None;
        }
        Some(0.0)
    })
}

/// Redis, a sorted set of moments: counted when asked, those let in alone or all.
fn redis_log(n: f64, window: f64, all: bool) -> Asked {
    let mut log: VecDeque<f64> = VecDeque::new();
    Box::new(move |at, _| {
        while log.front().is_some_and(|first| *first <= at - window) {
            log.pop_front();
        }
        let free = (log.len() as f64) < n;
        if free || all {
            log.push_back(at);
        }
        free.then_some(0.0)
    })
}

/// Cloudflare's approximation: the rate of the last window by its share, and this one's.
fn cloudflare(n: f64, window: f64, all: bool) -> Asked {
    let mut counts: HashMap<i64, f64> = HashMap::new();
    Box::new(move |at, _| {
        let number = (at / window).floor();
        let (here, gone) = (number as i64, at / window - number);
        let of = |counts: &HashMap<i64, f64>, number| counts.get(&number).copied().unwrap_or(0.0);
        let rate = of(&counts, here - 1) * (1.0 - gone) + of(&counts, here);
        let free = rate < n;
        if free || all {
            *counts.entry(here).or_insert(0.0) += 1.0;
        }
        free.then_some(0.0)
    })
}

/// ASP.NET's sliding window: in segments, of which the oldest comes free at the end of each.
fn segments(n: f64, window: f64, parts: i64) -> Asked {
    let mut counts: HashMap<i64, f64> = HashMap::new();
    Box::new(move |at, _| {
        let here = (at / window * parts as f64).floor() as i64;
        let used: f64 = (here - parts + 1..=here).filter_map(|number| counts.get(&number)).sum();
        (used < n).then(|| {
            *counts.entry(here).or_insert(0.0) += 1.0;
            0.0
        })
    })
}

/// A semaphore.
fn semaphore(n: usize) -> Asked {
    let mut ends: Vec<f64> = Vec::new();
    Box::new(move |at, work| {
        ends.retain(|end| *end > at);
        (ends.len() < n).then(|| {
            ends.push(at + work);
            0.0
        })
    })
}

/// Several that know nothing of one another; the next in turn, or any.
fn behind_a_balancer(mut each: Vec<Asked>, chance: Option<u64>) -> Asked {
    let mut dice = chance.map(Dice::new);
    let mut turn = 0;
    Box::new(move |at, work| {
        let n = each.len();
        turn = match &mut dice {
            Some(dice) => dice.whole(0, n as u64 - 1) as usize,
            None => (turn + 1) % n,
        };
        each[turn](at, work)
    })
}

/// Two to four of the same, each with the whole limit.
fn replicas(
    limit: &Limit,
    dice: &mut Dice,
    random: bool,
    one: fn(f64, f64, &mut Dice) -> Asked,
) -> Asked {
    let n = dice.whole(2, 4);
    let each = (0..n).map(|_| one(limit.n, limit.window, dice)).collect();
    behind_a_balancer(each, random.then(|| dice.next()))
}

const ANCHORED: &[Algorithm] = &[Algorithm::AnchoredWindow];
const BUCKET: &[Algorithm] = &[Algorithm::TokenBucket];
const SLIDING: &[Algorithm] = &[Algorithm::SlidingWindow];
const PENALTY: &[Algorithm] = &[Algorithm::PenaltyWindow];
const APART: &[Algorithm] = &[Algorithm::ReplicasApart];

const fn right(
    name: &'static str,
    is: &'static [Algorithm],
    make: fn(&Limit, &mut Dice) -> Asked,
) -> Stranger {
    Stranger { name, is, correct: true, make }
}

const fn other(
    name: &'static str,
    is: &'static [Algorithm],
    make: fn(&Limit, &mut Dice) -> Asked,
) -> Stranger {
    Stranger { name, is, correct: false, make }
}

/// All of them.
pub(crate) const STRANGERS: [Stranger; 24] = [
    right("nginx limit_req, nodelay", BUCKET, |l, _| nginx(l.n / l.window, l.n - 1.0, false)),
    right("nginx limit_req, delay", &[Algorithm::LeakyBucket], |l, _| {
        nginx(l.n / l.window, l.n - 1.0, true)
    }),
    right("GCRA", BUCKET, |l, _| gcra(l.n, l.window, l.n)),
    right("Stripe's token bucket", BUCKET, |l, _| stripe(l.n, l.window)),
    right("Redis, key by the clock", &[Algorithm::AlignedWindow], |l, _| {
        redis_by_clock(l.n, l.window)
    }),
    right("Redis, INCR and EXPIRE", ANCHORED, |l, _| redis_expiring(l.n, l.window, false)),
    right("Redis, EXPIRE every time", PENALTY, |l, _| redis_expiring(l.n, l.window, true)),
    right("ban that refusals prolong", PENALTY, |l, _| ban(l.n, l.window)),
    right("Redis, sorted set", SLIDING, |l, _| redis_log(l.n, l.window, false)),
    right("Redis, sorted set of all", &[Algorithm::SlidingWindowOfRequests], |l, _| {
        redis_log(l.n, l.window, true)
    }),
    right("Cloudflare's counter", &[Algorithm::SlidingCounter], |l, _| {
        cloudflare(l.n, l.window, false)
    }),
    right("Cloudflare's counter of all", &[Algorithm::SlidingCounterOfRequests], |l, _| {
        cloudflare(l.n, l.window, true)
    }),
    right("ASP.NET's window of segments", &[Algorithm::SegmentedWindow], |l, dice| {
        segments(l.n, l.window, [3, 5, 10][dice.whole(0, 2) as usize])
    }),
    // Nearly a log: either name is right.
    right(
        "window of 60 segments",
        &[Algorithm::SlidingWindow, Algorithm::SegmentedWindow],
        |l, _| segments(l.n, l.window, 60),
    ),
    other("GCRA, burst and rate apart", BUCKET, |l, dice| {
        let burst = dice.whole(2, (l.n as u64).max(3)) as f64;
        gcra(l.n * dice.between(0.5, 4.0), l.window, burst)
    }),
    other("semaphore", &[Algorithm::ConcurrencyLimit], |_, dice| {
        semaphore(dice.whole(2, 8) as usize)
    }),
    other("INCR and EXPIRE, a second", ANCHORED, |l, _| redis_expiring(l.n, 1.0, false)),
    other("key by the clock, a second", &[Algorithm::AlignedWindow], |l, _| {
        redis_by_clock(l.n, 1.0)
    }),
    other("sorted set, a second", SLIDING, |l, _| redis_log(l.n, 1.0, false)),
    other("replicas in turn, INCR and EXPIRE", APART, |l, dice| {
        replicas(l, dice, false, |n, window, _| redis_expiring(n, window, false))
    }),
    other("replicas at random, INCR and EXPIRE", APART, |l, dice| {
        replicas(l, dice, true, |n, window, _| redis_expiring(n, window, false))
    }),
    other("replicas at random, key by the clock", APART, |l, dice| {
        replicas(l, dice, true, |n, window, _| redis_by_clock(n, window))
    }),
    other("replicas at random, sorted set", APART, |l, dice| {
        replicas(l, dice, true, |n, window, _| redis_log(n, window, false))
    }),
    other("replicas at random, GCRA", APART, |l, dice| {
        replicas(l, dice, true, |n, window, _| gcra(n, window, n))
    }),
];

/// Sends requests at `moments` through the weather, and notes what came of each.
pub(crate) fn met(
    limiter: &mut Asked,
    moments: &[Nanos],
    weather: &Weather,
    dice: &mut Dice,
) -> Vec<Admission> {
    let longest = weather.latency.as_secs_f64();
    let mut coming: Vec<[f64; 3]> = moments
        .iter()
        .map(|sent| {
            let (there, back) = (dice.unit() * longest / 2.0, dice.unit() * longest / 2.0);
            [sent.as_secs_f64() + there, sent.as_secs_f64(), back]
        })
        .collect();
    coming.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let mut entries: Vec<Admission> = coming
        .into_iter()
        .map(|[decided, sent, back]| {
            let probe = dice.unit() < weather.probes;
            let work = if probe { 0.0 } else { dice.unit() * weather.work.as_secs_f64() };
            let early = dice.unit() < weather.early_errors;
            let (admitted, took) = if early {
                (Admitted::Unknown, 0.0)
            } else if probe && !weather.counts_probes {
                (Admitted::Perhaps, 0.0)
            } else {
                match limiter(decided + weather.skew.as_secs_f64(), work) {
                    None => (Admitted::No, 0.0),
                    Some(wait) if probe => (Admitted::Perhaps, wait),
                    Some(wait) if dice.unit() < weather.late_errors => {
                        (Admitted::Unknown, wait + work)
                    }
                    Some(wait) => (Admitted::Yes, wait + work),
                }
            };
            Admission {
                sent: Nanos::from_secs_f64(sent),
                done: Nanos::from_secs_f64(decided + took + back),
                admitted,
                retry_after: None,
                status: 0,
            }
        })
        .collect();
    entries.sort_by_key(|entry| entry.done);
    entries
}
