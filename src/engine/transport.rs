//! How a request leaves and its answer comes back: traits, so that tests need no network.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use http::HeaderMap;

use super::clock::LocalFuture;
use crate::measure::LineEvent;
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
    /// Given up by load-gate itself, which was ended: nobody knows what became of it.
    GivenUp,
    /// This machine could not send it: the target has no part in that.
    Local(String),
}

impl Failure {
    /// What happened, in words.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Timeout(text) | Self::Connect(text) | Self::Broken(text) | Self::Local(text) => {
                text
            }
            Self::GivenUp => "no longer awaited: the run was ended early",
        }
    }
}

/// How long the opening of a connection took that a request waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Name, TCP and TLS together.
    pub all: Nanos,
    /// The TCP handshake.
    pub tcp: Nanos,
    /// The TLS handshake.
    pub tls: Nanos,
}

impl std::ops::AddAssign for Opening {
    fn add_assign(&mut self, other: Self) {
        self.all += other.all;
        self.tcp += other.tcp;
        self.tls += other.tls;
    }
}

/// One request's way, measured on the engine's clock.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When it was handed to the network: to an open connection, or to the opening of one.
    pub sent: Nanos,
    /// Of what followed, how long a connection was being opened (zero on an open one):
    /// the name, TCP, TLS.
    pub opening: Opening,
    /// From the first byte of the request that was written to the last.
    pub sending: Nanos,
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

/// Where requests go: makes the transports, one a worker.
pub trait Network: Send + Sync {
    /// A transport for the thread that asks.
    ///
    /// # Errors
    /// When the system has no file descriptor to give.
    fn transport(&self) -> io::Result<Rc<dyn Transport>>;
}

/// Sends requests to one base URL. Belongs to one thread.
pub trait Transport {
    /// Sends `request` as a POST, once, and reads the answer to its end. Takes
    /// headers and body out of it. Nothing is sent before the future is polled.
    fn send(&self, request: &mut Request) -> LocalFuture<'static, Exchange>;
    /// Opens a connection, trying again until `within` is over.
    ///
    /// # Errors
    /// Why none could be opened, in words.
    fn reach(&self, within: Duration) -> LocalFuture<'_, Result<(), String>>;
    /// Opens connections ahead of the load, until so many are there or none more can be.
    fn open_ahead(&self, wanted: usize) -> LocalFuture<'_, ()>;
    /// Whether TLS is spoken where plain HTTP is sent to.
    fn meets_tls(&self) -> LocalFuture<'_, bool>;
    /// Looks for answers that have come.
    fn look(&self) {}
    /// Whoever says this looks again after `span`: if that is soon, answers may wait for it.
    fn rest(&self, _span: Nanos) {}
    /// How many answers are there that nobody has read yet.
    fn answered(&self) -> u64 {
        0
    }
    /// What the connections met since this was asked last.
    fn events(&self) -> Vec<LineEvent>;
    /// Closes what is idle, after a last look at what came unasked: `events` tells it.
    fn close(&self);
}
