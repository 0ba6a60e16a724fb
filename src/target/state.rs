//! What a target is to be, and the state that its requests share.

use std::collections::{HashMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;

use super::clock::ServerClock;
use super::counts::Tally;
use super::endpoint::Endpoint;
use super::faults::Faults;
use super::keys::{Customer, Keyring, example_keys, example_webhook_secret};
use super::memory::Memory;
use super::quota::{Quota, QuotaSetting};
use crate::secret::Secret;

/// E-mails, events and customers remembered at most: far more than a run
/// sends, and at some 20 bytes each little enough to stay for days.
const MOST_REMEMBERED: usize = 1_000_000;
/// What a target is to be.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// API keys that work from the start. Onboarded customers' work as well.
    pub keys: Vec<Secret>,
    /// The secret that webhooks are signed with.
    pub webhook_secret: Secret,
    /// What it does wrong.
    pub faults: Faults,
    /// How many times as fast as for everybody else time goes for its limiters, at
    /// least 1: windows that a short load would see one of.
    pub pace: u32,
    /// Decides which requests meet with a fault's share.
    pub seed: u64,
}

impl TargetConfig {
    /// A target without faults on any port, with `keys` keys and a webhook
    /// secret of its own that `seed` decides.
    #[must_use]
    pub fn embedded(seed: u64, keys: usize) -> Self {
        Self {
            port: 0,
            keys: example_keys(seed, keys),
            webhook_secret: example_webhook_secret(seed),
            faults: Faults::default(),
            pace: 1,
            seed,
        }
    }
}

/// Everything that requests share.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) faults: Faults,
    pub(super) seed: u64,
    pub(super) clock: ServerClock,
    pub(super) keyring: Keyring,
    pub(super) webhook_secret: Secret,
    pub(super) onboarding: Quota,
    pub(super) exchange: Quota,
    pub(super) webhook: Quota,
    pub(super) per_key: Quota,
    pub(super) emails: Mutex<Memory>,
    pub(super) events: Mutex<Memory>,
    pub(super) usage: Mutex<Usage>,
    pub(super) customers: AtomicU64,
    pub(super) tally: Tally,
}

impl Server {
    /// A server that nobody has asked anything yet.
    pub(super) fn new(config: TargetConfig) -> Self {
        let TargetConfig { keys, webhook_secret, faults, pace, seed, .. } = config;
        let pace = pace.max(1);
        let quota = |endpoint| {
            let setting = QuotaSetting { pace, ..faults.of(endpoint).limiter };
            // The one that counts everybody keeps its rate; of the others each caller
            // keeps what it may send at once.
            let shared = endpoint == Endpoint::Webhook;
            let limit = if shared { setting.limit.div_ceil(pace) } else { setting.limit };
            Quota::new(QuotaSetting { limit, ..setting }, seed ^ endpoint as u64)
        };
        Self {
            seed,
            clock: ServerClock::start(faults.clock),
            keyring: Keyring::new(&keys, seed),
            webhook_secret,
            onboarding: quota(Endpoint::Onboarding),
            exchange: quota(Endpoint::CredentialVending),
            webhook: quota(Endpoint::Webhook),
            per_key: Quota::new(QuotaSetting { pace, ..faults.per_key }, seed ^ 0x63),
            emails: Mutex::new(Memory::new(MOST_REMEMBERED)),
            events: Mutex::new(Memory::new(MOST_REMEMBERED)),
            usage: Mutex::new(Usage::default()),
            customers: AtomicU64::new(0),
            tally: Tally::default(),
            faults,
        }
    }

    /// Waits while the server is frozen.
    pub(super) async fn thaw(&self, endpoint: Endpoint) {
        if let Some(stall) = self.faults.of(endpoint).stall {
            let wait = stall.wait(self.clock.elapsed());
            if wait.0 > 0 {
                tokio::time::sleep(wait.into()).await;
            }
        }
    }
}

/// Exchanges of each customer; the customer not seen for the longest is
/// forgotten when there are too many.
#[derive(Debug, Default)]
pub(super) struct Usage {
    used: HashMap<Customer, u64>,
    order: VecDeque<Customer>,
}

impl Usage {
    /// Counts an exchange; what remains of `allowed` after it, none where nothing was left.
    pub(super) fn spend(&mut self, customer: Customer, allowed: u64) -> Option<u64> {
        if !self.used.contains_key(&customer) {
            self.order.push_back(customer);
            if self.order.len() > MOST_REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.used.remove(&oldest);
            }
        }
        let used = self.used.entry(customer).or_insert(0);
        let remaining = allowed.checked_sub(*used + 1)?;
        *used += 1;
        Some(remaining)
    }
}
