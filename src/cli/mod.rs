//! Flags in, exit code out: one file a command.
//!
//! The only floor that prints, reads the environment and uses anyhow.

mod action;
mod args;
mod baseline;
mod check;
mod checkpoint;
mod closing;
mod comment;
mod compare;
mod delivery;
mod dispatch;
mod explain;
mod history;
mod import;
mod init;
mod inputs;
mod interrupts;
mod live;
mod logging;
mod merge;
mod minting;
mod output;
mod plan;
mod progress;
mod redrawn;
mod report;
mod resources;
mod results;
mod run;
mod scarce;
mod secrets;
mod serve;
mod session;
mod shard;
mod signals;
mod stderr;
mod stdout;
mod suite;
mod surroundings;
mod telemetry;
mod variables;
mod waiting;
mod world;

pub use dispatch::main;
