//! Opens connections: name, TCP, TLS, each timed, each failure in its own words.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::inbox::Inbox;
use super::line::{Gauge, Line, Socket, Stream};
use super::names::Addresses;
use super::words;
use crate::engine::clock::Clock;
use crate::engine::platform::local_trouble;
use crate::engine::transport::Failure;
use crate::units::Nanos;

/// The protocol's name in ALPN (RFC 9113, 3.1).
const H2: &[u8] = b"h2";

/// A server that speaks TLS says so within this; another may wait for more of what it takes
/// for a request.
const SAYS_HELLO: Duration = Duration::from_secs(2);

/// Where and how to connect.
#[derive(Clone)]
pub(super) struct DialTarget {
    /// Without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// `None`: plain HTTP.
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The longest that opening a connection may take.
    pub(super) patience: Duration,
}

/// A connection just opened.
pub(super) struct Dialled {
    pub(super) line: Line,
    /// Whether both ends agreed on HTTP/2.
    pub(super) h2: bool,
    pub(super) tcp: Nanos,
    pub(super) tls: Option<Nanos>,
}

/// Why none could be opened.
pub(super) struct Undialled {
    pub(super) failure: Failure,
    /// Whether another try could end otherwise.
    pub(super) passing: bool,
}

/// Opens connections to one destination.
pub(super) struct Dialler {
    pub(super) to: DialTarget,
    pub(super) inbox: Inbox,
    addresses: Addresses,
    clock: Arc<dyn Clock>,
    /// TLS handshakes under way.
    handshakes: Cell<usize>,
}

/// Counts a handshake as long as it lasts.
struct OneMore<'a>(&'a Cell<usize>);

impl<'a> OneMore<'a> {
    fn of(handshakes: &'a Cell<usize>) -> Self {
        handshakes.set(handshakes.get() + 1);
        Self(handshakes)
    }
}

impl Drop for OneMore<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Dialler {
    pub(super) fn new(to: DialTarget, inbox: Inbox, clock: Arc<dyn Clock>) -> Self {
        let addresses = Addresses::new(to.host.clone(), to.port, Arc::clone(&clock));
        Self { to, inbox, addresses, clock, handshakes: Cell::new(0) }
    }

    /// Whether a TLS handshake is under way.
    pub(super) fn is_shaking_hands(&self) -> bool {
        self.handshakes.get() > 0
    }

    /// What to say of a request that had no connection `within` its timeout; `shaking`: one
    /// was in its TLS handshake then.
    pub(super) fn nothing_to_send_on(&self, within: Nanos, shaking: bool) -> String {
        let what = "no connection to send on within";
        let left = "nothing of the request left";
        if !shaking {
            return format!("{what} {within}: {left}");
        }
        format!(
            "{what} {within}: {left}; a TLS handshake with {} was still under way, see what it \
             waits for there",
            words::address(&self.to.host, self.to.port)
        )
    }

    /// Opens one. `resolved` is told how long the name took, where it was asked for.
    pub(super) async fn dial(&self, resolved: impl FnOnce(Nanos)) -> Result<Dialled, Undialled> {
        let (host, port) = (self.to.host.as_str(), self.to.port);
        let passing = |failure| Undialled { failure, passing: true };
        let give_up = self.clock.now() + Nanos::from(self.to.patience);
        let too_long = |what: &str| {
            let patience = Nanos::from(self.to.patience);
            passing(Failure::Connect(format!("{what} within {patience}")))
        };
        let found = tokio::time::timeout(self.to.patience, self.addresses.find()).await;
        let (addresses, asked) = found
            .map_err(|_| too_long(&format!("the name {host} was not resolved")))?
            .map_err(|e| passing(words::unresolved(&e, host)))?;
        if let Some(took) = asked {
            resolved(took);
        }
        let start = self.clock.now();
        let stream = tokio::time::timeout(self.left(give_up), connect(&addresses))
            .await
            .map_err(|_| {
                too_long(&format!(
                    "{} did not answer to the connection",
                    words::address(host, port)
                ))
            })?
            .map_err(|e| passing(words::unconnected(&e, host, port)))?;
        let tcp = self.clock.now() - start;
        let gauge = Gauge::new(Arc::clone(&self.clock));
        let wired = self
            .inbox
            .take_over(stream, Rc::clone(&gauge.awaited))
            .map_err(|e| passing(words::unconnected(&e, host, port)))?;
        let socket = Socket::new(wired, Rc::clone(&gauge));
        let Some((config, name)) = &self.to.tls else {
            let line = Line::new(Stream::Plain(socket), gauge);
            return Ok(Dialled { line, h2: false, tcp, tls: None });
        };
        // A handshake takes as long as it takes, not until somebody looks.
        let _at_once = self.inbox.urgent();
        let _counted = OneMore::of(&self.handshakes);
        let start = self.clock.now();
        let handshake = TlsConnector::from(Arc::clone(config)).connect(name.clone(), socket);
        let stream = tokio::time::timeout(self.left(give_up), handshake)
            .await
            .map_err(|_| {
                let took = self.clock.now() - start;
                passing(Failure::Connect(words::handshake_too_long(host, port, tcp, took)))
            })?
            .map_err(|e| Undialled {
                passing: e.kind() == std::io::ErrorKind::ConnectionReset,
                failure: words::no_handshake(&e, host, port),
            })?;
        let tls = Some(self.clock.now() - start);
        let h2 = stream.get_ref().1.alpn_protocol() == Some(H2);
        let line = Line::new(Stream::Tls(Box::new(stream)), gauge);
        Ok(Dialled { line, h2, tcp, tls })
    }

    fn left(&self, give_up: Nanos) -> Duration {
        (give_up - self.clock.now()).into()
    }

    /// Whether the destination of an `http://` URL takes a TLS handshake.
    pub(super) async fn speaks_tls(&self, config: Arc<ClientConfig>) -> bool {
        let Ok((addresses, _)) = self.addresses.find().await else { return false };
        let Ok(name) = ServerName::try_from(self.to.host.clone()) else { return false };
        let trying = async {
            let stream = connect(&addresses).await.ok()?;
            let tried = TlsConnector::from(config).connect(name, stream).await;
            // A certificate that isn't trusted is one.
            Some(tried.map_or_else(|error| words::speaks_tls(&error), |_| true))
        };
        let tried = tokio::time::timeout(self.to.patience.min(SAYS_HELLO), trying).await;
        tried.ok().flatten().unwrap_or(false)
    }
}

/// A connection to the first of `addresses` that takes one. Else what the first of them said
/// that this machine can reach: without IPv6 the last one tells of this machine, not of a
/// service that refuses.
pub(crate) async fn connect(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let mut told: Option<std::io::Error> = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) if told.as_ref().is_none_or(|told| local_trouble(told).is_some()) => {
                told = Some(error);
            }
            Err(_) => {}
        }
    }
    Err(told.unwrap_or_else(|| std::io::ErrorKind::AddrNotAvailable.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service that was gone was this machine's network, where that has no IPv6.
    #[tokio::test]
    async fn who_refuses_is_told_and_not_what_this_machine_cannot_reach() {
        // Nobody else has its port, and nobody listens there.
        let held = tokio::net::TcpSocket::new_v4().expect("a socket");
        held.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
        let gone = held.local_addr().expect("bound");
        // Broadcast: this machine refuses it before anything is sent.
        let unreachable = SocketAddr::from(([255, 255, 255, 255], 9));
        for addresses in [[gone, unreachable], [unreachable, gone]] {
            let error = connect(&addresses).await.expect_err("nobody is there");
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{error}");
        }
        let error = connect(&[unreachable]).await.expect_err("nobody is there");
        assert!(local_trouble(&error).is_some(), "{error}");
    }
}
