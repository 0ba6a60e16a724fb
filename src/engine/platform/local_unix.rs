//! Unix: errors that this machine makes, whatever the target does.

use std::io;

use rustix::io::Errno;

/// What this machine has run out of, and what to raise; `None`: it isn't this machine.
pub(in crate::engine) fn local_trouble(error: &io::Error) -> Option<String> {
    let raise = match Errno::from_io_error(error)? {
        Errno::MFILE => "this process may open no more files: raise `ulimit -n`",
        Errno::NFILE => "the system may open no more files: raise fs.file-max",
        Errno::ADDRNOTAVAIL => {
            "no local port is free: widen net.ipv4.ip_local_port_range, or lower the rate of new \
             connections"
        }
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
