//! Standard error, written by a thread of its own: whoever tells how it goes waits for no reader.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Pieces that may wait to be written; of a reader that takes none, the rest is lost.
const MOST_WAITING: usize = 4096;
/// How long the end of a command, or a result, waits for what was written before it.
const PATIENCE: Duration = Duration::from_secs(1);

static WRITER: OnceLock<Option<SyncSender<Piece>>> = OnceLock::new();
/// Whether a reader was waited for in vain: then nobody waits again.
static STUCK: AtomicBool = AtomicBool::new(false);

enum Piece {
    Text(Vec<u8>),
    /// Answered once all before it is written.
    Flush(SyncSender<()>),
}

/// Writes `text`, soon; where no thread can be had, at once.
pub(super) fn write(text: Vec<u8>) {
    match writer() {
        Some(writer) => {
            let _ = writer.try_send(Piece::Text(text));
        }
        None => {
            let _ = std::io::stderr().lock().write_all(&text);
        }
    }
}

/// Waits until what was written so far has been, for a second at most.
pub(super) fn flush() {
    let Some(Some(writer)) = WRITER.get() else { return };
    if STUCK.load(Ordering::Relaxed) {
        return;
    }
    let (done, written) = sync_channel(1);
    let waiting = writer.try_send(Piece::Flush(done)).is_ok();
    if !waiting || written.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        STUCK.store(true, Ordering::Relaxed);
    }
}

fn writer() -> Option<&'static SyncSender<Piece>> {
    WRITER.get_or_init(start).as_ref()
}

fn start() -> Option<SyncSender<Piece>> {
    let (sender, receiver) = sync_channel(MOST_WAITING);
    let thread = std::thread::Builder::new().name("stderr".to_owned()).spawn(move || {
        for piece in receiver {
            match piece {
                Piece::Text(text) => {
                    let _ = std::io::stderr().lock().write_all(&text);
                }
                Piece::Flush(done) => {
                    let _ = done.send(());
                }
            }
        }
    });
    thread.is_ok().then_some(sender)
}
