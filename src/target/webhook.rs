//! `POST /api/webhooks/stripe`: accepts signed events, repeated ones too.

use std::sync::PoisonError;

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::Reply;
use super::call::Incoming;
use super::faults::{Mishap, SignatureCheck};
use super::signature::{self, BadSignature};

/// Limits first (the limiter stands before the endpoint), then checks the signature.
pub(super) fn answer(call: &Incoming<'_>) -> Reply {
    if !call.server.webhook.ask("", call.now).admitted {
        return refusal(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded");
    }
    let headers: Vec<&[u8]> =
        call.headers.get_all("stripe-signature").iter().map(http::HeaderValue::as_bytes).collect();
    let seconds = call.now.0 / 1_000_000_000;
    let checked = match call.faults().signature {
        SignatureCheck::Off => Ok(()),
        check => signature::verify(&call.server.webhook_secret, &headers, call.body, seconds)
            .and(if check == SignatureCheck::Reject { Err(BadSignature::Invalid) } else { Ok(()) }),
    };
    let reject = call.faults().signature == SignatureCheck::Reject;
    match checked {
        Err(BadSignature::Missing) => refusal(StatusCode::UNAUTHORIZED, "Missing signature"),
        Err(BadSignature::Expired) if !reject => {
            refusal(StatusCode::BAD_REQUEST, "Signature expired")
        }
        Err(_) => refusal(StatusCode::UNAUTHORIZED, "Invalid signature"),
        Ok(()) => accept(call),
    }
}

fn accept(call: &Incoming<'_>) -> Reply {
    let event = call.json();
    let Some(id) = event.get("id").and_then(Value::as_str) else {
        return refusal(StatusCode::BAD_REQUEST, "Invalid payload");
    };
    let repeated = call.server.events.lock().unwrap_or_else(PoisonError::into_inner).recall(id);
    let mut counts = call.server.tally.lock();
    if repeated {
        counts.duplicates += 1;
    } else {
        counts.events += 1;
    }
    drop(counts);
    let missing = call.suffers(Mishap::MissingField);
    Reply::new(StatusCode::OK, if missing { json!({}) } else { json!({ "status": "success" }) })
}

fn refusal(status: StatusCode, error: &str) -> Reply {
    Reply::new(status, json!({ "error": error }))
}
