//! Looks whether everything a run needs is there, with a few small requests and no load.

mod client;
mod credentials;
mod findings;
mod local;
mod network;
mod subject;
#[cfg(test)]
mod tests;
mod trial;

use std::sync::Arc;

use self::client::Client;
use crate::engine::Clock;

pub use findings::{CheckLine, CheckReport, CheckState};
pub use network::CLOCK;
pub use subject::{CredentialLook, GitHubAccess, Preflight, ScenarioTrial, Variables};

/// What the target answers: health, clock, credentials, scenarios tried. `false`: no
/// connection could be opened after all.
async fn look_around(client: &Client, what: &Preflight, lines: &mut Vec<CheckLine>) -> bool {
    if !network::answers(client, what, lines).await {
        return false;
    }
    for look in &what.credentials {
        credentials::look(client, what, look, lines).await;
    }
    for trial in &what.trials {
        trial::look(client, what, trial, lines).await;
    }
    true
}

/// Looks at everything, one line each. Every request is given up after ten
/// seconds, and what is left when a minute is over is skipped.
pub async fn preflight(what: &Preflight, clock: Arc<dyn Clock>) -> CheckReport {
    let mut lines = Vec::new();
    let unreachable;
    match Client::new(
        &what.environment.url,
        &what.known_secrets(),
        what.ca_file.as_deref(),
        Arc::clone(&clock),
    ) {
        Err(reason) => {
            unreachable = true;
            lines.push(CheckLine::bad(
                "reachability",
                reason,
                "nothing can be sent",
                "mend the environment's url, or install the system's CA certificates",
            ));
        }
        Ok(client) => match network::reach(&client).await {
            Ok(line) => {
                lines.push(line);
                unreachable = !look_around(&client, what, &mut lines).await;
            }
            Err(line) => {
                unreachable = true;
                lines.push(line);
            }
        },
    }
    if unreachable {
        let titles = what.credentials.iter().map(|look| look.credential.title);
        let health = Some("health").filter(|_| what.tells_health);
        let skipped: Vec<&str> = health.into_iter().chain(["clock"]).chain(titles).collect();
        lines
            .push(CheckLine::skipped(skipped.join(", "), "not tried: the target can't be reached"));
    }
    lines.extend(what.variables.iter().map(trial::variables));
    if let Some(github) = &what.github {
        lines.push(credentials::github(github, clock).await);
    } else {
        lines.push(CheckLine::skipped(
            "GitHub token",
            "GITHUB_TOKEN is not set: no comment is published",
        ));
    }
    lines.push(local::results_dir(&what.results_dir));
    lines.push(local::descriptors(what.max_in_flight));
    lines.extend(what.contradictions.iter().map(|text| local::contradiction(text)));
    CheckReport {
        schema_version: 1,
        environment: what.environment.name.clone(),
        url: what.environment.url.clone(),
        unreachable,
        lines,
    }
}
