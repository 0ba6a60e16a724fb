//! One connection's bytes: counted and timed, and looked for when none were asked for.

use std::cell::Cell;
use std::io::{self, Read as _};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::engine::clock::Clock;
use crate::units::Nanos;

/// Interim answers (1xx) that one request may be given before it counts as broken.
pub(super) const MOST_INTERIM: u32 = 8;

/// What a connection's bytes tell. The transport reads it, the line writes it.
pub(super) struct Gauge {
    clock: Arc<dyn Clock>,
    /// Whether reading asks the kernel itself, whatever the runtime last heard of it.
    look: Cell<bool>,
    /// Bytes in all, without TLS.
    pub(super) written: Cell<u64>,
    pub(super) read: Cell<u64>,
    /// Of the request under way.
    pub(super) first_write: Cell<Option<Nanos>>,
    pub(super) last_write: Cell<Option<Nanos>>,
    pub(super) first_read: Cell<Option<Nanos>>,
    /// Interim answers to the request under way.
    pub(super) interim: Arc<AtomicU32>,
}

impl Gauge {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Rc<Self> {
        Rc::new(Self {
            clock,
            look: Cell::new(false),
            written: Cell::new(0),
            read: Cell::new(0),
            first_write: Cell::new(None),
            last_write: Cell::new(None),
            first_read: Cell::new(None),
            interim: Arc::default(),
        })
    }

    /// A request begins.
    pub(super) fn begin(&self) {
        self.first_write.set(None);
        self.last_write.set(None);
        self.first_read.set(None);
        self.interim.store(0, Ordering::Relaxed);
    }

    /// Does `reading` while reads ask the kernel itself.
    pub(super) fn looking<T>(&self, reading: impl FnOnce() -> T) -> T {
        self.look.set(true);
        let done = reading();
        self.look.set(false);
        done
    }

    /// Bytes were written by a call that was made at `from`. That is when a request is on its
    /// way: who is asked may have answered before this thread goes on after its call.
    fn wrote(&self, from: Nanos, bytes: usize) {
        if self.first_write.get().is_none() {
            self.first_write.set(Some(from));
        }
        self.last_write.set(Some(self.clock.now()));
        self.written.set(self.written.get() + bytes as u64);
    }

    fn did_read(&self, bytes: usize) {
        if bytes > 0 && self.first_read.get().is_none() {
            self.first_read.set(Some(self.clock.now()));
        }
        self.read.set(self.read.get() + bytes as u64);
    }
}

/// A TCP connection, below TLS.
pub(super) struct Socket {
    stream: TcpStream,
    gauge: Rc<Gauge>,
}

impl Socket {
    pub(super) const fn new(stream: TcpStream, gauge: Rc<Gauge>) -> Self {
        Self { stream, gauge }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.gauge.look.get() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        // The runtime hears of a byte or an end only when it next asks the kernel
        // for events, which would be after the request was written.
        let socket = socket2::SockRef::from(&self.stream);
        // Nearly always there is nothing: that is found before a whole buffer is cleared.
        match socket.peek(&mut [MaybeUninit::uninit()]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            _ => {}
        }
        match (&*socket).read(buffer.initialize_unfilled()) {
            Ok(read) => {
                buffer.advance(read);
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Plain or within TLS.
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// A connection as HTTP sees it.
pub(super) struct Line {
    stream: Stream,
    gauge: Rc<Gauge>,
}

impl Line {
    pub(super) const fn new(stream: Stream, gauge: Rc<Gauge>) -> Self {
        Self { stream, gauge }
    }

    pub(super) const fn gauge(&self) -> &Rc<Gauge> {
        &self.gauge
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.gauge.interim.load(Ordering::Relaxed) > MOST_INTERIM {
            return Poll::Ready(Err(io::Error::other(TooManyInterim)));
        }
        let before = buffer.filled().len();
        let polled = match &mut self.stream {
            Stream::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_read(context, buffer),
        };
        if let Poll::Ready(Ok(())) = polled {
            self.gauge.did_read(buffer.filled().len() - before);
        }
        polled
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let from = self.gauge.clock.now();
        let polled = match &mut self.stream {
            Stream::Plain(socket) => Pin::new(socket).poll_write(context, bytes),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_write(context, bytes),
        };
        if let Poll::Ready(Ok(written)) = polled {
            self.gauge.wrote(from, written);
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let from = self.gauge.clock.now();
        let polled = match &mut self.stream {
            Stream::Plain(socket) => Pin::new(socket).poll_write_vectored(context, slices),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_write_vectored(context, slices),
        };
        if let Poll::Ready(Ok(written)) = polled {
            self.gauge.wrote(from, written);
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(socket) => socket.is_write_vectored(),
            Stream::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(socket) => Pin::new(socket).poll_flush(context),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(socket) => Pin::new(socket).poll_shutdown(context),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_shutdown(context),
        }
    }
}

/// A request was given interim answers without end.
#[derive(Debug, thiserror::Error)]
#[error("the target sent more than {MOST_INTERIM} interim answers (1xx) to one request")]
pub(super) struct TooManyInterim;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::time::Duration;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use super::*;
    use crate::engine::clock::Pacer;

    /// A nanosecond passes whenever it is looked at.
    #[derive(Default)]
    struct Looks(AtomicU64);

    impl Clock for Looks {
        fn now(&self) -> Nanos {
            Nanos(self.0.fetch_add(1, Ordering::Relaxed))
        }

        fn unix(&self) -> Duration {
            Duration::ZERO
        }

        fn pacer(&self) -> io::Result<Box<dyn Pacer>> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    /// A server on the same core answered before the writing thread went on: a request seemed to
    /// have left after its answer was made, and a limiter to have refused too soon.
    #[tokio::test]
    async fn a_request_is_on_its_way_from_the_call_that_writes_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let stream = TcpStream::connect(address).await.expect("connects");
        let clock = Arc::new(Looks::default());
        let gauge = Gauge::new(clock.clone());
        let mut line =
            Line::new(Stream::Plain(Socket::new(stream, Rc::clone(&gauge))), Rc::clone(&gauge));
        gauge.begin();
        line.write_all(b"GET / HTTP/1.1").await.expect("written");
        line.write_all(b"\r\n\r\n").await.expect("written");
        let (first, last) = (gauge.first_write.get(), gauge.last_write.get());
        assert_eq!((first, last), (Some(Nanos(0)), Some(Nanos(3))));
        assert_eq!(gauge.written.get(), 18);
    }
}
