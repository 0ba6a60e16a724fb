//! One connection's bytes: counted and timed, and looked for when none were asked for.

use std::cell::Cell;
use std::io::{self, Read as _};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use super::inbox::{Urgent, Wired};
use crate::engine::clock::Clock;
use crate::units::Nanos;

/// Reads in a row on one connection: a server that never stops holds up nobody else.
const TURN: u32 = 8;
/// Reads of one look, which others wait for.
pub(super) const LOOK: u32 = 2;

/// How often a reader was given something since there was nothing.
#[derive(Default)]
struct Turns(u32);

impl Turns {
    /// `read`, unless it is the others' turn: timers, signals, other connections. Who `looks`
    /// counts its reads itself, and must not be told that there is nothing.
    fn take<T>(
        &mut self,
        looks: bool,
        context: &mut Context<'_>,
        read: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if looks {
            return read(context);
        }
        if self.0 >= TURN {
            self.0 = 0;
            // It is woken once the runtime has asked the kernel. Now it isn't ready.
            let _ = pin!(tokio::task::yield_now()).poll(context);
            return Poll::Pending;
        }
        let polled = read(context);
        self.0 = if polled.is_ready() { self.0 + 1 } else { 0 };
        polled
    }
}

/// What a connection's bytes tell. The transport reads it, the line writes it.
pub(super) struct Gauge {
    clock: Arc<dyn Clock>,
    /// How often reading may ask the kernel itself, whatever was last heard of it; `None`: it
    /// waits to be told.
    look: Cell<Option<u32>>,
    /// When the kernel had what was read last, where it noted that.
    came: Cell<Option<Nanos>>,
    /// While an exchange is to be gone on with at once.
    hurried: Cell<Option<Urgent>>,
    /// Whether an answer is awaited.
    pub(super) awaited: Rc<Cell<bool>>,
    /// Bytes in all, without TLS.
    pub(super) written: Cell<u64>,
    pub(super) read: Cell<u64>,
    /// Whether a byte since the request under way began is with the kernel: TLS may have sent
    /// some of what it then failed to take.
    pub(super) reached: Cell<bool>,
    /// Of the request under way.
    pub(super) first_write: Cell<Option<Nanos>>,
    pub(super) last_write: Cell<Option<Nanos>>,
    pub(super) first_read: Cell<Option<Nanos>>,
    pub(super) last_read: Cell<Option<Nanos>>,
}

impl Gauge {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Rc<Self> {
        Rc::new(Self {
            clock,
            look: Cell::new(None),
            came: Cell::new(None),
            hurried: Cell::new(None),
            awaited: Rc::default(),
            written: Cell::new(0),
            read: Cell::new(0),
            reached: Cell::new(false),
            first_write: Cell::new(None),
            last_write: Cell::new(None),
            first_read: Cell::new(None),
            last_read: Cell::new(None),
        })
    }

    /// A request begins.
    pub(super) fn begin(&self) {
        self.reached.set(false);
        self.first_write.set(None);
        self.last_write.set(None);
        self.first_read.set(None);
        self.last_read.set(None);
        self.awaited.set(true);
    }

    /// It has ended.
    pub(super) fn end(&self) {
        self.awaited.set(false);
        self.hurried.set(None);
    }

    /// Whatever comes next of the request under way is to be seen to at once.
    fn hurry(&self, urgent: impl FnOnce() -> Urgent) {
        if self.awaited.get() {
            let hurried = self.hurried.take();
            self.hurried.set(hurried.or_else(|| Some(urgent())));
        }
    }

    /// Does `reading` while so many `reads` ask the kernel itself.
    pub(super) fn looking<T>(&self, reads: u32, reading: impl FnOnce() -> T) -> T {
        self.look.set(Some(reads));
        let done = reading();
        self.look.set(None);
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
        // No sooner than it was asked for, whatever the kernel's clock showed.
        let asked = self.first_write.get().unwrap_or_default();
        let came = self.came.take().filter(|came| bytes > 0 && *came >= asked);
        let at = came.unwrap_or_else(|| self.clock.now());
        if bytes > 0 && self.first_read.get().is_none() {
            self.first_read.set(Some(at));
        }
        self.last_read.set(Some(at));
        self.read.set(self.read.get() + bytes as u64);
    }
}

/// A TCP connection, below TLS.
pub(super) struct Socket {
    wired: Wired,
    gauge: Rc<Gauge>,
    /// TLS may read much that is nothing to its reader.
    turns: Turns,
}

impl Socket {
    pub(super) const fn new(wired: Wired, gauge: Rc<Gauge>) -> Self {
        Self { wired, gauge, turns: Turns(0) }
    }

    fn read(&self, context: &Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // What comes unasked would else be heard of after the request was written.
        if let Some(left) = self.gauge.look.get() {
            self.gauge.look.set(Some(left.saturating_sub(1)));
            return if left > 0 { read_now(&self.wired.socket(), buffer) } else { Poll::Pending };
        }
        match self.wired.poll_read(context, buffer) {
            Poll::Ready(read) => Poll::Ready(read.map(|came| self.gauge.came.set(came))),
            Poll::Pending => {
                if self.gauge.first_read.get().is_some() {
                    // The rest of an answer must not wait for room that reading makes.
                    self.gauge.hurry(|| self.wired.urgent());
                }
                Poll::Pending
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut turns = std::mem::take(&mut self.turns);
        let looks = self.gauge.look.get().is_some();
        let read = turns.take(looks, context, |context| self.read(context, buffer));
        self.turns = turns;
        read
    }
}

/// Reads what the kernel has now, whatever was last heard of it.
fn read_now(socket: &SockRef<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    // Nearly always there is nothing: that is found before a whole buffer is cleared.
    match socket.peek(&mut [MaybeUninit::uninit()]) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
        _ => {}
    }
    match (&**socket).read(buffer.initialize_unfilled()) {
        Ok(read) => {
            buffer.advance(read);
            Poll::Ready(Ok(()))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        Err(error) => Poll::Ready(Err(error)),
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.wired.poll_write(context, slices);
        match polled {
            Poll::Ready(Ok(1..)) => self.gauge.reached.set(true),
            Poll::Ready(_) => {}
            Poll::Pending => self.gauge.hurry(|| self.wired.urgent()),
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.wired.shut())
    }
}

/// Plain or within TLS.
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

/// Who hears what is read.
type Hearing = Box<dyn Fn(&[u8])>;

/// A connection as HTTP sees it.
pub(super) struct Line {
    stream: Stream,
    gauge: Rc<Gauge>,
    /// TLS swallows the socket's where it has something left.
    turns: Turns,
    /// Who hears what is read, besides its reader.
    hearing: Option<Hearing>,
}

impl Line {
    pub(super) const fn new(stream: Stream, gauge: Rc<Gauge>) -> Self {
        Self { stream, gauge, turns: Turns(0), hearing: None }
    }

    /// The same, with `hear` told of everything that is read.
    pub(super) fn heard_by(mut self, hear: impl Fn(&[u8]) + 'static) -> Self {
        self.hearing = Some(Box::new(hear));
        self
    }

    pub(super) const fn gauge(&self) -> &Rc<Gauge> {
        &self.gauge
    }

    /// While it is held, whatever comes on any connection is seen to at once.
    pub(super) fn urgent(&self) -> Urgent {
        match &self.stream {
            Stream::Plain(socket) => socket.wired.urgent(),
            Stream::Tls(tls) => tls.get_ref().0.wired.urgent(),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let this = &mut *self;
        let (stream, looks) = (&mut this.stream, this.gauge.look.get().is_some());
        let polled = this.turns.take(looks, context, |context| match stream {
            Stream::Plain(socket) => Pin::new(socket).poll_read(context, buffer),
            Stream::Tls(tls) => Pin::new(tls.as_mut()).poll_read(context, buffer),
        });
        if let Poll::Ready(Ok(())) = polled {
            let came = &buffer.filled()[before..];
            self.gauge.did_read(came.len());
            if let Some(hear) = &self.hearing {
                hear(came);
            }
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use tokio::io::AsyncWriteExt as _;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::LocalSet;

    use super::super::inbox::Inbox;
    use super::*;
    use crate::engine::clock::{Pacer, WallClock};

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
        LocalSet::new()
            .run_until(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                let address = listener.local_addr().expect("bound");
                let stream = TcpStream::connect(address).await.expect("connects");
                let clock = Arc::new(Looks::default());
                let gauge = Gauge::new(clock.clone());
                let inbox = Inbox::new(Arc::new(WallClock::start())).expect("a descriptor");
                let wired = inbox.take_over(stream, Rc::clone(&gauge.awaited)).expect("is watched");
                let mut line = Line::new(
                    Stream::Plain(Socket::new(wired, Rc::clone(&gauge))),
                    Rc::clone(&gauge),
                );
                gauge.begin();
                assert!(!gauge.reached.get());
                line.write_all(b"GET / HTTP/1.1").await.expect("written");
                assert!(gauge.reached.get());
                line.write_all(b"\r\n\r\n").await.expect("written");
                let (first, last) = (gauge.first_write.get(), gauge.last_write.get());
                assert_eq!((first, last), (Some(Nanos(0)), Some(Nanos(3))));
                assert_eq!(gauge.written.get(), 18);
            })
            .await;
    }
}
