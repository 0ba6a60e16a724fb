//! The binary as its users meet it: every test starts the real thing, on loopback.

mod cli; // exit codes, files, usage errors, secrets
mod counts; // against a server of its own that counts: nothing lost, nothing invented
mod faults; // every fault of the embedded target: the exit code, and the words that name it
mod junit; // JUnit through a real XML parser, whatever a server answered
mod merge; // shards of one run
mod support; // `serve` as a child, a counting server, runs in a directory of their own
