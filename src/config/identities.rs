//! Who sends a scenario's load: how many identities, and whether one is set aside.

use super::scenario_table::{ADDRESSES, Identities};
use crate::admission::{DeclaredLimit, Scope};
use crate::plan::{IdentityKind, IdentityPlan, Schedule, identities_needed};
use crate::units::Nanos;

/// What decides who sends.
pub(super) struct Question<'a> {
    /// What an identity is where the limit doesn't count everybody together.
    pub(super) identity: IdentityKind,
    pub(super) limit: Option<&'a DeclaredLimit>,
    /// What the config asks for.
    pub(super) asked: Option<Identities>,
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
        match (self.identity, self.limit.map(|limit| limit.scope)) {
            (IdentityKind::Key, _) => IdentityKind::Key,
            (_, Some(Scope::Global)) | (IdentityKind::Global, None) => IdentityKind::Global,
            _ => IdentityKind::Address,
        }
    }

    /// Whether more identities mean more quota.
    fn divides(&self) -> bool {
        let scope = self.limit.map(|limit| limit.scope);
        match self.kind() {
            IdentityKind::Address => scope == Some(Scope::Ip),
            IdentityKind::Key => scope == Some(Scope::Customer),
            IdentityKind::Global => false,
        }
    }

    /// The fewest identities that keep the load within the limit, canary and
    /// probes included: each takes ⌈busiest / count⌉ arrivals at worst.
    fn needed(&self) -> u64 {
        let Some(limit) = self.limit.filter(|_| self.divides()) else { return 1 };
        let busiest = busiest(self.schedule, limit.window + Nanos::from_secs(1));
        identities_needed(limit, busiest, self.share)
    }

    /// Who sends.
    pub(super) fn answer(&self) -> IdentityPlan {
        let kind = self.kind();
        let (count, set_aside) = match kind {
            IdentityKind::Global => (1, 0),
            IdentityKind::Address => self.addresses(),
            IdentityKind::Key => self.keys(),
        };
        IdentityPlan { kind, count, set_aside, mint: self.mint }
    }

    fn asked(&self) -> Option<Identities> {
        self.asked.or_else(|| self.embedded.then_some(Identities::Auto))
    }

    fn addresses(&self) -> (u32, u32) {
        let most = ADDRESSES - 1;
        let needed = self.needed();
        let (count, forged) = match self.asked() {
            _ if !self.verify => (1, false),
            Some(Identities::Auto) => (clamp(needed, most), self.divides()),
            Some(Identities::Count(n)) => (n.min(most), n > 1),
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
                Some(Identities::Count(n)) => n,
                _ => clamp(needed, ADDRESSES - 1),
            };
            return (count, spare(count));
        }
        let all = (self.keys + self.mint).max(1);
        match self.asked() {
            Some(Identities::Count(n)) => {
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

/// The most arrivals in any window of that length (at most one too many).
///
/// N(t + w) − N(t) is largest where a stage begins or ends under either edge of
/// the window, or in between where the rates at both edges are equal; there they
/// are linear, so the place follows from the rates at the ends.
fn busiest(schedule: &Schedule, window: Nanos) -> u64 {
    let end = schedule.duration();
    let mut edges = vec![Nanos::ZERO];
    for stage in schedule.stages() {
        for edge in [stage.start, stage.end] {
            edges.extend([edge, edge.saturating_sub(window)]);
        }
    }
    edges.sort_unstable();
    edges.dedup();
    let within = |t: Nanos| schedule.arrivals_by(t + window) - schedule.arrivals_by(t);
    let slope = |t: Nanos| schedule.rate_at(t + window) - schedule.rate_at(t);
    let mut most = edges.iter().map(|t| within(*t)).max().unwrap_or(0);
    for pair in edges.windows(2) {
        let [from, to] = pair else { continue };
        if *from >= end || to.0 - from.0 < 2 {
            continue;
        }
        // The rate is right-continuous: a jump at `to` belongs to the next piece.
        let (rising, falling) = (slope(*from), slope(Nanos(to.0 - 1)));
        if rising > 0.0 && falling < 0.0 {
            let share = rising / (rising - falling);
            let length = (*to - *from).as_secs_f64();
            most = most.max(within(*from + Nanos::from_secs_f64(length * share)));
        }
    }
    (most + 1).min(schedule.total())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::Stage;

    fn schedule(list: &[(u64, f64)]) -> Schedule {
        let stages: Vec<Stage> = list
            .iter()
            .map(|&(millis, target)| Stage { duration: Nanos::from_millis(millis), target })
            .collect();
        Schedule::new(&stages)
    }

    proptest! {
        #[test]
        fn the_closed_form_is_what_counting_finds(
            list in prop::collection::vec((0_u64..8000, 0.0_f64..60.0), 1..6),
            window in 1_u64..20_000,
        ) {
            let schedule = schedule(&list);
            let window = Nanos::from_millis(window);
            let counted = schedule.busiest(window);
            let found = busiest(&schedule, window);
            prop_assert!(found >= counted && found <= counted + 2, "{found} for {counted}");
        }
    }

    #[test]
    fn auto_keeps_every_identity_within_its_limit() {
        let limit = DeclaredLimit {
            limit: 10,
            window: Nanos::from_secs(60),
            scope: Scope::Ip,
            json: true,
            retry_after: false,
            headers: false,
            spoofable: None,
        };
        let schedule = schedule(&[(60_000, 20.0), (300_000, 20.0)]);
        let mut question = Question {
            identity: IdentityKind::Address,
            limit: Some(&limit),
            asked: Some(Identities::Auto),
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
        let limit = DeclaredLimit {
            limit: 60,
            window: Nanos::from_secs(60),
            scope: Scope::Customer,
            json: true,
            retry_after: false,
            headers: false,
            spoofable: None,
        };
        let schedule = schedule(&[(0, 1.0), (120_000, 1.0)]);
        let mut question = Question {
            identity: IdentityKind::Key,
            limit: Some(&limit),
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
        question.asked = Some(Identities::Count(3));
        assert_eq!((question.answer().count, question.answer().set_aside), (3, 0));
        question.embedded = true;
        question.asked = None;
        assert_eq!((question.answer().count, question.answer().set_aside), (2, 1));
    }
}
