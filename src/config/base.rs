//! What the plans of one run share.

use super::destination::Destination;
use super::file::File;
use super::inputs::{Flags, SecretInputs};

/// What the plans of one run share.
pub(super) struct PlanBase<'a> {
    pub(super) file: &'a File,
    pub(super) target: &'a Destination,
    pub(super) profile: &'a str,
    /// The flag or variable that named the profile; empty: the environment's.
    pub(super) profile_from: &'static str,
    pub(super) flags: &'a Flags,
    pub(super) secrets: &'a SecretInputs,
    pub(super) rate_scale: f64,
    pub(super) duration_scale: f64,
    /// How many times as fast time goes for the limiters of the target.
    pub(super) pace: u32,
}
