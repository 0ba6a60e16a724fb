//! The server: its state, its thread, its start and its end.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use super::clock::Clock;
use super::counts::{Counts, Tally};
use super::endpoint::Endpoint;
use super::faults::Faults;
use super::handle::handle;
use super::keys::{Customer, Keyring, example_keys, example_webhook_secret};
use super::memory::Memory;
use super::quota::Quota;
use super::wire::{Door, Link};
use crate::secret::Secret;

/// E-mails, events and customers remembered at most: far more than a run
/// sends, and at some 20 bytes each little enough to stay for days.
const MOST_REMEMBERED: usize = 1_000_000;
/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;

/// What a target is to be.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    /// The port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// API keys that work from the start. Onboarded customers' work as well.
    pub keys: Vec<Secret>,
    /// The secret that webhooks are signed with.
    pub webhook_secret: Secret,
    /// What it does wrong.
    pub faults: Faults,
    /// Decides which requests meet with a fault's share.
    pub seed: u64,
}

impl TargetConfig {
    /// A target without faults on any port, with `keys` keys and a webhook
    /// secret of its own that `seed` decides.
    #[must_use]
    pub fn embedded(seed: u64, keys: usize) -> Self {
        Self {
            port: 0,
            keys: example_keys(seed, keys),
            webhook_secret: example_webhook_secret(seed),
            faults: Faults::default(),
            seed,
        }
    }
}

/// Why a target didn't start.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The port can't be had.
    #[error("can't listen on 127.0.0.1:{port}")]
    Bind {
        /// The port asked for.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// No thread or no event loop for it.
    #[error("can't start the embedded target")]
    Start(#[from] io::Error),
}

/// Everything that requests share.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) faults: Faults,
    pub(super) seed: u64,
    pub(super) clock: Clock,
    pub(super) keyring: Keyring,
    pub(super) webhook_secret: Secret,
    pub(super) onboarding: Quota,
    pub(super) exchange: Quota,
    pub(super) webhook: Quota,
    pub(super) per_key: Quota,
    pub(super) emails: Mutex<Memory>,
    pub(super) events: Mutex<Memory>,
    pub(super) usage: Mutex<Usage>,
    pub(super) customers: AtomicU64,
    pub(super) tally: Tally,
}

impl Server {
    fn new(config: TargetConfig) -> Self {
        let TargetConfig { keys, webhook_secret, faults, seed, .. } = config;
        let quota = |endpoint| Quota::new(faults.of(endpoint).limiter, seed ^ endpoint as u64);
        Self {
            seed,
            clock: Clock::start(faults.clock),
            keyring: Keyring::new(&keys, seed),
            webhook_secret,
            onboarding: quota(Endpoint::Onboarding),
            exchange: quota(Endpoint::CredentialVending),
            webhook: quota(Endpoint::Webhook),
            per_key: Quota::new(faults.per_key, seed ^ 0x63),
            emails: Mutex::new(Memory::new(MOST_REMEMBERED)),
            events: Mutex::new(Memory::new(MOST_REMEMBERED)),
            usage: Mutex::new(Usage::default()),
            customers: AtomicU64::new(0),
            tally: Tally::default(),
            faults,
        }
    }

    /// Waits while the server is frozen.
    pub(super) async fn thaw(&self, endpoint: Endpoint) {
        if let Some(stall) = self.faults.of(endpoint).stall {
            let wait = stall.wait(self.clock.elapsed());
            if wait.0 > 0 {
                tokio::time::sleep(wait.into()).await;
            }
        }
    }
}

/// Exchanges of each customer; the customer not seen for the longest is
/// forgotten when there are too many.
#[derive(Debug, Default)]
pub(super) struct Usage {
    used: HashMap<Customer, u64>,
    order: VecDeque<Customer>,
}

impl Usage {
    /// Counts an exchange; what remains of `allowed` after it, none where nothing was left.
    pub(super) fn spend(&mut self, customer: Customer, allowed: u64) -> Option<u64> {
        if !self.used.contains_key(&customer) {
            self.order.push_back(customer);
            if self.order.len() > MOST_REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.used.remove(&oldest);
            }
        }
        let used = self.used.entry(customer).or_insert(0);
        let remaining = allowed.checked_sub(*used + 1)?;
        *used += 1;
        Some(remaining)
    }
}

/// A running target. It has a thread and an event loop of its own, so that it
/// doesn't take part in its caller's; it stops when dropped.
#[derive(Debug)]
pub struct Target {
    address: SocketAddr,
    server: Arc<Server>,
    accepted: Arc<AtomicU64>,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

/// Stops a target from elsewhere.
#[derive(Clone, Debug)]
pub struct Stopper(watch::Sender<bool>);

impl Stopper {
    /// Asks the target to stop; [`Target::wait`] then returns.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Target {
    /// Listens on 127.0.0.1 and answers from then on.
    ///
    /// # Errors
    /// The port is taken or not allowed, or the system gives no thread.
    pub fn start(config: TargetConfig) -> Result<Self, TargetError> {
        let port = config.port;
        let server = Arc::new(Server::new(config));
        let accepted = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = watch::channel(false);
        let (bound, binding) = mpsc::sync_channel(1);
        let run = {
            let (server, accepted) = (Arc::clone(&server), Arc::clone(&accepted));
            // The event loop is made where it runs: the caller may be in one of its own.
            move || run(port, server, accepted, stopped, &bound)
        };
        let thread = std::thread::Builder::new().name("target".to_owned()).spawn(run)?;
        let ended = || io::Error::other("its thread ended");
        let address = binding.recv().unwrap_or_else(|_| Err(ended().into()))?;
        Ok(Self { address, server, accepted, stopper: Stopper(stop), thread: Some(thread) })
    }

    /// Where it answers: `http://127.0.0.1:PORT`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it has counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = self.server.tally.lock().clone();
        counts.connections = self.accepted.load(Ordering::Relaxed);
        counts
    }

    /// A handle that stops it, for a signal handler or another thread.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Blocks until a [`Stopper`] has stopped it; what it had counted by then.
    #[must_use]
    pub fn wait(mut self) -> Counts {
        self.join();
        self.counts()
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic of its thread has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.stopper.stop();
        self.join();
    }
}

/// Serves until `stopped`; says through `bound` where, or why not.
fn run(
    port: u16,
    server: Arc<Server>,
    accepted: Arc<AtomicU64>,
    mut stopped: watch::Receiver<bool>,
    bound: &mpsc::SyncSender<Result<SocketAddr, TargetError>>,
) {
    // Whoever started it waits for the one message; there is nobody else to tell.
    let tell = |message| drop(bound.send(message));
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tell(Err(error.into())),
    };
    runtime.block_on(async move {
        let (listener, address) = match listen(port) {
            Ok(listening) => listening,
            Err(source) => return tell(Err(TargetError::Bind { port, source })),
        };
        tell(Ok(address));
        let router = Router::new()
            .fallback(handle)
            .with_state(server)
            .into_make_service_with_connect_info::<Link>();
        tokio::select! {
            _ = axum::serve(Door::new(listener, accepted), router) => {}
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    });
}

fn listen(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    // On Windows it would let two servers share a port.
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    let listener = socket.listen(BACKLOG)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
