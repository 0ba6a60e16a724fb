//! Delivers rendered text: files, GitHub. May fail without changing the verdict.

pub mod files;
