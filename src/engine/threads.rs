//! What is said where the system has no thread to give.

use std::io;

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
