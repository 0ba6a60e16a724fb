//! `POST /api/v1/customers/onboard`: creates a customer and hands out its key.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Reply;
use super::call::Incoming;
use super::faults::Mishap;

/// The first customer's number.
pub(super) const FIRST_CUSTOMER: u64 = 4_711;
/// The domain whose addresses, and those below it, are refused as disposable.
const DISPOSABLE: &str = "example.com";

/// Limits first (a refused e-mail has used quota), then checks, then creates.
pub(super) fn answer(call: &Incoming<'_>) -> Reply {
    if !call.server.onboarding.ask(&address(call), call.now).admitted {
        let status = StatusCode::TOO_MANY_REQUESTS;
        return refusal(status, "RATE_LIMITED", "Too many requests. Please try again later.");
    }
    let request = call.json();
    let text = |field: &str| request.get(field).and_then(Value::as_str).unwrap_or_default();
    let (name, email) = (text("name"), text("email"));
    if let Err(message) = validate(call, name, email) {
        return refusal(StatusCode::UNPROCESSABLE_ENTITY, "VALIDATION_FAILED", message);
    }
    created(call, name, email)
}

/// Who is calling: the first entry of `X-Forwarded-For`, where the caller's word counts.
fn address(call: &Incoming<'_>) -> String {
    let forwarded = call.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let first = forwarded.and_then(|list| list.split(',').next()).map_or("", str::trim);
    if first.is_empty() || !call.faults().spoofable {
        return call.peer.to_string();
    }
    // No address is longer; what is only costs memory.
    first.chars().take(64).collect()
}

fn validate(call: &Incoming<'_>, name: &str, email: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() {
        return Err("name can't be blank");
    }
    if !call.faults().email_check {
        return Ok(());
    }
    if email.is_empty() {
        return Err("email can't be blank");
    }
    let email = email.to_lowercase();
    let domain = domain(&email).ok_or("email has invalid format")?;
    if domain == DISPOSABLE || domain.ends_with(&format!(".{DISPOSABLE}")) {
        return Err("email address from temporary/disposable email providers is not allowed");
    }
    let mut taken = call.server.emails.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.recall(&email) { Err("email has already been taken") } else { Ok(()) }
}

/// The domain of `email`; none where it is malformed.
fn domain(email: &str) -> Option<&str> {
    let (local, domain) = email.split_once('@')?;
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | ',' | ';');
    let labels = domain.split('.').all(|label| !label.is_empty());
    let fine = !local.is_empty() && labels && domain.contains('.') && email.len() <= 254;
    (fine && !local.contains(bad) && !domain.contains(bad)).then_some(domain)
}

fn created(call: &Incoming<'_>, name: &str, email: &str) -> Reply {
    let id = FIRST_CUSTOMER + call.server.customers.fetch_add(1, Ordering::Relaxed);
    call.server.tally.lock().customers += 1;
    let wrong = call.suffers(Mishap::WrongEcho);
    let (name, email) =
        if wrong { ("Somebody Else", "somebody.else@loadtest.test") } else { (name, email) };
    let mut body = json!({
        "customer": {
            "id": id,
            "name": name,
            "email": email,
            "trial_fixes_limit": 5,
            "trial_fixes_used": 0,
            "subscription_type": "trial",
        },
    });
    if !call.suffers(Mishap::MissingField) {
        body["api_key"] = Value::String(call.server.keyring.key(id));
    }
    Reply::new(StatusCode::CREATED, body)
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Reply {
    Reply::new(status, json!({ "error": { "message": message, "code": code } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        assert_eq!(domain("a@loadtest.test"), Some("loadtest.test"));
        assert_eq!(domain("a+b.c@sub.loadtest.test"), Some("sub.loadtest.test"));
        for bad in
            ["", "a", "@b.c", "a@", "a@b", "a@b..c", "a@.b", "a@b.", "a b@c.d", "a@b@c.d", "a@b .c"]
        {
            assert_eq!(domain(bad), None, "{bad}");
        }
    }
}
