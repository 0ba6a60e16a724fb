//! The GitHub Action, from its inputs to its exit code, without a network.

mod init;
#[cfg(unix)]
mod install;
#[cfg(unix)]
mod interpreter;
mod pages;
#[cfg(unix)]
mod steps;

use std::path::Path;

/// The root of this repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
