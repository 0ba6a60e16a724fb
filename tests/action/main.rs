//! The GitHub Action, from its inputs to its exit code, without a network.

#[cfg(unix)]
#[expect(dead_code, reason = "the tests of publishing ask more of it")]
#[path = "../github/api.rs"]
mod api;
#[cfg(unix)]
mod github;
mod init;
#[cfg(unix)]
mod install;
#[cfg(unix)]
mod interpreter;
mod metrics_page;
#[cfg(unix)]
mod nights;
mod pages;
#[cfg(unix)]
mod recipes;
#[cfg(unix)]
mod reusable;
#[cfg(unix)]
mod steps;

use std::path::Path;

/// The root of this repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the runner's programs are: all of our environment that a step gets.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "a test hands on its PATH")]
fn path_variable() -> String {
    std::env::var("PATH").expect("a PATH")
}
