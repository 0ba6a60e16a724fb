//! One HTTP/2 connection, shared by the requests of a worker.

mod driven;

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use tokio::task::{AbortHandle, spawn_local};

use self::driven::{Driven, Flooded, Heard};
use super::answer::{
    Again, Collected, Lost, MOST_INTERIM, Outgoing, Seen, TooManyInterim, head_size,
};
use super::line::Line;
use super::words;
use crate::engine::clock::Clock;
use crate::engine::platform;
use crate::engine::transport::{Failure, Response};

/// What a stream, and a connection, may send before it is read: a mebibyte.
const WINDOW: u32 = 1 << 20;
/// The longest head of an answer that is taken.
const MOST_HEAD: u32 = 64 * 1024;

/// A connection that takes many requests at once.
pub(super) struct Http2 {
    sender: SendRequest<Bytes>,
    driven: Rc<Driven>,
    /// Requests under way on it.
    streams: Cell<usize>,
    driving: AbortHandle,
}

impl Http2 {
    /// # Errors
    /// When the server doesn't begin as HTTP/2 does.
    pub(super) async fn on(line: Line) -> Result<Rc<Self>, Lost> {
        // Answers to many come together, and what comes may ask for something.
        let at_once = line.urgent();
        let (line, heard) = Heard::on(line);
        let opened = h2::client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(MOST_HEAD)
            .enable_push(false)
            .handshake(line)
            .await;
        let (sender, connection) = opened.map_err(|e| Lost::unsent(e.to_string()))?;
        let driven = Rc::new(Driven::new(connection, heard));
        let theirs = Rc::clone(&driven);
        let driving = spawn_local(async move {
            let _at_once = at_once;
            std::future::poll_fn(|context| theirs.poll(context)).await;
        });
        Ok(Rc::new(Self { sender, driven, streams: Cell::new(0), driving: driving.abort_handle() }))
    }

    /// Whether it has room for another request.
    pub(super) fn has_room(&self) -> bool {
        self.streams.get() < self.sender.current_max_send_streams()
    }

    /// Whether it still takes requests, by all that has come on it so far.
    pub(super) fn look(&self) -> bool {
        self.driven.look()
    }

    /// Sends a request and reads the answer to its end.
    pub(super) async fn exchange(
        &self,
        outgoing: &Outgoing,
        most: u64,
        clock: &dyn Clock,
        seen: &mut Seen,
    ) -> Result<Response, Lost> {
        let _stream = OneMore::on(&self.streams);
        let mut request = http::Request::new(());
        *request.method_mut() = outgoing.method.clone();
        *request.version_mut() = http::Version::HTTP_2;
        *request.uri_mut() = outgoing.uri.clone();
        let mut headers = outgoing.headers();
        // Its place is the URL.
        headers.remove(http::header::HOST);
        let head = head_size(&headers);
        *request.headers_mut() = headers;
        let before = |e: h2::Error| self.lost(&e, Far::Before, None);
        let mut sender = self.sender.clone().ready().await.map_err(before)?;
        let sending = clock.now();
        let opened = sender.send_request(request, outgoing.body.is_empty());
        let (answering, mut stream) = opened.map_err(before)?;
        let id = Some(u32::from(answering.stream_id()));
        if !outgoing.body.is_empty() {
            let sent = stream.send_data(outgoing.body.clone(), true);
            sent.map_err(|e| self.lost(&e, Far::Sent, id))?;
        }
        seen.first_write = Some(sending);
        seen.last_write = Some(clock.now());
        seen.sent = head + outgoing.body.len() as u64;
        let answer = answered(answering).await.map_err(|e| match e {
            Unanswered::Interim => Lost::broken(TooManyInterim.to_string()),
            Unanswered::Lost { error, begun } => {
                self.lost(&error, if begun { Far::Answering } else { Far::Sent }, id)
            }
        })?;
        self.driven.heard.meant();
        seen.first_byte = Some(clock.now());
        let (head, mut body) = answer.into_parts();
        seen.received = head_size(&head.headers);
        let said = head.headers.get(http::header::CONTENT_LENGTH);
        let said = said.and_then(|length| length.to_str().ok()?.parse().ok());
        let mut collected = Collected::new(most, said);
        let broken = |e: h2::Error| self.lost(&e, Far::Answering, id);
        while let Some(piece) = next_piece(&mut body).await.map_err(broken)? {
            if !piece.is_empty() {
                self.driven.heard.meant();
            }
            seen.received += piece.len() as u64;
            if !collected.add(&piece) {
                break;
            }
        }
        Ok(collected.response(head.status.as_u16(), head.headers))
    }

    /// What became of a request that came so far, on `stream` where it had one.
    fn lost(&self, error: &h2::Error, far: Far, stream: Option<u32>) -> Lost {
        if let Some(local) = error.get_io().and_then(platform::local_trouble) {
            return Lost { failure: Failure::Local(local), again: Again::Never };
        }
        if let Some(text) = words::wants_certificate(error) {
            return Lost { failure: Failure::Connect(text), again: Again::Never };
        }
        let (theirs, reset) = (error.is_remote(), error.is_reset() && error.is_remote());
        // RFC 9113, 6.8: what GOAWAY leaves out was not processed, whatever its reason.
        let is_above = |last: u32| stream.is_some_and(|stream| stream > last);
        let left_out =
            (theirs || error.is_io()) && self.driven.heard.last_stream().is_some_and(is_above);
        // RFC 9113, 8.7: nor was a stream that is refused. An answer says otherwise.
        let refused = reset && error.reason() == Some(Reason::REFUSED_STREAM);
        let again = match far {
            Far::Before => Again::Elsewhere,
            Far::Sent if left_out => Again::Elsewhere,
            Far::Sent if refused => Again::Once,
            Far::Sent | Far::Answering => Again::Never,
        };
        let how_far = match far {
            Far::Sent if left_out => "and did not begin with the request",
            Far::Before => "before a byte of the request was written",
            Far::Sent => {
                "while the request was on its way: nobody can tell whether it was carried out"
            }
            Far::Answering => "in the middle of the answer",
        };
        let text = if self.driven.is_flooded() {
            format!("{Flooded}")
        } else if reset {
            let reason = error.reason().map_or_else(String::new, |reason| format!("{reason:?}, "));
            format!(
                "the server reset the stream ({reason}{})",
                match far {
                    Far::Answering => "in the middle of the answer",
                    _ => "before it answered",
                }
            )
        } else if error.is_go_away() && theirs {
            let reason = error.reason().map_or_else(String::new, |reason| format!(" ({reason:?})"));
            format!("the server closed the HTTP/2 connection{reason} {how_far}")
        } else if error.is_io() {
            format!("the server closed the HTTP/2 connection {how_far}")
        } else {
            format!("malformed HTTP/2: {error}")
        };
        Lost { failure: Failure::Broken(text), again }
    }
}

/// How far a request came.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Far {
    /// It had not been handed to the connection.
    Before,
    Sent,
    /// An answer to it had begun.
    Answering,
}

impl Drop for Http2 {
    fn drop(&mut self) {
        self.driving.abort();
    }
}

/// Counts a stream as long as it lasts.
struct OneMore<'a>(&'a Cell<usize>);

impl<'a> OneMore<'a> {
    fn on(streams: &'a Cell<usize>) -> Self {
        streams.set(streams.get() + 1);
        Self(streams)
    }
}

impl Drop for OneMore<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Why no answer came.
enum Unanswered {
    Interim,
    /// `begun`: after interim answers.
    Lost {
        error: h2::Error,
        begun: bool,
    },
}

/// The answer, past at most a few interim ones.
async fn answered(mut answering: ResponseFuture) -> Result<http::Response<RecvStream>, Unanswered> {
    let mut interim = 0;
    std::future::poll_fn(move |context| {
        let lost = |interim: u32| move |error| Unanswered::Lost { error, begun: interim > 0 };
        while let Poll::Ready(Some(between)) = answering.poll_informational(context) {
            if let Err(error) = between {
                return Poll::Ready(Err(lost(interim)(error)));
            }
            interim += 1;
            if interim > MOST_INTERIM {
                return Poll::Ready(Err(Unanswered::Interim));
            }
        }
        std::pin::Pin::new(&mut answering).poll(context).map_err(lost(interim))
    })
    .await
}

async fn next_piece(body: &mut RecvStream) -> Result<Option<Bytes>, h2::Error> {
    let Some(piece) = body.data().await.transpose()? else { return Ok(None) };
    body.flow_control().release_capacity(piece.len())?;
    Ok(Some(piece))
}
