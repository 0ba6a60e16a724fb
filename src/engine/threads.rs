//! Threads: how many cores there are for them, and what is said where the system has none to give.

use std::io;

/// How many cores this process may use, at least one.
pub(crate) fn cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(cores).unwrap_or(u32::MAX)
}

/// What to do where the system has no thread to give.
pub(crate) fn no_thread(error: &io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!(
            "the system gives this process no further thread: {error}; a run needs about ten: raise \
             what limits processes (`ulimit -u`, a container's --pids-limit, pids.max of its cgroup) \
             or memory (`ulimit -v`)"
        ),
    )
}
