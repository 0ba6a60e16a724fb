//! Systems on which sleeps are sharp by themselves and use isn't measured.

/// macOS and Windows (high-resolution waitable timers) need no help.
pub(in crate::engine) fn sharpen_timer() {}

/// Not measured here.
pub(in crate::engine) fn cpu_seconds() -> Option<f64> {
    None
}

/// Not measured here.
pub(in crate::engine) fn peak_memory() -> Option<u64> {
    None
}
