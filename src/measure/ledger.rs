//! What one identity sent and what its limiter did with it, in bounded memory.

use serde::{Deserialize, Serialize};

use crate::admission::{Admission, Admitted};
use crate::ids::IdentityId;
use crate::units::Nanos;

/// The most entries an identity keeps; what comes later is counted only.
const MOST_ENTRIES: usize = 20_000;

/// The most entries that all identities of a scenario keep together, those set
/// aside not counted: about 10 MB, whatever the run's length.
const MOST_TOGETHER: usize = 200_000;

/// How long a request may be under way: the engine's default timeout.
const UNDER_WAY: Nanos = Nanos::from_secs(30);

/// What is left of the entries that the identities of a scenario share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerRoom(usize);

impl LedgerRoom {
    /// The most entries that there is room for.
    pub const MOST: usize = MOST_TOGETHER;
}

impl Default for LedgerRoom {
    fn default() -> Self {
        Self(MOST_TOGETHER)
    }
}

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
    /// Whether every refusal is kept.
    #[serde(skip)]
    every: bool,
}

impl Ledger {
    /// What every machine calls the address that it sends from.
    pub const OWN_ADDRESS: &'static str = "this machine's address";

    /// What the one identity is called that a limiter knows which counts all together.
    pub const EVERYBODY: &'static str = "everybody";

    /// What the address of one of several machines is called.
    #[must_use]
    pub fn address_of_shard(index: u32) -> String {
        format!("shard {index}'s address")
    }

    /// Whether it is of an address that a machine sends from, not of one claimed.
    #[must_use]
    pub fn is_of_a_machine(&self) -> bool {
        self.label == Self::OWN_ADDRESS
            || (self.label.starts_with("shard ") && self.label.ends_with("'s address"))
    }

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
            every: false,
        }
    }

    /// The same, which keeps every refusal: others may have been admitted between two.
    #[must_use]
    pub fn of_every_refusal(self) -> Self {
        Self { every: true, ..self }
    }

    /// The entries up to which nothing is missing. Of a full ledger the last half
    /// minute isn't among them: requests that were under way then, and have no
    /// entry, may have been admitted before others that have one.
    #[must_use]
    pub fn complete(&self) -> &[Admission] {
        let Some(full_at) = self.full_at else { return &self.entries };
        let end = self.entries.partition_point(|entry| entry.done + UNDER_WAY <= full_at);
        &self.entries[..end]
    }

    /// By when every request has an entry; `None`: to the end.
    #[must_use]
    pub fn complete_until(&self) -> Option<Nanos> {
        self.full_at.map(|full_at| full_at.saturating_sub(UNDER_WAY))
    }

    /// Adds a request, taking a place of `room` for it unless the identity is
    /// set aside.
    ///
    /// From the first entry that found no place on none is kept, so that what is
    /// kept is everything up to then.
    pub fn push(&mut self, entry: Admission, room: &mut LedgerRoom) {
        match entry.admitted {
            Admitted::Yes => self.admitted += 1,
            Admitted::No => self.refused += 1,
            Admitted::Unknown | Admitted::Perhaps => self.unknown += 1,
        }
        if self.full_at.is_some() {
            return;
        }
        let refused = |e: &Admission| e.admitted == Admitted::No;
        if let [.., before, last] = self.entries.as_mut_slice()
            && !self.every
            && refused(&entry)
            && refused(before)
            && refused(last)
        {
            *last = entry;
        } else if self.entries.len() >= MOST_ENTRIES || (room.0 == 0 && !self.set_aside) {
            self.full_at = Some(entry.sent);
        } else {
            room.0 -= usize::from(!self.set_aside);
            self.entries.push(entry);
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
                    Admitted::Perhaps => 3,
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
                    3 => Admitted::Perhaps,
                    other => {
                        let message = format!("`{other}` is not 0 (refused), 1 (admitted), 2 or 3");
                        return Err(serde::de::Error::custom(message));
                    }
                };
                let sent = Nanos::from_micros(sent);
                Ok(Admission { sent, done: sent + Nanos::from_micros(took), admitted, retry_after })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: u64, admitted: Admitted) -> Admission {
        let sent = Nanos::from_secs(second);
        Admission { sent, done: sent + Nanos::from_millis(5), admitted, retry_after: None }
    }

    #[test]
    fn of_consecutive_refusals_the_first_and_the_last_are_kept() {
        let mut ledger = Ledger::new(IdentityId(0), "key 1", false);
        let mut room = LedgerRoom::default();
        ledger.push(entry(0, Admitted::Yes), &mut room);
        for second in 1..10 {
            ledger.push(entry(second, Admitted::No), &mut room);
        }
        ledger.push(entry(10, Admitted::Yes), &mut room);
        let kept: Vec<u64> = ledger.entries.iter().map(|e| e.sent.0 / 1_000_000_000).collect();
        assert_eq!(kept, [0, 1, 9, 10]);
        assert_eq!((ledger.admitted, ledger.refused), (2, 9));
    }

    #[test]
    fn a_full_ledger_only_counts() {
        let mut ledger = Ledger::new(IdentityId(0), "key 1", false);
        let mut room = LedgerRoom::default();
        for second in 0..=MOST_ENTRIES as u64 {
            ledger.push(entry(second, Admitted::Yes), &mut room);
        }
        for second in 0..3 {
            ledger.push(entry(30_000 + second, Admitted::No), &mut room);
        }
        assert_eq!(ledger.entries.len(), MOST_ENTRIES);
        assert_eq!(ledger.full_at, Some(Nanos::from_secs(MOST_ENTRIES as u64)));
        assert_eq!((ledger.admitted, ledger.refused), (MOST_ENTRIES as u64 + 1, 3));
        assert!(ledger.entries.iter().all(|e| e.admitted == Admitted::Yes));
    }

    #[test]
    fn thousands_of_identities_share_their_room_and_the_one_set_aside_keeps_its_own() {
        let mut room = LedgerRoom(3);
        let mut sharing = Ledger::new(IdentityId(0), "198.18.0.1", false);
        let mut aside = Ledger::new(IdentityId(1), "198.18.0.2", true);
        for second in 0..5 {
            sharing.push(entry(second, Admitted::Yes), &mut room);
            aside.push(entry(second, Admitted::Yes), &mut room);
        }
        assert_eq!((sharing.entries.len(), aside.entries.len()), (3, 5));
        assert_eq!((sharing.admitted, sharing.full_at), (5, Some(Nanos::from_secs(3))));
    }
}
