//! What `init` writes, and that it holds.
