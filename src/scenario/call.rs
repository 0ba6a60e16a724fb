//! The plain data between a scenario and the engine, and the trait that every scenario keeps.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::{IdentityId, ProbeKind, ScenarioId, Traffic};
use crate::outcome::{Outcome, ProbeEnd};
use crate::secret::Secret;
use crate::tags::{Label, LabelSet};

/// The header that shows whose address a request claims to come from.
pub const ADDRESS_HEADER: &str = "x-forwarded-for";
/// Headers that are the transport's or the runner's own.
pub const OWN_HEADERS: [&str; 7] =
    ["host", "content-length", "connection", "transfer-encoding", "te", "upgrade", "x-load-test"];

/// Who sends a request.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its index in the plan.
    pub id: IdentityId,
    /// The address to claim in [`ADDRESS_HEADER`]; `None`: the runner's own, no header.
    pub address: Option<Ipv4Addr>,
    /// The API key to show.
    pub key: Option<Secret>,
    /// What its setup gave it, where the scenario has one.
    pub captured: Option<Arc<Captured>>,
}

/// What the answer to a setup request gave: values by name, secrets all of them.
#[derive(Clone, Debug, Default)]
pub struct Captured {
    names: Vec<String>,
    secrets: Vec<Secret>,
    /// How long they hold; `None`: as long as the run.
    pub lifetime: Option<Duration>,
}

impl Captured {
    /// Values that hold for `lifetime`.
    #[must_use]
    pub fn new(values: Vec<(String, Secret)>, lifetime: Option<Duration>) -> Self {
        let (names, secrets) = values.into_iter().unzip();
        Self { names, secrets, lifetime }
    }

    /// The value of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let index = self.names.iter().position(|own| own == name)?;
        self.secrets.get(index).map(Secret::expose)
    }

    /// All values.
    #[must_use]
    pub fn secrets(&self) -> &[Secret] {
        &self.secrets
    }
}

/// A delivery that the target has acknowledged and that may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    /// The arrival's number (0: the canary).
    pub n: u64,
    /// The wall clock when its request was built, since 1970: with the seed and
    /// `n` it gives the same bytes again.
    pub unix: Duration,
}

/// How far back an acknowledged delivery is looked for, in arrivals.
pub const REMEMBERED: u64 = 1 << 16;

/// Knows which deliveries were acknowledged.
pub trait Acknowledged: fmt::Debug {
    /// The delivery of arrival `n` (0: the canary), if it may be repeated: it was a
    /// first delivery, acknowledged, and at most [`REMEMBERED`] arrivals ago.
    fn delivery(&self, n: u64) -> Option<Past>;
}

/// Nothing was acknowledged.
impl Acknowledged for () {
    fn delivery(&self, _: u64) -> Option<Past> {
        None
    }
}

/// One request to be built.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The arrival's number from 1; for other traffic a counter of its own, from 0.
    pub n: u64,
    /// What it is for. Request bytes depend on (seed, run, traffic, n, unix, past) only.
    pub traffic: Traffic,
    /// The wall clock, since 1970.
    pub unix: Duration,
    /// Who sends it.
    pub identity: &'a Identity,
    /// The acknowledged deliveries.
    pub past: &'a dyn Acknowledged,
}

/// A request, ready to be sent. Header values and body may hold secrets: `Debug`
/// prints neither.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: http::Method,
    /// The path, from `/`, perhaps with a query.
    pub path: Cow<'static, str>,
    /// Header names (lower case) and values; `content-type` included.
    pub headers: Vec<(&'static str, String)>,
    /// The body, exactly as signed.
    pub body: Vec<u8>,
    /// The labels it carries.
    pub labels: LabelSet,
    /// Whether this is the first delivery of something that may be repeated once
    /// acknowledged (webhooks that are not themselves duplicates).
    pub repeatable: bool,
    /// What the answer is held against.
    pub expect: Expect,
}

impl Request {
    /// The value of header `name` (lower case), if it is sent.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path.split('?').next().unwrap_or_default())
            .field("headers", &names)
            .field("body", &format_args!("{} bytes", self.body.len()))
            .field("labels", &self.labels)
            .field("repeatable", &self.repeatable)
            .field("expect", &self.expect)
            .finish()
    }
}

/// What the scenario expects of the answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// The customer to be echoed.
    Customer {
        /// As sent.
        name: String,
        /// As sent.
        email: String,
        /// Whether the new key is to be handed out ([`Judgement::minted`]).
        minting: bool,
    },
    /// The credentials asked for.
    Credentials {
        /// As sent.
        providers: Vec<String>,
        /// As sent, in minutes.
        ttl_minutes: u16,
    },
    /// An acknowledgement.
    Acknowledgement,
    /// What the conditions of a written scenario that the request decides expect, in
    /// their order.
    Written(Vec<serde_json::Value>),
    /// A refusal of that kind.
    Refusal(ProbeKind),
}

/// The answer to a request. Its body never leaves `engine` and the judge;
/// `Debug` prints its length.
#[derive(Clone, Copy)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The value of `content-type`, if any.
    pub content_type: Option<&'a str>,
    /// The headers, where a check may ask for them.
    pub headers: Option<&'a http::HeaderMap>,
    /// The whole body; `None`: over the cap, never judged truncated.
    pub body: Option<&'a [u8]>,
    /// Our wall clock when the request was sent, since 1970.
    pub sent_unix: Duration,
    /// Our wall clock when the answer was whole, since 1970.
    pub done_unix: Duration,
    /// The server's clock minus ours, in seconds (0 when unknown).
    pub skew: f64,
    /// What must not be quoted of it beyond what the scenario knows.
    pub secrets: &'a [Secret],
    /// Whether the limiter refused by it.
    pub refused: bool,
}

impl fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut answer = f.debug_struct("Answer");
        answer.field("status", &self.status).field("content_type", &self.content_type);
        match self.body {
            Some(body) => answer.field("body", &format_args!("{} bytes", body.len())),
            None => answer.field("body", &format_args!("over the cap")),
        };
        answer
            .field("sent_unix", &self.sent_unix)
            .field("done_unix", &self.done_unix)
            .field("skew", &self.skew)
            .finish()
    }
}

/// What the judge says of an answer.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// How the arrival ended; `None` only in the default value.
    pub outcome: Option<Outcome>,
    /// Checks that held: bit i stands for the scenario's i-th check. A refusal of the
    /// limiter's is not checked at all, like it is left out of the success rate; any other refusal
    /// fails the check of the status, and the contract is not looked at. Of outcome
    /// `contract`, the first failed check is the reason.
    pub passed: u32,
    /// Checks that did not, likewise.
    pub failed: u32,
    /// Things delivered by an accepted answer (credentials; else 1).
    pub items: u32,
    /// An excerpt, never of a 2xx answer: at most 200 characters, inert, masked.
    pub excerpt: Option<String>,
    /// `retry_after` of a 429 body, in seconds.
    pub retry_after: Option<u32>,
    /// Whether the body is JSON (of a 429 a limiter rule asks for it).
    pub json: bool,
    /// The new customer's key, of an accepted `Traffic::Minting` only.
    pub minted: Option<Secret>,
}

/// A scenario: pure, no I/O, no clock.
pub trait Scenario: Send + Sync {
    /// Which one.
    fn id(&self) -> ScenarioId;
    /// The labels its requests may carry, at most 64; bit i of a [`LabelSet`] is label i.
    fn labels(&self) -> &[Label];
    /// The checks its judge makes, at most 32; bit i of a [`Judgement`] is check i.
    fn checks(&self) -> &[&'static str];
    /// Builds the request of one call (any traffic but probes).
    fn request(&self, call: &Call<'_>) -> Request;
    /// Builds a probe: a request that is right but for the one thing it is about. A
    /// kind that belongs to another scenario gets the first kind of this one.
    fn probe(&self, kind: ProbeKind, call: &Call<'_>) -> Request;
    /// Whether some of its arrivals repeat others.
    fn repeats(&self) -> bool {
        false
    }
    /// The arrival (0: the canary) that arrival `n` repeats where that was acknowledged
    /// in time: a function of (seed, n) alone; `None`: it repeats none. Whoever sends
    /// one of the two sends the other.
    fn original(&self, _n: u64) -> Option<u64> {
        None
    }
    /// Judges the answer to `request` (not for probes).
    fn judge(&self, request: &Request, answer: &Answer<'_>) -> Judgement;
    /// What an identity must send before it takes part; `None`: nothing.
    fn setup(&self, _call: &Call<'_>) -> Option<Request> {
        None
    }
    /// What the answer to that gives the identity.
    ///
    /// # Errors
    /// Why it gives nothing, in words without a secret.
    fn captured(&self, _answer: &Answer<'_>) -> Result<Captured, String> {
        Err("this scenario has no setup".to_owned())
    }
    /// Judges the answer to a probe.
    fn judge_probe(&self, kind: ProbeKind, answer: &Answer<'_>) -> ProbeEnd;
    /// What to mend when the canary is refused with `status` 401, 403 or 422.
    fn advice(&self, status: u16) -> String;
}
