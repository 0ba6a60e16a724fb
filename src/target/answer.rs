//! An answer before it goes out: status, headers and JSON.

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Value, json};

/// What oversized answers are padded by, in bytes.
const PADDING: usize = 2 << 20;

/// A JSON answer.
#[derive(Debug)]
pub(super) struct Reply {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its headers, beyond `Content-Type` and `Date`.
    pub(super) headers: HeaderMap,
    /// Its body.
    pub(super) body: Value,
}

impl Reply {
    /// `status` with `body`.
    pub(super) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, headers: HeaderMap::new(), body }
    }

    /// `{"errors":{"detail":…}}`, as the platform says what no endpoint says itself.
    pub(super) fn detail(status: StatusCode, detail: &str) -> Self {
        Self::new(status, json!({ "errors": { "detail": detail } }))
    }

    /// With one more header; a value that can't be one is left out.
    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike")]
    pub(super) fn with(mut self, name: HeaderName, value: impl ToString) -> Self {
        if let Ok(value) = HeaderValue::from_str(&value.to_string()) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Its bytes; `broken` cuts those of a success in half, `oversized` pads them.
    pub(super) fn into_response(self, broken: bool, oversized: bool) -> Response<Body> {
        let mut bytes = self.body.to_string().into_bytes();
        if self.status.is_success() {
            if oversized && bytes.pop().is_some() {
                bytes.extend_from_slice(b",\"padding\":\"");
                bytes.resize(bytes.len() + PADDING, b'x');
                bytes.extend_from_slice(b"\"}");
            }
            if broken {
                bytes.truncate(bytes.len() / 2);
            }
        }
        let mut response = Response::new(Body::from(Bytes::from(bytes)));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}
