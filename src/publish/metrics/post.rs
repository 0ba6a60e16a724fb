//! One request to a receiver of metrics, and what its answer means.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, StatusCode};

use crate::config::Access;
use crate::secret::excerpt;

/// The longest that an answer is awaited.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a refusal that are read for its reason.
const EXCERPT: usize = 2048;

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was taken.
    Taken,
    /// It may be sent again, not before so long.
    Later(Option<Duration>, String),
    /// It will never be taken.
    Never(String),
}

/// A client that follows nothing: a redirect could carry credentials elsewhere.
pub(super) fn client() -> reqwest::Result<Client> {
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .timeout(PATIENCE)
        .connect_timeout(PATIENCE)
        .build()
}

/// Sends `body`; the answer's meaning is that of remote write 1.0 and of OTLP: 5xx and 429
/// may be sent again, any other 4xx must not.
pub(super) async fn send(
    client: &Client,
    method: Method,
    url: &str,
    headers: &[(&'static str, &str)],
    access: &Access,
    body: Vec<u8>,
) -> Sent {
    let mut request = client.request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = match identified(request, access).send().await {
        Ok(answer) => answer,
        Err(error) => return Sent::Later(None, why(&error)),
    };
    let status = answer.status();
    if status.is_success() {
        return Sent::Taken;
    }
    let wait = answer.headers().get(RETRY_AFTER).and_then(seconds);
    let text = beginning(answer).await;
    let said = excerpt(&text, 200, &access.secrets());
    let reason =
        if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        Sent::Later(wait, reason)
    } else {
        Sent::Never(reason)
    }
}

fn identified(mut request: RequestBuilder, access: &Access) -> RequestBuilder {
    for (name, value) in access.to_headers() {
        // The config refuses what no header can carry.
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value.expose());
        if let (Ok(name), Ok(mut value)) = (name, value) {
            value.set_sensitive(true);
            request = request.header(name, value);
        }
    }
    request
}

/// `Retry-After` in seconds, at most a minute; dates are not waited for.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    let seconds: u64 = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds.min(60)))
}

/// The beginning of a refusal, however long it is.
async fn beginning(mut answer: reqwest::Response) -> String {
    let mut text = Vec::new();
    while text.len() < EXCERPT {
        match answer.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            _ => break,
        }
    }
    text.truncate(EXCERPT);
    String::from_utf8_lossy(&text).into_owned()
}

fn why(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
