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

/// Writes a program into `path`, through a process of its own: a file that this
/// one had open for writing could be open still in what another test's thread has
/// just forked, and to run it would fail ("Text file busy").
#[cfg(unix)]
fn program(path: &Path, text: &str) {
    use std::io::Write;
    use std::process::{Command, Stdio};
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    let mut writer = Command::new("sh")
        .args(["-c", r#"cat >"$1" && chmod 755 "$1""#, "sh"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("sh");
    let mut stdin = writer.stdin.take().expect("piped");
    stdin.write_all(text.as_bytes()).expect("written");
    drop(stdin);
    assert!(writer.wait().expect("ends").success(), "{} isn't written", path.display());
}
