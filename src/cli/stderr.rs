//! Standard error, written by a thread of its own: whoever tells how it goes waits for no reader,
//! and what is told stands above the view that is redrawn.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use terminal_size::{Height, Width, terminal_size_of};

use super::redrawn::{Size, View};
use super::signals;
use crate::engine::Stop;

/// Pieces that may wait to be written; of a reader that takes none, the rest is lost.
const MOST_WAITING: usize = 4096;
/// How long the end of a command, or a result, waits for what was written before it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a reader of either output is waited for after an interrupt.
pub(super) const HURRIED: Duration = Duration::from_millis(250);

static WRITER: OnceLock<Option<SyncSender<Piece>>> = OnceLock::new();
/// Whether a reader was waited for in vain: then nobody waits again.
static STUCK: AtomicBool = AtomicBool::new(false);

enum Piece {
    Text(Vec<u8>),
    /// The view, as it is now.
    View(Vec<String>),
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

/// Shows a view of these lines, each at most as wide as the terminal, below all that is
/// written; none: no more. Nothing where no thread can be had.
pub(super) fn show(lines: Vec<String>) {
    if let Some(writer) = writer() {
        let _ = writer.try_send(Piece::View(lines));
    }
}

/// The terminal's columns and rows as they are now; a usual one's where it is none.
pub(super) fn size() -> Size {
    let size = terminal_size_of(std::io::stderr());
    size.map_or((80, 24), |(Width(columns), Height(rows))| (columns.into(), rows.into()))
}

/// Waits until what was written so far has been, for a second at most, after an interrupt less.
pub(super) fn flush() {
    let Some(Some(writer)) = WRITER.get() else { return };
    if STUCK.load(Ordering::Relaxed) {
        return;
    }
    let (done, written) = sync_channel(1);
    let waiting = writer.try_send(Piece::Flush(done)).is_ok();
    let hurried = signals::heard_by().is_some_and(Stop::is_interrupted);
    let patience = if hurried { HURRIED } else { PATIENCE };
    if !waiting || written.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
        STUCK.store(true, Ordering::Relaxed);
    }
}

fn writer() -> Option<&'static SyncSender<Piece>> {
    WRITER.get_or_init(start).as_ref()
}

fn start() -> Option<SyncSender<Piece>> {
    let (sender, receiver) = sync_channel(MOST_WAITING);
    let thread = std::thread::Builder::new().name("stderr".to_owned()).spawn(move || {
        let mut view = View::default();
        let put = |bytes: Vec<u8>| {
            let _ = std::io::stderr().lock().write_all(&bytes);
        };
        for piece in receiver {
            match piece {
                Piece::Text(text) => put(view.above(&text, size())),
                Piece::View(lines) => put(view.show(lines, size())),
                Piece::Flush(done) => {
                    let _ = done.send(());
                }
            }
        }
    });
    thread.is_ok().then_some(sender)
}
