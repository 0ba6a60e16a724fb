//! The connections that one worker has: idle ones as a stack, those of HTTP/2 shared.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use super::answer::{Lost, Standing};
use super::dial::{Dialler, Undialled};
use super::http1::{Http1, Room};
use super::http2::Http2;
use crate::engine::clock::Clock;
use crate::engine::transport::{Failure, Opening};
use crate::measure::LineEvent;
use crate::units::Nanos;

/// Idle connections are given up before common load balancers drop them (60 s
/// and more), so that a request never meets a connection that is just closing.
const IDLE_TIMEOUT: Nanos = Nanos::from_secs(45);
/// How long before a server's own timeout a connection is given up, at most.
const MARGIN: Nanos = Nanos::from_secs(1);
/// A connection found closed after less than this was closed for another reason
/// than having been idle.
const SHORTEST_TIMEOUT: Nanos = Nanos::from_millis(900);

/// How often a request may be put on a connection.
pub(super) const MOST_TRIES: u32 = 5;
/// How long a connection whose last answer is there is watched: a second answer on it tells
/// that the first may have been nobody's.
const LINGERS: Nanos = Nanos::from_millis(250);
/// So many are watched at most.
const MOST_LINGER: usize = 16;

/// A connection to send on.
pub(super) enum Ready {
    One(Box<Http1>),
    Shared(Rc<Http2>),
}

/// What the pool gives: a connection, and what opening it took where it had to be.
pub(super) struct Given {
    pub(super) ready: Ready,
    pub(super) opening: Opening,
}

/// One worker's connections.
pub(super) struct Pool {
    pub(super) dialler: Dialler,
    clock: Arc<dyn Clock>,
    #[expect(clippy::vec_box, reason = "each is handed on several times a request")]
    idle: RefCell<Vec<Box<Http1>>>,
    /// Those that take no more requests, since when, until it is clear that nothing else comes.
    leaving: RefCell<VecDeque<(Box<Http1>, Nanos)>>,
    room: Room,
    shared: RefCell<Vec<Rc<Http2>>>,
    /// Whether the target speaks HTTP/2, once that is known.
    speaks_h2: Cell<bool>,
    /// Whether a connection for all is being opened, and who hears of its end.
    opening: Cell<bool>,
    opened: Notify,
    /// After how long the server was seen to close idle connections.
    closes_after: Cell<Nanos>,
    events: RefCell<Vec<LineEvent>>,
}

impl Pool {
    pub(super) fn new(dialler: Dialler, clock: Arc<dyn Clock>) -> Self {
        Self {
            dialler,
            clock,
            idle: RefCell::default(),
            leaving: RefCell::default(),
            room: Room::default(),
            shared: RefCell::default(),
            speaks_h2: Cell::new(false),
            opening: Cell::new(false),
            opened: Notify::new(),
            closes_after: Cell::new(Nanos::MAX),
            events: RefCell::default(),
        }
    }

    pub(super) fn note(&self, event: LineEvent) {
        self.events.borrow_mut().push(event);
    }

    pub(super) fn take_events(&self) -> Vec<LineEvent> {
        self.events.take()
    }

    /// How many requests could go out without opening a connection.
    pub(super) fn idle(&self) -> usize {
        if self.speaks_h2.get() { usize::MAX } else { self.idle.borrow().len() }
    }

    /// A connection that is ready, or a new one.
    pub(super) async fn take(&self) -> Result<Given, Undialled> {
        loop {
            if let Some(ready) = self.take_open() {
                return Ok(Given { ready, opening: Opening::default() });
            }
            if !(self.speaks_h2.get() && self.opening.get()) {
                break;
            }
            // One is on its way that all can share.
            self.opened.notified().await;
        }
        // Rarely: what it takes is no part of every request.
        Box::pin(self.open_quiet()).await
    }

    /// A new connection on which nothing came unasked.
    async fn open_quiet(&self) -> Result<Given, Undialled> {
        let mut spent = Opening::default();
        let mut closed = 0;
        for _ in 0..MOST_TRIES {
            let mut given = self.open(false).await?;
            given.opening += spent;
            let stands = match &mut given.ready {
                Ready::One(connection) => connection.look(),
                Ready::Shared(_) => Standing::Ready,
            };
            match stands {
                Standing::Ready => return Ok(given),
                Standing::Closed => {
                    self.note(LineEvent::Closed);
                    closed += 1;
                }
                Standing::Unsolicited => self.note(LineEvent::Unsolicited),
            }
            // Who closes for want of strength must not get five times the load.
            if closed > 1 {
                break;
            }
            spent = given.opening;
        }
        let text = "the server closed new connections before a byte of the request was written, or \
                    sent something that nobody had asked for";
        Err(Undialled { failure: Failure::Broken(text.to_owned()), passing: true })
    }

    fn take_open(&self) -> Option<Ready> {
        self.let_go(|since| since + LINGERS <= self.clock.now());
        let mut shared = self.shared.borrow_mut();
        shared.retain(|connection| {
            let stays = connection.look();
            if !stays {
                self.note(LineEvent::Closed);
            }
            stays
        });
        if let Some(connection) = shared.iter().find(|connection| connection.has_room()) {
            return Some(Ready::Shared(Rc::clone(connection)));
        }
        drop(shared);
        loop {
            // Those below have been idle for longer.
            let mut connection = self.idle.borrow_mut().pop()?;
            let idle_for = self.clock.now() - connection.idle_since;
            if idle_for >= self.patience(&connection) {
                self.idle.borrow_mut().push(connection);
                self.close_idle();
                return None;
            }
            match connection.look() {
                Standing::Ready => return Some(Ready::One(connection)),
                Standing::Closed => {
                    self.note(LineEvent::Closed);
                    if idle_for >= SHORTEST_TIMEOUT && connection.kept_for.is_none() {
                        self.closes_after.set(self.closes_after.get().min(idle_for));
                    }
                }
                Standing::Unsolicited => self.note(LineEvent::Unsolicited),
            }
        }
    }

    /// For how long a connection may be idle and still be used.
    fn patience(&self, connection: &Http1) -> Nanos {
        let before = |timeout: Nanos| timeout - MARGIN.min(Nanos(timeout.0 / 2));
        let seen = self.closes_after.get();
        let seen = if seen == Nanos::MAX { seen } else { Nanos(seen.0 / 10 * 9) };
        connection.kept_for.map_or(IDLE_TIMEOUT.min(seen), |said| before(said).min(IDLE_TIMEOUT))
    }

    /// Opens a connection; `ahead`: no request waits for it.
    pub(super) async fn open(&self, ahead: bool) -> Result<Given, Undialled> {
        self.opening.set(true);
        let told = Told(self);
        let mut opened = self.open_one(ahead).await;
        // Those that are only watched hold what this machine is short of.
        if let Err(Undialled { failure: Failure::Local(_), .. }) = &opened
            && self.let_go(|_| true)
        {
            opened = self.open_one(ahead).await;
        }
        drop(told);
        if let Err(Undialled { failure: Failure::Connect(_), .. }) = &opened {
            self.note(LineEvent::Failed);
        }
        opened
    }

    async fn open_one(&self, ahead: bool) -> Result<Given, Undialled> {
        let start = self.clock.now();
        let dialled = self.dialler.dial(|took| self.note(LineEvent::Resolved(took))).await?;
        let now = self.clock.now();
        let all = now - start;
        let unusable = |lost: Lost| Undialled { failure: lost.failure, passing: true };
        let ready = if dialled.h2 {
            let connection = Http2::on(dialled.line).await.map_err(unusable)?;
            self.speaks_h2.set(true);
            self.shared.borrow_mut().push(Rc::clone(&connection));
            Ready::Shared(connection)
        } else {
            self.speaks_h2.set(false);
            Ready::One(Box::new(Http1::on(dialled.line, self.room.clone(), now)))
        };
        self.note(LineEvent::Opened { tcp: dialled.tcp, tls: dialled.tls, ahead });
        let opening = Opening { all, tcp: dialled.tcp, tls: dialled.tls.unwrap_or_default() };
        Ok(Given { ready, opening })
    }

    /// Takes a connection back after an answer, if another request may follow on it.
    pub(super) fn put_back(&self, mut connection: Box<Http1>) {
        // What comes from now on is found when it is taken again, or closed.
        match connection.state() {
            Standing::Ready => self.idle.borrow_mut().push(connection),
            // As it may have said with the answer.
            Standing::Closed => {
                self.note(LineEvent::Closed);
                if connection.is_whole() {
                    connection.leave();
                    self.leaving.borrow_mut().push_back((connection, self.clock.now()));
                    if self.leaving.borrow().len() > MOST_LINGER {
                        self.let_go_one();
                    }
                }
            }
            Standing::Unsolicited => self.note(LineEvent::Unsolicited),
        }
    }

    /// Closes what is idle, after a last look at what came on it.
    pub(super) fn close(&self) {
        self.let_go(|_| true);
        self.close_idle();
    }

    /// Closes those that take no more requests, from the one that has waited longest, while
    /// they are `due`; whether there was one.
    fn let_go(&self, due: impl Fn(Nanos) -> bool) -> bool {
        let is_due = || self.leaving.borrow().front().is_some_and(|(_, since)| due(*since));
        let mut any = false;
        while is_due() {
            any = true;
            self.let_go_one();
        }
        any
    }

    fn let_go_one(&self) {
        let first = self.leaving.borrow_mut().pop_front();
        if first.is_some_and(|(mut line, _)| line.look_on() == Standing::Unsolicited) {
            self.note(LineEvent::Unsolicited);
        }
    }

    fn close_idle(&self) {
        for mut connection in self.idle.take() {
            if connection.look() == Standing::Unsolicited {
                self.note(LineEvent::Unsolicited);
            }
        }
    }

    /// Keeps a connection that was opened ahead.
    pub(super) fn keep(&self, given: Given) {
        if let Ready::One(connection) = given.ready {
            self.idle.borrow_mut().push(connection);
        }
    }

    /// Gives up a shared connection that takes no more requests.
    pub(super) fn give_up(&self, connection: &Rc<Http2>) {
        // Requests under way hold it until they have their answers.
        self.shared.borrow_mut().retain(|known| !Rc::ptr_eq(known, connection));
    }
}

/// Tells whoever waits for a connection that the try is over, however it ended.
struct Told<'a>(&'a Pool);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.opening.set(false);
        self.0.opened.notify_waiters();
    }
}
