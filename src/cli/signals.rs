//! SIGINT (Ctrl-C, a cancelled workflow), SIGTERM, SIGHUP and SIGQUIT: heard by a thread of its own.

use std::io;

/// Tells `first` of the first signal, and `again` of each further one, whatever else
/// this process is busy with. Until then none of them ends it.
///
/// # Errors
/// When the system has no thread or no signals to give.
pub(super) fn listen(
    first: impl FnOnce() + Send + 'static,
    again: impl Fn() + Send + 'static,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _within = runtime.enter();
        Signals::new()?
    };
    let heard = move || {
        runtime.block_on(async {
            signals.next().await;
            first();
            loop {
                signals.next().await;
                again();
            }
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(heard).map(drop)
}

/// Ends when this process is asked to end.
pub(super) async fn signalled() {
    match Signals::new() {
        Ok(mut signals) => signals.next().await,
        Err(_) => std::future::pending().await,
    }
}

/// The signals that ask a process to end.
struct Signals {
    #[cfg(unix)]
    streams: Vec<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
            SignalKind::quit(),
        ];
        Ok(Self { streams: kinds.into_iter().map(signal).collect::<io::Result<_>>()? })
    }

    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            let heard = self.streams.iter_mut().any(|stream| stream.poll_recv(context).is_ready());
            if heard { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
}

#[cfg(not(unix))]
impl Signals {
    #[expect(clippy::unnecessary_wraps, reason = "the same shape as on Unix")]
    const fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
