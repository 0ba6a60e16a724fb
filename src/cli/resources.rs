//! Asks for the service's own resources when a run is over, and judges it with them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::world::World;
use crate::config::ResourcesSettings;
use crate::engine::{Ending, Stop};
use crate::measure::Resource;
use crate::resources::{self, Window};
use crate::suite::SuiteReport;

/// How long all answers are awaited.
const PATIENT: Duration = Duration::from_secs(60);
/// The same when the run was interrupted, if there is as much left.
const HURRIED: Duration = Duration::from_secs(2);

/// Adds to each scenario of `report` what the service's monitoring knew of its load, and
/// judges the run again; what isn't known is a notice. Does nothing where nobody is to be
/// asked.
pub(super) fn add(
    settings: &ResourcesSettings,
    report: &mut SuiteReport,
    baseline: Option<&SuiteReport>,
    runtime: &tokio::runtime::Runtime,
    stop: &Stop,
    world: &World,
) {
    let window = |i: usize| Window::of(&report.scenarios[i].recording).map(|window| (i, window));
    let loads: Vec<(usize, Window)> = (0..report.scenarios.len()).filter_map(window).collect();
    let Some(url) = settings.url.as_ref().filter(|_| !loads.is_empty()) else { return };
    if settings.queries.is_empty() {
        return;
    }
    let settle =
        if stop.is_interrupted() { Duration::ZERO } else { Duration::from(settings.settle) };
    let wait = if settle.is_zero() { String::new() } else { format!(" in {}", settings.settle) };
    world.output.note(&format!("asking {url} what the service did{wait}"));
    let windows: Vec<Window> = loads.iter().map(|(_, window)| *window).collect();
    let found = runtime.block_on(async {
        tokio::select! {
            () = tokio::time::sleep(settle) => {}
            () = stop.interrupted() => {}
        }
        let asking = async |patience| resources::sample(settings, &windows, patience).await;
        // Whoever interrupts waits no longer than this for what is there already.
        let hurried = || stop.left(Ending::Receivers).unwrap_or_default().min(HURRIED);
        if stop.is_interrupted() {
            return asking(hurried()).await;
        }
        tokio::select! {
            biased;
            found = asking(PATIENT) => found,
            () = stop.interrupted() => asking(hurried()).await,
        }
    });
    for ((i, _), resources) in loads.iter().zip(found) {
        for notice in missing(&resources) {
            if !report.notices.contains(&notice) {
                report.notices.push(notice);
            }
        }
        report.scenarios[*i].recording.resources = resources;
    }
    report.judge(baseline);
}

/// Why which resources aren't known, a line a reason.
fn missing(resources: &[Resource]) -> Vec<String> {
    let mut reasons: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for resource in resources {
        if let Some(why) = &resource.missing {
            reasons.entry(why).or_default().push(&resource.name);
        }
    }
    let line = |(why, names): (&str, Vec<&str>)| {
        if names.len() == resources.len() {
            format!("no resource of the service is known: {why}")
        } else {
            format!("resources that aren't known: {}: {why}", names.join(", "))
        }
    };
    reasons.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::ResourceUnit;
    use crate::units::{Nanos, Timestamp};

    #[test]
    fn each_reason_is_said_once() {
        let resource = |name: &str, missing: Option<&str>| Resource {
            name: name.to_owned(),
            unit: ResourceUnit::Number,
            query: String::new(),
            from: Timestamp { unix_millis: 0 },
            step: Nanos::from_secs(1),
            values: Vec::new(),
            missing: missing.map(str::to_owned),
        };
        let some = [resource("cpu", None), resource("a", Some("why")), resource("b", Some("why"))];
        assert_eq!(missing(&some), ["resources that aren't known: a, b: why"]);
        assert_eq!(missing(&some[1..]), ["no resource of the service is known: why"]);
        assert!(missing(&some[..1]).is_empty());
    }
}
