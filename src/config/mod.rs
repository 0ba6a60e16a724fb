//! Text becomes meaning: files, environment variables and flags become a plan, or errors that point at the line.

mod access;
mod base;
mod data;
mod destination;
mod diagnostics;
mod file;
pub mod guard;
mod identities;
mod inputs;
mod literals;
mod metrics;
mod otlp;
mod own;
mod pace;
mod reader;
mod receivers;
mod resolve;
mod resources;
mod scenario_table;
mod scenarios;
mod secrets;
mod shards;
mod stages;
#[cfg(test)]
mod tests;
mod texts;
mod thresholds;
mod tree;
mod unfit;
mod values;
mod written;
#[cfg(test)]
mod written_care_tests;
mod written_checks;
#[cfg(test)]
mod written_data_tests;
mod written_setup;
#[cfg(test)]
mod written_tests;
#[cfg(test)]
mod written_wrong_tests;

use crate::gate::parse_threshold;

pub use diagnostics::Diagnostics;
pub use inputs::{
    Flags, Purpose, Resolved, SecretInputs, Sources, UserFile, config_path, environment_secrets,
};
pub use own::scenario_names;
pub use receivers::{
    Access, MetricsSettings, OtlpSettings, PrometheusSettings, ResourceQuery, ResourcesSettings,
    SeriesNames, below, shown,
};
pub use resolve::{built_in, resolve};
pub use shards::dealing;
