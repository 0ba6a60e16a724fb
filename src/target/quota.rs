//! One limiter of the server: a counter a key, in bounded memory, with the faults it was given.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::chance;
use super::limiter::{Algorithm, Counter, Decision, Rule};
use crate::units::Nanos;

/// Keys remembered at most. Beyond it new keys pass uncounted, as on the
/// platform, whose limiter fails open when its store is down.
const MOST_KEYS: usize = 262_144;

/// How a limiter is set up, faults included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct QuotaSetting {
    /// How it counts.
    pub(super) algorithm: Algorithm,
    /// The limit it declares.
    pub(super) limit: u32,
    /// The window it declares.
    pub(super) window: Nanos,
    /// The share of over-limit requests it lets through.
    pub(super) leak: f64,
    /// Whether it refuses at half its limit.
    pub(super) eager: bool,
    /// Whether what was used never comes back.
    pub(super) stuck: bool,
    /// How many count apart, asked in turn.
    pub(super) replicas: u32,
    /// How many times as fast as for everybody else time goes for it, at least 1.
    pub(super) pace: u32,
}

impl QuotaSetting {
    /// An anchored limiter without faults.
    pub(super) const fn anchored(limit: u32, window: Nanos) -> Self {
        Self {
            algorithm: Algorithm::Anchored,
            limit,
            window,
            leak: 0.0,
            eager: false,
            stuck: false,
            replicas: 1,
            pace: 1,
        }
    }

    /// How long its window lasts.
    pub(super) fn lasts(&self) -> Nanos {
        Nanos(self.window.0 / u64::from(self.pace.max(1)))
    }

    fn rule(&self) -> Rule {
        let limit = if self.eager { self.limit / 2 } else { self.limit };
        Rule {
            algorithm: self.algorithm,
            limit: limit.max(1),
            window: self.lasts(),
            resets: !self.stuck,
            tick: Nanos(1_000_000_000 / u64::from(self.pace.max(1))),
        }
    }
}

/// A limiter that many requests ask at once.
#[derive(Debug)]
pub(super) struct Quota {
    setting: QuotaSetting,
    rule: Rule,
    seed: u64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    keys: HashMap<String, Bucket>,
    /// Keys at which old ones are looked for next, so that sweeping costs O(1) a request.
    sweep_at: usize,
    refusals: u64,
}

#[derive(Debug)]
struct Bucket {
    replicas: Vec<Counter>,
    turn: usize,
}

impl Quota {
    /// A limiter that has seen nothing. `seed` decides which requests a leak lets through.
    pub(super) fn new(setting: QuotaSetting, seed: u64) -> Self {
        let table = Mutex::new(Table { sweep_at: 1_024, ..Table::default() });
        Self { setting, rule: setting.rule(), seed, table }
    }

    /// What it was set up to be.
    pub(super) const fn setting(&self) -> &QuotaSetting {
        &self.setting
    }

    /// Decides about a request of `key` at `now` (since 1970) and counts it where it passes.
    pub(super) fn ask(&self, key: &str, now: Nanos) -> Decision {
        let uncounted = Decision {
            admitted: true,
            remaining: self.setting.limit,
            resets_at: now + self.setting.window,
        };
        if self.rule.algorithm == Algorithm::Off {
            return uncounted;
        }
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if !table.keys.contains_key(key) && !table.make_room(&self.rule, now) {
            return uncounted;
        }
        let replicas = self.setting.replicas.max(1) as usize;
        let entry = table.keys.entry(key.to_owned()).or_insert_with(|| Bucket {
            replicas: vec![Counter::open(&self.rule, now); replicas],
            turn: 0,
        });
        entry.turn = (entry.turn + 1) % replicas;
        let turn = entry.turn;
        let Some(counter) = entry.replicas.get_mut(turn) else { return uncounted };
        let mut decision = counter.ask(&self.rule, now);
        if !decision.admitted && self.setting.leak > 0.0 {
            table.refusals += 1;
            let draw = chance::uniform(&[self.seed, table.refusals]);
            decision.admitted = draw < self.setting.leak;
        }
        decision
    }

    /// Keys remembered now.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).keys.len()
    }
}

impl Table {
    /// Forgets keys whose counters are spent, when it is time; false where no room is left.
    fn make_room(&mut self, rule: &Rule, now: Nanos) -> bool {
        if self.keys.len() >= self.sweep_at {
            self.keys.retain(|_, entry| !entry.replicas.iter().all(|c| c.spent(rule, now)));
            self.sweep_at = (self.keys.len() * 2).clamp(1_024, MOST_KEYS + MOST_KEYS / 8);
        }
        // A full table is swept again only after an eighth more has knocked.
        if self.keys.len() >= MOST_KEYS {
            self.sweep_at = self.sweep_at.saturating_sub(1).max(MOST_KEYS);
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(change: impl FnOnce(&mut QuotaSetting)) -> Quota {
        let mut setting = QuotaSetting::anchored(10, Nanos::from_secs(60));
        change(&mut setting);
        Quota::new(setting, 7)
    }

    fn admitted(quota: &Quota, key: &str, n: usize) -> usize {
        (0..n).filter(|_| quota.ask(key, Nanos::from_secs(5)).admitted).count()
    }

    #[test]
    fn keys_count_apart() {
        let quota = quota(|_| ());
        assert_eq!(admitted(&quota, "a", 50), 10);
        assert_eq!(admitted(&quota, "b", 50), 10);
    }

    #[test]
    fn faults_change_what_is_admitted() {
        assert_eq!(admitted(&quota(|s| s.eager = true), "a", 50), 5);
        assert_eq!(admitted(&quota(|s| s.replicas = 3), "a", 50), 30);
        assert_eq!(admitted(&quota(|s| s.algorithm = Algorithm::Off), "a", 50), 50);
        let leaking = admitted(&quota(|s| s.leak = 0.02), "a", 10_010);
        assert!((150..=250).contains(&(leaking - 10)), "{leaking}");
        assert_eq!(leaking, admitted(&quota(|s| s.leak = 0.02), "a", 10_010));
    }

    #[test]
    fn old_keys_are_forgotten() {
        let quota = quota(|_| ());
        for i in 0..20_000u64 {
            quota.ask(&i.to_string(), Nanos::from_millis(i * 100));
        }
        assert!(quota.len() < 2_000, "{}", quota.len());
    }

    #[test]
    fn a_full_table_fails_open_and_does_not_grow() {
        let quota = quota(|s| s.limit = 1);
        for i in 0..MOST_KEYS as u64 + 10 {
            quota.ask(&i.to_string(), Nanos::from_secs(1));
        }
        assert_eq!(quota.len(), MOST_KEYS);
        assert!(quota.ask("late", Nanos::from_secs(1)).admitted);
        assert!(quota.ask("late", Nanos::from_secs(1)).admitted);
        assert!(!quota.ask("0", Nanos::from_secs(1)).admitted);
    }
}
