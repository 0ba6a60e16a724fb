//! Delivers a run's series while it goes on: remote write, OTLP; and Pushgateway in the end.

mod exporter;
mod look;
mod post;
mod pushgateway;
mod receiver;
#[cfg(test)]
mod tests;

pub use exporter::{Allowance, Batch, Exporter};
pub use look::look;
pub use pushgateway::push;
pub use receiver::Receiver;
