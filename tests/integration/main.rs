//! The binary as its users meet it: every test starts the real thing, on loopback.

#![expect(
    clippy::disallowed_methods,
    clippy::needless_pass_by_value,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::format_push_string,
    unreachable_pub,
    reason = "a test reads the clock and the environment, and its helpers are shared by its modules"
)]

mod api; // a server that answers by a function
mod cli; // exit codes, files, usage errors, secrets
mod counts; // against a server of its own that counts: nothing lost, nothing invented
mod faults; // every fault of the embedded target: the exit code, and the words that name it
#[cfg(unix)]
mod foul; // the machine itself: stopped, out of descriptors
mod imports; // tables made of Hurl, OpenAPI and curl
#[cfg(unix)]
mod interrupts; // cancelled and killed at random moments: reports valid, counts agree
mod junit; // JUnit through a real XML parser, whatever a server answered
#[cfg(unix)]
mod kept; // what cannot be kept is not green; two runs in one directory
mod merge; // shards of one run
mod metrics; // OpenTelemetry's variables, and what a receiver gets
mod minted; // keys that a setup makes, and probes that show them
mod orders; // an API behind OAuth, with a setup for each client
#[cfg(unix)]
mod signals; // asked to end at every stage: verdict, files and outputs say the same
mod support; // `serve` as a child, a counting server, runs in a directory of their own
mod within_limits; // load spread over addresses and keys, minted ones too
mod written; // scenarios of the config, against APIs rebuilt for the purpose
