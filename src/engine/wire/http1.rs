//! One HTTP/1.1 connection, driven by whoever sends on it: an idle one costs nothing.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;

use super::answer::{Collected, Lost, Outgoing, Seen};
use super::line::{Gauge, Line, MOST_INTERIM, TooManyInterim};
use crate::engine::platform;
use crate::engine::transport::{Failure, Response};
use crate::units::Nanos;

type Driven = Connection<TokioIo<Line>, Full<Bytes>>;

/// How an idle connection is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Ready for the next request.
    Ready,
    /// The server has closed it.
    Closed,
    /// Bytes are there that no request has asked for.
    Unsolicited,
}

/// A connection that takes one request after another.
pub(super) struct Http1 {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<Driven>>,
    gauge: Rc<Gauge>,
    /// Since when it has been idle.
    pub(super) idle_since: Nanos,
    /// How long the server said it keeps it.
    pub(super) kept_for: Option<Nanos>,
}

impl Http1 {
    /// # Errors
    /// Never seen: nothing is sent yet.
    pub(super) async fn on(line: Line, now: Nanos) -> Result<Self, Lost> {
        let gauge = Rc::clone(line.gauge());
        let opened = Builder::new().handshake(TokioIo::new(line)).await;
        let (sender, connection) = opened.map_err(|e| Lost::unsent(e.to_string()))?;
        let connection = Box::pin(connection);
        Ok(Self { sender, connection, gauge, idle_since: now, kept_for: None })
    }

    /// Whether another request may follow at once.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    /// Looks at what came on it while nobody had asked for anything.
    pub(super) fn look(&mut self) -> Found {
        let before = self.gauge.read.get();
        let context = &mut Context::from_waker(Waker::noop());
        let gauge = Rc::clone(&self.gauge);
        let ended = gauge.looking(|| self.connection.as_mut().poll(context));
        match ended {
            Poll::Pending if self.sender.is_ready() => Found::Ready,
            // Bytes left over from the last answer are bytes too, read long ago.
            _ if self.gauge.read.get() > before => Found::Unsolicited,
            Poll::Ready(Err(error)) if is_unexpected(&error) => Found::Unsolicited,
            _ => Found::Closed,
        }
    }

    /// Sends a request and reads the answer to its end.
    pub(super) async fn exchange(
        &mut self,
        outgoing: &Outgoing,
        most: u64,
        seen: &mut Seen,
    ) -> Result<Response, Lost> {
        seen.follow(&self.gauge);
        let result = self.exchange_counted(outgoing, most).await;
        seen.settle();
        // All of them may have come in one piece with the answer, so that no read saw them.
        if self.gauge.interim.load(Ordering::Relaxed) > MOST_INTERIM {
            return Err(Lost::broken(TooManyInterim.to_string()));
        }
        result.map_err(|error| lost(&error, seen))
    }

    async fn exchange_counted(
        &mut self,
        outgoing: &Outgoing,
        most: u64,
    ) -> Result<Response, hyper::Error> {
        let mut request = http::Request::new(Full::new(outgoing.body.clone()));
        *request.method_mut() = outgoing.method.clone();
        *request.uri_mut() = outgoing.uri.clone();
        *request.headers_mut() = outgoing.headers();
        let interim = Arc::clone(&self.gauge.interim);
        hyper::ext::on_informational(&mut request, move |_| {
            interim.fetch_add(1, Ordering::Relaxed);
        });
        let mut answering = std::pin::pin!(self.sender.send_request(request));
        let connection = &mut self.connection;
        let answer = std::future::poll_fn(|context| {
            let ended = connection.as_mut().poll(context);
            match (answering.as_mut().poll(context), ended) {
                (Poll::Ready(answer), _) => Poll::Ready(answer),
                // Its error is the connection's, which the answer's future may not hear.
                (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Err(error)),
                (Poll::Pending, _) => Poll::Pending,
            }
        })
        .await?;
        let (head, body) = answer.into_parts();
        self.kept_for = kept_for(&head.headers);
        let mut collected = Collected::new(most, &head.headers);
        collect(connection, body, &mut collected).await?;
        Ok(collected.response(head.status.as_u16(), head.headers))
    }
}

/// Reads a body while driving its connection.
async fn collect(
    connection: &mut Pin<Box<Driven>>,
    mut body: Incoming,
    collected: &mut Collected,
) -> Result<(), hyper::Error> {
    while !body.is_end_stream() {
        let frame = std::future::poll_fn(|context| {
            if let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(context) {
                return Poll::Ready(frame);
            }
            let ended = connection.as_mut().poll(context);
            match (Pin::new(&mut body).poll_frame(context), ended) {
                (Poll::Ready(frame), _) => Poll::Ready(frame),
                (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(Some(Err(error))),
                (Poll::Pending, _) => Poll::Pending,
            }
        })
        .await;
        let Some(frame) = frame.transpose()? else { break };
        if frame.data_ref().is_some_and(|piece| !collected.add(piece)) {
            break;
        }
    }
    Ok(())
}

/// `Keep-Alive: timeout=5`: how long the server keeps an idle connection.
fn kept_for(headers: &http::HeaderMap) -> Option<Nanos> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let parameters = value.split(',').filter_map(|parameter| parameter.split_once('='));
    let mut timeouts = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"));
    let seconds: u32 = timeouts.next()?.1.trim().trim_matches('"').parse().ok()?;
    Some(Nanos::from_secs(u64::from(seconds)))
}

fn is_unexpected(error: &hyper::Error) -> bool {
    // The one kind that hyper has no question for.
    error.to_string().contains("unexpected message")
}

/// What became of a request that a connection was lost with.
fn lost(error: &hyper::Error, seen: &Seen) -> Lost {
    let io = std::error::Error::source(error).and_then(|e| e.downcast_ref::<std::io::Error>());
    if let Some(io) = io {
        if let Some(local) = platform::local_trouble(io) {
            return Lost { failure: Failure::Local(local), unsent: false };
        }
        if let Some(interim) = io.get_ref().and_then(|e| e.downcast_ref::<TooManyInterim>()) {
            return Lost::broken(interim.to_string());
        }
    }
    let unsent = seen.sent == 0;
    let none = seen.received == 0;
    let how_far = match (unsent, none) {
        (true, _) => "before a byte of the request was written",
        (false, true) => {
            "while the request was on its way: not a byte of an answer came, and nobody can tell \
             whether it was carried out"
        }
        (false, false) => "in the middle of the answer",
    };
    let text = if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        format!("the server closed the connection {how_far}")
    } else if let Some(io) = io {
        match io.kind() {
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe => {
                format!("the server reset the connection {how_far} ({io})")
            }
            std::io::ErrorKind::UnexpectedEof => {
                format!("the server closed the connection {how_far} ({io})")
            }
            _ => format!("the connection was lost {how_far} ({io})"),
        }
    } else if error.is_parse() {
        format!("malformed HTTP: {error}")
    } else {
        error.to_string()
    };
    Lost { failure: Failure::Broken(text), unsent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_server_keeps_a_connection_is_read() {
        let with = |value: &'static str| {
            kept_for(&http::HeaderMap::from_iter([(
                http::HeaderName::from_static("keep-alive"),
                http::HeaderValue::from_static(value),
            )]))
        };
        assert_eq!(with("timeout=5"), Some(Nanos::from_secs(5)));
        assert_eq!(with("max=100, Timeout = \"1\""), Some(Nanos::from_secs(1)));
        assert_eq!(with("max=100"), None);
        assert_eq!(with("timeout=soon"), None);
    }
}
