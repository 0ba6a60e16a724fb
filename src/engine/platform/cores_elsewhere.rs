//! Windows: crash dumps are the system's own affair.

/// There is nothing to switch off.
pub fn withhold_core_dumps() {}
