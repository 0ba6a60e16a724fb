//! What a plan takes over from a scenario, built in or written: its probes, and what to know of it.

use crate::ids::{IdentityKind, ProbeKind, ScenarioId};
use crate::plan::ProbePlan;
use crate::scenario::{self, Spec, catalogue};

/// The probes that accompany a share of the arrivals.
pub(super) fn probes(id: ScenarioId, spec: Option<&Spec>, share: f64) -> ProbePlan {
    if share <= 0.0 {
        return ProbePlan { share, kinds: Vec::new(), by_identity: Vec::new() };
    }
    let Some(spec) = spec else {
        let probes = catalogue::find(id).map_or(&[][..], |entry| entry.probes);
        let kinds = probes.iter().map(|probe| probe.kind).collect();
        return ProbePlan { share, kinds, by_identity: Vec::new() };
    };
    let shown = match spec.identity {
        IdentityKind::Key => scenario::probes_by_identity(spec),
        IdentityKind::Address | IdentityKind::Global => Vec::new(),
    };
    ProbePlan {
        share,
        kinds: spec.probes.iter().filter_map(|probe| ProbeKind::parse(&probe.kind)).collect(),
        by_identity: shown.into_iter().filter_map(ProbeKind::parse).collect(),
    }
}

/// What to know before a written scenario is run.
pub(super) fn notices(id: ScenarioId, spec: &Spec) -> Vec<String> {
    let mut notices = Vec::new();
    match spec.writes {
        Some(true) => notices.push(format!("{id} creates or changes data there")),
        None if spec.may_write() => notices
            .push(format!("{id} may create or change data there: say writes = false or true")),
        _ => {}
    }
    if let Some(setup) = &spec.setup {
        let path = setup.request.path.split('?').next().unwrap_or_default();
        let renewed = if setup.expires.is_some() { ", and again before that expires" } else { "" };
        notices.push(format!(
            "{id}: each identity first sends {} {path}{renewed}; these requests are in no figure",
            setup.request.method
        ));
    }
    notices
}

/// The names of the scenarios that `text`, a config, has of its own; none where it is
/// no TOML.
#[must_use]
pub fn scenario_names(text: &str) -> Vec<&'static str> {
    let read: Option<toml::Table> = toml::from_str(text).ok();
    let scenarios = read.and_then(|table| table.get("scenarios")?.as_table().cloned());
    let named = scenarios.into_iter().flatten().filter_map(|(name, _)| ScenarioId::parse(&name));
    named.map(ScenarioId::name).filter(|name| catalogue::named(name).is_none()).collect()
}
