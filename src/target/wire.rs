//! The connection under HTTP, where answers are reset, spoilt or held back.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

/// What garbage looks like: no status line, no header, no end.
const GARBAGE: &[u8] = b"\x00\xffthis is not HTTP\n\x1b[31m<<<%%%\r\r\n\x80\x81\x82";

/// What becomes of the next answer on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes out.
    Sent,
    /// The connection is reset instead.
    Reset,
    /// Garbage goes out instead, and the connection is closed.
    Garbage,
    /// Its head and half of its body go out, the rest that much later.
    Halved(Duration),
}

/// A handler's hold on the connection that its request came by.
#[derive(Clone, Debug)]
pub(super) struct Link {
    fate: Arc<Mutex<Fate>>,
    peer: SocketAddr,
}

impl Link {
    /// Who is at the other end.
    pub(super) const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Decides about the answer that is being made.
    pub(super) fn decide(&self, fate: Fate) {
        *self.fate.lock().unwrap_or_else(PoisonError::into_inner) = fate;
    }

    fn fate(&self) -> Fate {
        *self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts connections and counts them.
pub(super) struct Door {
    listener: TcpListener,
    accepted: Arc<AtomicU64>,
}

impl Door {
    /// A door at `listener`.
    pub(super) const fn new(listener: TcpListener, accepted: Arc<AtomicU64>) -> Self {
        Self { listener, accepted }
    }
}

impl Listener for Door {
    type Io = Wire;
    type Addr = Link;

    async fn accept(&mut self) -> (Wire, Link) {
        loop {
            if let Ok((stream, peer)) = self.listener.accept().await {
                // Without it a small answer may wait for an acknowledgement; it works either way.
                let _ = stream.set_nodelay(true);
                self.accepted.fetch_add(1, Ordering::Relaxed);
                let link = Link { fate: Arc::new(Mutex::new(Fate::Sent)), peer };
                return (Wire { stream, link: link.clone(), pause: None }, link);
            }
            // Out of descriptors, most likely: give the open connections time to end.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn local_addr(&self) -> io::Result<Link> {
        let peer = self.listener.local_addr()?;
        Ok(Link { fate: Arc::new(Mutex::new(Fate::Sent)), peer })
    }
}

impl Connected<IncomingStream<'_, Door>> for Link {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A connection.
pub(super) struct Wire {
    stream: TcpStream,
    link: Link,
    pause: Option<Pin<Box<Sleep>>>,
}

impl Wire {
    /// Writes the head and half of what follows, and sets the pause before the rest.
    fn halve(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
        pause: Duration,
    ) -> Poll<io::Result<usize>> {
        let head = buf.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
        let first = buf.get(..head + (buf.len() - head) / 2).unwrap_or(buf);
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, first))?;
        self.link.decide(Fate::Sent);
        self.pause = Some(Box::pin(tokio::time::sleep(pause)));
        Poll::Ready(Ok(written))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        match self.link.fate() {
            Fate::Sent => Pin::new(&mut self.stream).poll_write(cx, buf),
            Fate::Halved(pause) => self.halve(cx, buf, pause),
            Fate::Reset => {
                // Closing with no time to linger sends RST instead of FIN.
                self.stream.set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Fate::Garbage => {
                ready!(Pin::new(&mut self.stream).poll_write(cx, GARBAGE))?;
                Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}
