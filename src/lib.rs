//! load-gate decides whether a build may go on.
//!
//! Data flows one way. Text becomes a [`plan::Plan`] ([`config`]), the plan
//! becomes a [`measure::Recording`] ([`engine`]), the recording becomes a
//! [`gate::Verdict`] ([`gate`]), the verdict becomes pages ([`report`]), and the
//! pages go out ([`publish`]).
//!
//! The rooms stand on floors; a room imports rooms of lower floors only:
//!
//! | floor | rooms |
//! | --- | --- |
//! | 10 | [`cli`] |
//! | 9 | [`publish`] |
//! | 8 | [`report`] |
//! | 7 | [`series`] |
//! | 6 | [`preflight`] |
//! | 5 | [`config`], [`engine`], [`target`] |
//! | 4 | [`input`] |
//! | 3 | [`suite`] |
//! | 2 | [`plan`] |
//! | 1 | [`gate`] |
//! | 0 | [`measure`], [`limits`], [`scenario`] |
//! | vocabulary | [`units`], [`outcome`], [`tags`], [`secret`], [`ids`], [`admission`] |
//!
//! Floors 0 to 3 do no I/O and read no clock, environment or randomness: they
//! get them as arguments. `tests/architecture/` holds the house to this.

pub mod admission;
pub mod cli;
pub mod config;
pub mod engine;
pub mod gate;
pub mod ids;
pub mod import;
pub mod input;
pub mod limits;
pub mod measure;
pub mod outcome;
pub mod plan;
pub mod preflight;
pub mod publish;
pub mod report;
pub mod resources;
pub mod scenario;
pub mod secret;
pub mod series;
pub mod suite;
pub mod tags;
pub mod target;
pub mod units;

/// The version of this crate, as in `Cargo.toml`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
