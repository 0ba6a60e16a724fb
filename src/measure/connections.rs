//! What is known of the connections: how many, how long they took, how they ended.

use serde::{Deserialize, Serialize};

use super::Trend;
use crate::units::Nanos;

/// What is known of the connections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Connections {
    /// Connections opened.
    pub opened: u64,
    /// Of those, opened ahead of the load rather than when a request needed one.
    #[serde(default)]
    pub ahead: u64,
    /// Connections that couldn't be opened.
    pub failed: u64,
    /// Connections that the server closed while no request was under way: nothing was lost.
    #[serde(default)]
    pub closed: u64,
    /// Connections on which bytes came that no request had asked for.
    #[serde(default)]
    pub unsolicited: u64,
    /// Requests sent again on another connection, because the server can't have
    /// begun with them (it refused the stream, or closed before a byte was written).
    #[serde(default)]
    pub resent: u64,
    /// Name resolution, each time it was asked.
    pub dns: Trend,
    /// From the start of connecting to the usable connection, TLS included.
    pub connect: Trend,
    /// Of that, the TLS handshake; nothing of plain HTTP.
    #[serde(default)]
    pub tls: Trend,
}

/// One thing that a connection met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEvent {
    /// It was opened.
    Opened {
        /// The TCP handshake.
        tcp: Nanos,
        /// The TLS handshake; `None`: plain HTTP.
        tls: Option<Nanos>,
        /// Whether no request waited for it.
        ahead: bool,
    },
    /// It couldn't be opened.
    Failed,
    /// A name was asked for, and answered after that long.
    Resolved(Nanos),
    /// The server closed it while no request was under way.
    Closed,
    /// Bytes came that no request had asked for.
    Unsolicited,
    /// A request went out once more, on another connection.
    Resent,
}

impl Connections {
    /// Counts `event`.
    pub fn note(&mut self, event: LineEvent) {
        match event {
            LineEvent::Opened { tcp, tls, ahead } => {
                self.opened += 1;
                self.ahead += u64::from(ahead);
                self.connect.record(tcp + tls.unwrap_or_default());
                if let Some(tls) = tls {
                    self.tls.record(tls);
                }
            }
            LineEvent::Failed => self.failed += 1,
            LineEvent::Resolved(took) => self.dns.record(took),
            LineEvent::Closed => self.closed += 1,
            LineEvent::Unsolicited => self.unsolicited += 1,
            LineEvent::Resent => self.resent += 1,
        }
    }

    /// Prepares for a lot to be added.
    pub(super) fn prepare(&mut self) {
        let Self { dns, connect, tls, .. } = self;
        [dns, connect, tls].into_iter().for_each(Trend::prepare);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.opened += other.opened;
        self.ahead += other.ahead;
        self.failed += other.failed;
        self.closed += other.closed;
        self.unsolicited += other.unsolicited;
        self.resent += other.resent;
        self.dns.merge(&other.dns);
        self.connect.merge(&other.connect);
        self.tls.merge(&other.tls);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_saw_is_what_one_would_have_seen() {
        let events = [
            LineEvent::Opened { tcp: Nanos(900), tls: None, ahead: true },
            LineEvent::Opened { tcp: Nanos(800), tls: Some(Nanos(7000)), ahead: false },
            LineEvent::Failed,
            LineEvent::Resolved(Nanos(5)),
            LineEvent::Closed,
            LineEvent::Unsolicited,
            LineEvent::Resent,
        ];
        let (mut whole, mut halves) =
            (Connections::default(), [(); 2].map(|()| Connections::default()));
        for (i, event) in events.into_iter().enumerate() {
            whole.note(event);
            halves[i % 2].note(event);
        }
        let [mut merged, other] = halves;
        merged.merge(&other);
        assert_eq!(merged, whole);
        assert_eq!((whole.opened, whole.ahead, whole.tls.count()), (2, 1, 1));
    }
}
