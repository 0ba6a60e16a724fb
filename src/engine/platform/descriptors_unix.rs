//! Unix: the limit on open files, which bounds connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit on open files towards `wanted` as far as the hard limit
/// allows, and returns what it is then; `None`: unlimited.
#[must_use]
pub fn raise_descriptor_limit(wanted: u64) -> Option<u64> {
    let now = getrlimit(Resource::Nofile);
    let current = now.current?;
    if current >= wanted {
        return Some(current);
    }
    let raised = now.maximum.map_or(wanted, |hard| wanted.min(hard));
    if raised > current {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: now.maximum });
    }
    getrlimit(Resource::Nofile).current
}
