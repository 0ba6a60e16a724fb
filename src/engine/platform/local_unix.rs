//! Unix: errors that this machine makes, whatever the target does.

use std::io;

use rustix::io::Errno;

/// What this machine has run out of, and what to raise; `None`: it isn't this machine.
pub(crate) fn local_trouble(error: &io::Error) -> Option<String> {
    let raise = match Errno::from_io_error(error)? {
        Errno::MFILE => "this process may open no more files: raise `ulimit -n`",
        Errno::NFILE => "the system may open no more files: raise fs.file-max",
        Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => {
            "no local port is free: widen net.ipv4.ip_local_port_range, or lower the rate of new \
             connections"
        }
        Errno::NETDOWN | Errno::NETUNREACH => {
            "this machine's network has no way to the target: look at its interfaces and routes"
        }
        Errno::NOSPC => "the system can watch no more connections: raise fs.epoll.max_user_watches",
        Errno::NOBUFS => {
            "the system has no buffer left for sockets: raise net.core.wmem_max or lower the load"
        }
        Errno::NOMEM => {
            "this machine has no memory left: lower [engine] max_in_flight or give it more"
        }
        Errno::AGAIN => {
            "the system has no thread or port to give for now: raise `ulimit -u` and \
             net.ipv4.ip_local_port_range"
        }
        Errno::ACCESS | Errno::PERM => {
            "this machine forbids the connection: look at its firewall and sandbox"
        }
        _ => return None,
    };
    Some(format!("{raise} ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only route gone for a second was fifty lost requests of the target's.
    #[test]
    fn what_this_machine_makes_is_its_own() {
        let local = |errno: Errno| local_trouble(&io::Error::from(errno)).is_some();
        for errno in [Errno::NETDOWN, Errno::NETUNREACH, Errno::ADDRINUSE, Errno::NOSPC] {
            assert!(local(errno), "{errno:?}");
        }
        // A host may be gone as well as its neighbour's cable.
        for errno in [Errno::HOSTUNREACH, Errno::CONNREFUSED, Errno::CONNRESET, Errno::TIMEDOUT] {
            assert!(!local(errno), "{errno:?}");
        }
    }
}
