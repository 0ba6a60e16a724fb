//! One request as the endpoints see it: what came, when, from whom, and its luck.

use std::net::IpAddr;

use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::answer::Reply;
use super::chance;
use super::endpoint::Endpoint;
use super::faults::{EndpointFaults, Mishap, RetryAfter};
use super::keys::{Customer, stranger};
use super::limiter::Decision;
use super::quota::QuotaSetting;
use super::state::Server;
use crate::units::Nanos;

/// A request that was read.
pub(super) struct Incoming<'a> {
    /// The server it came to.
    pub(super) server: &'a Server,
    /// The endpoint it is for.
    pub(super) endpoint: Endpoint,
    /// Which of the endpoint's requests it is, from 1.
    pub(super) ordinal: u64,
    /// Its headers.
    pub(super) headers: &'a HeaderMap,
    /// Its body.
    pub(super) body: &'a [u8],
    /// Who is at the other end of the connection.
    pub(super) peer: IpAddr,
    /// When it was taken up, by the server's clock, since 1970.
    pub(super) now: Nanos,
}

impl Incoming<'_> {
    /// What is wrong with its endpoint.
    pub(super) const fn faults(&self) -> &EndpointFaults {
        self.server.faults.of(self.endpoint)
    }

    /// Whether `mishap` befalls it.
    pub(super) fn suffers(&self, mishap: Mishap) -> bool {
        let share = self.faults().share(mishap);
        share > 0.0 && self.draw(1 + mishap as u64) < share
    }

    /// A number in `[0, 1)` of its own for each `purpose`.
    pub(super) fn draw(&self, purpose: u64) -> f64 {
        chance::uniform(&[self.server.seed, self.endpoint as u64, self.ordinal, purpose])
    }

    /// Its body as a JSON object, empty where it is none.
    pub(super) fn json(&self) -> Value {
        match serde_json::from_slice(self.body) {
            Ok(value @ Value::Object(_)) => value,
            _ => json!({}),
        }
    }

    /// What a refusal says about when to come again, in seconds, where the truth is `honest`.
    pub(super) const fn retry_after(&self, honest: u64) -> Option<u64> {
        match self.faults().retry_after {
            RetryAfter::True => Some(honest),
            RetryAfter::TooSmall => Some(honest / 10),
            RetryAfter::Missing => None,
        }
    }

    /// Whose key it carries, and what the limiter over all calls of that key
    /// says; an answer where it may go no further.
    pub(super) fn authenticate(&self) -> Result<Caller, Reply> {
        let customer = self.customer()?;
        let setting = *self.server.per_key.setting();
        let decision = self.server.per_key.ask(&customer.0.to_string(), self.now);
        let caller = Caller { customer, decision, setting, now: self.now };
        if decision.admitted {
            return Ok(caller);
        }
        let answer = Reply::detail(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
        let answer = caller.sign(answer);
        Err(match self.retry_after(caller.wait()) {
            Some(seconds) => answer.with(header::RETRY_AFTER, seconds),
            None => answer,
        })
    }

    /// `X-API-Key` and nothing else; sent twice it is one key that nobody has.
    fn customer(&self) -> Result<Customer, Reply> {
        let mut keys = self.headers.get_all("x-api-key").iter();
        let (first, second) = (keys.next(), keys.next());
        let key = first.and_then(|key| key.to_str().ok()).unwrap_or_default();
        let checked = self.faults().key_check;
        let known = self.server.keyring.owner(key).filter(|_| second.is_none());
        match known {
            Some(customer) => Ok(customer),
            None if !checked => Ok(stranger(key)),
            None if first.is_none_or(http::HeaderValue::is_empty) => {
                Err(self.unauthorized("AUTH_REQUIRED", "API key required in X-API-Key"))
            }
            None => Err(self.unauthorized("INVALID_API_KEY", "Invalid API key")),
        }
    }

    fn unauthorized(&self, code: &str, message: &str) -> Reply {
        let id = chance::bits(&[self.server.seed, self.endpoint as u64, self.ordinal]);
        Reply::new(
            StatusCode::UNAUTHORIZED,
            json!({ "error": { "code": code, "message": message }, "requestId": format!("req_{id:016x}") }),
        )
    }
}

/// An authenticated caller, and where its key stands with the limiter over all calls.
pub(super) struct Caller {
    /// Whose key it is.
    pub(super) customer: Customer,
    decision: Decision,
    setting: QuotaSetting,
    now: Nanos,
}

impl Caller {
    /// `answer` with the `x-ratelimit-*` headers of that limiter, and its
    /// `retry-after` where it was the last that passes.
    pub(super) fn stamp(&self, answer: Reply) -> Reply {
        let answer = self.sign(answer);
        let last =
            self.decision.remaining == 0 && !answer.headers.contains_key(header::RETRY_AFTER);
        if last && answer.status.is_success() {
            return answer.with(header::RETRY_AFTER, self.wait());
        }
        answer
    }

    fn sign(&self, answer: Reply) -> Reply {
        let name = http::HeaderName::from_static;
        let reset = self.decision.resets_at.0.div_ceil(1_000_000_000);
        answer
            .with(name("x-ratelimit-limit"), self.setting.limit)
            .with(name("x-ratelimit-remaining"), self.decision.remaining)
            .with(name("x-ratelimit-reset"), reset)
    }

    /// Whole seconds after which the limiter admits again, at least 1.
    fn wait(&self) -> u64 {
        (self.decision.resets_at - self.now).0.div_ceil(1_000_000_000).max(1)
    }
}
