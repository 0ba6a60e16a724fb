//! Systems on which this process's use isn't measured.

/// Not measured here.
pub(in crate::engine) fn cpu_seconds() -> Option<f64> {
    None
}

/// Not measured here.
pub(in crate::engine) fn peak_memory() -> Option<u64> {
    None
}
