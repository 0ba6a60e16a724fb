//! What the service's own monitoring knew of a run: one series a resource, on an even grid of moments.

use serde::{Deserialize, Serialize};

use crate::units::{self, Nanos, Timestamp};

/// What the values of a resource are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceUnit {
    /// Plain numbers.
    #[default]
    Number,
    /// Shares, 0 to 1.
    Share,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

impl ResourceUnit {
    /// Every unit.
    pub const ALL: [Self; 4] = [Self::Number, Self::Share, Self::Bytes, Self::Seconds];

    /// Its name in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Share => "share",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
        }
    }

    /// A value for people: `87.5 %`, `1.21 GiB`, `12.3 ms`, `0.75`.
    #[must_use]
    pub fn say(self, value: f64) -> String {
        match self {
            Self::Share if (0.0..=1.0).contains(&value) => units::percent(value),
            Self::Bytes if (0.0..1e18).contains(&value) => units::bytes(value.round() as u64),
            Self::Seconds if (0.0..1e9).contains(&value) => units::millis(value * 1e3),
            _ => units::number(value),
        }
    }
}

/// One resource of the service over the load of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// Its name in the config and in thresholds.
    pub name: String,
    /// What its values are.
    pub unit: ResourceUnit,
    /// What was asked (PromQL).
    pub query: String,
    /// The moment of the first value.
    pub from: Timestamp,
    /// From one value to the next; a multiple of it lies at every moment, counted from 1970.
    pub step: Nanos,
    /// The values; `None`: nothing was known then.
    pub values: Vec<Option<f64>>,
    /// Why there are none; `None`: there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

impl Resource {
    /// The most values of one series: what Prometheus itself gives at once.
    pub const MOST: usize = 11_000;

    /// The values that are known, in the order of time.
    #[must_use]
    pub fn known(&self) -> impl DoubleEndedIterator<Item = f64> {
        self.values.iter().flatten().copied()
    }

    /// How many are known.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.known().count() as u64
    }

    /// The mean of what is known; `None`: nothing is.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        let n = self.count();
        (n > 0).then(|| self.known().sum::<f64>() / n as f64)
    }

    /// The value of rank ⌈quantile × n⌉ (0 to 1) of those known: 0 is the smallest, 1
    /// the largest.
    #[must_use]
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        let mut known: Vec<f64> = self.known().collect();
        known.sort_by(f64::total_cmp);
        let rank = (quantile * known.len() as f64 - 1e-9).ceil().max(1.0) as usize;
        known.get(rank - 1).copied().or(known.last().copied())
    }

    /// Each value with its moment, in seconds after `start`.
    pub fn points(&self, start: Timestamp) -> impl Iterator<Item = (f64, Option<f64>)> {
        let first = (self.from.unix_millis - start.unix_millis) as f64 / 1e3;
        let step = self.step.as_secs_f64();
        self.values.iter().enumerate().map(move |(i, value)| (first + i as f64 * step, *value))
    }

    /// Adds what another shard of the same run knew of the same resource: values at other
    /// moments. At the same moment both saw the same service, so ours stays.
    pub fn merge(&mut self, other: &Self) {
        if other.count() == 0 {
            return;
        }
        let step = i64::try_from(self.step.0 / 1_000_000).unwrap_or(0);
        let from = self.from.unix_millis.min(other.from.unix_millis);
        let place = |of: &Self, i: usize| {
            let offset = of.from.unix_millis.checked_sub(from)?.checked_div(step)?;
            usize::try_from(offset).ok()?.checked_add(i)
        };
        let end = |of: &Self| place(of, of.values.len()).filter(|end| *end <= Self::MOST);
        let ends = end(self).zip(end(other)).filter(|_| self.step == other.step);
        let Some((mine, theirs)) = ends else {
            if other.count() > self.count() {
                self.clone_from(other);
            }
            return;
        };
        let mut values = vec![None; mine.max(theirs)];
        for of in [other, &*self] {
            for (i, value) in of.values.iter().enumerate() {
                let at = place(of, i).and_then(|at| values.get_mut(at));
                if let (Some(at), Some(value)) = (at, value) {
                    *at = Some(*value);
                }
            }
        }
        self.from = Timestamp { unix_millis: from };
        self.values = values;
        self.missing = None;
    }
}

/// Joins the resources of two shards by name.
pub(super) fn merge(mine: &mut Vec<Resource>, theirs: &[Resource]) {
    for resource in theirs {
        match mine.iter_mut().find(|own| own.name == resource.name) {
            Some(own) => own.merge(resource),
            None => mine.push(resource.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resource(from: i64, values: &[Option<f64>]) -> Resource {
        Resource {
            name: "db_pool".to_owned(),
            unit: ResourceUnit::Share,
            query: "q".to_owned(),
            from: Timestamp { unix_millis: from },
            step: Nanos::from_secs(5),
            values: values.to_vec(),
            missing: None,
        }
    }

    #[test]
    fn what_is_taken_of_a_series_is_exact() {
        let values: Vec<Option<f64>> = (1..=20).rev().map(|i| Some(f64::from(i))).collect();
        let series = resource(0, &values);
        assert_eq!(series.mean(), Some(10.5));
        assert_eq!((series.quantile(0.0), series.quantile(1.0)), (Some(1.0), Some(20.0)));
        // Rank ⌈0.95 × 20⌉ = 19.
        assert_eq!((series.quantile(0.95), series.quantile(0.5)), (Some(19.0), Some(10.0)));
        let gaps = resource(0, &[None, Some(3.0), None]);
        assert_eq!((gaps.count(), gaps.mean(), gaps.quantile(0.5)), (1, Some(3.0), Some(3.0)));
        let none = resource(0, &[None]);
        assert_eq!((none.mean(), none.quantile(0.5)), (None, None));
    }

    #[test]
    fn shards_that_saw_the_same_service_are_not_added_up() {
        let mut mine = resource(5_000, &[Some(0.5), None, Some(0.7)]);
        mine.merge(&resource(10_000, &[Some(0.6), Some(0.9), Some(0.8)]));
        assert_eq!(mine.from.unix_millis, 5_000);
        assert_eq!(mine.values, [Some(0.5), Some(0.6), Some(0.7), Some(0.8)]);
        let mut nothing = Resource { missing: Some("unreachable".to_owned()), ..resource(0, &[]) };
        nothing.merge(&mine);
        assert_eq!((nothing.missing.is_none(), nothing.count()), (true, 4));
        // Half a century between two moments is no series.
        let mut far = resource(1_700_000_000_000, &[Some(1.0)]);
        far.merge(&resource(0, &[Some(2.0), Some(3.0)]));
        assert_eq!((far.values.len(), far.from.unix_millis), (2, 0));
    }

    #[test]
    fn values_are_said_in_their_unit() {
        let said = |unit: ResourceUnit, value| unit.say(value);
        assert_eq!(said(ResourceUnit::Share, 0.875), "87.50 %");
        assert_eq!(said(ResourceUnit::Share, 1.5), "1.5");
        assert_eq!(said(ResourceUnit::Bytes, 1_300_000_000.0), "1.21 GiB");
        assert_eq!(said(ResourceUnit::Seconds, 0.0123), "12.3 ms");
        assert_eq!(said(ResourceUnit::Number, -2.5), "-2.5");
    }

    proptest! {
        #[test]
        fn merging_keeps_every_value_once_whatever_the_order(
            a in prop::collection::vec(prop::option::of(0.0_f64..9.0), 0..9),
            b in prop::collection::vec(prop::option::of(0.0_f64..9.0), 0..9),
            shift in 0_i64..20,
        ) {
            let (one, two) = (resource(0, &a), resource(shift * 5_000, &b));
            let (mut ab, mut ba) = (one.clone(), two.clone());
            ab.merge(&two);
            ba.merge(&one);
            prop_assert_eq!(ab.count(), ba.count());
            let moments = |r: &Resource| {
                let known = r.points(Timestamp { unix_millis: 0 }).filter(|p| p.1.is_some());
                known.map(|p| p.0 as i64).collect::<std::collections::BTreeSet<_>>()
            };
            let mut both = moments(&one);
            both.extend(moments(&two));
            prop_assert_eq!(moments(&ab), both);
        }
    }
}
