//! What the server counted, for whoever wants to compare it with what was sent.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::endpoint::Endpoint;

/// Everything counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Requests read, by endpoint.
    pub requests: BTreeMap<Endpoint, u64>,
    /// Answers made, by endpoint and status; hanging and reset requests have none.
    pub answers: BTreeMap<(Endpoint, u16), u64>,
    /// Customers created.
    pub customers: u64,
    /// Webhook events accepted for the first time.
    pub events: u64,
    /// Webhook deliveries of an event that had been accepted before.
    pub duplicates: u64,
}

impl Counts {
    /// Requests that `endpoint` has read.
    #[must_use]
    pub fn requests(&self, endpoint: Endpoint) -> u64 {
        self.requests.get(&endpoint).copied().unwrap_or(0)
    }

    /// Answers of `status` that `endpoint` has made.
    #[must_use]
    pub fn answers(&self, endpoint: Endpoint, status: u16) -> u64 {
        self.answers.get(&(endpoint, status)).copied().unwrap_or(0)
    }
}

/// [`Counts`] that many requests write at once.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counts>);

impl Tally {
    /// A look at them, or a change; short, and never held while waiting.
    pub(super) fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request of `endpoint`; which one it is, from 1.
    pub(super) fn request(&self, endpoint: Endpoint) -> u64 {
        let mut counts = self.lock();
        let n = counts.requests.entry(endpoint).or_insert(0);
        *n += 1;
        *n
    }

    /// Counts an answer.
    pub(super) fn answer(&self, endpoint: Endpoint, status: u16) {
        *self.lock().answers.entry((endpoint, status)).or_insert(0) += 1;
    }
}
