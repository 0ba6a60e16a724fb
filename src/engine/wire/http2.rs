//! One HTTP/2 connection, shared by the requests of a worker.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use tokio::task::{AbortHandle, spawn_local};

use super::answer::{Collected, Lost, MOST_INTERIM, Outgoing, Seen, TooManyInterim, head_size};
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
    /// Why it ended; `None`: it hasn't.
    ended: Rc<RefCell<Option<String>>>,
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
        let opened = h2::client::Builder::new()
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(MOST_HEAD)
            .enable_push(false)
            .handshake(line)
            .await;
        let (sender, connection) = opened.map_err(|e| Lost::unsent(e.to_string()))?;
        let ended = Rc::new(RefCell::new(None));
        let theirs = Rc::clone(&ended);
        let driving = spawn_local(async move {
            let _at_once = at_once;
            let reason = connection.await.err().map_or_else(String::new, |e| e.to_string());
            theirs.replace(Some(reason));
        });
        Ok(Rc::new(Self { sender, ended, streams: Cell::new(0), driving: driving.abort_handle() }))
    }

    /// Whether it may take another request, and has room for one.
    pub(super) fn has_room(&self) -> bool {
        self.ended.borrow().is_none() && self.streams.get() < self.sender.current_max_send_streams()
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.borrow().is_some()
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
        let mut sender = self.sender.clone().ready().await.map_err(|e| self.lost(&e, true))?;
        let sending = clock.now();
        let opened = sender.send_request(request, outgoing.body.is_empty());
        let (answering, mut stream) = opened.map_err(|e| self.lost(&e, true))?;
        if !outgoing.body.is_empty() {
            stream.send_data(outgoing.body.clone(), true).map_err(|e| self.lost(&e, false))?;
        }
        seen.first_write = Some(sending);
        seen.last_write = Some(clock.now());
        seen.sent = head + outgoing.body.len() as u64;
        let answer = answered(answering).await.map_err(|e| match e {
            Unanswered::Interim => Lost::broken(TooManyInterim.to_string()),
            Unanswered::Lost(e) => self.lost(&e, false),
        })?;
        seen.first_byte = Some(clock.now());
        let (head, mut body) = answer.into_parts();
        seen.received = head_size(&head.headers);
        let said = head.headers.get(http::header::CONTENT_LENGTH);
        let said = said.and_then(|length| length.to_str().ok()?.parse().ok());
        let mut collected = Collected::new(most, said);
        while let Some(piece) = next_piece(&mut body).await.map_err(|e| self.lost(&e, false))? {
            seen.received += piece.len() as u64;
            if !collected.add(&piece) {
                break;
            }
        }
        Ok(collected.response(head.status.as_u16(), head.headers))
    }

    /// What became of a request; `before`: it had not been handed to the connection.
    fn lost(&self, error: &h2::Error, before: bool) -> Lost {
        if let Some(local) = error.get_io().and_then(platform::local_trouble) {
            return Lost { failure: Failure::Local(local), unsent: false };
        }
        if let Some(text) = words::wants_certificate(error) {
            return Lost { failure: Failure::Connect(text), unsent: false };
        }
        let reason = error.reason();
        // RFC 9113, 6.8 and 8.7: what GOAWAY leaves out and a refused stream were not processed.
        let left_out = error.is_remote()
            && ((error.is_go_away() && reason == Some(Reason::NO_ERROR))
                || (error.is_reset() && reason == Some(Reason::REFUSED_STREAM)));
        let unsent = before || left_out;
        let text = if left_out {
            "the server is closing the connection, and did not begin with the request".to_owned()
        } else if error.is_go_away() && error.is_remote() {
            format!("the server closed the HTTP/2 connection ({error})")
        } else if error.is_reset() && error.is_remote() {
            format!("the server reset the stream ({error})")
        } else if error.is_io() {
            "the server closed the HTTP/2 connection while the request was on its way: nobody can \
             tell whether it was carried out"
                .to_owned()
        } else {
            format!("malformed HTTP/2: {error}")
        };
        if unsent { Lost::unsent(text) } else { Lost::broken(text) }
    }
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
    Lost(h2::Error),
}

/// The answer, past at most a few interim ones.
async fn answered(mut answering: ResponseFuture) -> Result<http::Response<RecvStream>, Unanswered> {
    let mut interim = 0;
    std::future::poll_fn(move |context| {
        while let Poll::Ready(Some(between)) = answering.poll_informational(context) {
            if let Err(error) = between {
                return Poll::Ready(Err(Unanswered::Lost(error)));
            }
            interim += 1;
            if interim > MOST_INTERIM {
                return Poll::Ready(Err(Unanswered::Interim));
            }
        }
        std::pin::Pin::new(&mut answering).poll(context).map_err(Unanswered::Lost)
    })
    .await
}

async fn next_piece(body: &mut RecvStream) -> Result<Option<Bytes>, h2::Error> {
    let Some(piece) = body.data().await.transpose()? else { return Ok(None) };
    body.flow_control().release_capacity(piece.len())?;
    Ok(Some(piece))
}
