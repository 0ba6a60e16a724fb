//! What one exchange on an open connection came to.

use std::io::Write as _;
use std::rc::Rc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::line::Gauge;
use crate::engine::transport::{Failure, Response};
use crate::units::Nanos;

/// Interim answers (1xx) that one request may be given before it counts as broken.
pub(super) const MOST_INTERIM: u32 = 8;
/// Bytes of a head, usually.
const ROOM: usize = 512;

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
    /// Hands on what is to be said before the body, name and value: of what is said twice
    /// the later.
    fn each_field(&self, mut say: impl FnMut(&str, &[u8])) {
        let is_later = |from: usize, name: &str| {
            self.own[from..].iter().any(|own| own.0 == name && is_sent(own))
        };
        for (name, value) in self.common.iter() {
            if !is_later(0, name.as_str()) {
                say(name.as_str(), value.as_bytes());
            }
        }
        for (next, own) in (1..).zip(&self.own) {
            if is_sent(own) && !is_later(next, own.0) {
                say(own.0, own.1.as_bytes());
            }
        }
    }

    /// Whether the length of the body is said. Without a body only methods that usually have
    /// one do so (RFC 9110, 8.6).
    fn says_length(&self) -> bool {
        let usual = [http::Method::POST, http::Method::PUT, http::Method::PATCH];
        !self.body.is_empty() || usual.contains(&self.method)
    }

    /// What stands before the body, as HTTP/1.1 has it.
    pub(super) fn head(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(ROOM);
        let asked = self.uri.path_and_query().map_or("/", |asked| asked.as_str());
        for part in [self.method.as_str(), " ", asked, " HTTP/1.1\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
        self.each_field(|name, value| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        });
        if self.says_length() {
            // Memory takes whatever is written.
            let _ = write!(head, "content-length: {}\r\n", self.body.len());
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    /// What stands before the body, as HTTP/2 has it.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.common.len() + self.own.len() + 1);
        self.each_field(|name, value| {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                headers.insert(name, value);
            }
        });
        if self.says_length() {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        headers
    }
}

/// Whether a header of a request is sent: with a value that one may have (RFC 9110, 5.5), as
/// UTF-8 where one of data isn't ASCII. Its length is for the body to say.
fn is_sent((name, value): &(&'static str, String)) -> bool {
    *name != header::CONTENT_LENGTH
        && value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7F))
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
    /// Whether the server may have read any of it.
    pub(super) reached: bool,
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
        self.reached = gauge.reached.get();
        gauge.end();
    }
}

/// How a connection stands between two requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Ready for the next request.
    Ready,
    /// The server has closed it, or will.
    Closed,
    /// Bytes are there that no request has asked for.
    Unsolicited,
}

/// A request was given interim answers without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the target sent more than {MOST_INTERIM} interim answers (1xx) to one request")]
pub(super) struct TooManyInterim;

/// Why there is no answer.
pub(super) struct Lost {
    pub(super) failure: Failure,
    pub(super) again: Again,
}

/// Whether a request that got no answer may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// The server may have begun with it.
    Never,
    /// The server can't have begun with it, and the connection takes no more.
    Elsewhere,
    /// The server says that it didn't begin with it, and may take it now.
    Once,
}

impl Lost {
    pub(super) const fn broken(text: String) -> Self {
        Self { failure: Failure::Broken(text), again: Again::Never }
    }

    pub(super) const fn unsent(text: String) -> Self {
        Self { failure: Failure::Broken(text), again: Again::Elsewhere }
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
    /// `expected`: the length that the head says, if it does.
    pub(super) fn new(most: u64, expected: Option<u64>) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(
        method: http::Method,
        own: &[(&'static str, &str)],
        body: &'static [u8],
    ) -> Outgoing {
        let common = [("host", "a"), ("accept", "*/*")];
        let common = common
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        Outgoing {
            method,
            uri: http::Uri::from_static("/b?c=d"),
            common: Rc::new(common.into_iter().collect()),
            own: own.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            body: bytes::Bytes::from_static(body),
        }
    }

    #[test]
    fn what_is_said_twice_is_said_as_later_and_what_none_may_say_is_not_said() {
        let own = [
            ("x-a", "1"),
            ("accept", "mine"),
            ("x-a", "\u{e4}\t2"),
            ("x-b", "fine\r\nx-c: smuggled"),
            ("content-length", "99"),
        ];
        let outgoing = outgoing(http::Method::POST, &own, b"{}");
        let head = String::from_utf8(outgoing.head()).expect("as it was given");
        let lines = "host: a\r\naccept: mine\r\nx-a: \u{e4}\t2\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(head, format!("POST /b?c=d HTTP/1.1\r\n{lines}"));
        let headers = outgoing.headers();
        let said = |(name, value): (&HeaderName, &HeaderValue)| {
            [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat()
        };
        let over_http2: Vec<u8> = headers.iter().flat_map(said).collect();
        assert_eq!([over_http2.as_slice(), b"\r\n"].concat(), lines.as_bytes());
    }

    #[test]
    fn a_length_is_said_where_there_may_be_a_body() {
        let says = |method, body| {
            let head = outgoing(method, &[], body).head();
            String::from_utf8(head).expect("text").contains("content-length: ")
        };
        assert!(says(http::Method::POST, b"") && says(http::Method::DELETE, b"x"));
        assert!(!says(http::Method::GET, b""));
    }
}
