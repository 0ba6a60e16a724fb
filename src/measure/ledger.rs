//! What one identity sent and what its limiter did with it, in bounded memory.

use serde::{Deserialize, Serialize};

use crate::admission::{Admission, Admitted};
use crate::ids::IdentityId;
use crate::units::Nanos;

/// The most entries an identity keeps; what comes later is counted only.
const MOST_ENTRIES: usize = 20_000;

/// Up to so many entries an identity keeps every refusal; beyond, of consecutive ones
/// the first and the last. One that is set aside keeps all it has room for.
const EVERY_REFUSAL: usize = 3_000;

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
    /// Until when every refusal is kept; from then on, of consecutive ones, the first
    /// and the last.
    #[serde(default)]
    pub every_until: Nanos,
    /// By how much moments may be off beside one another, since clocks of several machines
    /// told them; zero: one machine's did.
    #[serde(default, skip_serializing_if = "Nanos::is_zero")]
    pub clocks_apart: Nanos,
    /// The requests in the order they ended.
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
            every_until: Nanos::MAX,
            clocks_apart: Nanos::ZERO,
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
    /// kept is everything up to then. Moments are kept to the microsecond, as they are
    /// stored: what is judged now is judged alike when it is read again.
    pub fn push(&mut self, entry: Admission, room: &mut LedgerRoom) {
        let stored = |at: Nanos| Nanos::from_micros(at.as_micros());
        let entry = Admission { sent: stored(entry.sent), done: stored(entry.done), ..entry };
        match entry.admitted {
            Admitted::Yes => self.admitted += 1,
            Admitted::No => self.refused += 1,
            Admitted::Unknown | Admitted::Perhaps => self.unknown += 1,
        }
        if self.full_at.is_some() {
            return;
        }
        let refused = |e: &Admission| e.admitted == Admitted::No;
        let most = if self.set_aside { MOST_ENTRIES } else { EVERY_REFUSAL };
        let roomy = self.set_aside || room.0 > MOST_TOGETHER / 2;
        let few = self.every_until == Nanos::MAX && self.entries.len() < most && roomy;
        if !(few || self.every)
            && let [.., before, last] = self.entries.as_mut_slice()
            && refused(&entry)
            && refused(before)
            && refused(last)
        {
            if self.every_until == Nanos::MAX {
                self.every_until = before.done;
            }
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
/// of suite.json. A code from 300 on is the status that came.
mod compact {
    use std::fmt;

    use serde::de::{Error as _, SeqAccess, Visitor};
    use serde::{Deserializer, Serializer};

    use super::{Admission, Admitted, MOST_ENTRIES, Nanos};

    type Row = (u64, u64, u16, Option<u32>);

    /// What the status of an answer that is no refusal says of the limiter.
    const fn admitted_by(status: u16) -> Admitted {
        if status >= 500 { Admitted::Unknown } else { Admitted::Yes }
    }

    pub(super) fn serialize<S: Serializer>(entries: &[Admission], s: S) -> Result<S::Ok, S::Error> {
        s.collect_seq(entries.iter().map(|e| -> Row {
            let code = match e.admitted {
                admitted if e.status >= 300 && admitted == admitted_by(e.status) => e.status,
                Admitted::Yes => 1,
                Admitted::No => 0,
                Admitted::Unknown => 2,
                Admitted::Perhaps => 3,
            };
            (e.sent.as_micros(), e.done.as_micros() - e.sent.as_micros(), code, e.retry_after)
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Admission>, D::Error> {
        struct Rows;

        impl<'de> Visitor<'de> for Rows {
            type Value = Vec<Admission>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rows of moment, span, code and retry-after")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((sent, took, code, retry_after)) = seq.next_element::<Row>()? {
                    let admitted = match code {
                        0 => Admitted::No,
                        1 => Admitted::Yes,
                        2 => Admitted::Unknown,
                        3 => Admitted::Perhaps,
                        300..=999 => admitted_by(code),
                        other => {
                            let message = format!(
                                "`{other}` is not 0 (refused), 1 (admitted), 2, 3 or a status"
                            );
                            return Err(A::Error::custom(message));
                        }
                    };
                    if entries.len() >= MOST_ENTRIES {
                        let message = format!("more than {MOST_ENTRIES} entries are never kept");
                        return Err(A::Error::custom(message));
                    }
                    let sent = Nanos::from_micros(sent);
                    let done = sent + Nanos::from_micros(took);
                    let status = if code >= 300 { code } else { 0 };
                    entries.push(Admission { sent, done, admitted, retry_after, status });
                }
                entries.shrink_to_fit();
                Ok(entries)
            }
        }

        d.deserialize_seq(Rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: u64, admitted: Admitted) -> Admission {
        let sent = Nanos::from_secs(second);
        let done = sent + Nanos::from_millis(5);
        Admission { sent, done, admitted, retry_after: None, status: 0 }
    }

    #[test]
    fn beyond_many_entries_of_consecutive_refusals_the_first_and_the_last_are_kept() {
        let mut ledger = Ledger::new(IdentityId(0), "key 1", false);
        let mut room = LedgerRoom::default();
        let every = EVERY_REFUSAL as u64;
        ledger.push(entry(0, Admitted::Yes), &mut room);
        for second in 1..every + 10 {
            ledger.push(entry(second, Admitted::No), &mut room);
        }
        ledger.push(entry(every + 10, Admitted::Yes), &mut room);
        let kept: Vec<u64> = ledger.entries.iter().map(|e| e.sent.0 / 1_000_000_000).collect();
        let last = [every - 2, every + 9, every + 10];
        assert_eq!((kept[..2].to_vec(), &kept[kept.len() - 3..]), (vec![0, 1], &last[..]));
        assert_eq!((ledger.admitted, ledger.refused), (2, every + 9));
        assert_eq!(ledger.every_until, entry(every - 2, Admitted::No).done);
    }

    #[test]
    fn what_came_instead_of_a_refusal_is_stored_too() {
        let mut ledger = Ledger::new(IdentityId(0), "key 1", false);
        let mut room = LedgerRoom::default();
        for (second, (admitted, status)) in
            (0..).zip([(Admitted::Yes, 0), (Admitted::Yes, 403), (Admitted::Unknown, 503)])
        {
            ledger.push(Admission { status, ..entry(second, admitted) }, &mut room);
        }
        let text = serde_json::to_string(&ledger).expect("JSON");
        assert_eq!(serde_json::from_str::<Ledger>(&text).expect("a ledger"), ledger);
    }

    #[test]
    fn one_set_aside_keeps_every_refusal() {
        let mut ledger = Ledger::new(IdentityId(0), "key 1", true);
        let mut room = LedgerRoom::default();
        let every = EVERY_REFUSAL + 10;
        for second in 0..every as u64 {
            ledger.push(entry(second, Admitted::No), &mut room);
        }
        assert_eq!((ledger.entries.len(), ledger.every_until), (every, Nanos::MAX));
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
