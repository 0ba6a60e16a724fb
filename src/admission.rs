//! What a limiter is declared to do, and what it was seen to do, in plain data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::IdentityKind;
use crate::units::{Nanos, count, per};

/// What a limiter counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The client's address.
    Ip,
    /// The customer, known by the API key.
    Customer,
    /// Everybody together.
    Global,
}

impl Scope {
    /// Whether each identity of that kind has a quota of its own.
    #[must_use]
    pub const fn counts_each(self, kind: IdentityKind) -> bool {
        matches!(
            (kind, self),
            (IdentityKind::Address, Self::Ip) | (IdentityKind::Key, Self::Customer)
        )
    }

    /// The name in the config.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Customer => "customer",
            Self::Global => "global",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The limit that the config declares for a scenario's endpoint, with what the
/// API promises about its refusals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeclaredLimit {
    /// Requests admitted per window and identity (at least 1).
    pub limit: u64,
    /// The window (at least one second). A limiter may let it last a [`Self::tick`]
    /// longer.
    pub window: Nanos,
    /// What the limiter's clock shows whole ones of: seconds, unless time goes faster
    /// for it.
    #[serde(default = "whole_second", skip_serializing_if = "is_whole_second")]
    pub tick: Nanos,
    /// What it counts by.
    pub scope: Scope,
    /// The status by which it refuses; 429 is a refusal in any case.
    #[serde(default = "too_many_requests", skip_serializing_if = "is_too_many_requests")]
    pub status: u16,
    /// Whether refusals are promised to have a body that is JSON.
    #[serde(default = "yes")]
    pub json: bool,
    /// Whether refusals are promised to carry `Retry-After`.
    pub retry_after: bool,
    /// Whether answers are promised to carry `x-ratelimit-*` or `RateLimit` headers.
    pub headers: bool,
    /// The capacity of a bucket that refills at `limit` a `window`; `None`: `limit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
    /// Whether refused requests use quota too, or prolong the refusal; `None`: nothing
    /// promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_refusals: Option<bool>,
    /// Whether a caller may get round it by naming another address; `None`:
    /// nothing promised, so reported only.
    pub spoofable: Option<bool>,
}

/// The status of a refusal unless another is declared (RFC 6585).
pub const TOO_MANY_REQUESTS: u16 = 429;

/// Whether an answer of that status is a refusal by one of `limits`, or by a limiter that
/// nobody declared.
pub fn refuses<'a>(limits: impl IntoIterator<Item = &'a DeclaredLimit>, status: u16) -> bool {
    status == TOO_MANY_REQUESTS || limits.into_iter().any(|limit| limit.status == status)
}

/// The statuses by which `limits` refuse, in words: `429`, `503`, `429 or 503`.
#[must_use]
pub fn refusal_words<'a>(limits: impl IntoIterator<Item = &'a DeclaredLimit>) -> String {
    let mut statuses: Vec<u16> = limits.into_iter().map(|limit| limit.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    if statuses.is_empty() {
        statuses.push(TOO_MANY_REQUESTS);
    }
    let words: Vec<String> = statuses.iter().map(u16::to_string).collect();
    words.join(" or ")
}

const fn too_many_requests() -> u16 {
    TOO_MANY_REQUESTS
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over like that")]
const fn is_too_many_requests(status: &u16) -> bool {
    *status == TOO_MANY_REQUESTS
}

const fn yes() -> bool {
    true
}

/// How much longer than declared a window may last: clocks of whole seconds.
pub const WHOLE_SECOND: Nanos = Nanos::from_secs(1);

const fn whole_second() -> Nanos {
    WHOLE_SECOND
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over like that")]
const fn is_whole_second(tick: &Nanos) -> bool {
    tick.0 == WHOLE_SECOND.0
}

impl DeclaredLimit {
    /// A limit of which nothing else is promised but that refusals are JSON.
    #[must_use]
    pub const fn of(limit: u64, window: Nanos, scope: Scope) -> Self {
        Self {
            limit,
            window,
            tick: WHOLE_SECOND,
            scope,
            status: TOO_MANY_REQUESTS,
            json: true,
            retry_after: false,
            headers: false,
            burst: None,
            counts_refusals: None,
            spoofable: None,
        }
    }

    /// This limit where time goes `pace` times as fast for the limiter: windows are
    /// shorter, though none below a second. One that counts everybody together keeps
    /// its rate, the others what each caller may send at once.
    #[must_use]
    pub fn paced(self, pace: u32) -> Self {
        let pace = u64::from(pace.max(1));
        let shared = self.scope == Scope::Global;
        Self {
            limit: if shared { self.limit.div_ceil(pace) } else { self.limit },
            window: Nanos(self.window.0 / pace).max(Nanos::from_secs(1).min(self.window)),
            tick: Nanos(self.tick.0 / pace),
            ..self
        }
    }

    /// The longest that a window lasts.
    #[must_use]
    pub fn longest(&self) -> Nanos {
        self.window + self.tick
    }

    /// Whether replicas that count apart can be told by it: it is no bucket of another
    /// capacity, and not so small that any limit is a multiple of it.
    #[must_use]
    pub const fn counts_apart(&self) -> bool {
        self.burst.is_none() && self.limit >= 4
    }

    /// How many requests are admitted at once at most.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        match self.burst {
            Some(burst) => burst,
            None => self.limit,
        }
    }

    /// `10 a minute per ip`, `1,000 a minute, global`.
    #[must_use]
    pub fn describe(&self) -> String {
        let burst = self.burst.map(|burst| format!(", at most {} at once", count(burst)));
        let rate =
            format!("{} {}{}", count(self.limit), per(self.window), burst.unwrap_or_default());
        match self.scope {
            Scope::Global => format!("{rate}, {}", self.scope),
            Scope::Ip | Scope::Customer => format!("{rate} per {}", self.scope),
        }
    }
}

/// What a limiter did with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admitted {
    /// Any answer but a refusal, 401, 403 and 5xx: it used quota.
    Yes,
    /// 429, or the status that is declared.
    No,
    /// 5xx, timeout or transport: counts as admitted for *lets through* and as
    /// not admitted for *holds*.
    Unknown,
    /// A probe refused with another status than 429, or anything refused with 401 or 403:
    /// whether the limiter stands before the check that refused it isn't said anywhere. Counts like
    /// [`Self::Unknown`], but its moment is known.
    Perhaps,
}

/// One request as a limiter's ledger sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admission {
    /// When it was sent, counted from the start of the scenario's first request.
    pub sent: Nanos,
    /// When its answer was whole. The limiter decided between the two.
    pub done: Nanos,
    /// What the limiter did.
    pub admitted: Admitted,
    /// The `Retry-After` (or `retry_after` of the body) that came with a refusal, in seconds.
    pub retry_after: Option<u32>,
    /// Of an answer that was neither what was hoped for (below 300) nor a refusal, its
    /// status; 0 of all others.
    pub status: u16,
}

/// What a refusal said of itself, added up over all refusals of a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalCounts {
    /// Answers by which the limiter refused.
    pub refused: u64,
    /// Of those, with a body that is JSON.
    pub json: u64,
    /// Of those, with a `Retry-After` header.
    pub retry_after: u64,
    /// Of those, with `x-ratelimit-*` or the IETF draft's `RateLimit` headers.
    pub limit_headers: u64,
}
