//! Who sends: client addresses, API keys, or the one global identity.

use std::net::Ipv4Addr;

use crate::ids::IdentityId;
use crate::measure::Ledger;
use crate::plan::{CLIENT_ADDRESSES, IdentityKind, IdentityPlan, Shard};
use crate::scenario::Identity;
use crate::secret::Secret;

/// The first of the [`CLIENT_ADDRESSES`].
const FIRST_ADDRESS: u32 = 0xC612_0000;
/// The identity of a request that no ledger is kept for: a fresh address, a bad key.
pub(super) const UNCOUNTED: IdentityId = IdentityId(u32::MAX);

/// The identities of one scenario's run.
#[derive(Clone, Debug)]
pub struct Identities {
    kind: IdentityKind,
    sharing: Vec<Identity>,
    set_aside: Option<Identity>,
    names: Vec<String>,
    /// Where in 198.18.0.0/15 this run's addresses begin.
    offset: u32,
}

impl Identities {
    /// The identities of `plan`, with `keys` for those that are keys (as many
    /// as there are; an identity without one sends none). `offset` keeps two runs
    /// within one window from claiming the same addresses.
    #[must_use]
    pub fn new(plan: IdentityPlan, keys: &[Option<Secret>], offset: u32) -> Self {
        let forged = plan.claims_addresses();
        let all: Vec<_> = (0..plan.count.saturating_add(plan.set_aside))
            .map(|i| Identity {
                id: IdentityId(i),
                address: forged.then(|| address(offset, i)),
                key: match plan.kind {
                    IdentityKind::Key => keys.get(i as usize).cloned().flatten(),
                    IdentityKind::Address | IdentityKind::Global => None,
                },
            })
            .collect();
        let names = all.iter().map(|identity| name(plan.kind, identity)).collect();
        let (sharing, aside) = all.split_at(plan.count as usize);
        Self {
            kind: plan.kind,
            sharing: sharing.to_vec(),
            set_aside: aside.first().cloned(),
            names,
            offset,
        }
    }

    /// The same on one of several machines: its own address is called by its number.
    #[must_use]
    pub fn on(mut self, shard: Shard) -> Self {
        if !shard.is_alone() && self.kind == IdentityKind::Address && self.names.len() == 1 {
            self.names = vec![Ledger::address_of_shard(shard.index())];
        }
        self
    }

    /// Whose turn arrival `n` (from 1) is: round robin.
    #[must_use]
    pub fn of_arrival(&self, n: u64) -> Identity {
        let turn = n.saturating_sub(1) % self.sharing.len().max(1) as u64;
        self.sharing.get(turn as usize).cloned().unwrap_or_else(nobody)
    }

    /// The identity that is driven past the limit.
    #[must_use]
    pub const fn set_aside(&self) -> Option<&Identity> {
        self.set_aside.as_ref()
    }

    /// The k-th address that nobody else uses in this run, uncounted by any ledger.
    #[must_use]
    pub fn fresh_address(&self, k: u64) -> Identity {
        let taken = self.names.len() as u64;
        let index = (taken + k) % u64::from(CLIENT_ADDRESSES);
        Identity { id: UNCOUNTED, address: Some(address(self.offset, index as u32)), key: None }
    }

    /// Who sends probe `k`: outside the limiter's budget where that is possible,
    /// so an address of its own when addresses are claimed anyway.
    #[must_use]
    pub fn of_probe(&self, k: u64) -> Identity {
        match self.kind {
            IdentityKind::Address if self.names.len() > 1 => self.fresh_address(k + 1),
            IdentityKind::Key => Identity { id: UNCOUNTED, address: None, key: None },
            IdentityKind::Address | IdentityKind::Global => self.of_arrival(k + 1),
        }
    }

    /// Names for reports, and whether each is set aside.
    #[must_use]
    pub fn names(&self) -> Vec<(String, bool)> {
        let sharing = self.sharing.len();
        self.names.iter().enumerate().map(|(i, name)| (name.clone(), i >= sharing)).collect()
    }
}

fn nobody() -> Identity {
    Identity { id: UNCOUNTED, address: None, key: None }
}

fn address(offset: u32, index: u32) -> Ipv4Addr {
    Ipv4Addr::from(FIRST_ADDRESS + offset.wrapping_add(index) % CLIENT_ADDRESSES)
}

fn name(kind: IdentityKind, identity: &Identity) -> String {
    match (kind, identity.address) {
        (_, Some(address)) => address.to_string(),
        (IdentityKind::Address, None) => Ledger::OWN_ADDRESS.to_owned(),
        (IdentityKind::Key, None) => format!("key {}", identity.id.0 + 1),
        (IdentityKind::Global, None) => Ledger::EVERYBODY.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn plan(kind: IdentityKind, count: u32, set_aside: u32) -> IdentityPlan {
        IdentityPlan { kind, count, set_aside, mint: 0, machines: 1 }
    }

    #[test]
    fn one_address_is_the_machines_own_and_claims_nothing() {
        let identities = Identities::new(plan(IdentityKind::Address, 1, 0), &[], 7);
        assert_eq!(identities.of_arrival(1).address, None);
        assert_eq!(identities.of_arrival(99).id, IdentityId(0));
        assert_eq!(identities.of_probe(0).address, None);
        assert!(identities.set_aside().is_none());
    }

    #[test]
    fn addresses_are_distinct_within_the_block_and_take_turns() {
        let identities =
            Identities::new(plan(IdentityKind::Address, 600, 1), &[], CLIENT_ADDRESSES - 5);
        let mut seen = BTreeSet::new();
        for n in 1..=600 {
            let address = identities.of_arrival(n).address.expect("claimed");
            assert!(matches!(address.octets(), [198, 18 | 19, ..]));
            seen.insert(address);
        }
        seen.insert(identities.set_aside().and_then(|i| i.address).expect("claimed"));
        seen.insert(identities.fresh_address(0).address.expect("claimed"));
        seen.insert(identities.of_probe(0).address.expect("claimed"));
        assert_eq!(seen.len(), 603);
        assert_eq!(identities.of_arrival(601).address, identities.of_arrival(1).address);
    }

    #[test]
    fn keys_are_named_by_number_only() {
        let keys = ["rsolv_one", "rsolv_two"].map(|key| Some(Secret::new(key)));
        let identities = Identities::new(plan(IdentityKind::Key, 1, 1), &keys, 0);
        assert_eq!(
            identities.of_arrival(5).key.map(|k| k.expose().to_owned()).as_deref(),
            Some("rsolv_one")
        );
        assert_eq!(identities.names(), [("key 1".to_owned(), false), ("key 2".to_owned(), true)]);
    }
}
