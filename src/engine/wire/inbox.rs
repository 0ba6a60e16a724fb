//! What the kernel has received for one worker: looked at when the worker is awake anyway.
//!
//! A thread that wakes for every arrival need not wake for its answer as well. The kernel
//! notes when bytes came in (`SO_TIMESTAMPNS`, socket(7)), so what is looked at a little
//! later is as fast as it was. Where nobody wakes soon, or a request is in the middle of
//! something, the runtime is told at once, as of any socket.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use socket2::SockRef;
use tokio::io::unix::AsyncFd;
use tokio::io::{Interest, ReadBuf};
use tokio::sync::Notify;
use tokio::task::{AbortHandle, spawn_local};

use super::clocks::Clocks;
use crate::engine::clock::Clock;
use crate::units::Nanos;

/// An answer is looked at no later than this after it came.
const LATEST: Nanos = Nanos::from_millis(6);
/// Events taken at once.
const EVENTS: usize = 256;
const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// One worker's connections, as the kernel tells of them.
pub(super) struct Inbox {
    inner: Rc<Inner>,
    watching: AbortHandle,
}

struct Inner {
    epoll: OwnedFd,
    known: RefCell<HashMap<u64, Rc<Readiness>>>,
    next: Cell<u64>,
    events: RefCell<Vec<epoll::Event>>,
    /// For the kernel's notes on what is read.
    notes: RefCell<Vec<u8>>,
    clocks: Clocks,
    /// Whether the kernel noted when the last bytes came in.
    dated: Cell<bool>,
    /// Whether more came at once than is read at once: what waits could fill the kernel's
    /// room, and hold up who sends it.
    bulky: Cell<bool>,
    /// Whether whoever sleeps next looks again within [`LATEST`].
    resting: Cell<bool>,
    /// What is to be told at once.
    urgent: Cell<u32>,
    /// Whether the runtime is told.
    watched: Cell<bool>,
    changed: Notify,
    /// Answers that are there and were not yet read.
    answered: Cell<u64>,
}

#[derive(Default)]
struct Readiness {
    readable: Cell<bool>,
    writable: Cell<bool>,
    /// Nothing more will come: reading never waits again.
    ended: Cell<bool>,
    reader: RefCell<Option<Waker>>,
    writer: RefCell<Option<Waker>>,
    /// Whether an answer is awaited on it.
    awaited: Rc<Cell<bool>>,
    /// Whether it is one of [`Inner::answered`].
    answered: Cell<bool>,
}

impl Inbox {
    /// An inbox of the running tokio runtime and `LocalSet`.
    ///
    /// # Errors
    /// When the system has no file descriptor to give.
    pub(super) fn new(clock: Arc<dyn Clock>) -> io::Result<Self> {
        let inner = Rc::new(Inner {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            known: RefCell::default(),
            next: Cell::default(),
            events: RefCell::new(Vec::with_capacity(EVENTS)),
            notes: RefCell::new(nix::cmsg_space!(nix::sys::time::TimeSpec)),
            clocks: Clocks::new(clock),
            dated: Cell::new(false),
            bulky: Cell::new(false),
            resting: Cell::new(false),
            urgent: Cell::new(0),
            watched: Cell::new(false),
            changed: Notify::new(),
            answered: Cell::new(0),
        });
        let watching = spawn_local(watch(Rc::clone(&inner))).abort_handle();
        Ok(Self { inner, watching })
    }

    /// Takes over a connection. `awaited`: whether an answer is awaited on it.
    ///
    /// # Errors
    /// When the system can't watch it.
    pub(super) fn take_over(
        &self,
        stream: tokio::net::TcpStream,
        awaited: Rc<Cell<bool>>,
    ) -> io::Result<Wired> {
        // The runtime doesn't hear of it any more.
        let stream = stream.into_std()?;
        // Without the kernel's notes, bytes came when they are read.
        let _ = setsockopt(&stream, sockopt::ReceiveTimestampns, &true);
        let (inner, key) = (Rc::clone(&self.inner), self.inner.next.get());
        let flags = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        epoll::add(&inner.epoll, &stream, epoll::EventData::new_u64(key), flags)?;
        inner.next.set(key + 1);
        let ready = Rc::new(Readiness { writable: Cell::new(true), awaited, ..Default::default() });
        inner.known.borrow_mut().insert(key, Rc::clone(&ready));
        Ok(Wired { stream, ready, key, inner })
    }

    /// Looks at what has come.
    pub(super) fn look(&self) {
        self.inner.look();
    }

    /// It is looked at again after `span`: if that is soon, the runtime need not be told
    /// before.
    pub(super) fn rest(&self, span: Nanos) {
        self.inner.resting.set(span <= LATEST);
        if self.inner.is_to_be_watched() != self.inner.watched.get() {
            self.inner.changed.notify_one();
        }
    }

    /// How many answers are there that were not yet read.
    pub(super) fn answered(&self) -> u64 {
        self.inner.answered.get()
    }

    /// While it is held, the runtime is told of everything at once.
    pub(super) fn urgent(&self) -> Urgent {
        Urgent::on(&self.inner)
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl Inner {
    fn is_to_be_watched(&self) -> bool {
        // What is not dated by the kernel is as old as it is when it is read.
        let may_wait = self.resting.get() && self.dated.get() && !self.bulky.get();
        !may_wait || self.urgent.get() > 0
    }

    fn look(&self) {
        self.clocks.compare();
        let mut events = self.events.borrow_mut();
        loop {
            events.clear();
            // It fails for nothing that could be mended here, and then there is nothing.
            let _ = epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&AT_ONCE));
            let known = self.known.borrow();
            for event in events.iter() {
                if let Some(ready) = known.get(&{ event.data }.u64()) {
                    self.note(ready, event.flags);
                }
            }
            if events.len() < EVENTS {
                return;
            }
        }
    }

    fn note(&self, ready: &Readiness, flags: epoll::EventFlags) {
        use epoll::EventFlags;
        let broken = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        if broken || flags.contains(EventFlags::RDHUP) {
            ready.ended.set(true);
        }
        if broken || flags.intersects(EventFlags::IN | EventFlags::RDHUP) {
            ready.readable.set(true);
            if let Some(reader) = ready.reader.take() {
                if ready.awaited.get() && !ready.answered.replace(true) {
                    self.answered.set(self.answered.get() + 1);
                }
                reader.wake();
            }
        }
        if broken || flags.contains(EventFlags::OUT) {
            ready.writable.set(true);
            if let Some(writer) = ready.writer.take() {
                writer.wake();
            }
        }
    }

    fn read(&self, ready: &Readiness) -> bool {
        if ready.answered.replace(false) {
            self.answered.set(self.answered.get() - 1);
        }
        ready.readable.get()
    }
}

/// Lets the runtime know of what comes, while it is to be told.
async fn watch(inner: Rc<Inner>) {
    loop {
        while !inner.is_to_be_watched() {
            inner.changed.notified().await;
        }
        let Some(watched) = Watched::new(&inner) else {
            // The kernel has no room to watch another: somebody must look.
            tokio::time::sleep(LATEST.into()).await;
            inner.look();
            continue;
        };
        while inner.is_to_be_watched() {
            tokio::select! {
                biased;
                ready = watched.0.readable() => {
                    if let Ok(mut ready) = ready {
                        ready.clear_ready();
                    }
                    inner.look();
                }
                () = inner.changed.notified() => {}
            }
        }
    }
}

/// The runtime is told while it is there.
struct Watched(AsyncFd<Descriptor>);

struct Descriptor(Rc<Inner>);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.epoll.as_raw_fd()
    }
}

impl Watched {
    #[expect(
        deprecated,
        reason = "its successor is unsafe, for descriptors that may be closed meanwhile; this one \
                  can't be, and unsafe is forbidden here"
    )]
    fn new(inner: &Rc<Inner>) -> Option<Self> {
        let watched = AsyncFd::with_interest(Descriptor(Rc::clone(inner)), Interest::READABLE);
        inner.watched.set(watched.is_ok());
        watched.ok().map(Self)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.get_ref().0.watched.set(false);
    }
}

/// Something that is to be told at once.
pub(super) struct Urgent(Rc<Inner>);

impl Urgent {
    fn on(inner: &Rc<Inner>) -> Self {
        inner.urgent.set(inner.urgent.get() + 1);
        if !inner.watched.get() {
            inner.changed.notify_one();
        }
        Self(Rc::clone(inner))
    }
}

impl Drop for Urgent {
    fn drop(&mut self) {
        self.0.urgent.set(self.0.urgent.get() - 1);
    }
}

/// A connection of an inbox.
pub(super) struct Wired {
    stream: TcpStream,
    ready: Rc<Readiness>,
    key: u64,
    inner: Rc<Inner>,
}

impl Wired {
    /// Reads what has come, and when it came where the kernel noted that.
    pub(super) fn poll_read(
        &self,
        context: &Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<Option<Nanos>>> {
        if self.inner.read(&self.ready) {
            match self.receive(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            self.ready.readable.set(self.ready.ended.get());
        }
        self.ready.reader.replace(Some(context.waker().clone()));
        Poll::Pending
    }

    fn receive(&self, buffer: &mut ReadBuf<'_>) -> io::Result<Option<Nanos>> {
        let room = buffer.initialize_unfilled();
        let most = room.len();
        let room = &mut [IoSliceMut::new(room)];
        let mut notes = self.inner.notes.borrow_mut();
        let fd = self.stream.as_raw_fd();
        let received = recvmsg::<()>(fd, room, Some(&mut notes), MsgFlags::empty())?;
        let noted = received.cmsgs()?.find_map(|note| match note {
            ControlMessageOwned::ScmTimestampns(at) => Some(at.into()),
            _ => None,
        });
        let bytes = received.bytes;
        if bytes > 0 {
            self.inner.dated.set(noted.is_some());
        }
        let came = noted.and_then(|at| self.inner.clocks.moment(at));
        if bytes == most {
            self.inner.bulky.set(true);
        } else if !self.ready.ended.get() {
            // All that was there: what comes next is told anew.
            self.ready.readable.set(false);
        }
        buffer.advance(bytes);
        Ok(came)
    }

    /// Writes as much as the kernel takes.
    pub(super) fn poll_write(
        &self,
        context: &Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.ready.writable.get() {
            match (&self.stream).write_vectored(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
            self.ready.writable.set(false);
        }
        self.ready.writer.replace(Some(context.waker().clone()));
        Poll::Pending
    }

    /// What it is to the kernel.
    pub(super) fn socket(&self) -> SockRef<'_> {
        SockRef::from(&self.stream)
    }

    /// Says that nothing more will be written.
    pub(super) fn shut(&self) -> io::Result<()> {
        self.stream.shutdown(std::net::Shutdown::Write)
    }

    /// While it is held, the runtime is told of everything at once.
    pub(super) fn urgent(&self) -> Urgent {
        Urgent::on(&self.inner)
    }
}

impl Drop for Wired {
    fn drop(&mut self) {
        let _ = self.inner.read(&self.ready);
        self.inner.known.borrow_mut().remove(&self.key);
        // Closing it does the same, unless something else holds the socket open.
        let _ = epoll::delete(&self.inner.epoll, &self.stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::clock::WallClock;

    #[tokio::test]
    async fn without_the_kernels_notes_everything_is_told_at_once() {
        tokio::task::LocalSet::new()
            .run_until(async {
                let inbox = Inbox::new(Arc::new(WallClock::start())).expect("a descriptor");
                let told = || inbox.inner.is_to_be_watched();
                inbox.rest(LATEST);
                assert!(told());
                inbox.inner.dated.set(true);
                assert!(!told());
                let urgent = inbox.urgent();
                assert!(told());
                drop(urgent);
                assert!(!told());
                inbox.rest(LATEST + Nanos(1));
                assert!(told());
            })
            .await;
    }
}
