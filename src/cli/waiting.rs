//! Waits for work of the network, on this thread.

use std::future::Future;
use std::io;

/// What `work` comes to.
///
/// # Errors
/// When the system has nothing to make a runtime of.
pub(super) fn wait_for<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let done = runtime.block_on(work);
    // A name that is still looked up, by a thread that can't be told, must not hold the end.
    runtime.shutdown_background();
    Ok(done)
}
