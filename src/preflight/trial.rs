//! Scenarios tried before any load: what the environment has for them, and one request of each.

use super::client::{Client, Heard};
use super::findings::CheckLine;
use super::subject::{Preflight, ScenarioTrial, Variables};
use crate::ids::Traffic;
use crate::outcome::Outcome;
use crate::scenario::{Answer, Call, Captured, Identity, Judgement, Request};
use crate::secret::{Secret, excerpt};
use crate::units::{Nanos, count};
use std::sync::Arc;

/// The longest path that is shown, in characters.
const MOST_PATH: usize = 80;

/// What the environment has of what a written scenario asks for.
pub(super) fn variables(look: &Variables) -> CheckLine {
    let name = format!("{} of {}", look.variable, look.scenario);
    let plural = look.variable.ends_with('*');
    match look.there {
        0 => CheckLine::warn(
            name,
            if plural { "none is set" } else { "not set" },
            format!("{} is skipped, and the run inconclusive without --allow-skip", look.scenario),
            format!("set {}", look.variable.replace('*', "1")),
        ),
        1 if !plural => CheckLine::ok(name, "set"),
        n => CheckLine::ok(name, format!("{} set", count(n as u64))),
    }
}

/// One request of a scenario, its setup first where it has one.
pub(super) async fn look(
    client: &Client,
    what: &Preflight,
    trial: &ScenarioTrial,
    lines: &mut Vec<CheckLine>,
) {
    let id = trial.scenario.id();
    let name = format!("{id}, tried");
    let protected = &what.environment;
    let left_out = if let Some(skip) = &trial.skip {
        Some(skip.clone())
    } else if protected.protected && trial.writes {
        let environment = &protected.name;
        Some(format!("left out: {environment} is protected, and this may create or change data"))
    } else if client.out_of_time() {
        Some("not tried: the target answers too slowly".to_owned())
    } else {
        None
    };
    if let Some(reason) = left_out {
        lines.push(CheckLine::skipped(name, reason));
        return;
    }
    let mut identity = trial.identity.clone();
    if let Some(done) = set_up(client, trial, &identity).await {
        match done {
            Ok((captured, line)) => {
                lines.push(line);
                identity.captured = Some(Arc::new(captured));
            }
            Err(line) => {
                lines.push(*line);
                lines.push(CheckLine::skipped(name, "not tried: its setup gives nothing"));
                return;
            }
        }
    }
    let request = trial.scenario.request(&call(client, &identity, Traffic::Canary));
    let what = words(&request, trial, &identity);
    let heard = match send(client, trial, &request).await {
        Ok(heard) => heard,
        Err(reason) => {
            let means = "the run's first request would meet the same";
            let todo = "see whether the path is right, and what the service logs";
            lines.push(CheckLine::bad(name, format!("{what}: {reason}"), means, todo));
            return;
        }
    };
    let judgement = trial.scenario.judge(&request, &answer(&heard, trial, &identity));
    lines.extend(judged(trial, name, &what, &heard, &judgement));
}

fn call<'a>(client: &Client, identity: &'a Identity, traffic: Traffic) -> Call<'a> {
    Call { n: 0, traffic, unix: client.clock.unix(), identity, past: &() }
}

/// `POST /api/v1/search`, without a secret.
fn words(request: &Request, trial: &ScenarioTrial, identity: &Identity) -> String {
    let captured = identity.captured.as_deref().map_or(&[][..], Captured::secrets);
    let known: Vec<Secret> = trial.known.iter().chain(captured).cloned().collect();
    format!("{} {}", request.method, excerpt(&request.path, MOST_PATH, &known))
}

async fn send(client: &Client, trial: &ScenarioTrial, request: &Request) -> Result<Heard, String> {
    let (method, body) = (request.method.clone(), request.body.clone());
    let most = usize::try_from(trial.max_body).unwrap_or(usize::MAX);
    let sent = client.send_reading(method, &request.path, &request.headers, body, most).await;
    sent.map_err(|no| no.reason)
}

fn answer<'a>(heard: &'a Heard, trial: &ScenarioTrial, identity: &'a Identity) -> Answer<'a> {
    let kind = heard.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    let fits = heard.body.len() as u64 <= trial.max_body;
    Answer {
        status: heard.status,
        content_type: kind,
        headers: Some(&heard.headers),
        body: fits.then_some(&heard.body),
        sent_unix: heard.sent,
        done_unix: heard.received,
        skew: 0.0,
        refused: trial.criteria.refuses(heard.status),
        secrets: identity.captured.as_deref().map_or(&[], Captured::secrets),
    }
}

/// Sends the setup request of `identity`; `None`: the scenario has none.
async fn set_up(
    client: &Client,
    trial: &ScenarioTrial,
    identity: &Identity,
) -> Option<Result<(Captured, CheckLine), Box<CheckLine>>> {
    let request = trial.scenario.setup(&call(client, identity, Traffic::Setup))?;
    let name = format!("{}, setup", trial.scenario.id());
    let what = words(&request, trial, identity);
    let done = match send(client, trial, &request).await {
        Ok(heard) => trial.scenario.captured(&answer(&heard, trial, identity)),
        Err(reason) => Err(reason),
    };
    Some(match done {
        Ok(captured) => {
            let values = captured.secrets().len() as u64;
            let for_how_long = captured.lifetime.map_or_else(String::new, |lifetime| {
                format!(", which hold for {}", Nanos::from(lifetime))
            });
            let values = if values == 1 {
                "1 value".to_owned()
            } else {
                format!("{} values", count(values))
            };
            let line = CheckLine::ok(name, format!("{what} gives {values}{for_how_long}"));
            Ok((captured, line))
        }
        Err(reason) => Err(Box::new(CheckLine::bad(
            name,
            format!("{what}: {reason}"),
            "no identity could take part: a run would end as misconfigured",
            format!("compare [scenarios.{}.setup] with what the API wants", trial.scenario.id()),
        ))),
    })
}

/// What came of the request: a line for it, and one for each check that failed.
fn judged(
    trial: &ScenarioTrial,
    name: String,
    what: &str,
    heard: &Heard,
    judgement: &Judgement,
) -> Vec<CheckLine> {
    let (status, took) = (heard.status, heard.took);
    let said = judgement.excerpt.as_ref().map_or_else(String::new, |text| format!(": {text}"));
    let found = format!("{what} is answered {status} in {took}");
    let checks = u64::from(judgement.passed.count_ones());
    let failed = || {
        let all = trial.scenario.checks().iter().enumerate();
        all.filter(|(i, _)| judgement.failed >> i & 1 == 1).map(|(_, check)| *check)
    };
    match judgement.outcome {
        Some(Outcome::Accepted) => {
            vec![CheckLine::ok(name, format!("{found}; all {} checks hold", count(checks)))]
        }
        Some(Outcome::RateLimited) => vec![CheckLine::warn(
            name,
            format!("{found}{said}"),
            "the limiter is full before any load",
            "wait for its window to pass, and see who else uses this identity",
        )],
        Some(Outcome::Contract) => {
            let fails = u64::from(judgement.failed.count_ones());
            let found =
                format!("{found}; {} of {} checks fail", count(fails), count(fails + checks));
            let means = "arrivals that are answered so are not accepted";
            let todo = "mend the API, or what `expect` says of it";
            let mut lines = vec![CheckLine::bad(name, found, means, todo)];
            lines.extend(failed().map(|check| {
                let name = format!("{}, check", trial.scenario.id());
                CheckLine::bad(name, format!("`{check}` does not hold"), "", "")
            }));
            lines
        }
        _ => vec![CheckLine::bad(
            name,
            format!("{found}{said}"),
            "it isn't accepted: a run's first request would not be either",
            trial.scenario.advice(status),
        )],
    }
}
