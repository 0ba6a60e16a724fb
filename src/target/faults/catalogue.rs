//! Every fault by name: what it takes, what it does, and where.

use std::fmt::Write as _;

use super::super::endpoint::Endpoint;
use super::types::Mishap;

/// One fault, for help texts.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The name on the left of `=`.
    pub name: &'static str,
    /// What may stand on the right, in words.
    pub takes: &'static str,
    /// What the target then does.
    pub does: &'static str,
    /// The endpoints it can be given to; empty where it is the whole server's.
    pub endpoints: &'static [Endpoint],
    /// Where it befalls a share of the requests.
    pub(super) mishap: Option<Mishap>,
}

const SHARE: &str = "on, off or a share (0.2, 20%)";
const SPAN: &str = "a duration (2s, 500ms)";
const SWITCH: &str = "on or off";
use Endpoint::{CredentialVending, Health, Onboarding, Webhook};
const ALL: &[Endpoint] = &Endpoint::ALL;
const LIMITED: &[Endpoint] = &[Onboarding, CredentialVending, Webhook];
const KEYED: &[Endpoint] = &[CredentialVending, Health];

const fn set(
    name: &'static str,
    takes: &'static str,
    does: &'static str,
    endpoints: &'static [Endpoint],
) -> Fault {
    Fault { name, takes, does, endpoints, mishap: None }
}

const fn share(
    name: &'static str,
    mishap: Mishap,
    does: &'static str,
    endpoints: &'static [Endpoint],
) -> Fault {
    Fault { name, takes: SHARE, does, endpoints, mishap: Some(mishap) }
}

/// Every fault there is, in the order help shows them.
pub const FAULTS: &[Fault] = &[
    set(
        "latency",
        "DUR, uniform:DUR..DUR, lognormal:MEDIAN,SIGMA or pareto:LEAST,SHAPE",
        "holds every answer back that long (timer steps of 1 ms)",
        ALL,
    ),
    set(
        "stall",
        "DUR/PERIOD (1s/10s)",
        "freezes for the last DUR of every PERIOD since the start; what comes then waits for its end",
        ALL,
    ),
    share("errors", Mishap::Errors, "answers 500 and does nothing", ALL),
    set("status", "NNN or NNN:SHARE", "answers that status (200 to 599) and does nothing", ALL),
    share("redirect", Mishap::Redirect, "answers 302 to another path", ALL),
    share("hang", Mishap::Hang, "reads the request and never answers", ALL),
    share("reset", Mishap::Reset, "resets the connection (RST) instead of answering", ALL),
    share("garbage", Mishap::Garbage, "answers bytes that are no HTTP and closes", ALL),
    share("broken-json", Mishap::BrokenJson, "cuts the JSON of a 2xx answer in half", ALL),
    share("oversized", Mishap::Oversized, "pads the body of a 2xx answer to over 2 MiB", ALL),
    set("slow-body", SPAN, "sends the second half of a body that much later", ALL),
    share(
        "missing-field",
        Mishap::MissingField,
        "leaves out api_key (onboarding), every expires_at (credential-vending) or status (webhook, health)",
        ALL,
    ),
    share(
        "wrong-ttl",
        Mishap::WrongTtl,
        "vends credentials for twice the time asked",
        &[CredentialVending],
    ),
    share(
        "wrong-provider",
        Mishap::WrongProvider,
        "vends a provider that wasn't asked for in place of one that was",
        &[CredentialVending],
    ),
    set(
        "echo",
        "wrong, wrong:SHARE or right",
        "answers another name and e-mail than were sent",
        &[Onboarding],
    ),
    set("email-check", SWITCH, "off: creates a customer whatever the e-mail", &[Onboarding]),
    set("key-check", SWITCH, "off: takes any API key, and none", KEYED),
    set("signature-check", SWITCH, "off: takes any Stripe-Signature, and none", &[Webhook]),
    set(
        "signature",
        "reject or check",
        "reject: refuses every signature, as with another secret",
        &[Webhook],
    ),
    set(
        "limiter",
        "anchored, aligned, sliding, bucket, off, leak:SHARE, eager, stuck or replicas:N",
        "how it counts; leak lets a share through, eager refuses at half, stuck never resets, N replicas count apart",
        LIMITED,
    ),
    set("limit", "a number (1 to 1000000)", "requests admitted a window", LIMITED),
    set("window", SPAN, "the limiter's window", LIMITED),
    set(
        "spoofable",
        SWITCH,
        "off: counts by the peer's address, as behind an ingress that overwrites X-Forwarded-For",
        &[Onboarding],
    ),
    set(
        "retry-after",
        "true, lie or none",
        "lie: promises a tenth of the true wait; none: like no-retry-after",
        KEYED,
    ),
    set("no-retry-after", SWITCH, "on: leaves Retry-After out of refusals", KEYED),
    share(
        "unhealthy",
        Mishap::Unhealthy,
        "answers 503 degraded (GET /health: 200 degraded)",
        &[Health],
    ),
    set(
        "clock",
        "a signed duration (+400s, -1h)",
        "sets the server's clock wrong: Date, signatures, expires_at",
        &[],
    ),
    set("usage", "a number", "exchanges a customer has a month before 403", &[]),
];

/// The faults as a list for `--help`: name, what it takes, what it does, where.
#[must_use]
pub fn fault_help() -> String {
    let mut text = String::from(
        "NAME=VALUE for every endpoint that has it, ENDPOINT.NAME=VALUE for one: onboarding,\n\
         credential-vending, webhook, health; per-key.limiter, .limit and .window are those of the\n\
         limiter over all calls of an API key (which `limit` without a prefix leaves alone).\n\n",
    );
    for fault in FAULTS {
        let _ = write!(text, "  {}={}\n      {}", fault.name, fault.takes, fault.does);
        if !fault.endpoints.is_empty() && fault.endpoints.len() < Endpoint::ALL.len() {
            let _ = write!(text, " ({})", names(fault.endpoints));
        }
        text.push('\n');
    }
    text
}

/// `onboarding, webhook`.
pub(super) fn names(endpoints: &[Endpoint]) -> String {
    endpoints.iter().map(|endpoint| endpoint.name()).collect::<Vec<_>>().join(", ")
}

/// One line a fault: what there is, for an error message.
pub(super) fn list() -> String {
    let lines = FAULTS.iter().map(|fault| ["\n  ", fault.name, "=", fault.takes].concat());
    lines.collect()
}
