//! Pushes the end state to a Pushgateway, one group a scenario: the last run replaces the one before.

use reqwest::Method;

use super::post::{Again, Line, PATIENCE, Sent};
use crate::config::{Access, below, shown};
use crate::publish::PublishWarning;
use crate::series::{Common, Dialect, Series, exposition};

/// Puts the series of every scenario into a group of environment, profile, scenario and,
/// of one of several machines, shard.
/// The run's id is no part of a group, for a gateway never forgets one; it stays a label.
pub async fn push(
    url: &str,
    access: &Access,
    common: &Common,
    series: &[Series],
) -> Vec<PublishWarning> {
    let mut warnings = Vec::new();
    let line = match Line::to(url, PATIENCE, Again::AnyServerError, None) {
        Ok(line) => line,
        Err(error) => return vec![warning(url, &error)],
    };
    for (scenario, group) in by_scenario(series) {
        let body = exposition(&group, Dialect::Prometheus).into_bytes();
        let at = group_url(url, common, &scenario);
        let headers = [("content-type", "text/plain; version=0.0.4")];
        let sent = line.send(Method::PUT, &at, &headers, access, body).await;
        if let Sent::Later(_, reason) | Sent::Never(reason) = sent {
            warnings.push(warning(url, &format!("{scenario}: {reason}")));
        }
    }
    warnings
}

fn warning(url: &str, reason: &str) -> PublishWarning {
    PublishWarning::new(
        format!("the metrics for the Pushgateway {}", shown(url)),
        reason,
        "the verdict doesn't depend on it; look whether the gateway is there",
    )
}

/// The series of each scenario, without the labels that name the group, which the gateway
/// adds. What belongs to none is the run's, in a group called `all`.
fn by_scenario(series: &[Series]) -> Vec<(String, Vec<Series>)> {
    let mut groups: Vec<(String, Vec<Series>)> = Vec::new();
    for one in series {
        let mut one = one.clone();
        let scenario = one.labels.remove("scenario").unwrap_or_else(|| "all".to_owned());
        one.labels.remove("environment");
        one.labels.remove("profile");
        one.labels.remove("shard");
        match groups.iter_mut().find(|(name, _)| *name == scenario) {
            Some((_, group)) => group.push(one),
            None => groups.push((scenario, vec![one])),
        }
    }
    groups
}

/// `…/metrics/job/load-gate/environment/E/profile/P/scenario/S`, of one of several machines
/// `/shard/I/N` after that; values in base64 where a
/// path can't carry them (Pushgateway's README, "URL").
fn group_url(url: &str, common: &Common, scenario: &str) -> String {
    let mut at = "/metrics/job/load-gate".to_owned();
    for (name, value) in [
        ("environment", common.environment.as_str()),
        ("profile", &common.profile),
        ("scenario", scenario),
        ("shard", common.shard.as_deref().unwrap_or_default()),
    ] {
        if name == "shard" && value.is_empty() {
            continue;
        }
        let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if plain && !value.is_empty() {
            at = format!("{at}/{name}/{value}");
        } else {
            use base64::Engine as _;
            let coded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value);
            at = format!("{at}/{name}@base64/{}", if coded.is_empty() { "=" } else { &coded });
        }
    }
    below(url, &at)
}
