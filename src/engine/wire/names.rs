//! Where the base URL leads: the name, resolved at most twice a minute.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::engine::clock::Clock;
use crate::units::Nanos;

/// How long a resolved name is used before it is asked again: a load balancer's
/// change is followed within it, and the resolver isn't what is load tested.
const NAME_LIFETIME: Nanos = Nanos::from_secs(30);

/// The addresses of one host, as the system resolves it.
pub(super) struct Addresses {
    host: String,
    port: u16,
    clock: Arc<dyn Clock>,
    /// When they were asked for, and what was said.
    known: RefCell<Option<(Nanos, Vec<SocketAddr>)>>,
}

impl Addresses {
    pub(super) fn new(host: String, port: u16, clock: Arc<dyn Clock>) -> Self {
        Self { host, port, clock, known: RefCell::default() }
    }

    /// The addresses, and how long they took where they had to be asked for.
    pub(super) async fn find(&self) -> io::Result<(Vec<SocketAddr>, Option<Nanos>)> {
        let now = self.clock.now();
        if let Some((asked, addresses)) = self.known.borrow().as_ref()
            && now - *asked < NAME_LIFETIME
        {
            return Ok((addresses.clone(), None));
        }
        let found: Vec<_> =
            tokio::net::lookup_host((self.host.as_str(), self.port)).await?.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "no address"));
        }
        let took = self.clock.now() - now;
        self.known.replace(Some((now, found.clone())));
        Ok((found, Some(took)))
    }
}
