//! Systems whose kernel doesn't note when bytes came in: the runtime is told of them at once.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::engine::clock::Clock;
use crate::units::Nanos;

/// One worker's connections: each on its own here.
pub(super) struct Inbox;

impl Inbox {
    /// # Errors
    /// Never here.
    pub(super) fn new(_clock: Arc<dyn Clock>) -> io::Result<Self> {
        Ok(Self)
    }

    /// # Errors
    /// Never here.
    pub(super) fn take_over(
        &self,
        stream: TcpStream,
        _awaited: Rc<Cell<bool>>,
    ) -> io::Result<Wired> {
        Ok(Wired { stream })
    }

    /// Nothing to look at: the runtime was told.
    pub(super) fn look(&self) {}

    /// The runtime is told, however long somebody sleeps.
    pub(super) fn rest(&self, _span: Nanos) {}

    /// Not told apart here.
    pub(super) fn answered(&self) -> u64 {
        0
    }

    /// Everything is.
    pub(super) fn urgent(&self) -> Urgent {
        Urgent
    }
}

/// Something that is to be told at once.
pub(super) struct Urgent;

/// A connection.
pub(super) struct Wired {
    stream: TcpStream,
}

impl Wired {
    /// Reads what has come.
    pub(super) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<Option<Nanos>>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    return Poll::Ready(Ok(None));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Writes as much as the kernel takes.
    pub(super) fn poll_write(
        &self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(context))?;
            match self.stream.try_write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// What it is to the kernel.
    pub(super) fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.stream)
    }

    /// Says that nothing more will be written.
    pub(super) fn shut(&self) -> io::Result<()> {
        self.socket().shutdown(std::net::Shutdown::Write)
    }

    /// Everything is.
    pub(super) fn urgent(&self) -> Urgent {
        Urgent
    }
}
