//! Systems on which this process's use isn't measured.

use crate::units::Nanos;

/// Systems that don't tell of their scheduling: only oversleeping is seen.
pub(in crate::engine) struct Account;

impl Account {
    pub(in crate::engine) const fn of_this_thread() -> Self {
        Self
    }

    /// Not told here.
    pub(in crate::engine) const fn read(&self) -> Option<(Nanos, Nanos)> {
        None
    }
}

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
