//! What one exchange on an open connection came to.

use std::rc::Rc;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::line::Gauge;
use crate::engine::transport::{Failure, Response};
use crate::units::Nanos;

/// A request, as often as it has to be put together.
pub(super) struct Outgoing {
    pub(super) method: http::Method,
    pub(super) uri: http::Uri,
    /// What every request says, and what only this one does.
    pub(super) common: Rc<HeaderMap>,
    pub(super) own: Vec<(&'static str, String)>,
    pub(super) body: bytes::Bytes,
}

impl Outgoing {
    /// What is to be said before the body.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.common.len() + self.own.len() + 1);
        for (name, value) in self.common.iter() {
            headers.insert(name, value.clone());
        }
        for (name, value) in &self.own {
            // As UTF-8, where a value of data isn't ASCII.
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        // Without a body only methods that usually have one say so (RFC 9110, 8.6).
        let usual = [http::Method::POST, http::Method::PUT, http::Method::PATCH];
        if !self.body.is_empty() || usual.contains(&self.method) {
            headers.insert(http::header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        headers
    }
}

/// How far it came, even when the rest never does.
#[derive(Default)]
pub(super) struct Seen {
    /// Who counts the bytes, and what it had counted before.
    counted: Option<(Rc<Gauge>, u64, u64)>,
    pub(super) first_write: Option<Nanos>,
    pub(super) last_write: Option<Nanos>,
    pub(super) first_byte: Option<Nanos>,
    /// Where the connection was this exchange's own.
    pub(super) last_byte: Option<Nanos>,
    pub(super) sent: u64,
    pub(super) received: u64,
}

impl Seen {
    /// What `gauge` counts from now on is this exchange's.
    pub(super) fn follow(&mut self, gauge: &Rc<Gauge>) {
        gauge.begin();
        self.counted = Some((Rc::clone(gauge), gauge.written.get(), gauge.read.get()));
    }

    /// Takes over what was counted, whatever became of the exchange.
    pub(super) fn settle(&mut self) {
        let Some((gauge, written, read)) = self.counted.take() else { return };
        self.first_write = gauge.first_write.get();
        self.last_write = gauge.last_write.get();
        self.first_byte = gauge.first_read.get();
        self.last_byte = gauge.last_read.get();
        self.sent = gauge.written.get() - written;
        self.received = gauge.read.get() - read;
        gauge.end();
    }
}

/// Why there is no answer.
pub(super) struct Lost {
    pub(super) failure: Failure,
    /// Whether the server can't have begun with the request: another connection may
    /// take it.
    pub(super) unsent: bool,
}

impl Lost {
    pub(super) const fn broken(text: String) -> Self {
        Self { failure: Failure::Broken(text), unsent: false }
    }

    pub(super) const fn unsent(text: String) -> Self {
        Self { failure: Failure::Broken(text), unsent: true }
    }
}

/// Bytes of header lines: name, `: `, value, CR LF.
pub(super) fn head_size(headers: &HeaderMap) -> u64 {
    headers.iter().map(|(name, value)| (name.as_str().len() + value.len() + 4) as u64).sum()
}

/// A body as it comes, up to a cap.
pub(super) struct Collected {
    bytes: Vec<u8>,
    most: u64,
    over: bool,
}

impl Collected {
    /// `expected`: what the head says of the length.
    pub(super) fn new(most: u64, headers: &HeaderMap) -> Self {
        let expected = headers.get(http::header::CONTENT_LENGTH);
        let expected: Option<u64> = expected.and_then(|length| length.to_str().ok()?.parse().ok());
        // A length that lies costs no more than a page or two.
        let room = expected.unwrap_or(0).min(most).min(8 * 1024);
        Self { bytes: Vec::with_capacity(room as usize), most, over: false }
    }

    /// Adds a piece; `false`: the cap is passed, and nothing more is wanted.
    pub(super) fn add(&mut self, piece: &[u8]) -> bool {
        self.over = (self.bytes.len() + piece.len()) as u64 > self.most;
        if !self.over {
            self.bytes.extend_from_slice(piece);
        }
        !self.over
    }

    pub(super) fn response(self, status: u16, headers: HeaderMap) -> Response {
        Response { status, headers, body: (!self.over).then_some(self.bytes) }
    }
}
