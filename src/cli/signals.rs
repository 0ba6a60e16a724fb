//! SIGINT (Ctrl-C, a cancelled workflow), SIGTERM, SIGHUP and SIGQUIT: heard by a thread of its own.

use std::io;
use std::sync::OnceLock;

use crate::engine::{Ending, Stop};

/// What the signals of this process are told to: whoever waits without a signal's being
/// able to end it asks here. Empty: they end the process by themselves.
static HEARD_BY: OnceLock<Stop> = OnceLock::new();

/// Why a process leaves before it has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    /// It was asked once more.
    AskedAgain,
    /// It had its time, and didn't come to it.
    TooSlow,
}

/// Tells `stop` of the first signal, whatever else this process is busy with, and
/// `leave` of each further one, and of an end that takes too long. Until then none of
/// them ends it.
///
/// # Errors
/// When the system has no thread or no signals to give.
pub(super) fn listen(stop: &Stop, leave: impl Fn(Leave) + Send + 'static) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _within = runtime.enter();
        Signals::new()?
    };
    let _ = HEARD_BY.set(stop.clone());
    let stop = stop.clone();
    let heard = move || {
        runtime.block_on(async {
            signals.next().await;
            stop.now(crate::engine::StopReason::Interrupted);
            let why = tokio::select! {
                () = signals.next() => Leave::AskedAgain,
                () = stop.over(Ending::Process) => Leave::TooSlow,
            };
            leave(why);
            loop {
                signals.next().await;
                leave(Leave::AskedAgain);
            }
        });
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(heard).map(drop)
}

/// What hears the signals of this process; `None`: they end it.
pub(super) fn heard_by() -> Option<&'static Stop> {
    HEARD_BY.get()
}

/// Has a file that may not grow any further (SIGXFSZ, `ulimit -f`) be an error of who
/// writes, not the end of the process.
pub(super) fn outlive_full_files() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        /// The same number on every system that load-gate is built for.
        const SIGXFSZ: i32 = 25;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            let _within = runtime.enter();
            // Who hears a signal once isn't ended by it any more, heard or not.
            let _ = signal(SignalKind::from_raw(SIGXFSZ));
        }
    }
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
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate(), SignalKind::quit()];
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        if !ignores_hangups(&status) {
            kinds.push(SignalKind::hangup());
        }
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

/// Whether a process was started to outlive its terminal, as by `nohup`: by the mask of
/// ignored signals in its `/proc/PID/status` (`proc_pid_status(5)`).
#[cfg(unix)]
fn ignores_hangups(status: &str) -> bool {
    const HANGUP: u64 = 1;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    mask.is_some_and(|mask| mask & HANGUP != 0)
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

#[cfg(all(test, unix))]
mod tests {
    use super::ignores_hangups;

    #[test]
    fn a_hangup_that_was_ignored_from_the_start_stays_so() {
        assert!(ignores_hangups("Name:\tload-gate\nSigIgn:\t0000000000001001\nSigCgt:\t00\n"));
        assert!(!ignores_hangups("Name:\tload-gate\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hangups(""));
    }
}
