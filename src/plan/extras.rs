//! What is sent beside the canary and the arrivals: probes, the limiter's proof, the request that names its address.

use serde::{Deserialize, Serialize};

use crate::ids::ProbeKind;
use crate::limits::ProofSchedule;

/// What goes out beside canary, arrivals and probes. `Plan::completed` makes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Extras {
    /// Whether one request follows the first refusal under an address that nobody
    /// else claims: does the limiter take the caller's word for its address?
    pub naming: bool,
    /// When the identity that is set aside sends; empty where none is. It follows
    /// from the seed, so files leave it out.
    #[serde(skip)]
    pub proof: ProofSchedule,
}

impl Extras {
    /// Requests of the proof.
    #[must_use]
    pub fn proof_requests(&self) -> u64 {
        (self.proof.lead_in.len() + self.proof.follow_ups.len()) as u64
    }
}

/// Which probes are sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProbePlan {
    /// Share of arrivals that are accompanied by a probe (0: none at all).
    pub share: f64,
    /// The kinds, in turn.
    pub kinds: Vec<ProbeKind>,
    /// Those of them that show who sends: the identity of the arrival that they go along
    /// with sends them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_identity: Vec<ProbeKind>,
}

impl ProbePlan {
    /// One probe of each kind, while the limiter still has room for it.
    #[must_use]
    pub fn before_load(&self) -> &[ProbeKind] {
        if self.share > 0.0 { &self.kinds } else { &[] }
    }

    /// The probes that accompany a load of so many arrivals.
    #[must_use]
    pub fn turns(&self, arrivals: u64) -> ProbeTurns<'_> {
        let kinds = self.before_load();
        let wanted = (arrivals as f64 * self.share).round() as u64;
        let total = if kinds.is_empty() { 0 } else { wanted.saturating_sub(kinds.len() as u64) };
        ProbeTurns { kinds, total, arrivals, done: 0 }
    }

    /// Probes in all, beside so many arrivals.
    #[must_use]
    pub fn requests(&self, arrivals: u64) -> u64 {
        self.before_load().len() as u64 + self.turns(arrivals).total
    }
}

/// Which arrivals are accompanied by a probe of which kind: spread evenly, the
/// kinds in turn. Yields the arrival's number, from 1, in order.
#[derive(Clone, Debug)]
pub struct ProbeTurns<'a> {
    kinds: &'a [ProbeKind],
    total: u64,
    arrivals: u64,
    done: u64,
}

impl ProbeTurns<'_> {
    /// How many there are.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The number (from 1) of the arrival that probe `d` (from 0) comes along with:
    /// (2d + 1) / (2 total) of the way.
    #[must_use]
    pub fn arrival(&self, d: u64) -> u64 {
        let way = u128::from(2 * d + 1) * u128::from(self.arrivals);
        u64::try_from(way.div_ceil(u128::from(2 * self.total.max(1)))).unwrap_or(u64::MAX)
    }
}

impl ProbeTurns<'_> {
    /// How many of the first `d` are of a kind that is `wanted`.
    pub(super) fn of_kinds(&self, d: u64, wanted: impl Fn(ProbeKind) -> bool) -> u64 {
        let all = self.kinds.len() as u64;
        let own = (0..all).zip(self.kinds).filter(|(_, kind)| wanted(**kind));
        own.map(|(place, _)| (d + all - 1 - place) / all).sum()
    }
}

impl Iterator for ProbeTurns<'_> {
    type Item = (u64, ProbeKind);

    fn next(&mut self) -> Option<Self::Item> {
        if self.done >= self.total {
            return None;
        }
        let kind = *self.kinds.get((self.done % self.kinds.len() as u64) as usize)?;
        let at = self.arrival(self.done);
        self.done += 1;
        Some((at, kind))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KINDS: [ProbeKind; 3] =
        [ProbeKind::fixed("one"), ProbeKind::fixed("two"), ProbeKind::fixed("three")];

    proptest! {
        #[test]
        fn probes_are_as_many_as_announced_and_go_along_with_arrivals(
            arrivals in 0_u64..20_000,
            share in 0.0_f64..=1.0,
            kinds in 1_usize..=3,
        ) {
            let kinds = KINDS[..kinds].to_vec();
            let plan = ProbePlan { share, kinds: kinds.clone(), by_identity: Vec::new() };
            let turns: Vec<_> = plan.turns(arrivals).collect();
            let all = (plan.before_load().len() + turns.len()) as u64;
            prop_assert_eq!(all, plan.requests(arrivals));
            prop_assert!(turns.iter().all(|(n, _)| (1..=arrivals).contains(n)));
            prop_assert!(turns.windows(2).all(|pair| pair[0].0 < pair[1].0), "one an arrival");
            if share > 0.0 {
                let wanted = (arrivals as f64 * share).round() as u64;
                prop_assert_eq!(all, wanted.max(kinds.len() as u64));
            }
        }
    }

    #[test]
    fn without_a_share_there_is_no_probe() {
        let plan = ProbePlan { share: 0.0, kinds: KINDS.to_vec(), by_identity: Vec::new() };
        assert_eq!((plan.requests(1000), plan.turns(1000).count()), (0, 0));
        assert!(plan.before_load().is_empty());
    }
}
