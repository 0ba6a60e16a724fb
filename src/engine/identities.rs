//! Who sends: client addresses, API keys, or the one global identity.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::given::{Given, Slot};
use crate::ids::IdentityId;
use crate::measure::Ledger;
use crate::plan::{CLIENT_ADDRESSES, IdentityKind, IdentityPlan, Shard};
use crate::scenario::Identity;
use crate::secret::Secret;
use crate::units::Nanos;

/// The first of the [`CLIENT_ADDRESSES`].
const FIRST_ADDRESS: u32 = 0xC612_0000;
/// The identity of a request that no ledger is kept for: a fresh address, a bad key.
pub(super) const UNCOUNTED: IdentityId = IdentityId(u32::MAX);

/// The identities of one scenario's run. Clones share what setup gave them.
#[derive(Clone, Debug)]
pub struct Identities {
    kind: IdentityKind,
    /// All of them, that which is set aside last.
    members: Vec<Member>,
    /// How many share the arrivals.
    sharing: usize,
    /// Where in 198.18.0.0/15 this run's addresses begin.
    offset: u32,
}

#[derive(Clone, Debug)]
struct Member {
    identity: Identity,
    name: String,
    /// Where what setup gives is kept, in scenarios that have one.
    slot: Option<Arc<Slot>>,
}

impl Member {
    fn now(&self) -> Identity {
        let captured = self.slot.as_ref().and_then(|slot| slot.captured());
        Identity { captured, ..self.identity.clone() }
    }
}

impl Identities {
    /// The identities of `plan`, with `keys` for those that are keys (as many
    /// as there are; an identity without one sends none). `offset` keeps two runs
    /// within one window from claiming the same addresses.
    #[must_use]
    pub fn new(plan: IdentityPlan, keys: &[Option<Secret>], offset: u32) -> Self {
        let forged = plan.claims_addresses();
        let members = (0..plan.count.saturating_add(plan.set_aside))
            .map(|i| {
                let identity = Identity {
                    id: IdentityId(i),
                    address: forged.then(|| address(offset, i)),
                    key: match plan.kind {
                        IdentityKind::Key => keys.get(i as usize).cloned().flatten(),
                        IdentityKind::Address | IdentityKind::Global => None,
                    },
                    captured: None,
                };
                let name = name(plan.kind, &identity);
                Member { identity, name, slot: None }
            })
            .collect();
        Self { kind: plan.kind, members, sharing: plan.count as usize, offset }
    }

    /// The same, none of which can send before [`Identities::give`] was called for it.
    #[must_use]
    pub(super) fn awaiting_setup(mut self) -> Self {
        for member in &mut self.members {
            member.slot = Some(Arc::default());
        }
        self
    }

    /// Those that are left without `gone`: all of them share the load then.
    #[must_use]
    pub(super) fn without(&self, gone: &[IdentityId]) -> Self {
        let mut left = self.clone();
        if gone.is_empty() {
            return left;
        }
        left.members.retain(|member| !gone.contains(&member.identity.id));
        for (id, member) in (0..).zip(&mut left.members) {
            member.identity.id = IdentityId(id);
        }
        left.sharing = left.members.len();
        left
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<Identity> {
        self.members.iter().map(Member::now).collect()
    }

    /// What reports call `id`.
    pub(super) fn name_of(&self, id: IdentityId) -> &str {
        self.members.get(id.0 as usize).map_or("", |member| member.name.as_str())
    }

    fn slot_of(&self, id: IdentityId) -> Option<&Slot> {
        self.members.get(id.0 as usize)?.slot.as_deref()
    }

    /// Gives `id` what its setup gave.
    pub(super) fn give(&self, id: IdentityId, given: Given) {
        if let Some(slot) = self.slot_of(id) {
            slot.put(given);
        }
    }

    /// Whether `id` has, at `now`, what it needs to send.
    pub(super) fn can_send(&self, id: IdentityId, now: Nanos) -> bool {
        self.slot_of(id).is_none_or(|slot| slot.holds(now))
    }

    /// Whether what identities were given is renewed.
    pub(super) fn are_renewed(&self) -> bool {
        self.next_renewal().is_some()
    }

    /// Whose values are renewed next, and when.
    pub(super) fn next_renewal(&self) -> Option<(Identity, Nanos)> {
        let due = |member: &'_ Member| Some((member.slot.as_ref()?.renewal()?, member.identity.id));
        let (at, id) = self.members.iter().filter_map(due).min()?;
        Some((self.members.get(id.0 as usize)?.now(), at))
    }

    /// Puts off the renewal of `id`, which is under way.
    pub(super) fn postpone(&self, id: IdentityId, now: Nanos) {
        if let Some(slot) = self.slot_of(id) {
            slot.postpone(now);
        }
    }

    /// The same on one of several machines: its own address is called by its number.
    #[must_use]
    pub fn on(mut self, shard: Shard) -> Self {
        if let [only] = self.members.as_mut_slice()
            && !shard.is_alone()
            && self.kind == IdentityKind::Address
        {
            only.name = Ledger::address_of_shard(shard.index());
        }
        self
    }

    /// Whose turn arrival `n` (from 1) is: round robin.
    #[must_use]
    pub fn of_arrival(&self, n: u64) -> Identity {
        let turn = n.saturating_sub(1) % self.sharing.max(1) as u64;
        let member = self.members.get(turn as usize).filter(|_| self.sharing > 0);
        member.map_or_else(nobody, Member::now)
    }

    /// The identity that is driven past the limit.
    #[must_use]
    pub fn set_aside(&self) -> Option<Identity> {
        self.members.get(self.sharing).map(Member::now)
    }

    /// The k-th address that nobody else uses in this run, uncounted by any ledger.
    #[must_use]
    pub fn fresh_address(&self, k: u64) -> Identity {
        let taken = self.members.len() as u64;
        let index = (taken + k) % u64::from(CLIENT_ADDRESSES);
        Identity { address: Some(address(self.offset, index as u32)), ..nobody() }
    }

    /// Who sends probe `k`, which goes along with arrival `n`: outside the limiter's
    /// budget where that is possible, so an address of its own when addresses are claimed
    /// anyway. What setup gave, and the key of one that shows who sends (`by_identity`),
    /// is that arrival's: whoever sends the one can send the other.
    #[must_use]
    pub fn of_probe(&self, k: u64, n: u64, by_identity: bool) -> Identity {
        match self.kind {
            IdentityKind::Address if self.members.len() > 1 => {
                let captured = self.of_arrival(n).captured;
                Identity { captured, ..self.fresh_address(k + 1) }
            }
            IdentityKind::Key if !by_identity => nobody(),
            IdentityKind::Key | IdentityKind::Address | IdentityKind::Global => self.of_arrival(n),
        }
    }

    /// Who asks whether the limiter takes the caller's word for its address: the first
    /// identity, from an address that nobody else uses.
    #[must_use]
    pub fn naming(&self) -> Identity {
        let (own, fresh) = (self.of_arrival(1), self.fresh_address(0));
        Identity { id: fresh.id, address: fresh.address, ..own }
    }

    /// Names for reports, and whether each is set aside.
    #[must_use]
    pub fn names(&self) -> Vec<(String, bool)> {
        let named = self.members.iter().enumerate();
        named.map(|(i, member)| (member.name.clone(), i >= self.sharing)).collect()
    }
}

fn nobody() -> Identity {
    Identity { id: UNCOUNTED, address: None, key: None, captured: None }
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
        assert_eq!(identities.of_probe(0, 1, false).address, None);
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
        seen.insert(identities.of_probe(0, 1, false).address.expect("claimed"));
        assert_eq!(seen.len(), 603);
        assert_eq!(identities.of_arrival(601).address, identities.of_arrival(1).address);
    }

    #[test]
    fn who_has_no_setup_takes_no_part_and_the_others_keep_their_names() {
        let keys = ["one", "two", "three"].map(|key| Some(Secret::new(key)));
        let all = Identities::new(plan(IdentityKind::Key, 2, 1), &keys, 0).awaiting_setup();
        let given = || Given::new(crate::scenario::Captured::default(), Nanos::ZERO);
        for id in [0, 2] {
            assert!(!all.can_send(IdentityId(id), Nanos::ZERO));
            all.give(IdentityId(id), given());
        }
        let left = all.without(&[IdentityId(1)]);
        assert_eq!(left.names(), [("key 1".to_owned(), false), ("key 3".to_owned(), false)]);
        let second = left.of_arrival(2);
        assert_eq!((second.id, second.captured.is_some()), (IdentityId(1), true));
        assert!(left.can_send(IdentityId(1), Nanos::MAX) && left.set_aside().is_none());
        let probe = left.of_probe(7, 2, true);
        assert_eq!((probe.id, probe.captured.is_some()), (IdentityId(1), true));
        assert!(left.of_probe(7, 2, false).key.is_none());
        let naming = left.naming();
        assert_eq!((naming.id, naming.address.is_some()), (UNCOUNTED, true));
        assert!(naming.key.is_some() && naming.captured.is_some());
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
