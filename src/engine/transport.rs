//! How a request leaves and its answer comes back: a trait, so that tests need no network.

use std::time::Duration;

use http::HeaderMap;

use super::clock::BoxFuture;
use crate::scenario::Request;
use crate::units::Nanos;

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; `None`: over the cap, not read further.
    pub body: Option<Vec<u8>>,
}

/// Why there is no whole answer. Texts never hold a secret or a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not whole within the timeout.
    Timeout(String),
    /// No connection could be opened.
    Connect(String),
    /// The connection was lost, or what came wasn't HTTP.
    Broken(String),
}

impl Failure {
    /// What happened, in words.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Timeout(text) | Self::Connect(text) | Self::Broken(text) => text,
        }
    }
}

/// One request's way, measured on the engine's clock.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When the answer's head was there (`done` when there was none).
    pub first_byte: Nanos,
    /// When the answer was whole, or given up.
    pub done: Nanos,
    /// Bytes of the request: head and body, without TLS.
    pub bytes_sent: u32,
    /// Bytes of the answer, likewise, as far as it came.
    pub bytes_received: u32,
    /// The answer, or why there is none.
    pub result: Result<Response, Failure>,
}

/// What the connections did so far.
pub(super) type ConnectionFigures = crate::measure::Connections;

/// Sends requests to one base URL.
pub trait Transport: Send + Sync {
    /// Sends `request` as a POST, once, and reads the answer to its end. Takes the
    /// body out of it.
    fn send(&self, request: &mut Request) -> BoxFuture<'static, Exchange>;
    /// Opens a connection, trying again until `within` is over.
    ///
    /// # Errors
    /// Why none could be opened, in words.
    fn reach(&self, within: Duration) -> BoxFuture<'_, Result<(), String>>;
    /// What the connections did so far.
    fn connections(&self) -> ConnectionFigures;
}
