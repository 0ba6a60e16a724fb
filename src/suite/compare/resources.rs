//! What the service had to do in two runs: figures side by side, without a claim.

use serde::Serialize;

use crate::measure::{Recording, Resource, ResourceUnit};

/// What is taken of one resource.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ResourceFigures {
    /// The mean of its values.
    pub mean: f64,
    /// Their 95th percentile.
    pub p95: f64,
    /// The largest.
    pub max: f64,
}

impl ResourceFigures {
    /// Of `resource`; `None`: nothing is known of it.
    #[must_use]
    pub fn of(resource: &Resource) -> Option<Self> {
        let [p95, max] = [0.95, 1.0].map(|q| resource.quantile(q));
        Some(Self { mean: resource.mean()?, p95: p95?, max: max? })
    }
}

/// One resource in both runs. A scrape every few seconds and neighbours that resemble
/// each other carry no interval: this is shown, and called neither certain nor noise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceChange {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub unit: ResourceUnit,
    /// In the base; `None`: not known.
    pub base: Option<ResourceFigures>,
    /// In the new run; `None`: not known.
    pub new: Option<ResourceFigures>,
}

/// Every resource of which one of the runs knows anything.
pub(super) fn changes(base: &Recording, new: &Recording) -> Vec<ResourceChange> {
    let only_base = base.resources.iter().filter(|r| new.resource(&r.name).is_none());
    let all = new.resources.iter().chain(only_base).map(|resource| ResourceChange {
        name: resource.name.clone(),
        unit: resource.unit,
        base: base.resource(&resource.name).and_then(ResourceFigures::of),
        new: new.resource(&resource.name).and_then(ResourceFigures::of),
    });
    all.filter(|change| change.base.is_some() || change.new.is_some()).collect()
}
