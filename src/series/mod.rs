//! What a run is to a metrics system: its recording and verdict as series, and the formats they travel in.

mod buckets;
mod draw;
mod ending;
mod k6_names;
mod open_metrics;
mod otlp;
mod remote_write;
#[cfg(test)]
mod tests;
mod types;

pub use buckets::bounds_for;
pub use draw::{begun, of_process, of_recording};
pub use ending::of_suite;
pub use k6_names::K6Interval;
pub use open_metrics::{Dialect, exposition};
pub use otlp::{Resource, export_request};
pub use remote_write::{Writer, joined};
pub use types::{Buckets, Common, Family, Kind, SampleValue, Series};
