//! The server: its thread, its start and its end.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

use super::counts::Counts;
use super::handle::handle;
use super::state::{Server, TargetConfig};
use super::wire::{Door, Link};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;

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
