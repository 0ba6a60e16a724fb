//! What the run shows at doors: what its scenarios need from the environment, the GitHub token.

use std::sync::Arc;

use super::client::{Client, Heard, NoAnswer};
use super::findings::CheckLine;
use super::subject::{CredentialLook, GitHubAccess, Preflight};
use crate::admission::TOO_MANY_REQUESTS;
use crate::engine::Clock;
use crate::ids::{IdentityId, Traffic};
use crate::outcome::ProbeEnd;
use crate::scenario::catalogue::{ExchangeTrial, GetTrial, Trial};
use crate::scenario::{self, Call, Identity, Scenario};
use crate::units::count;

/// One credential, by its trial.
pub(super) async fn look(
    client: &Client,
    what: &Preflight,
    look: &CredentialLook,
    lines: &mut Vec<CheckLine>,
) {
    let credential = look.credential;
    if look.secrets.is_empty() {
        lines.push(missing(look));
        return;
    }
    match credential.trial {
        Trial::Get(trial) => keys(client, look, trial, lines).await,
        Trial::Exchange(trial) => exchange(client, what, look, trial, lines).await,
    }
}

fn missing(look: &CredentialLook) -> CheckLine {
    let credential = look.credential;
    let (set, none) = match credential.trial {
        Trial::Get(_) => (credential.env.replace('*', "1"), "none set, and none needed"),
        Trial::Exchange(_) => (credential.env.to_owned(), "not set, and not needed"),
    };
    if !look.needed {
        return CheckLine::skipped(credential.title, none);
    }
    CheckLine::warn(
        credential.title,
        format!("{set} is not set"),
        format!("{} is skipped, and the run inconclusive without --allow-skip", look.scenario),
        credential.hint,
    )
}

/// Every key, by a request that authenticates and spends nothing of the scenario's quota.
async fn keys(
    client: &Client,
    look: &CredentialLook,
    trial: &GetTrial,
    lines: &mut Vec<CheckLine>,
) {
    for (key, number) in look.secrets.iter().zip(1u64..) {
        let name = format!("{} {}", trial.one, count(number));
        if client.out_of_time() {
            lines.push(CheckLine::skipped(name, "not tried: the target answers too slowly"));
            continue;
        }
        let answer = client.get(trial.path, Some((trial.header, key.expose()))).await;
        let variable = look.credential.env.replace('*', &number.to_string());
        lines.push(key_line(client, look, trial, (name, &variable), answer));
    }
}

fn key_line(
    client: &Client,
    look: &CredentialLook,
    trial: &GetTrial,
    (name, variable): (String, &str),
    answer: Result<Heard, NoAnswer>,
) -> CheckLine {
    let found = match &answer {
        Ok(answer) => client.describe(answer),
        Err(no) => no.reason.clone(),
    };
    match answer.map_or(0, |answer| answer.status) {
        200 | 503 => CheckLine::ok(name, "accepted"),
        401 | 403 => CheckLine::bad(
            name,
            format!("refused, {found}"),
            format!("{} would end at its canary as misconfigured", look.scenario),
            format!("see whether {variable} belongs to this environment and wasn't revoked"),
        ),
        429 => CheckLine::warn(
            name,
            found,
            trial.limiter,
            "see who else uses this key, and wait a minute",
        ),
        _ => CheckLine::warn(
            name,
            found,
            "nobody can tell whether the key is good",
            "mend the target's health first",
        ),
    }
}

/// A secret, by one right request and one that the target must refuse.
async fn exchange(
    client: &Client,
    what: &Preflight,
    look: &CredentialLook,
    trial: &ExchangeTrial,
    lines: &mut Vec<CheckLine>,
) {
    let name = look.credential.title;
    let Some(scenario) = look.signer.as_deref().filter(|_| !what.within_run) else {
        lines.push(CheckLine::skipped(
            name,
            format!(
                "left to the run: its canary is {}, its first probe the wrong one",
                trial.right.replacen("a ", "the ", 1)
            ),
        ));
        return;
    };
    if what.environment.protected {
        let (environment, trace) = (&what.environment.name, trial.trace);
        let why = format!("left out: {environment} is protected, and {trace}");
        lines.push(CheckLine::skipped(name, why));
        return;
    }
    if client.out_of_time() {
        lines.push(CheckLine::skipped(name, "not tried: the target answers too slowly"));
        return;
    }
    lines.push(right(client, scenario, name, trial).await);
    lines.push(wrong(client, scenario, trial).await);
}

async fn right(
    client: &Client,
    scenario: &dyn Scenario,
    name: &'static str,
    trial: &ExchangeTrial,
) -> CheckLine {
    let request = with_call(client, |call| scenario.request(call));
    let sent = post(client, &request).await;
    let found = describe(client, &sent);
    let right = trial.right;
    match sent.map_or(0, |answer| answer.status) {
        200 => CheckLine::ok(name, format!("{right} is accepted")),
        429 => CheckLine::warn(name, found, trial.limited, "wait a minute, and see who else sends"),
        status => {
            let known = trial.refusals.iter().find(|(known, ..)| *known == status);
            let refused = if known.is_some() { " is refused," } else { ":" };
            let (means, helps) = known.map_or(trial.otherwise, |(_, means, helps)| (means, helps));
            CheckLine::bad(name, format!("{right}{refused} {found}"), means, helps)
        }
    }
}

async fn wrong(client: &Client, scenario: &dyn Scenario, trial: &ExchangeTrial) -> CheckLine {
    let (name, wrong) = (trial.probe_title, trial.wrong);
    let request = with_call(client, |call| scenario.probe(trial.probe, call));
    let sent = post(client, &request).await;
    let found = describe(client, &sent);
    let Ok(answer) = sent else {
        return unjudged(trial, &found);
    };
    let judged = scenario.judge_probe(
        trial.probe,
        &scenario::Answer {
            status: answer.status,
            content_type: None,
            headers: None,
            body: Some(&answer.body),
            sent_unix: answer.sent,
            done_unix: answer.received,
            skew: 0.0,
            secrets: &[],
            refused: answer.status == TOO_MANY_REQUESTS,
        },
    );
    match judged {
        ProbeEnd::Held => CheckLine::ok(name, format!("{wrong} is refused")),
        ProbeEnd::Other => CheckLine::warn(
            name,
            format!("{wrong} is refused, {found}"),
            trial.promised,
            "mend the API or its description",
        ),
        ProbeEnd::Breached => CheckLine::bad(
            name,
            format!("{wrong} is accepted, {found}"),
            trial.breach,
            "mend the target before anything else",
        ),
        ProbeEnd::Neither => unjudged(trial, &found),
    }
}

fn unjudged(trial: &ExchangeTrial, found: &str) -> CheckLine {
    CheckLine::warn(
        trial.probe_title,
        format!("{}: {found}", trial.wrong),
        trial.unknown,
        "run the check again",
    )
}

/// Calls with an identity that has neither an address nor a key.
fn with_call<T>(client: &Client, build: impl FnOnce(&Call<'_>) -> T) -> T {
    let nobody = Identity { id: IdentityId::default(), address: None, key: None, captured: None };
    build(&Call {
        n: 0,
        traffic: Traffic::Canary,
        unix: client.clock.unix(),
        identity: &nobody,
        past: &(),
    })
}

async fn post(client: &Client, request: &scenario::Request) -> Result<Heard, NoAnswer> {
    client.send(request.method.clone(), &request.path, &request.headers, request.body.clone()).await
}

fn describe(client: &Client, sent: &Result<Heard, NoAnswer>) -> String {
    match sent {
        Ok(answer) => client.describe(answer),
        Err(no) => no.reason.clone(),
    }
}

/// The GitHub token, by the one request that costs nothing.
pub(super) async fn github(github: &GitHubAccess, clock: Arc<dyn Clock>) -> CheckLine {
    const NAME: &str = "GitHub token";
    let means = "the comment can't be published; the verdict doesn't depend on it";
    let known = [github.token.clone()];
    let client = match Client::proxied(&github.api_url, &known, clock) {
        Ok(client) => client,
        Err(reason) => return CheckLine::warn(NAME, reason, means, "mend GITHUB_API_URL"),
    };
    let bearer = format!("Bearer {}", github.token.expose());
    let sent = client.get("/rate_limit", Some(("authorization", &bearer))).await;
    let found = describe(&client, &sent);
    let Ok(answer) = sent else {
        return CheckLine::warn(
            NAME,
            found,
            means,
            "see whether this machine reaches GitHub's API",
        );
    };
    let figure = |name: &str| {
        answer.headers.get(name).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok())
    };
    match (answer.status, figure("x-ratelimit-remaining")) {
        (200, Some(0)) => CheckLine::warn(
            NAME,
            "accepted, and its calls of this hour are used up",
            means,
            "wait for the next hour, or use a token of its own",
        ),
        (200, Some(left)) => {
            CheckLine::ok(NAME, format!("accepted, {} calls left this hour", count(left)))
        }
        (200, None) => CheckLine::ok(NAME, "accepted"),
        (401 | 403, _) => CheckLine::bad(
            NAME,
            format!("refused, {found}"),
            means,
            "give the job `permissions: pull-requests: write` and pass `github.token`",
        ),
        _ => CheckLine::warn(NAME, found, means, "try again"),
    }
}
