//! Flags in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    load_gate::cli::main()
}
