//! Who sends a scenario's load: how many identities, and whether one is set aside.

use super::scenario_table::AskedIdentities;
use crate::admission::{DeclaredLimit, Scope};
use crate::plan::{CLIENT_ADDRESSES, IdentityKind, IdentityPlan, Schedule, identities_needed};
use crate::units::Nanos;

/// What decides who sends.
pub(super) struct Question<'a> {
    /// What an identity is where the limit doesn't count everybody together.
    pub(super) identity: IdentityKind,
    /// The declared limits, the tightest first.
    pub(super) limits: Vec<DeclaredLimit>,
    /// What the config asks for.
    pub(super) asked: Option<AskedIdentities>,
    pub(super) embedded: bool,
    /// Whether addresses may be forged and an identity set aside.
    pub(super) verify: bool,
    /// Share of arrivals that are accompanied by a probe.
    pub(super) share: f64,
    /// Keys there are (of `embedded`: as many as are asked for).
    pub(super) keys: u32,
    pub(super) mint: u32,
    pub(super) schedule: &'a Schedule,
}

impl Question<'_> {
    /// What an identity of this scenario is.
    pub(super) fn kind(&self) -> IdentityKind {
        match (self.identity, self.limits.first().map(|limit| limit.scope)) {
            (IdentityKind::Key, _) => IdentityKind::Key,
            (_, Some(Scope::Global)) | (IdentityKind::Global, None) => IdentityKind::Global,
            _ => IdentityKind::Address,
        }
    }

    /// Whether more identities mean more quota.
    fn divides(&self) -> bool {
        self.limits.first().is_some_and(|limit| limit.scope.counts_each(self.kind()))
    }

    /// The fewest identities that keep the load within the limit, canary and
    /// probes included: each takes ⌈busiest / count⌉ arrivals at worst.
    fn needed(&self) -> u64 {
        if !self.divides() {
            return 1;
        }
        let each = self.limits.iter().filter(|limit| limit.scope.counts_each(self.kind()));
        let needed = each.map(|limit| {
            let busiest = self.schedule.busiest(limit.window + Nanos::from_secs(1));
            identities_needed(limit, busiest, self.share)
        });
        needed.max().unwrap_or(1)
    }

    /// Who sends.
    pub(super) fn answer(&self) -> IdentityPlan {
        let kind = self.kind();
        let (count, set_aside) = match kind {
            IdentityKind::Global => (1, 0),
            IdentityKind::Address => self.addresses(),
            IdentityKind::Key => self.keys(),
        };
        IdentityPlan { kind, count, set_aside, mint: self.mint, machines: 1 }
    }

    fn asked(&self) -> Option<AskedIdentities> {
        self.asked.or_else(|| self.embedded.then_some(AskedIdentities::Auto))
    }

    fn addresses(&self) -> (u32, u32) {
        let most = CLIENT_ADDRESSES - 1;
        let needed = self.needed();
        let (count, forged) = match self.asked() {
            _ if !self.verify => (1, false),
            Some(AskedIdentities::Auto) => (clamp(needed, most), self.divides()),
            Some(AskedIdentities::Count(n)) => (n.min(most), n > 1),
            None => (1, false),
        };
        (count, u32::from(forged && self.divides() && needed <= u64::from(count)))
    }

    fn keys(&self) -> (u32, u32) {
        let needed = self.needed();
        let spare =
            |count: u32| u32::from(self.verify && self.divides() && needed <= u64::from(count));
        if self.embedded {
            let count = match self.asked() {
                Some(AskedIdentities::Count(n)) => n,
                _ => clamp(needed, CLIENT_ADDRESSES - 1),
            };
            return (count, spare(count));
        }
        let all = (self.keys + self.mint).max(1);
        match self.asked() {
            Some(AskedIdentities::Count(n)) => {
                let count = n.min(all);
                (count, if all > count { spare(count) } else { 0 })
            }
            asked => {
                let set_aside = if all > 1 { spare(all - 1) } else { 0 };
                let rest = all - set_aside;
                let count = if asked.is_some() { clamp(needed, rest) } else { rest };
                (count, set_aside)
            }
        }
    }
}

fn clamp(needed: u64, most: u32) -> u32 {
    u32::try_from(needed).unwrap_or(most).clamp(1, most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Stage;

    fn schedule(list: &[(u64, f64)]) -> Schedule {
        let stages: Vec<Stage> = list
            .iter()
            .map(|&(millis, target)| Stage { duration: Nanos::from_millis(millis), target })
            .collect();
        Schedule::new(&stages)
    }

    #[test]
    fn auto_keeps_every_identity_within_its_limit() {
        let limit = DeclaredLimit::of(10, Nanos::from_secs(60), Scope::Ip);
        let schedule = schedule(&[(60_000, 20.0), (300_000, 20.0)]);
        let mut question = Question {
            identity: IdentityKind::Address,
            limits: vec![limit],
            asked: Some(AskedIdentities::Auto),
            embedded: false,
            verify: true,
            share: 0.005,
            keys: 0,
            mint: 0,
            schedule: &schedule,
        };
        let plan = question.answer();
        let each = schedule.busiest(Nanos::from_secs(61)).div_ceil(u64::from(plan.count));
        assert!(each + 2 <= 10, "{each} arrivals of {plan:?}");
        assert_eq!((plan.kind, plan.set_aside), (IdentityKind::Address, 1));

        question.verify = false;
        assert_eq!((question.answer().count, question.answer().set_aside), (1, 0));
        question.verify = true;
        question.asked = None;
        assert_eq!((question.answer().count, question.answer().set_aside), (1, 0));
    }

    #[test]
    fn a_key_is_set_aside_only_where_the_others_suffice() {
        let limit = DeclaredLimit::of(60, Nanos::from_secs(60), Scope::Customer);
        let schedule = schedule(&[(0, 1.0), (120_000, 1.0)]);
        let mut question = Question {
            identity: IdentityKind::Key,
            limits: vec![limit],
            asked: None,
            embedded: false,
            verify: true,
            share: 0.0,
            keys: 2,
            mint: 0,
            schedule: &schedule,
        };
        // 61 arrivals in 61 s need two keys: none is left over.
        assert_eq!((question.answer().count, question.answer().set_aside), (2, 0));
        question.keys = 3;
        assert_eq!((question.answer().count, question.answer().set_aside), (2, 1));
        question.asked = Some(AskedIdentities::Count(3));
        assert_eq!((question.answer().count, question.answer().set_aside), (3, 0));
        question.embedded = true;
        question.asked = None;
        assert_eq!((question.answer().count, question.answer().set_aside), (2, 1));
    }
}
