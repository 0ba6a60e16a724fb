//! One HTTP/1.1 connection, driven by whoever sends on it: an idle one costs nothing.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use http::header::{HeaderMap, HeaderName};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::answer::{Again, Lost, Outgoing, Seen, Standing};
use super::framing::{Framing, Malformed};
use super::line::{LOOK, Line};
use super::words;
use crate::engine::platform;
use crate::engine::transport::{Failure, Response};
use crate::units::Nanos;

/// Bytes read at once.
const READ: usize = 16 * 1024;
/// Reads of an answer that came before its request was whole.
const EARLY: u32 = 16;
/// 101: what follows is no HTTP.
const SWITCHING: u16 = 101;
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Where a worker's connections read to, one at a time: what is read is made something of
/// before another reads.
#[derive(Clone)]
pub(super) struct Room(Rc<RefCell<Box<[u8]>>>);

impl Default for Room {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(vec![0; READ].into())))
    }
}

/// A connection that takes one request after another.
pub(super) struct Http1 {
    line: Line,
    room: Room,
    /// As the last answer left it.
    state: Standing,
    /// Since when it has been idle.
    pub(super) idle_since: Nanos,
    /// How long the server said it keeps it.
    pub(super) kept_for: Option<Nanos>,
    /// Whether all of the last request went out on it, and its answer left it to HTTP.
    whole: bool,
}

impl Http1 {
    pub(super) const fn on(line: Line, room: Room, now: Nanos) -> Self {
        Self { line, room, state: Standing::Ready, idle_since: now, kept_for: None, whole: true }
    }

    /// How it stands by what was read so far.
    pub(super) const fn state(&self) -> Standing {
        self.state
    }

    /// Looks at what came on it while nobody had asked for anything.
    pub(super) fn look(&mut self) -> Standing {
        if self.state == Standing::Ready {
            self.state = self.look_on();
        }
        self.state
    }

    /// What came since the last answer, though no other is to follow.
    pub(super) fn look_on(&mut self) -> Standing {
        let gauge = Rc::clone(self.line.gauge());
        let context = &mut Context::from_waker(Waker::noop());
        // Of an answer that was the last, old servers may send a line's end late.
        let last = self.state == Standing::Closed;
        let came = |bytes: &[u8]| {
            let ends = last && bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
            !bytes.is_empty() && !ends && !says_farewell(bytes)
        };
        match gauge.looking(LOOK, || self.poll_read(context, came)) {
            Poll::Pending => Standing::Ready,
            Poll::Ready(Ok(true)) => Standing::Unsolicited,
            Poll::Ready(_) => Standing::Closed,
        }
    }

    /// Says that no other request follows: a server that waits for that waits no longer.
    pub(super) fn leave(&mut self) {
        // What TLS can't say now it need not say.
        let _ = Pin::new(&mut self.line).poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }

    /// Whether all of the last request went out on it.
    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Sends a request and reads the answer to its end.
    pub(super) async fn exchange(
        &mut self,
        outgoing: &Outgoing,
        most: u64,
        seen: &mut Seen,
    ) -> Result<Response, Lost> {
        seen.follow(self.line.gauge());
        let mut sending =
            Sending { head: outgoing.head(), body: &outgoing.body, sent: 0, done: false };
        let mut framing = Framing::of(&outgoing.method, most);
        let came =
            std::future::poll_fn(|context| self.poll_exchange(context, &mut sending, &mut framing));
        let came = came.await;
        seen.settle();
        let whole = came.and_then(|()| framing.take().ok_or(Broken::Closed));
        let (response, state) = whole.map_err(|broken| broken.lost(seen))?;
        // What is left of a request is no beginning of the next one.
        // What another protocol begins with is for nobody here.
        self.whole = sending.done && response.status != SWITCHING;
        self.state = if self.whole { state } else { Standing::Closed };
        self.kept_for = kept_for(&response.headers);
        // Its server began to wait no later.
        self.idle_since = seen.last_byte.unwrap_or(self.idle_since);
        Ok(response)
    }

    fn poll_exchange(
        &mut self,
        context: &mut Context<'_>,
        sending: &mut Sending<'_>,
        framing: &mut Framing,
    ) -> Poll<Result<(), Broken>> {
        if let Poll::Ready(Err(error)) = sending.poll(context, &mut self.line) {
            // Who doesn't want all of a request may have said so.
            let gauge = Rc::clone(self.line.gauge());
            let answered = sending.sent > 0
                && gauge.looking(EARLY, || {
                    matches!(self.poll_answer(context, framing), Poll::Ready(Ok(())))
                });
            return Poll::Ready(if answered { Ok(()) } else { Err(Broken::Io(error)) });
        }
        self.poll_answer(context, framing)
    }

    /// Reads until the answer is whole.
    fn poll_answer(
        &mut self,
        context: &mut Context<'_>,
        framing: &mut Framing,
    ) -> Poll<Result<(), Broken>> {
        loop {
            let read = self.poll_read(context, |piece| {
                // Nothing more will come.
                if piece.is_empty() {
                    framing.ends().map(Some)
                } else {
                    framing.add(piece).map(|whole| whole.then_some(true))
                }
            });
            match ready!(read).map_err(Broken::Io)?.map_err(Broken::Malformed)? {
                Some(true) => return Poll::Ready(Ok(())),
                Some(false) => return Poll::Ready(Err(Broken::Closed)),
                None => {}
            }
        }
    }

    /// What `then` makes of what came next.
    fn poll_read<T>(
        &mut self,
        context: &mut Context<'_>,
        then: impl FnOnce(&[u8]) -> T,
    ) -> Poll<io::Result<T>> {
        let mut room = self.room.0.borrow_mut();
        let mut buffer = ReadBuf::new(&mut room);
        ready!(Pin::new(&mut self.line).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(then(buffer.filled())))
    }
}

/// A request on its way.
struct Sending<'a> {
    head: Vec<u8>,
    body: &'a [u8],
    sent: usize,
    /// Whether all of it is with the kernel: TLS may hold some of what it took.
    done: bool,
}

impl Sending<'_> {
    fn left(&self) -> usize {
        self.head.len() + self.body.len() - self.sent
    }

    fn poll(&mut self, context: &mut Context<'_>, line: &mut Line) -> Poll<io::Result<()>> {
        let mut line = Pin::new(line);
        if self.done {
            return Poll::Ready(Ok(()));
        }
        while self.left() > 0 {
            let head = &self.head[self.sent.min(self.head.len())..];
            let body = &self.body[self.sent.saturating_sub(self.head.len())..];
            let slices = &[IoSlice::new(head), IoSlice::new(body)];
            let sent = ready!(line.as_mut().poll_write_vectored(context, slices))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += sent;
        }
        ready!(line.poll_flush(context))?;
        self.done = true;
        Poll::Ready(Ok(()))
    }
}

/// Whether a server says that it waits for no other request: some proxies answer an
/// idle connection with 408 before they close it (RFC 9110, 15.5.9).
fn says_farewell(bytes: &[u8]) -> bool {
    let version = |minor: u8| bytes.starts_with(&[&b"HTTP/1."[..], &[minor], b" 408 "].concat());
    version(b'0') || version(b'1')
}

/// `Keep-Alive: timeout=5`: how long the server keeps an idle connection.
fn kept_for(headers: &HeaderMap) -> Option<Nanos> {
    let value = headers.get(KEEP_ALIVE)?.to_str().ok()?;
    let parameters = value.split(',').filter_map(|parameter| parameter.split_once('='));
    let mut timeouts = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"));
    let seconds: u32 = timeouts.next()?.1.trim().trim_matches('"').parse().ok()?;
    Some(Nanos::from_secs(u64::from(seconds)))
}

/// Why there is no whole answer.
enum Broken {
    /// The connection ended before.
    Closed,
    Io(io::Error),
    Malformed(Malformed),
}

impl Broken {
    /// What became of a request that a connection was lost with.
    fn lost(self, seen: &Seen) -> Lost {
        let again = if seen.reached { Again::Never } else { Again::Elsewhere };
        let how_far = match (seen.reached, seen.received == 0) {
            (false, _) => "before a byte of the request was written",
            (true, true) => {
                "while the request was on its way: not a byte of an answer came, and nobody can \
                 tell whether it was carried out"
            }
            (true, false) => "in the middle of the answer",
        };
        let io = match self {
            Self::Closed => {
                let text = format!("the server closed the connection {how_far}");
                return Lost { failure: Failure::Broken(text), again };
            }
            Self::Malformed(Malformed::Interim(flood)) => return Lost::broken(flood.to_string()),
            Self::Malformed(malformed) => {
                let what = if malformed.is_too_much() {
                    "more than load-gate takes"
                } else {
                    "malformed HTTP"
                };
                return Lost::broken(format!("{what}: {malformed}"));
            }
            Self::Io(io) => io,
        };
        if let Some(local) = platform::local_trouble(&io) {
            return Lost { failure: Failure::Local(local), again: Again::Never };
        }
        if let Some(text) = words::wants_certificate(&io) {
            return Lost { failure: Failure::Connect(text), again: Again::Never };
        }
        // TLS that nobody ended: its own words are a page in the web.
        if io.kind() == io::ErrorKind::UnexpectedEof {
            let text =
                format!("the server closed the connection {how_far} (without a close_notify)");
            return Lost { failure: Failure::Broken(text), again };
        }
        let happened = match io.kind() {
            io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
                "the server reset the connection"
            }
            _ => "the connection was lost",
        };
        Lost { failure: Failure::Broken(format!("{happened} {how_far} ({io})")), again }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TLS writes a long request in parts, and tells of the part that failed alone.
    #[test]
    fn what_went_out_before_a_write_failed_is_not_sent_again() {
        let lost = |reached| {
            let mut seen = Seen::default();
            seen.reached = reached;
            let lost = Broken::Io(io::ErrorKind::BrokenPipe.into()).lost(&seen);
            let Failure::Broken(text) = lost.failure else { panic!("not the server's doing") };
            (
                lost.again == Again::Elsewhere,
                text.contains("before a byte of the request was written"),
            )
        };
        assert_eq!([lost(false), lost(true)], [(true, true), (false, false)]);
    }

    #[test]
    fn how_tls_ended_is_told_in_words() {
        let lost = |error| {
            let mut seen = Seen::default();
            (seen.reached, seen.received) = (true, 9);
            Broken::Io(error).lost(&seen).failure
        };
        // As a server's end without a farewell is told, with a page in the web.
        let ended = lost(io::Error::new(io::ErrorKind::UnexpectedEof, "see https://docs.rs/"));
        let text =
            "the server closed the connection in the middle of the answer (without a close_notify)";
        assert_eq!(ended, Failure::Broken(text.to_owned()));
        let alert = rustls::AlertDescription::CertificateRequired;
        let refused = lost(io::Error::other(rustls::Error::AlertReceived(alert)));
        assert!(
            matches!(refused, Failure::Connect(text) if text.starts_with("the server wants a client"))
        );
    }

    #[test]
    fn how_long_a_server_keeps_a_connection_is_read() {
        let with = |value: &'static str| {
            kept_for(&HeaderMap::from_iter([(
                HeaderName::from_static("keep-alive"),
                http::HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(with("timeout=5"), Some(Nanos::from_secs(5)));
        assert_eq!(with("max=100, Timeout = \"1\""), Some(Nanos::from_secs(1)));
        assert_eq!(with("max=100"), None);
        assert_eq!(with("timeout=soon"), None);
    }
}
