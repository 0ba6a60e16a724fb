//! `POST /api/v1/credentials/exchange`: an API key against short-lived provider credentials.

use std::sync::PoisonError;

use http::{StatusCode, header};
use serde_json::{Map, Value, json};

use super::answer::Reply;
use super::call::{Caller, Incoming};
use super::clock::{microseconds, next_month};
use super::faults::Mishap;
use crate::units::Nanos;

const PROVIDERS: [&str; 4] = ["anthropic", "openai", "openrouter", "ollama"];
/// Minutes that credentials may live, and those they do where nobody says.
const TTL: std::ops::RangeInclusive<u64> = 1..=240;
const DEFAULT_TTL: u64 = 60;

/// In this order: the key, the limiter over all its calls, the request's shape,
/// the exchange limiter, the month's usage.
pub(super) fn answer(call: &Incoming<'_>) -> Reply {
    match call.authenticate() {
        Ok(caller) => caller.stamp(exchange(call, &caller)),
        Err(refusal) => refusal,
    }
}

fn exchange(call: &Incoming<'_>, caller: &Caller) -> Reply {
    let wanted = match Wanted::read(call.body) {
        Ok(wanted) => wanted,
        Err(errors) => {
            return Reply::new(StatusCode::UNPROCESSABLE_ENTITY, json!({ "errors": errors }));
        }
    };
    let exchange = &call.server.exchange;
    if !exchange.ask(&caller.customer.0.to_string(), call.now).admitted {
        return limited(call, exchange.setting().lasts());
    }
    let used = {
        let mut usage = call.server.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.spend(caller.customer, call.server.faults.usage)
    };
    let Some(remaining) = used else {
        let body = json!({ "error": "Monthly usage limit exceeded" });
        return Reply::new(StatusCode::FORBIDDEN, body);
    };
    vend(call, &wanted, remaining)
}

/// The seconds promised are the window's, whenever it began.
fn limited(call: &Incoming<'_>, window: Nanos) -> Reply {
    let mut body = json!({ "error": "Rate limit exceeded" });
    let retry_after = call.retry_after(window.0.div_ceil(1_000_000_000));
    if let Some(seconds) = retry_after {
        body["retry_after"] = seconds.into();
    }
    let answer = Reply::new(StatusCode::TOO_MANY_REQUESTS, body);
    match retry_after {
        Some(seconds) => answer.with(header::RETRY_AFTER, seconds),
        None => answer,
    }
}

fn vend(call: &Incoming<'_>, wanted: &Wanted, remaining: u64) -> Reply {
    let minutes = if call.suffers(Mishap::WrongTtl) { wanted.ttl * 2 } else { wanted.ttl };
    let expires_at = microseconds(call.now + Nanos::from_secs(minutes * 60));
    let mut providers = wanted.providers.clone();
    if call.suffers(Mishap::WrongProvider)
        && let Some(other) = PROVIDERS.iter().find(|known| !providers.contains(known))
        && let Some(last) = providers.last_mut()
    {
        *last = other;
    }
    let missing = call.suffers(Mishap::MissingField);
    let mut credentials = Map::new();
    for provider in providers {
        let mut credential = json!({
            "api_key": call.server.keyring.credential(provider, call.ordinal),
        });
        if !missing {
            credential["expires_at"] = expires_at.as_str().into();
        }
        credentials.insert(provider.to_owned(), credential);
    }
    let usage = json!({ "remaining_fixes": remaining, "reset_at": next_month(call.now) });
    Reply::new(StatusCode::OK, json!({ "credentials": credentials, "usage": usage }))
}

/// What an exchange asks for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    providers: Vec<&'static str>,
    ttl: u64,
}

impl Wanted {
    /// Reads a request body, or says everything that is wrong with it.
    fn read(body: &[u8]) -> Result<Self, Vec<Value>> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let Value::Object(body) = body else {
            return Err(vec![error("", "Invalid object, expected a JSON object")]);
        };
        let mut errors = Vec::new();
        let mut providers = Vec::new();
        match body.get("providers") {
            Some(Value::Array(asked)) if !asked.is_empty() => {
                for (i, name) in asked.iter().enumerate().take(PROVIDERS.len() + 1) {
                    let known = PROVIDERS.iter().find(|known| name.as_str() == Some(**known));
                    match known {
                        None => {
                            errors
                                .push(error(&format!("/providers/{i}"), "Invalid value for enum"));
                        }
                        Some(known) if providers.contains(known) => {
                            errors.push(error("/providers", "Array items must be unique"));
                        }
                        Some(known) => providers.push(*known),
                    }
                }
            }
            Some(Value::Array(_)) => errors.push(error("/providers", "Array is too short")),
            Some(_) => errors.push(error("/providers", "Invalid array")),
            None => errors.push(error("/providers", "Missing field: providers")),
        }
        let ttl = match body.get("ttl_minutes") {
            None => Some(DEFAULT_TTL),
            Some(ttl) => ttl.as_u64().filter(|ttl| TTL.contains(ttl)),
        };
        match ttl {
            Some(ttl) if errors.is_empty() => return Ok(Self { providers, ttl }),
            Some(_) => {}
            None => errors.push(error("/ttl_minutes", "Invalid integer, expected 1 to 240")),
        }
        Err(errors)
    }
}

fn error(pointer: &str, detail: &str) -> Value {
    json!({ "title": "Invalid value", "source": { "pointer": pointer }, "detail": detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_or_every_mistake_is_named() {
        let read = |text: &str| Wanted::read(text.as_bytes());
        assert_eq!(
            read(r#"{"providers":["openai","anthropic"]}"#),
            Ok(Wanted { providers: vec!["openai", "anthropic"], ttl: 60 })
        );
        for ttl in [1, 240] {
            let text = format!(r#"{{"providers":["ollama"],"ttl_minutes":{ttl}}}"#);
            assert_eq!(read(&text), Ok(Wanted { providers: vec!["ollama"], ttl }));
        }
        for (text, pointers) in [
            ("", vec![""]),
            ("[]", vec![""]),
            ("{}", vec!["/providers"]),
            (r#"{"providers":[]}"#, vec!["/providers"]),
            (r#"{"providers":"openai"}"#, vec!["/providers"]),
            (r#"{"providers":["openai","openai"]}"#, vec!["/providers"]),
            (r#"{"providers":["openai","aws",7]}"#, vec!["/providers/1", "/providers/2"]),
            (r#"{"providers":["openai"],"ttl_minutes":0}"#, vec!["/ttl_minutes"]),
            (r#"{"providers":["openai"],"ttl_minutes":241}"#, vec!["/ttl_minutes"]),
            (r#"{"providers":["openai"],"ttl_minutes":"60"}"#, vec!["/ttl_minutes"]),
            (r#"{"providers":["openai"],"ttl_minutes":60.5}"#, vec!["/ttl_minutes"]),
            (r#"{"providers":["aws"],"ttl_minutes":null}"#, vec!["/providers/0", "/ttl_minutes"]),
        ] {
            let errors = read(text).unwrap_err();
            let got: Vec<_> =
                errors.iter().map(|e| e["source"]["pointer"].as_str().unwrap()).collect();
            assert_eq!(got, pointers, "{text}");
        }
    }
}
