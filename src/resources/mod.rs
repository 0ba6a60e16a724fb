//! Asks the service's own Prometheus what its resources did while a load lasted.

mod answer;
mod ask;
#[cfg(test)]
mod tests;
mod window;

pub use ask::{look, sample};
pub use window::Window;
