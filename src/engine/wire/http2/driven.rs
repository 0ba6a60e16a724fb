//! A connection of HTTP/2 at work, and what its frames say that h2 keeps to itself.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::Connection;

use super::super::line::{Gauge, LOOK, Line};

/// Bytes of frames in a row that no request has anything of.
const MOST_MEANINGLESS: u64 = 2 << 20;
/// Bytes of a frame's head (RFC 9113, 4.1).
const HEAD: usize = 9;
/// The kind of a GOAWAY frame (RFC 9113, 6.8).
const GOAWAY: u8 = 7;

/// The server sends frames without end that answer nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "the server sent more than {} MiB of HTTP/2 frames that answer nothing: the connection was \
     given up",
    MOST_MEANINGLESS >> 20
)]
pub(super) struct Flooded;

/// A connection, driven by its task and by whoever wants to know how it stands.
pub(super) struct Driven {
    /// `None`: it has ended.
    connection: RefCell<Option<Connection<Line, Bytes>>>,
    /// Who drives it.
    driver: RefCell<Waker>,
    pub(super) heard: Rc<Heard>,
    flooded: Cell<bool>,
}

impl Driven {
    pub(super) fn new(connection: Connection<Line, Bytes>, heard: Rc<Heard>) -> Self {
        Self {
            connection: RefCell::new(Some(connection)),
            driver: RefCell::new(Waker::noop().clone()),
            heard,
            flooded: Cell::new(false),
        }
    }

    /// Goes on with what has come and what is to be sent, until it has ended.
    pub(super) fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        self.driver.borrow_mut().clone_from(context.waker());
        let mut connection = self.connection.borrow_mut();
        let Some(open) = connection.as_mut() else { return Poll::Ready(()) };
        let ended = Pin::new(open).poll(context).is_ready();
        self.flooded.set(self.heard.meaningless.get() > MOST_MEANINGLESS);
        if !ended && !self.flooded.get() {
            return Poll::Pending;
        }
        *connection = None;
        Poll::Ready(())
    }

    /// Whether it takes requests, by what the kernel has of it now: what a server said
    /// before a request is written is heard before.
    pub(super) fn look(&self) -> bool {
        let driver = self.driver.borrow().clone();
        let gauge = Rc::clone(&self.heard.gauge);
        let _ = gauge.looking(LOOK, || self.poll(&mut Context::from_waker(&driver)));
        self.connection.borrow().is_some() && self.heard.last_stream().is_none()
    }

    /// Whether it was given up for what came on it.
    pub(super) const fn is_flooded(&self) -> bool {
        self.flooded.get()
    }
}

/// What was heard on a connection.
pub(super) struct Heard {
    gauge: Rc<Gauge>,
    frames: RefCell<Frames>,
    /// Bytes since a request had something of them.
    meaningless: Cell<u64>,
}

impl Heard {
    /// `line`, and what will be heard on it.
    pub(super) fn on(line: Line) -> (Line, Rc<Self>) {
        let heard = Rc::new(Self {
            gauge: Rc::clone(line.gauge()),
            frames: RefCell::default(),
            meaningless: Cell::new(0),
        });
        let theirs = Rc::clone(&heard);
        let line = line.heard_by(move |came| {
            theirs.frames.borrow_mut().read(came);
            theirs.meaningless.set(theirs.meaningless.get() + came.len() as u64);
        });
        (line, heard)
    }

    /// A request had something of what came.
    pub(super) fn meant(&self) {
        self.meaningless.set(0);
    }

    /// The last stream that the server says it takes, once it takes no more.
    pub(super) fn last_stream(&self) -> Option<u32> {
        self.frames.borrow().last_stream
    }
}

/// Reads frames' heads as they go by.
#[derive(Default)]
struct Frames {
    head: [u8; HEAD],
    /// Of the head that is being read.
    had: usize,
    /// Of its payload, what is still to come, and what came.
    left: u32,
    came: u32,
    said: u32,
    last_stream: Option<u32>,
}

impl Frames {
    fn read(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first() {
            if self.had < HEAD {
                self.head[self.had] = first;
                self.had += 1;
                bytes = rest;
                if self.had == HEAD {
                    let [high, middle, low, ..] = self.head;
                    self.left = u32::from_be_bytes([0, high, middle, low]);
                    (self.came, self.said) = (0, 0);
                }
            } else if self.head[3] == GOAWAY && self.came < 4 && self.left > 0 {
                self.said = self.said << 8 | u32::from(first);
                self.came += 1;
                self.left -= 1;
                bytes = rest;
                if self.came == 4 {
                    // The highest bit is reserved.
                    self.last_stream = Some(self.said & 0x7fff_ffff);
                }
            } else {
                let skipped = bytes.len().min(self.left as usize);
                self.left -= skipped as u32;
                bytes = &bytes[skipped..];
            }
            if self.had == HEAD && self.left == 0 {
                self.had = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).expect("is short").to_be_bytes();
        [&length[1..], &[kind, 0, 0, 0, 0, 0], payload].concat()
    }

    proptest! {
        #[test]
        fn the_last_stream_is_heard_in_whatever_pieces_it_comes(
            before in prop::collection::vec((0_u8..12, prop::collection::vec(any::<u8>(), 0..40)), 0..6),
            last in any::<u32>(), debug in prop::collection::vec(any::<u8>(), 0..20),
            pieces in prop::collection::vec(1_usize..30, 1..5),
        ) {
            let others = before.iter().filter(|(kind, _)| *kind != GOAWAY);
            let mut bytes: Vec<u8> =
                others.flat_map(|(kind, payload)| frame(*kind, payload)).collect();
            let mut frames = Frames::default();
            frames.read(&bytes);
            prop_assert_eq!(frames.last_stream, None);
            let said = [&last.to_be_bytes()[..], &[0, 0, 0, 2], &debug].concat();
            bytes.extend(frame(GOAWAY, &said));
            bytes.extend(frame(GOAWAY - 1, &[7; 8]));
            let (mut frames, mut left) = (Frames::default(), &bytes[..]);
            for length in pieces.iter().cycle() {
                let (piece, rest) = left.split_at(left.len().min(*length));
                frames.read(piece);
                left = rest;
                if left.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(frames.last_stream, Some(last & 0x7fff_ffff));
            prop_assert_eq!(frames.had, 0);
        }
    }
}
