//! Renders a `SuiteReport` as text in each format; never writes.

mod figures;
mod hgrm;
mod json;
mod k6_json;
mod load_gate;
mod sparkline;
mod table;

#[cfg(test)]
mod fixtures;

pub use figures::wanted_selectors;
pub use hgrm::hgrm;
pub use json::{ReadError, read_suite, suite_json};
pub use k6_json::k6_json;
