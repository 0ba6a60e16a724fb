//! Windows: errors that this machine makes, whatever the target does.

use std::io;

/// What this machine has run out of, and what to raise; `None`: it isn't this machine.
pub(crate) fn local_trouble(error: &io::Error) -> Option<String> {
    let raise = match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            "no local port is free: widen the range of dynamic ports, or lower the rate of new \
             connections"
        }
        io::ErrorKind::OutOfMemory => "this machine has no memory left",
        // WSAEMFILE and WSAENOBUFS have no kind of their own.
        _ => match error.raw_os_error()? {
            10_024 => "this process may open no more sockets",
            10_055 => "the system has no buffer left for sockets",
            _ => return None,
        },
    };
    Some(format!("{raise} ({error})"))
}
