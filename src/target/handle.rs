//! The way of a request through the server: freeze, read, mishaps, the endpoint, delay, out.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt;

use super::answer::Reply;
use super::call::Incoming;
use super::clock::http_date;
use super::endpoint::Endpoint;
use super::faults::Mishap;
use super::state::Server;
use super::wire::{Fate, Link};
use super::{credentials, health, onboarding, webhook};

/// The longest request body that is read, in bytes.
const LONGEST_BODY: usize = 1 << 20;
/// The longest one that is read to its end before it is refused.
const DRAINED: usize = 16 << 20;
/// What the second and third draw of a request are for; the first ones are mishaps.
const LATENCY_DRAWS: [u64; 2] = [101, 102];

/// What a path leads to.
#[derive(Clone, Copy)]
enum Route {
    Endpoint(Endpoint, fn(&Incoming<'_>) -> Reply),
    WrongMethod(&'static str),
    Nowhere,
}

fn route(method: &Method, path: &str) -> Route {
    let (wanted, endpoint, answer): (_, _, fn(&Incoming<'_>) -> Reply) = match path {
        "/api/v1/customers/onboard" => (Method::POST, Endpoint::Onboarding, onboarding::answer),
        "/api/v1/credentials/exchange" => {
            (Method::POST, Endpoint::CredentialVending, credentials::answer)
        }
        "/api/webhooks/stripe" => (Method::POST, Endpoint::Webhook, webhook::answer),
        "/api/health" => (Method::GET, Endpoint::Health, |call| health::answer(call, false)),
        "/health" => (Method::GET, Endpoint::Health, |call| health::answer(call, true)),
        _ => return Route::Nowhere,
    };
    if *method == wanted || (wanted == Method::GET && *method == Method::HEAD) {
        Route::Endpoint(endpoint, answer)
    } else {
        Route::WrongMethod(if wanted == Method::GET { "GET, HEAD" } else { "POST" })
    }
}

/// Answers one request.
pub(super) async fn handle(
    State(server): State<Arc<Server>>,
    ConnectInfo(link): ConnectInfo<Link>,
    request: Request<Body>,
) -> Response<Body> {
    link.decide(Fate::Sent);
    let route = route(request.method(), request.uri().path());
    let endpoint = match route {
        Route::Endpoint(endpoint, _) => endpoint,
        _ => Endpoint::Other,
    };
    server.thaw(endpoint).await;
    let ordinal = server.tally.request(endpoint);
    let (head, body) = request.into_parts();
    let body = read(body).await;
    let call = Incoming {
        server: &server,
        endpoint,
        ordinal,
        headers: &head.headers,
        body: body.as_deref().unwrap_or_default(),
        peer: link.peer().ip(),
        now: server.clock.now(),
    };
    if call.suffers(Mishap::Hang) {
        std::future::pending::<()>().await;
    }
    let answer = match route {
        _ if body.is_none() => {
            Reply::detail(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
        }
        Route::Nowhere => Reply::detail(StatusCode::NOT_FOUND, "Not Found"),
        Route::WrongMethod(allowed) => {
            Reply::detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
                .with(header::ALLOW, allowed)
        }
        Route::Endpoint(_, answer) => instead(&call).unwrap_or_else(|| answer(&call)),
    };
    delay(&call).await;
    server.thaw(endpoint).await;
    send(&call, &link, answer)
}

/// The bytes of `body`; none where they are too many or don't come to an end.
async fn read(mut body: Body) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.ok()?.into_data() else { continue };
        length += data.len();
        // Some more is read and dropped: closing on unread bytes would reset the
        // connection, and the caller might never see the answer.
        if length > DRAINED {
            return None;
        }
        if length <= LONGEST_BODY {
            bytes.extend_from_slice(&data);
        }
    }
    (length <= LONGEST_BODY).then_some(bytes)
}

/// The answer of a server that doesn't come to do anything.
fn instead(call: &Incoming<'_>) -> Option<Reply> {
    if call.suffers(Mishap::Status) {
        let status = StatusCode::from_u16(call.faults().status).ok()?;
        return Some(Reply::detail(status, status.canonical_reason().unwrap_or("Fault")));
    }
    if call.suffers(Mishap::Redirect) {
        let moved = Reply::detail(StatusCode::FOUND, "Found");
        return Some(moved.with(header::LOCATION, "/elsewhere"));
    }
    let failed = Reply::detail(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
    call.suffers(Mishap::Errors).then_some(failed)
}

async fn delay(call: &Incoming<'_>) {
    if let Some(latency) = call.faults().latency {
        let [u, v] = LATENCY_DRAWS.map(|purpose| call.draw(purpose));
        tokio::time::sleep(latency.sample(u, v).into()).await;
    }
}

fn send(call: &Incoming<'_>, link: &Link, answer: Reply) -> Response<Body> {
    if call.suffers(Mishap::Reset) {
        link.decide(Fate::Reset);
    } else {
        call.server.tally.answer(call.endpoint, answer.status.as_u16());
        if call.suffers(Mishap::Garbage) {
            link.decide(Fate::Garbage);
        } else if let Some(pause) = call.faults().slow_body {
            link.decide(Fate::Halved(pause));
        }
    }
    let (broken, oversized) = (call.suffers(Mishap::BrokenJson), call.suffers(Mishap::Oversized));
    let mut response = answer.into_response(broken, oversized);
    if let Ok(date) = HeaderValue::from_str(&http_date(call.server.clock.now())) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}
