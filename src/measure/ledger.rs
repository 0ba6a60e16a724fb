//! What one identity sent and what its limiter did with it, in bounded memory.

use serde::{Deserialize, Serialize};

use crate::admission::{Admission, Admitted};
use crate::ids::IdentityId;
use crate::units::Nanos;

/// The most entries an identity keeps; what comes later is counted only.
const MOST_ENTRIES: usize = 20_000;

/// The ledger of one identity: everything it sent, canary, probes and proof
/// included.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// Whose it is.
    pub identity: IdentityId,
    /// How reports call it: `198.18.0.7`, `key 3`, `this runner's address`. Never a secret.
    pub label: String,
    /// Whether it was set aside for the proof of the limiter.
    pub set_aside: bool,
    /// Requests admitted.
    pub admitted: u64,
    /// Requests refused with 429.
    pub refused: u64,
    /// Requests of which nobody knows (5xx, timeout, transport).
    pub unknown: u64,
    /// Arrivals (not other traffic) that were neither accepted nor rate limited.
    pub failed: u64,
    /// When entries were no longer kept; `None`: they are all here.
    pub full_at: Option<Nanos>,
    /// The requests in the order they ended. Of consecutive refusals only the
    /// first and the last are kept: those between say nothing more.
    #[serde(with = "compact")]
    pub entries: Vec<Admission>,
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new(identity: IdentityId, label: impl Into<String>, set_aside: bool) -> Self {
        Self {
            identity,
            label: label.into(),
            set_aside,
            admitted: 0,
            refused: 0,
            unknown: 0,
            failed: 0,
            full_at: None,
            entries: Vec::new(),
        }
    }

    /// Adds a request.
    pub fn push(&mut self, entry: Admission) {
        match entry.admitted {
            Admitted::Yes => self.admitted += 1,
            Admitted::No => self.refused += 1,
            Admitted::Unknown => self.unknown += 1,
        }
        let refused = |e: Option<&Admission>| e.is_some_and(|e| e.admitted == Admitted::No);
        let len = self.entries.len();
        let in_a_run = entry.admitted == Admitted::No
            && len >= 2
            && refused(self.entries.last())
            && refused(self.entries.get(len - 2));
        if in_a_run {
            self.entries[len - 1] = entry;
        } else if len < MOST_ENTRIES {
            self.entries.push(entry);
        } else if self.full_at.is_none() {
            self.full_at = Some(entry.sent);
        }
    }
}

/// `[sent µs, done − sent µs, code, retry-after]` an entry: a ledger is the bulk
/// of suite.json.
mod compact {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Admission, Admitted, Nanos};

    type Row = (u64, u64, u8, Option<u32>);

    pub(super) fn serialize<S: Serializer>(entries: &[Admission], s: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<Row> = entries
            .iter()
            .map(|e| {
                let code = match e.admitted {
                    Admitted::Yes => 1,
                    Admitted::No => 0,
                    Admitted::Unknown => 2,
                };
                (e.sent.as_micros(), e.done.as_micros() - e.sent.as_micros(), code, e.retry_after)
            })
            .collect();
        rows.serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Admission>, D::Error> {
        let rows = Vec::<Row>::deserialize(d)?;
        rows.into_iter()
            .map(|(sent, took, code, retry_after)| {
                let admitted = match code {
                    0 => Admitted::No,
                    1 => Admitted::Yes,
                    2 => Admitted::Unknown,
                    other => {
                        let message = format!("`{other}` is not 0 (refused), 1 (admitted) or 2");
                        return Err(serde::de::Error::custom(message));
                    }
                };
                let sent = Nanos::from_micros(sent);
                Ok(Admission { sent, done: sent + Nanos::from_micros(took), admitted, retry_after })
            })
            .collect()
    }
}
