//! The generator process as the system sees it.

/// The generator process as the system sees it; `None`: not measured here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessFigures {
    /// CPU time so far, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Open file descriptors.
    pub descriptors: Option<u64>,
    /// Time spent ready to run without a core so far, in seconds.
    pub run_queue_seconds: Option<f64>,
}
