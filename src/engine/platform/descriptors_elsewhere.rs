//! Windows: sockets aren't bounded by a limit on open files.

/// There is no limit to raise.
#[must_use]
pub fn raise_descriptor_limit(_wanted: u64) -> Option<u64> {
    None
}
