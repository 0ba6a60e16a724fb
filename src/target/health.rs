//! `GET /api/health` and `GET /health`.

use http::StatusCode;
use serde_json::json;

use super::answer::Reply;
use super::call::Incoming;
use super::faults::Mishap;

/// Says how the server is. `open` is `GET /health`: no key is looked at, and a
/// degraded server answers 200 too.
pub(super) fn answer(call: &Incoming<'_>, open: bool) -> Reply {
    let degraded = call.suffers(Mishap::Unhealthy);
    let (health, database) =
        if degraded { ("degraded", "unhealthy") } else { ("healthy", "healthy") };
    let status = if degraded && !open { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let mut body = json!({
        "status": health,
        "services": { "database": database, "cache": "healthy", "queue": "healthy" },
    });
    if call.suffers(Mishap::MissingField)
        && let Some(fields) = body.as_object_mut()
    {
        fields.remove("status");
    }
    let answer = Reply::new(status, body);
    if open || !call.headers.contains_key("x-api-key") {
        return answer;
    }
    match call.authenticate() {
        Ok(caller) => caller.stamp(answer),
        Err(refusal) => refusal,
    }
}
