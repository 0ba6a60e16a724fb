//! Standard output: whoever waits for its reader hears signals meanwhile, and then waits no more.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::signals;
use super::stderr::HURRIED;

/// How often it is looked whether there was one.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Whether a reader was waited for in vain: then nobody waits again.
static STUCK: AtomicBool = AtomicBool::new(false);
/// Why something could not be written that somebody would have read.
static LOST: Mutex<Option<String>> = Mutex::new(None);
static WRITER: OnceLock<Option<Sender<Piece>>> = OnceLock::new();

/// What is to be written, and who waits for it.
struct Piece {
    text: Vec<u8>,
    done: SyncSender<()>,
}

/// Writes `text` and waits until it is written; after an interrupt not for long. A
/// thread of its own writes where signals are heard: they end no wait for a reader.
pub(super) fn write(text: Vec<u8>) {
    let Some(stop) = signals::heard_by() else { return put(&text) };
    let Some(writer) = WRITER.get_or_init(start) else { return put(&text) };
    let (done, written) = sync_channel(1);
    if writer.send(Piece { text, done }).is_err() || STUCK.load(Ordering::Relaxed) {
        return;
    }
    while written.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
        if stop.is_interrupted() {
            if written.recv_timeout(HURRIED) == Err(RecvTimeoutError::Timeout) {
                STUCK.store(true, Ordering::Relaxed);
            }
            return;
        }
    }
}

/// Why what was written is lost, if it is. That a reader went away is no loss: it has
/// read enough.
pub(super) fn lost() -> Option<String> {
    LOST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn start() -> Option<Sender<Piece>> {
    let (sender, receiver) = channel::<Piece>();
    let thread = std::thread::Builder::new().name("stdout".to_owned()).spawn(move || {
        for Piece { text, done } in receiver {
            put(&text);
            let _ = done.send(());
        }
    });
    thread.is_ok().then_some(sender)
}

fn put(text: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text).and_then(|()| out.flush())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert_with(|| error.to_string());
    }
}
