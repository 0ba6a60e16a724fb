//! What the run shows at doors: API keys, the webhook secret, the GitHub token.

use std::sync::Arc;

use reqwest::Method;

use super::CheckLine;
use super::client::{Answer, Client, NoAnswer};
use super::{GitHubAccess, Preflight};
use crate::engine::Clock;
use crate::ids::{IdentityId, ProbeKind, Traffic};
use crate::scenario::{self, Call, Identity, ProbeResult, Scenario};
use crate::units::count;

/// Every API key, by a health request: it authenticates and spends no exchange quota.
pub(super) async fn keys(client: &Client, what: &Preflight, lines: &mut Vec<CheckLine>) {
    if what.keys.is_empty() {
        lines.push(if what.needs_keys {
            CheckLine::warn(
                "API keys",
                "TEST_API_KEY_1 is not set",
                "credential-vending is skipped, and the run inconclusive without --allow-skip",
                "set TEST_API_KEY_1, _2, … to keys of test customers, or set mint_keys",
            )
        } else {
            CheckLine::skipped("API keys", "none set, and none needed")
        });
    }
    for (key, number) in what.keys.iter().zip(1u64..) {
        let name = format!("API key {}", count(number));
        if client.out_of_time() {
            lines.push(CheckLine::skipped(name, "not tried: the target answers too slowly"));
            continue;
        }
        let answer = client.get("/api/health", Some(("x-api-key", key.expose()))).await;
        lines.push(key_line(client, name, number, answer));
    }
}

fn key_line(
    client: &Client,
    name: String,
    number: u64,
    answer: Result<Answer, NoAnswer>,
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
            "credential-vending would end at its canary as misconfigured",
            format!(
                "see whether TEST_API_KEY_{number} belongs to this environment and wasn't revoked"
            ),
        ),
        429 => CheckLine::warn(
            name,
            found,
            "the key's own limiter (500 calls a minute) is used up",
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

/// The webhook secret, by one rightly and one wrongly signed event.
pub(super) async fn webhook(client: &Client, what: &Preflight, lines: &mut Vec<CheckLine>) {
    const NAME: &str = "webhook secret";
    let Some(webhook) = &what.webhook else {
        lines.push(if what.needs_webhook_secret {
            CheckLine::warn(
                NAME,
                "STRIPE_WEBHOOK_SECRET is not set",
                "webhook is skipped, and the run inconclusive without --allow-skip",
                "set STRIPE_WEBHOOK_SECRET to the signing secret of this environment (whsec_…)",
            )
        } else {
            CheckLine::skipped(NAME, "not set, and not needed")
        });
        return;
    };
    if what.within_run {
        lines.push(CheckLine::skipped(
            NAME,
            "left to the run: its canary is the rightly signed event, its first probe the wrong one",
        ));
        return;
    }
    if what.environment.protected {
        lines.push(CheckLine::skipped(
            NAME,
            format!(
                "left out: {} is protected, and an accepted event leaves a trace there",
                what.environment.name
            ),
        ));
        return;
    }
    if client.out_of_time() {
        lines.push(CheckLine::skipped(NAME, "not tried: the target answers too slowly"));
        return;
    }
    lines.push(rightly_signed(client, webhook.as_ref()).await);
    lines.push(wrongly_signed(client, webhook.as_ref()).await);
}

async fn rightly_signed(client: &Client, webhook: &dyn Scenario) -> CheckLine {
    const NAME: &str = "webhook secret";
    let request = with_call(client, |call| webhook.request(call));
    let sent = post(client, &request).await;
    let found = describe(client, &sent);
    match sent.map_or(0, |answer| answer.status) {
        200 => CheckLine::ok(NAME, "a rightly signed event is accepted"),
        400 => CheckLine::bad(
            NAME,
            format!("a rightly signed event is refused, {found}"),
            "the target finds the signature's time outside ±300 s, or the event malformed",
            "compare the clocks (see `clock`), then stripe_customer and stripe_price",
        ),
        401 => CheckLine::bad(
            NAME,
            format!("a rightly signed event is refused, {found}"),
            "the secret is not this environment's: every event would be refused",
            "copy STRIPE_WEBHOOK_SECRET from the endpoint's page in Stripe, whsec_ included",
        ),
        429 => CheckLine::warn(
            NAME,
            found,
            "the webhook limiter is used up, so nobody can tell",
            "wait a minute, and see who else sends events",
        ),
        _ => CheckLine::bad(
            NAME,
            format!("a rightly signed event: {found}"),
            "events are not accepted now",
            "read the target's log for this event",
        ),
    }
}

async fn wrongly_signed(client: &Client, webhook: &dyn Scenario) -> CheckLine {
    const NAME: &str = "webhook signatures";
    let request = with_call(client, |call| webhook.probe(ProbeKind::BadSignature, call));
    let sent = post(client, &request).await;
    let found = describe(client, &sent);
    let Ok(answer) = sent else {
        return unjudged(NAME, &found);
    };
    let judged = webhook.judge_probe(
        ProbeKind::BadSignature,
        &scenario::Answer {
            status: answer.status,
            content_type: None,
            body: Some(&answer.body),
            sent_unix: answer.sent,
            done_unix: answer.received,
            skew: 0.0,
        },
    );
    match judged {
        ProbeResult::Held => CheckLine::ok(NAME, "a wrongly signed event is refused"),
        ProbeResult::Other => CheckLine::warn(
            NAME,
            format!("a wrongly signed event is refused, {found}"),
            "the API promises 401",
            "mend the API or its description",
        ),
        ProbeResult::Breached => CheckLine::bad(
            NAME,
            format!("a wrongly signed event is accepted, {found}"),
            "anybody can post events: signatures are not verified",
            "mend the target before anything else",
        ),
        ProbeResult::Neither => unjudged(NAME, &found),
    }
}

fn unjudged(name: &str, found: &str) -> CheckLine {
    CheckLine::warn(
        name,
        format!("a wrongly signed event: {found}"),
        "nobody can tell whether signatures are verified",
        "run the check again",
    )
}

/// Calls with an identity that has neither an address nor a key.
fn with_call<T>(client: &Client, build: impl FnOnce(&Call<'_>) -> T) -> T {
    let nobody = Identity { id: IdentityId::default(), address: None, key: None };
    build(&Call {
        n: 0,
        traffic: Traffic::Canary,
        unix: client.clock.unix(),
        identity: &nobody,
        past: &(),
    })
}

async fn post(client: &Client, request: &scenario::Request) -> Result<Answer, NoAnswer> {
    client.send(Method::POST, request.path, &request.headers, request.body.clone()).await
}

fn describe(client: &Client, sent: &Result<Answer, NoAnswer>) -> String {
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
