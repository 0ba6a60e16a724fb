//! Watches connections being opened: how many, how long, and the names resolved for them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower::{Layer, Service};

use super::clock::{BoxFuture, Clock};
use crate::measure::Connections;
use crate::units::Nanos;

/// How long a resolved name is used before it is asked again: a load balancer's
/// change is followed within it, and the resolver isn't what is load tested.
const NAME_LIFETIME: Nanos = Nanos::from_secs(30);

/// Shared figures of all connections of a client.
#[derive(Clone)]
pub(super) struct Watch {
    clock: Arc<dyn Clock>,
    figures: Arc<Mutex<Connections>>,
}

impl Watch {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, figures: Arc::default() }
    }

    pub(super) fn figures(&self) -> Connections {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, change: impl FnOnce(&mut Connections)) {
        change(&mut self.figures.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl<S> Layer<S> for Watch {
    type Service = Watched<S>;

    fn layer(&self, inner: S) -> Watched<S> {
        Watched { inner, watch: self.clone() }
    }
}

/// A connector that is watched.
#[derive(Clone)]
pub(super) struct Watched<S> {
    inner: S,
    watch: Watch,
}

impl<S, R> Service<R> for Watched<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let watch = self.watch.clone();
        let start = watch.clock.now();
        let connecting = self.inner.call(request);
        Box::pin(async move {
            let result = connecting.await;
            let took = watch.clock.now() - start;
            watch.note(|figures| {
                if result.is_ok() {
                    figures.opened += 1;
                    figures.connect.record(took);
                } else {
                    figures.failed += 1;
                }
            });
            result
        })
    }
}

/// Resolves names by the system, at most once in [`NAME_LIFETIME`].
pub(super) struct CachedNames {
    watch: Watch,
    known: Arc<Mutex<HashMap<String, Resolved>>>,
}

/// When a name was asked, and what was said.
type Resolved = (Nanos, Vec<SocketAddr>);

impl CachedNames {
    pub(super) fn new(watch: Watch) -> Self {
        Self { watch, known: Arc::default() }
    }
}

impl Resolve for CachedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let (watch, known) = (self.watch.clone(), Arc::clone(&self.known));
        Box::pin(async move {
            let name = name.as_str().to_owned();
            let now = watch.clock.now();
            let fresh = {
                let known = known.lock().unwrap_or_else(PoisonError::into_inner);
                known
                    .get(&name)
                    .filter(|(asked, _)| now - *asked < NAME_LIFETIME)
                    .map(|(_, addresses)| addresses.clone())
            };
            let addresses = if let Some(addresses) = fresh {
                addresses
            } else {
                // Port 0: the client puts the URL's port in its place.
                let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
                watch.note(|figures| figures.dns.record(watch.clock.now() - now));
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                known.insert(name, (now, found.clone()));
                found
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
