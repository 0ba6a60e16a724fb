//! Systems on which this process's use isn't measured.

/// Not measured here.
pub(in crate::engine) fn cpu_seconds() -> Option<f64> {
    None
}

/// Not measured here.
pub(in crate::engine) fn peak_memory() -> Option<u64> {
    None
}

/// Not measured here.
#[must_use]
pub fn process_figures() -> crate::measure::ProcessFigures {
    crate::measure::ProcessFigures::default()
}
